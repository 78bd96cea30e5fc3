//! [`Code::HostLessShadow`]: path length decides before hosts (RT-ROUTE-5).

use std::collections::{BTreeMap, BTreeSet};

use super::route_space::is_host_less;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{HostPattern, Model, Route};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    // Path → routes with that path that name hosts.
    let mut hosted: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in model
        .routes
        .iter()
        .filter(|route| route.enabled && !is_host_less(route))
    {
        hosted.entry(route.path.as_str()).or_default().push(route);
    }
    for route in model
        .routes
        .iter()
        .filter(|route| route.enabled && is_host_less(route))
    {
        if let Some((other, host)) = victim(route, &hosted) {
            diags.push(report(route, other, host));
        }
    }
}

/// The first route with a shorter path one of whose hosts has no route of its own at this path.
fn victim<'a>(
    route: &Route,
    hosted: &BTreeMap<&str, Vec<&'a Route>>,
) -> Option<(&'a Route, &'a HostPattern)> {
    let path = route.path.as_str();
    let own: BTreeSet<&str> = hosted
        .get(path)
        .into_iter()
        .flatten()
        .flat_map(|route| &route.hosts)
        .map(HostPattern::as_str)
        .collect();
    let parents = path.match_indices('/').map(|(at, _)| {
        if at == 0 {
            "/"
        } else {
            path.get(..at).unwrap_or("/")
        }
    });
    let shorter = parents.filter(|parent| *parent != path);
    let routes = shorter.filter_map(|parent| hosted.get(parent)).flatten();
    routes
        .flat_map(|other| other.hosts.iter().map(move |host| (*other, host)))
        .find(|(_, host)| !own.contains(host.as_str()))
}

fn report(route: &Route, other: &Route, host: &HostPattern) -> Diagnostic {
    let (name, path) = (&route.name, route.path.as_str());
    let message = format!(
        "`{name}` takes requests for `{}{path}` from `{}`",
        host.as_str(),
        other.name
    );
    Diagnostic::new(
        Code::HostLessShadow,
        format!("{}.path", route.key),
        route.path_span,
        message,
    )
    .label(
        other.path_span,
        format!("`{}` has a shorter path", other.name),
    )
    .help("name the hosts on both, or confirm with `# goma:allow host-less-shadow`")
}
