//! The shape of the YAML: sections, lists and single values as written, absent = `None`. No
//! defaults and no meaning; those are `resolve`'s part. Unknown keys and wrong shapes end here.

pub(crate) mod fields;
mod gateway;
mod middleware;
pub(crate) mod node;
mod parse;
mod route;
pub(crate) mod rule;
mod secrets;

use fields::{Fields, Leaf, Others};
use node::{Kind, Node};

use crate::diag::Diagnostics;
use crate::source::Span;

pub(crate) use gateway::Gateway;
pub(crate) use middleware::Middleware;
pub(crate) use parse::parse;
pub(crate) use route::{Backend, Route};

/// A whole file.
pub(crate) struct Spec {
    /// First key of the file.
    pub(crate) head: Span,
    pub(crate) version: Option<Leaf>,
    pub(crate) gateway: Gateway,
    /// `None`: absent or not a list.
    pub(crate) middlewares: Option<Vec<Middleware>>,
    /// False: there is a `middlewares` that is not a list, so no name is known to be undefined.
    pub(crate) middlewares_readable: bool,
}

/// Top-level keys that are not read.
const OTHERS: Others = Others {
    later: &[
        ("certManager", ""),
        ("certificateManager", "its name is now `certManager`"),
        ("plugins", ""),
    ],
    hints: &[
        (
            "defaultProvider",
            "certificate providers belong under `certManager`",
        ),
        ("entryPoints", "`entryPoints` belongs under `gateway`"),
        ("log", "`log` belongs under `gateway`"),
        ("monitoring", "`monitoring` belongs under `gateway`"),
        (
            "providers",
            "certificate providers belong under `certManager`",
        ),
        ("routes", "`routes` belongs under `gateway`"),
        ("timeouts", "`timeouts` belongs under `gateway`"),
    ],
};

/// Reads the whole tree of a file; `None`: it is not a mapping at all.
pub(crate) fn decode(tree: &Node, diags: &mut Diagnostics) -> Option<Spec> {
    secrets::hide(tree, diags);
    let mut fields = Fields::new(tree, "", diags);
    if !matches!(tree.kind, Kind::Map(_)) && !tree.is_null() {
        return None;
    }
    let head = fields.head;
    let version = fields.leaf("version", diags);
    let gateway = gateway::decode(&mut fields, diags);
    let present = fields.has("middlewares");
    let items = fields.list("middlewares", diags);
    let middlewares_readable = items.is_some() || !present;
    let middlewares = items.map(|items| {
        items
            .iter()
            .map(|item| middleware::decode(item, diags))
            .collect()
    });
    fields.skip_extensions();
    fields.finish(&OTHERS, diags);
    Some(Spec {
        head,
        version,
        gateway,
        middlewares,
        middlewares_readable,
    })
}
