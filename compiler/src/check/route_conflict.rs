//! [`Code::RouteConflict`] (config.md section 7, RT-ROUTE-7)

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{HostKind, HostPattern, Model, Route};

/// A host pattern without the name of its parameter; `None`: any host.
type Host<'a> = Option<(HostKind, &'a str, Option<u16>)>;

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    let mut first: BTreeMap<(&str, Host<'_>), &Route> = BTreeMap::new();
    for route in model.routes.iter().filter(|route| route.enabled) {
        let hosts: Vec<Host<'_>> = match route.hosts.as_slice() {
            [] => vec![None],
            hosts => hosts.iter().map(host).collect(),
        };
        for host in hosts {
            match first.get(&(route.path.as_str(), host)) {
                Some(other) if other.name != route.name => diags.push(report(route, other, host)),
                Some(_) => {}
                None => {
                    first.insert((route.path.as_str(), host), route);
                }
            }
        }
    }
}

fn host(pattern: &HostPattern) -> Host<'_> {
    let any = pattern.kind() == HostKind::Any && pattern.port().is_none();
    (!any).then(|| (pattern.kind(), pattern.name(), pattern.port()))
}

fn report(route: &Route, other: &Route, host: Host<'_>) -> Diagnostic {
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
        "give them different paths or hosts, or set `enabled: false` on one"
    } else {
        "`methods` does not separate routes: give them different paths or hosts"
    };
    fault
        .label(other.path_span, format!("`{}` has it first", other.name))
        .help(help)
}
