//! The YAML document as a tree that remembers places and spelling. serde cannot carry these:
//! a scalar keeps its source text (`1.0` stays `1.0`) and whether it was quoted, every key and
//! value has its byte range, and all faults of a mapping can be reported instead of the first.

use crate::source::{Span, Spanned};

/// A value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it is; for block collections their first key or dash.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The three kinds of YAML values.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// In source order, keys unique, merge keys applied.
    Map(Vec<Entry>),
    /// `text` is unescaped; `plain` is false for quoted and block scalars.
    Scalar { text: String, plain: bool },
    /// In source order.
    Seq(Vec<Node>),
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Spanned<String>,
    pub(crate) value: Node,
}

impl Node {
    /// Whether this is a plain `null`, `~` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, plain } => *plain && is_null_text(text),
            Kind::Map(_) | Kind::Seq(_) => false,
        }
    }

    /// For messages: `a mapping`, `a list`, `text`.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Map(_) => "a mapping",
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::Seq(_) => "a list",
        }
    }

    /// A mapping without some of its keys.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kind = match &self.kind {
            Kind::Map(entries) => {
                let kept = |entry: &&Entry| !names.contains(&entry.key.value.as_str());
                Kind::Map(entries.iter().filter(kept).cloned().collect())
            }
            Kind::Scalar { .. } | Kind::Seq(_) => Kind::Map(Vec::new()),
        };
        Self {
            span: self.head(),
            kind,
        }
    }

    /// A good place to blame when something inside is missing: the first key of a mapping.
    pub(crate) fn head(&self) -> Span {
        match &self.kind {
            Kind::Map(entries) => entries.first().map_or(self.span, |entry| entry.key.span),
            Kind::Scalar { .. } | Kind::Seq(_) => self.span,
        }
    }
}

/// Whether a plain scalar means null (YAML 1.2 core schema).
pub(crate) fn is_null_text(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The dotted key of a member.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        [path, ".", name].concat()
    }
}

/// The dotted key of an element.
pub(crate) fn element(path: &str, at: usize) -> String {
    [path, "[", &at.to_string(), "]"].concat()
}
