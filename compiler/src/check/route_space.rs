//! What the rules about routes share: keys under which routes meet, and when the conditions of one
//! hold whenever those of another do.

use crate::model::{Condition, Element, HostKind, HostPattern, PathPattern, PathType, Route, Test};

/// A path pattern without the names of its parameters.
pub(super) type PathKey = (PathType, String);

/// A host pattern without the name of its parameter; `None`: any host.
pub(super) type HostKey<'a> = Option<(HostKind, &'a str, Option<u16>)>;

pub(super) fn path_key(path: &PathPattern) -> PathKey {
    let text = match path.elements() {
        Some(elements) => elements.iter().flat_map(shown).collect(),
        None => path.as_str().to_owned(),
    };
    (path.path_type(), text)
}

fn shown(element: &Element) -> [&str; 2] {
    match element {
        // No static segment has a bare brace.
        Element::Parameter(_) => ["/", "{}"],
        Element::Static(text) => ["/", text],
    }
}

/// The hosts of a route; one that names none is for any.
pub(super) fn host_keys(route: &Route) -> Vec<HostKey<'_>> {
    match route.hosts.as_slice() {
        [] => vec![None],
        hosts => hosts.iter().map(host_key).collect(),
    }
}

fn host_key(pattern: &HostPattern) -> HostKey<'_> {
    let any = pattern.kind() == HostKind::Any && pattern.port().is_none();
    (!any).then(|| (pattern.kind(), pattern.name(), pattern.port()))
}

/// Whether a route is for any host.
pub(super) fn is_host_less(route: &Route) -> bool {
    host_keys(route).contains(&None)
}

/// Whether every request that fulfils the one's conditions fulfils the other's.
pub(super) fn implies(conditions: &[Condition], others: &[Condition]) -> bool {
    let implied = |other: &Condition| conditions.iter().any(|own| condition_implies(own, other));
    others.iter().all(implied)
}

/// Whether no request fulfils both.
pub(super) fn exclude(left: &[Condition], right: &[Condition]) -> bool {
    left.iter()
        .any(|left| right.iter().any(|right| left.excludes(right)))
}

fn condition_implies(own: &Condition, other: &Condition) -> bool {
    if own.key() == other.key() {
        return true;
    }
    match (own, other) {
        (Condition::Methods(own), Condition::Methods(other)) => {
            own.iter().all(|method| other.contains(method))
        }
        (Condition::Header(own, test), Condition::Header(other, wanted)) => {
            own.as_str().eq_ignore_ascii_case(other.as_str()) && test_implies(test, wanted)
        }
        (Condition::Cookie(own, test), Condition::Cookie(other, wanted))
        | (Condition::Query(own, test), Condition::Query(other, wanted)) => {
            own == other && test_implies(test, wanted)
        }
        _ => false,
    }
}

fn test_implies(own: &Test, other: &Test) -> bool {
    match (own, other) {
        (Test::Equals(_) | Test::Regex(..), Test::Present(true)) => true,
        (Test::Equals(text), Test::Regex(_, engine)) => engine.is_match(text.as_bytes()),
        _ => false,
    }
}

/// A request that comes to a route, as `goma explain` takes it; `None`: of a regular expression.
pub(super) fn witness(route: &Route, host: HostKey<'_>) -> Option<String> {
    let elements = route.path.elements()?;
    let mut path: String = elements
        .iter()
        .map(|element| match element {
            Element::Parameter(name) => format!("/{name}"),
            Element::Static(text) => format!("/{text}"),
        })
        .collect();
    if path.is_empty() {
        path.push('/');
    }
    let host = match host {
        None | Some((HostKind::Any, _, None)) => "example.com".to_owned(),
        Some((HostKind::Any, _, Some(port))) => format!("example.com:{port}"),
        Some((kind, name, port)) => {
            let label = if kind == HostKind::Exact { "" } else { "x." };
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            format!("{label}{name}{port}")
        }
    };
    let methods = route
        .conditions
        .iter()
        .find_map(|condition| match condition {
            Condition::Methods(methods) => methods.first(),
            Condition::Cookie(..) | Condition::Header(..) | Condition::Query(..) => None,
        });
    let method = methods.or(route.methods.first());
    let method = method.map_or("GET", |method| method.as_str());
    Some(format!("{method} http://{host}{path}"))
}
