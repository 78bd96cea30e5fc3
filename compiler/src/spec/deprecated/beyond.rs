//! Routes of other files: a block of the gateway reaches them too. Where it can be a default it is
//! one; where some route of any file has a block of its own, all others list what it became.

use super::Other;
use super::structural::{Block, list_at, listing, lists};
use super::tree::{entry_of, find_mut};
use crate::diag::Fix;
use crate::source::Span;
use crate::spec::edit::Editor;
use crate::spec::node::{Kind, Node};

/// The routes of other files, as one kind of block sees them.
pub(super) struct Reach<'n> {
    /// Some have a block of their own.
    pub(super) own: bool,
    /// The routes that the gateway's block reaches.
    reached: Vec<Reached<'n>>,
}

struct Reached<'n> {
    file: usize,
    /// Its place in the list of the file.
    at: usize,
    /// As written.
    route: &'n Node,
    /// The key of a block of its own, which comes first.
    own: Option<Span>,
}

/// Looks at all of them; `trees` are the other files as they are written.
pub(super) fn reach(trees: &[Node], block: Block) -> Reach<'_> {
    let mut reach = Reach {
        own: false,
        reached: Vec::new(),
    };
    for (file, tree) in trees.iter().enumerate() {
        for (at, route) in routes(tree).iter().enumerate() {
            let own = entry_of(route, block.key()).filter(|own| block.acts(&own.value));
            let replaced = lists(tree, route, block);
            reach.own |= own.is_some() && !replaced;
            // A route's own errors come before the gateway's, its own CORS takes their place.
            let reached = own.is_none() || block == Block::Errors;
            if reached && !replaced {
                reach.reached.push(Reached {
                    file,
                    at,
                    route,
                    own: own.map(|own| own.key.span),
                });
            }
        }
    }
    reach
}

impl Reach<'_> {
    /// Lists a middleware on them, in the trees and in the texts. In a text the own one comes to stand
    /// before it because it is listed later: its key is claimed here.
    pub(super) fn list(&self, name: &str, place: Span, others: &mut [Other<'_>]) -> Vec<Fix> {
        let mut fixes = Vec::new();
        for reached in &self.reached {
            let Some(other) = others.get_mut(reached.file) else {
                continue;
            };
            let editor = Editor { text: other.text };
            fixes.extend(listing(reached.route, name, editor));
            fixes.extend(reached.own.and_then(|span| {
                let text = other.text.get(span.start as usize..span.end as usize)?;
                Some(Fix {
                    span,
                    text: text.to_owned(),
                })
            }));
            let routes = find_mut(&mut other.tree, "routes").map(|routes| &mut routes.kind);
            if let Some(Kind::Seq(routes)) = routes
                && let Some(route) = routes.get_mut(reached.at)
            {
                let at = reached.own.map_or(0, |_| usize::MAX);
                list_at(route, &["middlewares"], name, place, at);
            }
        }
        fixes
    }
}

fn routes(tree: &Node) -> &[Node] {
    match entry_of(tree, "routes").map(|entry| &entry.value.kind) {
        Some(Kind::Seq(routes)) => routes,
        Some(Kind::Map(_) | Kind::Scalar { .. }) | None => &[],
    }
}
