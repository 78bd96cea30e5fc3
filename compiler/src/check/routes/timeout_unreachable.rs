//! [`Code::TimeoutUnreachable`] (config.md 7.6)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let Some(write) = outline.file.time("gateway.timeouts.write") else {
        return;
    };
    if write.is_zero() {
        return;
    }
    for route in &outline.routes {
        if let Some(given) = route.settings.given("timeouts.request")
            && let Some(time) = route.settings.time("timeouts.request")
            && time > write
        {
            let message =
                format!("`gateway.timeouts.write` ends the request first, after {write:?}");
            let warning =
                Diagnostic::new(Code::TimeoutUnreachable, &*given.key, given.span, message);
            diags.push(warning.help("raise `gateway.timeouts.write`, or lower this"));
        }
    }
}
