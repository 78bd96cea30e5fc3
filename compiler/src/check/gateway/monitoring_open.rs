//! [`Code::MonitoringOpen`] (config.md 6.4)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

/// Endpoints and the list of middlewares that guards them.
const ENDPOINTS: &[(&str, &str)] = &[
    ("enableMetrics", "middleware.metrics"),
    ("enableRouteHealthCheck", "middleware.routeHealthCheck"),
    ("enableBuildInfo", "middleware.routeHealthCheck"),
];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let gateway = outline.file.section("gateway");
    let Some(monitoring) = gateway.and_then(|gateway| gateway.section("monitoring")) else {
        return;
    };
    for (switch, guard) in ENDPOINTS {
        let Some(given) = monitoring.given(switch).filter(|given| given.is_bool(true)) else {
            continue;
        };
        if monitoring.has("host") || monitoring.has(guard) {
            continue;
        }
        let message = format!("`{switch}` opens an endpoint that anyone can read");
        let warning = Diagnostic::new(Code::MonitoringOpen, &*given.key, given.span, message);
        diags.push(warning.help(format!(
            "set `monitoring.host`, or list guards in `{guard}`"
        )));
    }
}
