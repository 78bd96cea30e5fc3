//! What a route says of its backends (config.md 7.2, 7.3).

use super::fields::{Fields, Item, Leaf, Leaves};
use super::node::Kind;
use crate::source::Span;

/// One entry of `backends`.
pub(crate) struct Backend {
    /// Dotted key: `gateway.routes[2].backends[0]`.
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) endpoint: Option<Leaf>,
    pub(crate) weight: Option<Leaf>,
    /// Already reported: not even a mapping, or without a readable endpoint.
    pub(crate) broken: bool,
}

/// `healthCheck`
pub(crate) struct HealthCheck {
    pub(crate) path: Option<Leaf>,
    pub(crate) interval: Option<Leaf>,
    pub(crate) timeout: Option<Leaf>,
    pub(crate) healthy_statuses: Option<Leaves>,
}

/// `None`: absent. A `backends` of the wrong shape is reported; it is not a missing target as well.
pub(super) fn backends(route: &mut Fields<'_>) -> Option<Vec<Backend>> {
    let present = route.has("backends");
    match route.list("backends") {
        Some(items) => Some(items.iter().map(backend).collect()),
        None if present => Some(vec![Backend {
            path_key: route.key("backends"),
            head: route.head,
            endpoint: None,
            weight: None,
            broken: true,
        }]),
        None => None,
    }
}

fn backend(item: &Item<'_>) -> Backend {
    let path_key = item.path.clone();
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let endpoint = fields.leaf("endpoint");
    let weight = fields.leaf("weight");
    let broken = endpoint.as_ref().is_some_and(|leaf| leaf.broken)
        || !matches!(item.node.kind, Kind::Map(_));
    let head = fields.head;
    fields.finish();
    Backend {
        path_key,
        head,
        endpoint,
        weight,
        broken,
    }
}

pub(super) fn health_check(route: &mut Fields<'_>) -> Option<HealthCheck> {
    let mut fields = route.section("healthCheck")?;
    let check = HealthCheck {
        path: fields.leaf("path"),
        interval: fields.leaf("interval"),
        timeout: fields.leaf("timeout"),
        healthy_statuses: fields.leaves("healthyStatuses"),
    };
    fields.finish();
    Some(check)
}
