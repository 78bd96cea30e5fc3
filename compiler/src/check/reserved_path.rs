//! [`Code::ReservedPath`] (config.md section 8)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::scalar::parse_bool;
use crate::model::{Model, Value};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    let gateway = &model.gateway;
    let owned = [
        ("/readyz", !is_off(&gateway.readiness), "enableReadiness"),
        ("/healthz", !is_off(&gateway.liveness), "enableLiveness"),
        (
            "/healthz/routes",
            gateway.route_health,
            "enableRouteHealthCheck",
        ),
        ("/healthz/build", gateway.build_info, "enableBuildInfo"),
    ];
    for route in model.routes.iter().filter(|route| route.enabled) {
        let hit = owned
            .iter()
            .find(|(path, on, _)| route.path.as_str() == *path && *on);
        if let Some((path, _, key)) = hit {
            let message = format!("the gateway answers `{path}` itself");
            let warning = Diagnostic::new(
                Code::ReservedPath,
                format!("{}.path", route.key),
                route.path_span,
                message,
            );
            diags.push(warning.help(format!(
                "choose another path, or set `gateway.monitoring.{key}: false`"
            )));
        }
    }
}

fn is_off(value: &Value) -> bool {
    value
        .text()
        .is_some_and(|text| parse_bool(text) == Ok(false))
}
