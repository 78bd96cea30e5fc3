//! Reads one mapping key by key. Says nothing: what has the wrong shape counts as absent here and
//! is reported by [`super::shape`].

use super::node::{Entry, Kind, Node, element, join};
use crate::dialect::{Key, Section, Shape};
use crate::source::{Span, Spanned};

/// A single value as written, with the key it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// Dotted: `gateway.routes[2].path`.
    pub(crate) key: String,
    /// Unescaped source text; empty for null.
    pub(crate) text: String,
    /// Neither quoted nor a block scalar.
    pub(crate) plain: bool,
    /// Null: as if the key were absent, except in maps of texts.
    pub(crate) null: bool,
    /// Not a single value at all, which is reported; counts as null.
    pub(crate) broken: bool,
    /// Of the value; of the key if the value is null.
    pub(crate) span: Span,
}

/// A list of single values.
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    /// The list's items.
    pub(crate) items: Vec<Leaf>,
    /// One `${X}` in place of a list: may hold a comma-separated list (C-ENV-4).
    pub(crate) joined: bool,
    /// Something in it could not be read and is reported.
    pub(crate) broken: bool,
}

/// An item of a list that is not a list of single values.
pub(crate) struct Item<'n> {
    pub(crate) node: &'n Node,
    /// Dotted: `gateway.routes[2]`.
    pub(crate) path: String,
    /// What it is if it is a mapping.
    pub(crate) section: &'static Section,
}

/// One `key: value` of a map of texts, such as `setHeaders`.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) name: Spanned<String>,
    pub(crate) value: Leaf,
}

/// A mapping that is being read.
pub(crate) struct Fields<'n> {
    /// Dotted key of the mapping; "" at the top.
    pub(crate) path: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    section: &'static Section,
    entries: &'n [Entry],
    /// What was asked for, to be held against the dialect.
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Reads a mapping; anything else counts as an empty one.
    pub(crate) fn new(node: &'n Node, section: &'static Section, path: impl Into<String>) -> Self {
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::Seq(_) => &[],
        };
        Self {
            path: path.into(),
            head: node.head(),
            section,
            entries,
            asked: Vec::new(),
        }
    }

    /// The dotted key of a member.
    pub(crate) fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// The raw value of a key.
    pub(crate) fn entry(&mut self, name: &'static str) -> Option<&'n Entry> {
        self.asked.push(name);
        find(self.entries, self.section, name)
    }

    /// A single value.
    pub(crate) fn leaf(&mut self, name: &'static str) -> Option<Leaf> {
        let entry = self.entry(name)?;
        Some(leaf(&entry.value, self.key(name), entry.key.span))
    }

    /// A list of single values; null is an empty list.
    pub(crate) fn leaves(&mut self, name: &'static str) -> Option<Leaves> {
        let entry = self.entry(name)?;
        leaves(&entry.value, &self.key(name), entry.key.span)
    }

    /// A nested mapping.
    pub(crate) fn section(&mut self, name: &'static str) -> Option<Self> {
        let entry = self.entry(name)?;
        let fields = Fields::new(&entry.value, self.nested(name)?, self.key(name));
        // An empty section has no first key to blame.
        let head = if fields.entries.is_empty() {
            entry.key.span
        } else {
            fields.head
        };
        Some(Fields { head, ..fields })
    }

    /// A list of mappings.
    pub(crate) fn list(&mut self, name: &'static str) -> Option<Vec<Item<'n>>> {
        let entry = self.entry(name)?;
        let (key, section) = (self.key(name), self.nested(name)?);
        match &entry.value.kind {
            Kind::Seq(items) => {
                let item = |(at, node)| Item {
                    node,
                    path: element(&key, at),
                    section,
                };
                Some(items.iter().enumerate().map(item).collect())
            }
            Kind::Scalar { .. } if entry.value.is_null() => Some(Vec::new()),
            Kind::Scalar { .. } | Kind::Map(_) => None,
        }
    }

    /// A map of texts; a null value is an empty text.
    pub(crate) fn pairs(&mut self, name: &'static str) -> Option<Vec<Pair>> {
        let entry = self.entry(name)?;
        let key = self.key(name);
        let Kind::Map(members) = &entry.value.kind else {
            return None;
        };
        let pairs = members.iter().map(|member| pair(member, &key));
        Some(pairs.filter(|pair| !pair.value.broken).collect())
    }

    /// Whether the key is there, in whatever shape.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.key.value == name && !entry.value.is_null())
    }

    /// Whether there is any key.
    pub(crate) fn has_keys(&self) -> bool {
        !self.entries.is_empty()
    }

    /// The place of a key.
    pub(crate) fn key_span(&self, name: &str) -> Option<Span> {
        find(self.entries, self.section, name).map(|entry| entry.key.span)
    }

    /// Ends the reading. A key that the dialect calls supported and that nobody reads, or the
    /// other way round, is a defect of the compiler.
    pub(crate) fn finish(self) {
        let supported = |key: &&Key| !key.later;
        debug_assert!(
            self.section
                .keys
                .iter()
                .filter(supported)
                .all(|key| self.asked.contains(&key.name)),
            "{}: {:?} are read of {}",
            self.path,
            self.asked,
            self.section.doc,
        );
    }

    fn nested(&self, name: &str) -> Option<&'static Section> {
        let shape = self.section.key(name).map(|key| key.shape);
        debug_assert!(shape.is_some(), "{} has no `{name}`", self.section.doc);
        match shape? {
            Shape::Section(section)
            | Shape::Sections(section)
            | Shape::TextsOrSections(section)
            | Shape::OneOrSection(_, section) => Some(section),
            Shape::Conditions
            | Shape::List(_)
            | Shape::Named(_)
            | Shape::Names(_)
            | Shape::One(_)
            | Shape::OneOrList(_)
            | Shape::Rule => None,
        }
    }
}

/// The entry of this name, or else one that differs only in letter case where that is forgiven.
pub(crate) fn find<'n>(entries: &'n [Entry], section: &Section, name: &str) -> Option<&'n Entry> {
    let exact = entries.iter().find(|entry| entry.key.value == name);
    let folded = |entry: &&Entry| section.fold && entry.key.value.eq_ignore_ascii_case(name);
    exact.or_else(|| entries.iter().find(folded))
}

/// Reads a single value; anything else is `broken`.
pub(crate) fn leaf(node: &Node, key: String, key_span: Span) -> Leaf {
    let Kind::Scalar { text, plain } = &node.kind else {
        return Leaf {
            key,
            text: String::new(),
            plain: true,
            null: true,
            broken: true,
            span: key_span,
        };
    };
    let null = node.is_null();
    let span = if null && node.span.start == node.span.end {
        key_span
    } else {
        node.span
    };
    let text = if null { String::new() } else { text.clone() };
    Leaf {
        key,
        text,
        plain: *plain,
        null,
        broken: false,
        span,
    }
}

/// Reads a list of single values; `None`: null.
pub(crate) fn leaves(node: &Node, key: &str, key_span: Span) -> Option<Leaves> {
    match &node.kind {
        Kind::Seq(items) => {
            let read = |(at, item): (usize, &Node)| leaf(item, element(key, at), item.span);
            let mut items: Vec<_> = items.iter().enumerate().map(read).collect();
            let broken = items.iter().any(|item| item.broken);
            items.retain(|item| !item.broken);
            Some(Leaves {
                items,
                joined: false,
                broken,
            })
        }
        Kind::Scalar { .. } if node.is_null() => None,
        Kind::Scalar { text, .. } => Some(Leaves {
            items: vec![leaf(node, key.to_owned(), key_span)],
            joined: is_joined(text),
            broken: false,
        }),
        Kind::Map(_) => Some(Leaves {
            items: Vec::new(),
            joined: false,
            broken: true,
        }),
    }
}

/// One `key: value` of a map of texts.
pub(crate) fn pair(member: &Entry, path: &str) -> Pair {
    let key = join(path, &member.key.value);
    Pair {
        name: member.key.clone(),
        value: leaf(&member.value, key, member.key.span),
    }
}

/// Whether a text is one reference that may stand for a whole list (C-ENV-4).
pub(super) fn is_joined(text: &str) -> bool {
    text.starts_with("${") && text.find('}') == Some(text.len() - 1)
}
