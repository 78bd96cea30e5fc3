//! Looking into the tree and changing it, place by place. Knows nothing of old keys.

use crate::source::{Span, Spanned};
use crate::spec::node::{Entry, Kind, Node};

/// Whether an entry stands in its mapping's own text.
pub(super) fn stands_in(map: &Node, entry: &Entry) -> bool {
    let (outer, inner) = (map.span, entry.key.span);
    outer.source == inner.source && (outer.start..outer.end).contains(&inner.start)
}

/// `true` for `false` and the other way round.
pub(super) fn inverted(value: &Node) -> Option<Node> {
    let Kind::Scalar { text, plain: true } = &value.kind else {
        return None;
    };
    let inverse = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => "false",
        "false" | "no" | "off" | "n" => "true",
        _ => return None,
    };
    Some(scalar(inverse, value.span))
}

/// The path of a URL, as a value.
pub(super) fn path_of(value: &Node) -> Node {
    let text = text_of(value);
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let path = path.split(['?', '#']).next().unwrap_or("/");
    scalar(path, value.span)
}

pub(super) fn scalar(text: &str, span: Span) -> Node {
    Node {
        span,
        kind: Kind::Scalar {
            text: text.to_owned(),
            plain: true,
        },
    }
}

pub(super) fn text_of(node: &Node) -> &str {
    match &node.kind {
        Kind::Scalar { text, .. } => text,
        Kind::Map(_) | Kind::Seq(_) => "",
    }
}

pub(super) fn same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Scalar { text: one, .. }, Kind::Scalar { text: other, .. }) => one == other,
        (Kind::Seq(one), Kind::Seq(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Kind::Map(one), Kind::Map(other)) => {
            let equal = |(one, other): (&Entry, &Entry)| {
                one.key.value == other.key.value && same(&one.value, &other.value)
            };
            one.len() == other.len() && one.iter().zip(other).all(equal)
        }
        (Kind::Map(_) | Kind::Scalar { .. } | Kind::Seq(_), _) => false,
    }
}

pub(super) fn has(map: &Node, name: &str) -> bool {
    find(map, &[name]).is_some_and(|entry| !entry.value.is_null())
}

/// The entry at a dotted place.
pub(super) fn find<'n>(map: &'n Node, segments: &[&str]) -> Option<&'n Entry> {
    let (last, parents) = segments.split_last()?;
    let mut node = map;
    for segment in parents {
        node = &entry_of(node, segment)?.value;
    }
    entry_of(node, last)
}

pub(super) fn entry_of<'n>(node: &'n Node, name: &str) -> Option<&'n Entry> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().find(|entry| entry.key.value == name),
        Kind::Scalar { .. } | Kind::Seq(_) => None,
    }
}

pub(super) fn find_mut<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    match &mut node.kind {
        Kind::Map(entries) => {
            let found = entries.iter_mut().find(|entry| entry.key.value == name);
            found.map(|entry| &mut entry.value)
        }
        Kind::Scalar { .. } | Kind::Seq(_) => None,
    }
}

/// Removes the entry whose key stands there.
pub(super) fn take(node: &mut Node, key: Span) {
    if let Kind::Map(entries) = &mut node.kind {
        entries.retain(|entry| entry.key.span != key);
    }
}

/// Adds a value at a dotted place; mappings on the way that are not there are made. What is made
/// has the place of the key it comes from.
pub(super) fn put(node: &mut Node, segments: &[&str], key: Span, value: Node) {
    let [segment, rest @ ..] = segments else {
        return;
    };
    if !matches!(node.kind, Kind::Map(_)) {
        if !node.is_null() {
            return;
        }
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else {
        return;
    };
    let at = entries.iter().position(|entry| entry.key.value == *segment);
    let at = at.unwrap_or_else(|| {
        entries.push(Entry {
            key: Spanned::new((*segment).to_owned(), key),
            value: Node {
                span: key,
                kind: Kind::Map(Vec::new()),
            },
        });
        entries.len() - 1
    });
    let Some(entry) = entries.get_mut(at) else {
        return;
    };
    if rest.is_empty() {
        entry.value = value;
    } else {
        put(&mut entry.value, rest, key, value);
    }
}
