//! [`Code::PriorityMixed`]: a priority beside routes that have none (RT-ROUTE-6).

use std::collections::BTreeSet;

use super::route_space::{HostKey, exclude, host_keys, witness};
use super::route_tree::{Tree, covering};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Route};

/// How many routes are looked at for one host of a route. What is not looked at is not reported.
const COMPARED_MAX: usize = 16;

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    let enabled = || model.routes.iter().filter(|route| route.enabled);
    if enabled().all(|route| route.priority.is_none()) {
        return;
    }
    let with = Tree::new(enabled().filter(|route| route.priority.is_some()));
    let without = Tree::new(enabled().filter(|route| route.priority.is_none()));
    let mut reported = BTreeSet::new();
    for route in enabled() {
        let others = if route.priority.is_some() {
            &without
        } else {
            &with
        };
        for host in host_keys(route) {
            let Some(other) = meets(route, host, others) else {
                continue;
            };
            let pair = if route.priority.is_some() {
                (route, other)
            } else {
                (other, route)
            };
            // One finding for each route with a priority.
            if reported.insert(pair.0.name.as_str()) {
                diags.push(report(pair, witness(route, host)));
            }
            break;
        }
    }
}

/// A route that is asked for the same requests.
fn meets<'m>(route: &Route, host: HostKey<'_>, others: &Tree<'m>) -> Option<&'m Route> {
    let above = others.above(route, &covering(host));
    let mut others = above.into_iter().take(COMPARED_MAX);
    others.find(|other| !exclude(&route.conditions, &other.conditions))
}

fn report((with, without): (&Route, &Route), witness: Option<String>) -> Diagnostic {
    let (name, other) = (&with.name, &without.name);
    let request = witness.map_or_else(String::new, |request| format!(", such as `{request}`"));
    let message =
        format!("`{name}` has a priority and is asked before `{other}`, which has none{request}");
    let key = format!("{}.priority", with.key);
    Diagnostic::new(Code::PriorityMixed, key, with.path_span, message)
        .label(without.path_span, format!("`{other}` has no priority"))
        .help("give both a priority, or none")
}
