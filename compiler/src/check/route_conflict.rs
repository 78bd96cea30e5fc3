//! [`Code::RouteConflict`] (config.md section 7, RT-ROUTE-7)

use std::collections::BTreeMap;

use super::route_space::{HostKey, PathKey, host_keys, path_key};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Condition, HostKind, Model, Route};

/// All of RT-ROUTE-5 but list order.
type Key<'a> = (PathKey, HostKey<'a>, Option<i64>, Vec<String>);

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    let mut first: BTreeMap<Key<'_>, &Route> = BTreeMap::new();
    for route in model.routes.iter().filter(|route| route.enabled) {
        let mut conditions: Vec<String> = route.conditions.iter().map(Condition::key).collect();
        conditions.sort_unstable();
        for host in host_keys(route) {
            let key = (
                path_key(&route.path),
                host,
                route.priority,
                conditions.clone(),
            );
            match first.get(&key) {
                Some(other) if other.name != route.name => diags.push(report(route, other, host)),
                Some(_) => {}
                None => {
                    first.insert(key, route);
                }
            }
        }
    }
}

fn report(route: &Route, other: &Route, host: HostKey<'_>) -> Diagnostic {
    let path = route.path.as_str();
    let place = match host {
        Some((HostKind::Exact, name, _)) => format!("path `{path}` and host `{name}`"),
        Some((HostKind::OneLabel | HostKind::Wildcard, name, _)) => {
            format!("path `{path}` and host `*.{name}`")
        }
        Some((HostKind::Any, ..)) | None => format!("path `{path}` and any host"),
    };
    let message = format!("`{}` and `{}` both answer {place}", other.name, route.name);
    let fault = Diagnostic::new(
        Code::RouteConflict,
        format!("{}.path", route.key),
        route.path_span,
        message,
    );
    let help = if route.methods.is_empty() || other.methods.is_empty() {
        "give them different paths, hosts or `match`, or set `enabled: false` on one"
    } else {
        "`methods` does not separate routes: use `match: {methods: […]}`, or other paths or hosts"
    };
    fault
        .label(other.path_span, format!("`{}` has it first", other.name))
        .help(help)
}
