//! [`Code::ReloadToken`] (config.md 6.9)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let enabled = outline.file.given("gateway.reload.enabled");
    let Some(given) = enabled.filter(|given| given.is_bool(true)) else {
        return;
    };
    if !outline.file.has("gateway.reload.token") {
        let message = "without a `token` there is no reload endpoint";
        let warning = Diagnostic::new(Code::ReloadToken, &*given.key, given.span, message);
        diags.push(warning.help("add `token: ${GOMA_RELOAD_TOKEN}`"));
    }
}
