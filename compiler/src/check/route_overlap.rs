//! [`Code::RouteOverlap`]: routes that only list order tells apart (RT-ROUTE-5, RT-ROUTE-7).

use std::collections::BTreeMap;

use super::route_space::{HostKey, PathKey, exclude, host_keys, implies, path_key};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Condition, Model, PathType, Route};

/// Host, priority and number of conditions.
type Rest<'a> = (HostKey<'a>, Option<i64>, usize);

/// How many earlier routes a route is compared with: a table of thousands of routes that differ in
/// one header is checked in linear time. What is not compared is not reported.
const COMPARED_MAX: usize = 16;

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    let mut alike: BTreeMap<(PathKey, Rest<'_>), Vec<&Route>> = BTreeMap::new();
    let mut regexes: BTreeMap<(String, Rest<'_>), &Route> = BTreeMap::new();
    for route in model.routes.iter().filter(|route| route.enabled) {
        let mut found = None;
        for host in host_keys(route) {
            let rest = (host, route.priority, route.conditions.len());
            // Without conditions two of one path are a conflict, or the same everywhere.
            if !route.conditions.is_empty() {
                let earlier = alike.entry((path_key(&route.path), rest)).or_default();
                let compared = earlier.iter().rev().take(COMPARED_MAX);
                let hit = compared.copied().find(|other| can_meet(route, other));
                found = found.or(hit.map(|other| by_conditions(route, other)));
                earlier.push(route);
            }
            let Some(literal) = route.path.regex_literal() else {
                continue;
            };
            let first = *regexes.entry((literal, rest)).or_insert(route);
            let other = first.name != route.name && path_key(&first.path) != path_key(&route.path);
            if other && !exclude(&route.conditions, &first.conditions) {
                found = found.or_else(|| Some(by_regex(route, first)));
            }
        }
        if let Some(found) = found {
            diags.push(found);
        }
    }
}

/// Equal conditions are a conflict, and wider ones of an earlier route a shadow.
fn can_meet(route: &Route, other: &Route) -> bool {
    other.name != route.name
        && !exclude(&route.conditions, &other.conditions)
        && !implies(&route.conditions, &other.conditions)
}

fn by_conditions(route: &Route, other: &Route) -> Diagnostic {
    let list = |route: &Route| {
        let all: Vec<_> = route.conditions.iter().map(Condition::described).collect();
        all.join(", ")
    };
    let (own, name) = (&route.name, &other.name);
    let message = format!(
        "a request with {}, {} fits `{name}` and `{own}`; `{name}` is first in the list",
        list(other),
        list(route)
    );
    report(
        route,
        other,
        message,
        "make one of the two more specific, or order them by `priority`",
    )
}

fn by_regex(route: &Route, other: &Route) -> Diagnostic {
    let (own, name) = (&route.name, &other.name);
    let message = format!(
        "whether a path fits both `{name}` and `{own}` is unknown; `{name}` is first in the list"
    );
    report(
        route,
        other,
        message,
        "order them by `priority`, or confirm with `# goma:allow route-overlap`",
    )
}

fn report(route: &Route, other: &Route, message: String, help: &str) -> Diagnostic {
    debug_assert!(route.path.path_type() == other.path.path_type());
    let what = match other.path.path_type() {
        PathType::Regex => "begins alike",
        PathType::Exact | PathType::Prefix => "has the same path",
    };
    let key = format!("{}.path", route.key);
    Diagnostic::new(Code::RouteOverlap, key, route.path_span, message)
        .label(other.path_span, format!("`{}` {what}", other.name))
        .help(help)
}
