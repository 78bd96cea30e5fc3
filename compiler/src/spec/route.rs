//! Entries of `gateway.routes` (config.md section 7).

use super::fields::{Fields, Item, Leaf, Leaves};
use super::node::{Kind, Node};
use crate::source::Span;

/// Keys that rules about several keys do not ask for, but which every route has.
const OWN: &[&str] = &[
    "hosts",
    "methods",
    "middlewares",
    "name",
    "path",
    "rewrite",
    "target",
];

/// One route.
pub(crate) struct Route {
    /// Dotted key: `gateway.routes[2]`.
    pub(crate) path_key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) name: Option<Leaf>,
    pub(crate) path: Option<Leaf>,
    pub(crate) rewrite: Option<Leaf>,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) hosts: Option<Leaves>,
    pub(crate) methods: Option<Leaves>,
    pub(crate) target: Option<Leaf>,
    /// The key `target`.
    pub(crate) target_span: Option<Span>,
    /// `None`: absent.
    pub(crate) backends: Option<Vec<Backend>>,
    pub(crate) middlewares: Option<Leaves>,
    /// The mapping without [`OWN`].
    pub(crate) rest: Node,
}

/// One entry of `backends`.
pub(crate) struct Backend {
    /// Dotted key: `gateway.routes[2].backends[0]`.
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) endpoint: Option<Leaf>,
    /// Already reported: not even a mapping, or without a readable endpoint.
    pub(crate) broken: bool,
}

/// Reads one item of the list.
pub(super) fn decode(item: &Item<'_>) -> Route {
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let target_span = fields.key_span("target");
    let mut route = Route {
        path_key: item.path.clone(),
        head: fields.head,
        name: fields.leaf("name"),
        path: fields.leaf("path"),
        rewrite: fields.leaf("rewrite"),
        enabled: fields.leaf("enabled"),
        hosts: fields.leaves("hosts"),
        methods: fields.leaves("methods"),
        target: fields.leaf("target"),
        target_span,
        backends: None,
        middlewares: fields.leaves("middlewares"),
        rest: item.node.without(OWN),
    };
    let has_backends = fields.has("backends");
    let backends = fields.list("backends");
    // A `backends` of the wrong shape is reported; it is not a missing target as well.
    route.backends = match backends {
        Some(items) => Some(items.iter().map(backend).collect()),
        None if has_backends => Some(vec![Backend {
            path_key: fields.key("backends"),
            head: fields.head,
            endpoint: None,
            broken: true,
        }]),
        None => None,
    };
    fields.finish();
    route
}

fn backend(item: &Item<'_>) -> Backend {
    let path_key = item.path.clone();
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let endpoint = fields.leaf("endpoint");
    let broken = endpoint.as_ref().is_some_and(|leaf| leaf.broken)
        || !matches!(item.node.kind, Kind::Map(_));
    let head = fields.head;
    fields.finish();
    Backend {
        path_key,
        head,
        endpoint,
        broken,
    }
}
