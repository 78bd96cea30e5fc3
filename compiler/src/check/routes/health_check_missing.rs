//! [`Code::HealthCheckMissing`]

use super::{ejects, unchecked};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let passive = "gateway.networking.passiveHealthCheck.enabled";
    if ejects(outline) || outline.file.text(passive).is_none() {
        return;
    }
    for route in unchecked(outline) {
        let message = "nothing notices that one of several backends is down";
        let key = route.settings.path("healthCheck");
        let span = route.settings.place("backends").unwrap_or(route.span);
        let warning = Diagnostic::new(Code::HealthCheckMissing, key, span, message);
        diags.push(warning.help("add `healthCheck: {path: /healthz}`, or turn passive checks on"));
    }
}
