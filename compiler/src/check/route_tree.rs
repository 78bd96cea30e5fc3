//! Routes by their paths, segment by segment, and by host: so that a rule finds those that meet a
//! route without looking at all.

use std::collections::BTreeMap;

use super::route_space::{HostKey, host_keys};
use crate::model::{Element, HostKind, PathType, Route};

/// Some routes of a model.
pub(super) struct Tree<'m> {
    /// The first is the root.
    nodes: Vec<Node<'m>>,
}

#[derive(Default)]
struct Node<'m> {
    below: BTreeMap<&'m str, usize>,
    parameter: Option<usize>,
    here: BTreeMap<HostKey<'m>, Vec<&'m Route>>,
}

impl<'m> Tree<'m> {
    /// Takes prefixes and exact paths; what a regular expression covers is not known.
    pub(super) fn new(routes: impl Iterator<Item = &'m Route>) -> Self {
        let mut tree = Self {
            nodes: vec![Node::default()],
        };
        for route in routes {
            if let Some(elements) = route.path.elements() {
                tree.insert(route, elements);
            }
        }
        tree
    }

    /// Whether there is no route.
    pub(super) fn is_empty(&self) -> bool {
        let root = self.nodes.first();
        self.nodes.len() < 2 && root.is_none_or(|root| root.here.is_empty())
    }

    fn insert(&mut self, route: &'m Route, elements: &'m [Element]) {
        let mut at = 0;
        for element in elements {
            let new = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                return;
            };
            let child = match element {
                Element::Parameter(_) => *node.parameter.get_or_insert(new),
                Element::Static(text) => *node.below.entry(text).or_insert(new),
            };
            if child == new {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            for host in host_keys(route) {
                node.here.entry(host).or_default().push(route);
            }
        }
    }

    /// Routes that are asked for every path of this one, for one of these hosts.
    pub(super) fn above(&self, route: &Route, hosts: &[HostKey<'_>]) -> Vec<&'m Route> {
        let mut found = Vec::new();
        let literal: Vec<Element>;
        let elements = match route.path.elements() {
            Some(elements) => elements,
            None => {
                let leading = route.path.leading();
                literal = leading
                    .map(|text| Element::Static(text.to_owned()))
                    .collect();
                &literal
            }
        };
        self.walk(0, elements, route, hosts, &mut found);
        found
    }

    fn walk(
        &self,
        at: usize,
        rest: &[Element],
        route: &Route,
        hosts: &[HostKey<'_>],
        found: &mut Vec<&'m Route>,
    ) {
        let Some(node) = self.nodes.get(at) else {
            return;
        };
        let ends = rest.is_empty() && route.path.path_type() == PathType::Exact;
        let covers = |other: &&&Route| other.path.path_type() == PathType::Prefix || ends;
        let listed = hosts.iter().filter_map(|host| node.here.get(host));
        found.extend(listed.flatten().filter(covers));
        let Some((first, rest)) = rest.split_first() else {
            return;
        };
        let named = match first {
            Element::Static(text) => node.below.get(text.as_str()).copied(),
            Element::Parameter(_) => None,
        };
        for child in named.into_iter().chain(node.parameter) {
            self.walk(child, rest, route, hosts, found);
        }
    }
}

/// The patterns that match all hosts that this one matches, itself included.
pub(super) fn covering(host: HostKey<'_>) -> Vec<HostKey<'_>> {
    let Some((kind, name, port)) = host else {
        return vec![None];
    };
    let mut kinds = vec![(kind, name)];
    let suffixes = || std::iter::successors(after_label(name), |rest| after_label(rest));
    match kind {
        HostKind::Exact => {
            kinds.extend(after_label(name).map(|rest| (HostKind::OneLabel, rest)));
            kinds.extend(suffixes().map(|rest| (HostKind::Wildcard, rest)));
        }
        HostKind::OneLabel => {
            kinds.push((HostKind::Wildcard, name));
            kinds.extend(suffixes().map(|rest| (HostKind::Wildcard, rest)));
        }
        HostKind::Wildcard => kinds.extend(suffixes().map(|rest| (HostKind::Wildcard, rest))),
        HostKind::Any => {}
    }
    kinds.push((HostKind::Any, ""));
    kinds.dedup();
    let ports = [port, None];
    let ports = ports.iter().take(if port.is_some() { 2 } else { 1 });
    let keys = ports.flat_map(|port| {
        kinds.iter().map(|(kind, name)| {
            let any = *kind == HostKind::Any && port.is_none();
            (!any).then_some((*kind, *name, *port))
        })
    });
    keys.collect()
}

fn after_label(name: &str) -> Option<&str> {
    // An address in brackets has no labels.
    let plain = !name.starts_with('[');
    name.split_once('.').filter(|_| plain).map(|(_, rest)| rest)
}
