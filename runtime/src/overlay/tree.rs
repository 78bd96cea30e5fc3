//! YAML to a small tree whose every part knows its place. Aliases, tags and further documents are refused:
//! an overlay needs none, and they are how a small file becomes a large one.

use std::collections::BTreeSet;

use granit_parser::{Event, Marker, Parser, ScalarStyle};

use super::Refused;

/// The largest file.
pub(super) const FILE_BYTES_MAX: usize = 1024 * 1024;
/// The deepest nesting; an overlay needs five.
const NESTING_MAX: usize = 16;

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(usize, usize);

/// A value.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// `plain`: not quoted.
    Scalar {
        text: String,
        plain: bool,
    },
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) at: At,
    pub(super) text: String,
}

/// A collection that is being read.
enum Open {
    List(At, Vec<Node>),
    Map(At, Vec<(Key, Node)>, Option<Key>),
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(line, column) = self;
        write!(f, "{line}:{column}")
    }
}

impl Node {
    /// Whether there is nothing: as if the key were absent.
    pub(super) fn is_null(&self) -> bool {
        let null = |text: &str| matches!(text, "" | "~" | "null" | "Null" | "NULL");
        matches!(&self.kind, Kind::Scalar { text, plain: true } if null(text))
    }
}

/// Reads a file; `None`: there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Refused> {
    if text.len() > FILE_BYTES_MAX {
        let text = format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20);
        return Err(Refused::of(None, "", "yaml-syntax", text));
    }
    let options = granit_parser::options! {
        flow_nesting_limit: NESTING_MAX,
        block_nesting_limit: NESTING_MAX,
    };
    let mut stack = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => take(event, at(&span.start), &mut stack, &mut root)?,
            Err(fault) => {
                let place = at(fault.marker());
                return Err(syntax(place, fault.info().to_owned()));
            }
        }
    }
    Ok(root)
}

fn at(marker: &Marker) -> At {
    At(marker.line(), marker.col() + 1)
}

fn syntax(at: At, text: impl Into<String>) -> Refused {
    Refused::of(Some(at), "", "yaml-syntax", text.into())
}

fn take(
    event: Event<'_>,
    at: At,
    stack: &mut Vec<Open>,
    root: &mut Option<Node>,
) -> Result<(), Refused> {
    let finished = match event {
        Event::Alias(..) => return Err(syntax(at, "an overlay has no aliases")),
        Event::SequenceStart(..) => {
            stack.push(Open::List(at, Vec::new()));
            None
        }
        Event::MappingStart(..) => {
            stack.push(Open::Map(at, Vec::new(), None));
            None
        }
        Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
            None => None,
            Some(Open::List(at, items)) => Some(Node {
                at,
                kind: Kind::List(items),
            }),
            Some(Open::Map(at, members, _)) => {
                distinct(&members)?;
                Some(Node {
                    at,
                    kind: Kind::Map(members),
                })
            }
        },
        Event::Scalar(_, _, _, Some(_)) => return Err(syntax(at, "an overlay has no tags")),
        Event::Scalar(text, style, ..) => Some(Node {
            at,
            kind: Kind::Scalar {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain,
            },
        }),
        _ => None,
    };
    match finished {
        None => Ok(()),
        Some(node) => put(node, stack, root),
    }
}

fn distinct(members: &[(Key, Node)]) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    match members.iter().find(|(key, _)| !seen.insert(&key.text)) {
        None => Ok(()),
        Some((key, _)) => {
            let text = format!("`{}` is there twice", key.text.escape_debug());
            Err(Refused::of(Some(key.at), "", "duplicate-key", text))
        }
    }
}

/// Hands a value to what it is in.
fn put(node: Node, stack: &mut [Open], root: &mut Option<Node>) -> Result<(), Refused> {
    match stack.last_mut() {
        None if root.is_some() => return Err(syntax(node.at, "there is a second document")),
        None => *root = Some(node),
        Some(Open::List(_, items)) => items.push(node),
        Some(Open::Map(_, members, key)) => match (key.take(), node) {
            (Some(key), node) => members.push((key, node)),
            (
                None,
                Node {
                    at,
                    kind: Kind::Scalar { text, .. },
                },
            ) => {
                *key = Some(Key { at, text });
            }
            (None, node) => return Err(syntax(node.at, "a key is a text")),
        },
    }
    Ok(())
}
