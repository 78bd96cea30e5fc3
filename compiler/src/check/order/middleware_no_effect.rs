//! [`Code::MiddlewareNoEffect`] (MW-GEN-18)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let gateway = outline.file.section("gateway");
    let Some(monitoring) = gateway.and_then(|gateway| gateway.section("monitoring")) else {
        return;
    };
    for list in ["middleware.metrics", "middleware.routeHealthCheck"] {
        for given in monitoring.list(list) {
            let Some(entry) = given
                .find(outline)
                .filter(|entry| entry.does(Effect::Records))
            else {
                continue;
            };
            let message = format!(
                "`{}` does nothing on an endpoint of the gateway",
                entry.name
            );
            let code = Code::MiddlewareNoEffect;
            let warning = Diagnostic::new(code, &*given.key, given.span, message);
            diags.push(warning.help(format!("`{}` acts on routes only", entry.kind.name)));
        }
    }
}
