//! Routes that would answer the same requests (RT-ROUTE-7): what the compiler has found of those that are
//! enabled, for those that are enabled while the gateway runs.

use std::collections::BTreeMap;

use super::Route;
use super::host::Pattern;
use super::pattern::{is_parameter, segments};

/// The first two that are enabled and differ in nothing but their place in the list.
pub fn conflict(
    routes: &[&'static Route],
    enabled: impl Fn(usize) -> bool,
) -> Option<(&'static str, &'static str)> {
    let mut first = BTreeMap::new();
    let routes = routes.iter().enumerate();
    for (_, route) in routes.filter(|(index, _)| enabled(*index)) {
        let mut conditions: Vec<String> = route
            .conditions
            .iter()
            .map(|one| format!("{one:?}"))
            .collect();
        conditions.sort_unstable();
        let path = segments(route.path).map(|segment| match is_parameter(segment) {
            true => "{}",
            false => segment,
        });
        let path: Vec<&str> = path.collect();
        let any: &[&str] = &["*"];
        let hosts = if route.hosts.is_empty() {
            any
        } else {
            route.hosts
        };
        for host in hosts {
            let Pattern { kind, name, port } = Pattern::parse(host);
            let path_type = format!("{:?}", route.path_type);
            let key = (
                path_type,
                path.clone(),
                kind,
                name,
                port,
                route.priority,
                conditions.clone(),
            );
            if let Some(other) = first.insert(key, route.name)
                && other != route.name
            {
                return Some((other, route.name));
            }
        }
    }
    None
}
