//! What the rules about routes share: keys under which routes meet.

use crate::model::{Element, HostKind, HostPattern, PathPattern, PathType, Route};

/// A path pattern without the names of its parameters.
pub(super) type PathKey = (PathType, String);

/// A host pattern without the name of its parameter; `None`: any host.
pub(super) type HostKey<'a> = Option<(HostKind, &'a str, Option<u16>)>;

pub(super) fn path_key(path: &PathPattern) -> PathKey {
    let text = match path.elements() {
        Some(elements) => elements.iter().map(shown).collect(),
        None => path.as_str().to_owned(),
    };
    (path.path_type(), text)
}

fn shown(element: &Element) -> String {
    match element {
        // No static segment has a bare brace.
        Element::Parameter(_) => "/{}".to_owned(),
        Element::Static(text) => format!("/{text}"),
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
