//! The shape of the YAML: sections, lists and single values as written, absent = `None`. No
//! defaults and no meaning; those are `resolve`'s part. Unknown keys and wrong shapes end here.

mod deprecated;
mod edit;
pub(crate) mod fields;
pub(crate) mod gateway;
mod middleware;
pub(crate) mod node;
mod parse;
pub(crate) mod providers;
pub(crate) mod recorder;
pub(crate) mod resilience;
mod route;
pub(crate) mod rule;
mod secrets;
pub(crate) mod shape;
pub(crate) mod upstream;

use fields::{Fields, Leaf};
use node::{Entry, Kind, Node};
use shape::Pending;

use crate::diag::Diagnostics;
use crate::dialect::{BUNDLE, EXTRA, FILE};
use crate::source::Span;

pub(crate) use deprecated::Other;
pub(crate) use gateway::Gateway;
pub(crate) use middleware::Middleware;
pub(crate) use node::Node as Tree;
pub(crate) use parse::{marks, parse};
pub(crate) use route::{Condition, Maintenance, Matching, Route};
pub(crate) use secrets::users;

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
    /// Values of keys that are not supported yet.
    pub(crate) pending: Vec<Pending>,
    /// The main file without its routes and middlewares.
    pub(crate) rest: Node,
}

/// Gives keys of older releases the form of today, with a warning for each; `text` is what the main
/// file's tree was read from.
pub(crate) fn modernise(
    tree: &mut Node,
    text: &str,
    others: &mut [Other<'_>],
    diags: &mut Diagnostics,
) {
    deprecated::modernise(tree, text, others, diags);
}

impl Spec {
    /// Adds the routes and middlewares of another file (config.md section 15).
    pub(crate) fn extend(&mut self, tree: &Node, bundle: bool, diags: &mut Diagnostics) {
        let section = if bundle { BUNDLE } else { &EXTRA };
        secrets::hide(tree, diags);
        self.pending
            .extend(shape::check(tree, section, "", false, diags));
        let mut fields = Fields::new(tree, section, "");
        if bundle {
            // What else a bundle has is not for the gateway.
            for name in ["version", "metadata", "checksum", "signature", "timestamp"] {
                fields.entry(name);
            }
        }
        let has = ["routes", "middlewares"].map(|name| fields.has(name));
        let [routes, middlewares] = ["routes", "middlewares"].map(|name| fields.list(name));
        self.gateway.routes_readable &= routes.is_some() || !has[0];
        self.middlewares_readable &= middlewares.is_some() || !has[1];
        let routes = routes.iter().flatten().map(route::decode);
        self.gateway.routes.get_or_insert_default().extend(routes);
        let middlewares = middlewares.iter().flatten().map(middleware::decode);
        self.middlewares.get_or_insert_default().extend(middlewares);
        fields.finish();
    }

    /// The middleware types that plugins add, as written.
    pub(crate) fn plugin_types(&self) -> Vec<&str> {
        let Kind::Map(entries) = &self.rest.kind else {
            return Vec::new();
        };
        let plugins = entries.iter().find(|entry| entry.key.value == "plugins");
        let Some(Kind::Seq(items)) = plugins.map(|plugins| &plugins.value.kind) else {
            return Vec::new();
        };
        items.iter().filter_map(type_of).collect()
    }

    /// Notes that a file could not be read: nothing is known to be missing or unused.
    pub(crate) const fn incomplete(&mut self) {
        self.gateway.routes_readable = false;
        self.middlewares_readable = false;
    }
}

/// Reads the whole tree of a file; `None`: it is not a mapping at all.
pub(crate) fn decode(tree: &Node, diags: &mut Diagnostics) -> Option<Spec> {
    secrets::hide(tree, diags);
    let pending = shape::check(tree, &FILE, "", false, diags);
    if !matches!(tree.kind, Kind::Map(_)) && !tree.is_null() {
        return None;
    }
    let mut fields = Fields::new(tree, &FILE, "");
    let head = fields.head;
    let version = fields.leaf("version");
    let gateway = gateway::decode(&mut fields);
    let present = fields.has("middlewares");
    let items = fields.list("middlewares");
    let middlewares_readable = items.is_some() || !present;
    let middlewares = items.map(|items| items.iter().map(middleware::decode).collect());
    fields.finish();
    Some(Spec {
        head,
        version,
        gateway,
        middlewares,
        middlewares_readable,
        pending,
        rest: rest(tree),
    })
}

fn type_of(plugin: &Node) -> Option<&str> {
    let Kind::Map(entries) = &plugin.kind else {
        return None;
    };
    let kind = entries.iter().find(|entry| entry.key.value == "type")?;
    match &kind.value.kind {
        Kind::Scalar { text, .. } => Some(text),
        Kind::Map(_) | Kind::Seq(_) => None,
    }
}

/// The file without what there may be ten thousand of.
fn rest(tree: &Node) -> Node {
    let mut rest = tree.without(&["gateway", "middlewares"]);
    let (Kind::Map(entries), Kind::Map(kept)) = (&tree.kind, &mut rest.kind) else {
        return rest;
    };
    let gateway = entries.iter().find(|entry| entry.key.value == "gateway");
    kept.extend(gateway.map(|entry| Entry {
        key: entry.key.clone(),
        value: entry.value.without(&["routes"]),
    }));
    rest
}
