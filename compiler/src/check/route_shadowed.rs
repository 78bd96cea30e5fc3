//! [`Code::RouteShadowed`]: a route that can get no request, because routes that are asked before it
//! take all of its hosts, paths and conditions. Claimed only where that is certain.

use std::collections::BTreeMap;

use super::route_space::{HostKey, PathKey, host_keys, implies, path_key, witness};
use super::route_tree::{Tree, covering};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Route};

/// How many routes are looked at for one host of a route. What is not looked at is not reported.
const COMPARED_MAX: usize = 16;

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    let enabled = || model.routes.iter().filter(|route| route.enabled);
    // Without a priority a better rank is a more specific one, which never takes everything.
    let first = Tree::new(enabled().filter(|route| route.priority.is_some()));
    let mut earlier: Earlier<'_> = BTreeMap::new();
    for route in enabled() {
        let hosts = host_keys(route);
        let takers: Option<Vec<&Route>> = hosts
            .iter()
            .map(|&host| {
                by_priority(route, host, &first).or_else(|| in_list(route, host, &earlier))
            })
            .collect();
        if let Some(taker) = takers.as_ref().and_then(|takers| takers.first()) {
            let host = hosts.first().copied().flatten();
            diags.push(report(route, taker, host));
        }
        // Without conditions nothing is wider than another.
        for host in hosts.into_iter().filter(|_| !route.conditions.is_empty()) {
            let key = (
                path_key(&route.path),
                host,
                route.priority,
                route.conditions.len(),
            );
            earlier.entry(key).or_default().push(route);
        }
    }
}

/// Routes that only list order tells apart, but for `match`.
type Earlier<'m> = BTreeMap<(PathKey, HostKey<'m>, Option<i64>, usize), Vec<&'m Route>>;

fn by_priority<'m>(route: &Route, host: HostKey<'_>, first: &Tree<'m>) -> Option<&'m Route> {
    let better = |other: &&Route| match (other.priority, route.priority) {
        (Some(other), Some(own)) => other < own,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if first.is_empty() {
        return None;
    }
    let above = first.above(route, &covering(host));
    let mut candidates = above.into_iter().filter(better).take(COMPARED_MAX);
    candidates.find(|other| implies(&route.conditions, &other.conditions))
}

fn in_list<'m>(route: &Route, host: HostKey<'m>, earlier: &Earlier<'m>) -> Option<&'m Route> {
    if route.conditions.is_empty() {
        return None;
    }
    let key = (
        path_key(&route.path),
        host,
        route.priority,
        route.conditions.len(),
    );
    let mut others = earlier.get(&key)?.iter().take(COMPARED_MAX).copied();
    // Equal conditions are a conflict, which is an error already.
    others.find(|other| {
        implies(&route.conditions, &other.conditions)
            && !implies(&other.conditions, &route.conditions)
    })
}

fn report(route: &Route, taker: &Route, host: HostKey<'_>) -> Diagnostic {
    let (name, other) = (&route.name, &taker.name);
    let message = match witness(route, host) {
        Some(request) => {
            format!("`{name}` can get no request: `{other}` takes `{request}`, and all others")
        }
        None => format!("`{name}` can get no request: `{other}` takes all"),
    };
    let why = match taker.priority {
        Some(priority) if taker.priority != route.priority => {
            format!("`{other}` has the priority {priority}")
        }
        Some(_) | None => format!("`{other}` is before it in the list, with wider conditions"),
    };
    let key = format!("{}.path", route.key);
    Diagnostic::new(Code::RouteShadowed, key, route.path_span, message)
        .label(taker.path_span, why)
        .help("change `priority` or the order, or delete the route")
}
