//! Entries of `middlewares` (config.md section 9). The rule stays a tree: which struct of `rule`
//! it is read into depends on the type, and that may come from the environment.

use super::fields::{Fields, Item, Leaf, Leaves};
use super::node::Node;
use crate::source::Span;

/// One middleware.
pub(crate) struct Middleware {
    /// Dotted key: `middlewares[2]`.
    pub(crate) path_key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) name: Option<Leaf>,
    pub(crate) kind: Option<Leaf>,
    pub(crate) paths: Option<Leaves>,
    /// The key `rule` and its value.
    pub(crate) rule: Option<(Span, Node)>,
}

/// Reads one item of the list.
pub(super) fn decode(item: &Item<'_>) -> Middleware {
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let middleware = Middleware {
        path_key: item.path.clone(),
        head: fields.head,
        name: fields.leaf("name"),
        kind: fields.leaf("type"),
        paths: fields.leaves("paths"),
        rule: fields
            .entry("rule")
            .map(|entry| (entry.key.span, entry.value.clone())),
    };
    fields.finish();
    middleware
}
