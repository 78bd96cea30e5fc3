//! [`Code::HealthCheckPassiveOnly`]

use super::{ejects, unchecked};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    if !ejects(outline) {
        return;
    }
    for route in unchecked(outline) {
        let message = "only failing requests show that a backend is down";
        let key = route.settings.path("healthCheck");
        let span = route.settings.place("backends").unwrap_or(route.span);
        let note = Diagnostic::new(Code::HealthCheckPassiveOnly, key, span, message);
        diags.push(note.help("add `healthCheck: {path: /healthz}`"));
    }
}
