//! Entries of `middlewares` (config.md section 9). The rule stays a tree: which struct of `rule`
//! it is read into depends on the type, and that may come from the environment.

use super::fields::{Fields, Item, Leaf, Others};
use super::node::Node;
use crate::diag::Diagnostics;
use crate::source::Span;

/// One middleware.
pub(crate) struct Middleware {
    /// Dotted key: `middlewares[2]`.
    pub(crate) path_key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) name: Option<Leaf>,
    pub(crate) kind: Option<Leaf>,
    /// The key `rule` and its value.
    pub(crate) rule: Option<(Span, Node)>,
}

const OTHERS: Others = Others {
    later: &[(
        "paths",
        "without `paths` a middleware covers the whole route",
    )],
    hints: &[
        ("config", "write `rule`"),
        ("enabled", "a middleware runs where a route lists it"),
        ("options", "write `rule`"),
        (
            "routes",
            "list the middleware in `middlewares` of each route",
        ),
        ("rules", "write `rule`"),
    ],
};

/// Reads one item of the list.
pub(super) fn decode(item: &Item<'_>, diags: &mut Diagnostics) -> Middleware {
    let mut fields = Fields::new(item.node, item.path.as_str(), diags);
    let middleware = Middleware {
        path_key: item.path.clone(),
        head: fields.head,
        name: fields.leaf("name", diags),
        kind: fields.leaf("type", diags),
        rule: fields
            .entry("rule", diags)
            .map(|entry| (entry.key.span, entry.value.clone())),
    };
    fields.finish(&OTHERS, diags);
    middleware
}
