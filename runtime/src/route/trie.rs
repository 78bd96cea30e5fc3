//! Path patterns of one host pattern, by segment.
//!
//! A trie of our own rather than a router crate: parameters, regular expressions, conditions and
//! priorities make several patterns fit one path, and the best of them is wanted, not the first. Every
//! pattern carries the place that it has among all (`order`), and every node the best place below it,
//! so that the search turns back where nothing better can come: for plain prefixes it is a walk down
//! to the longest one.

use rustc_hash::FxHashMap;

use super::pattern::{is_parameter, segments};
use super::table::Search;
use super::{PathType, Route, RouteId};
use crate::head::path::find;

/// The patterns of one host pattern.
#[derive(Debug, Default)]
pub(super) struct Trie {
    /// The first is the root.
    nodes: Vec<Node>,
}

/// What the patterns with equal first segments have in common.
#[derive(Debug)]
struct Node {
    /// The smallest order of this node and all below.
    best: u32,
    /// The node below, by its segment.
    below: FxHashMap<Box<[u8]>, u32>,
    /// The node below a `{name}`.
    parameter: Option<u32>,
    /// Patterns that end here, best first.
    here: Vec<Entry>,
}

/// A pattern that ends at a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Place among all pairs of a route and one of its host patterns; smaller is better.
    pub(super) order: u32,
    pub(super) route: RouteId,
    pub(super) end: End,
    /// Index of its conditions, if it has any.
    pub(super) conditions: Option<u32>,
}

/// What must follow the segments of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing.
    Exact,
    /// Anything.
    Prefix,
    /// Whatever fits the regular expression with this index, which is tried on the whole path.
    Regex(u32),
}

impl Node {
    fn new(best: u32) -> Self {
        Self {
            best,
            below: FxHashMap::default(),
            parameter: None,
            here: Vec::new(),
        }
    }
}

impl Trie {
    /// Adds a pattern. Entries come best first, so a node's first is its best.
    pub(super) fn insert(&mut self, route: &Route, entry: Entry) {
        let (path, literal) = match route.path_type {
            PathType::Exact | PathType::Prefix => (route.path, false),
            PathType::Regex { literal } => (literal, true),
        };
        if self.nodes.is_empty() {
            self.nodes.push(Node::new(entry.order));
        }
        let mut at = 0;
        for segment in segments(path) {
            at = self.child(at, segment, !literal && is_parameter(segment), entry.order);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.here.push(entry);
        }
    }

    fn child(&mut self, at: usize, segment: &str, is_parameter: bool, order: u32) -> usize {
        let new = self.nodes.len();
        // No table has so many nodes; one that had would leave the rest out, not go wrong.
        let index = u32::try_from(new).unwrap_or(u32::MAX);
        let Some(node) = self.nodes.get_mut(at) else {
            return new;
        };
        let child = if is_parameter {
            *node.parameter.get_or_insert(index)
        } else {
            *node.below.entry(segment.as_bytes().into()).or_insert(index)
        };
        if child == index {
            self.nodes.push(Node::new(order));
        }
        child as usize
    }

    /// Looks for something better than what the search has.
    pub(super) fn search(&self, search: &mut Search<'_>) {
        self.visit(0, search.path(), search);
    }

    /// `rest`: the path behind the segments of this node.
    fn visit(&self, at: u32, rest: &[u8], search: &mut Search<'_>) {
        let Some(node) = self.nodes.get(at as usize) else {
            return;
        };
        if node.best >= search.best() {
            return;
        }
        // A canonical path has no empty segments, but perhaps a slash at its end.
        let below = rest.get(1..).unwrap_or_default();
        if !below.is_empty() {
            let end = find(b'/', below).unwrap_or(below.len());
            let (segment, rest) = below.split_at(end);
            if !node.below.is_empty()
                && let Some(child) = node.below.get(segment)
            {
                self.visit(*child, rest, search);
            }
            if let Some(child) = node.parameter {
                self.visit(child, rest, search);
            }
        }
        for entry in &node.here {
            if entry.order >= search.best() {
                return;
            }
            let fits = match entry.end {
                End::Prefix => true,
                End::Exact => below.is_empty(),
                End::Regex(index) => search.fits_regex(index),
            };
            if fits && search.is_enabled(entry) && search.holds(entry.conditions) {
                return search.take(entry);
            }
        }
    }
}
