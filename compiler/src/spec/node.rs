//! The YAML document as a tree that remembers places and spelling. serde cannot carry these:
//! a scalar keeps its source text (`1.0` stays `1.0`) and whether it was quoted, every key and
//! value has its byte range, and all faults of a mapping can be reported instead of the first.

use std::fmt;

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

/// A dotted key on the way down a tree, such as `gateway.routes[2].path`: becomes a text only where
/// something is found. Most files have a hundred thousand keys and no finding.
#[derive(Clone, Copy)]
pub(crate) struct Trail<'a> {
    above: Option<&'a Self>,
    last: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

impl<'a> Trail<'a> {
    /// Where the walk begins; "" for a whole file.
    pub(crate) const fn new(path: &'a str) -> Self {
        Self {
            above: None,
            last: Step::Member(path),
        }
    }

    /// The key of a member.
    pub(crate) const fn member<'b>(&'b self, name: &'b str) -> Trail<'b>
    where
        'a: 'b,
    {
        Trail {
            above: Some(self),
            last: Step::Member(name),
        }
    }

    /// The key of an element.
    pub(crate) const fn element<'b>(&'b self, at: usize) -> Trail<'b>
    where
        'a: 'b,
    {
        Trail {
            above: Some(self),
            last: Step::Element(at),
        }
    }

    /// Whether this is a whole file.
    pub(crate) fn is_top(&self) -> bool {
        self.above.is_none() && matches!(self.last, Step::Member(""))
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.last {
            Step::Member(name) => {
                let dot = self.above.is_some_and(|above| !above.is_top());
                f.write_str(if dot { "." } else { "" })?;
                f.write_str(name)
            }
            Step::Element(at) => write!(f, "[{at}]"),
        }
    }
}

impl From<&Trail<'_>> for String {
    fn from(trail: &Trail<'_>) -> Self {
        trail.to_string()
    }
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
