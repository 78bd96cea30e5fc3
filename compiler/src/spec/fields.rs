//! Reads one mapping key by key. Wrong shapes are reported and count as absent, so that siblings
//! are still read; [`Fields::finish`] reports every key nobody asked for.

use super::node::{Entry, Kind, Node};
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

/// How much of an unknown key a message repeats.
const KEY_CHARS_SHOWN: usize = 64;

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

/// An item of a list that is not a single value.
pub(crate) struct Item<'n> {
    pub(crate) node: &'n Node,
    /// Dotted: `gateway.routes[2]`.
    pub(crate) path: String,
}

/// One `key: value` of a map of texts, such as `setHeaders`.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) name: Spanned<String>,
    pub(crate) value: Leaf,
}

/// Keys of a mapping that are recognised without being read.
pub(crate) struct Others {
    /// Part of the dialect, not of this release; with advice, or "".
    pub(crate) later: &'static [(&'static str, &'static str)],
    /// Not part of the dialect, but we know what is meant (config.md section 12 B).
    pub(crate) hints: &'static [(&'static str, &'static str)],
}

impl Others {
    /// A section without further keys.
    pub(crate) const NONE: Self = Self {
        later: &[],
        hints: &[],
    };
}

/// A mapping that is being read.
pub(crate) struct Fields<'n> {
    /// Dotted key of the mapping; "" at the top.
    pub(crate) path: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    entries: &'n [Entry],
    taken: Vec<bool>,
    known: Vec<&'static str>,
    /// Letter case of keys is forgiven with a warning (MW-GEN-3).
    fold: bool,
}

impl<'n> Fields<'n> {
    /// Reads a mapping; null counts as an empty one, anything else is `type-mismatch`.
    pub(crate) fn new(node: &'n Node, path: impl Into<String>, diags: &mut Diagnostics) -> Self {
        let path = path.into();
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } if node.is_null() => &[],
            Kind::Scalar { .. } | Kind::Seq(_) => {
                let message = format!("expected a mapping, found {}", node.describe());
                diags.push(Diagnostic::new(
                    Code::TypeMismatch,
                    path.as_str(),
                    node.span,
                    message,
                ));
                &[]
            }
        };
        let taken = vec![false; entries.len()];
        Self {
            path,
            head: node.head(),
            entries,
            taken,
            known: Vec::new(),
            fold: false,
        }
    }

    /// Forgives letter case of keys with the warning `rule-key-case`.
    pub(crate) fn folding(self, fold: bool) -> Self {
        Self { fold, ..self }
    }

    /// The dotted key of a member.
    pub(crate) fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// The raw value of a key.
    pub(crate) fn entry(
        &mut self,
        name: &'static str,
        diags: &mut Diagnostics,
    ) -> Option<&'n Entry> {
        self.known.push(name);
        let at = self
            .entries
            .iter()
            .position(|entry| entry.key.value == name);
        let at = at.or_else(|| self.folded(name, diags))?;
        *self.taken.get_mut(at)? = true;
        self.entries.get(at)
    }

    fn folded(&self, name: &'static str, diags: &mut Diagnostics) -> Option<usize> {
        let same = |entry: &Entry| self.fold && entry.key.value.eq_ignore_ascii_case(name);
        let at = self.entries.iter().position(same)?;
        let key = &self.entries.get(at)?.key;
        let message = format!("the key `{}` is spelt `{name}`", key.value);
        diags.push(
            Diagnostic::new(Code::RuleKeyCase, self.key(name), key.span, message)
                .fix(key.span, name),
        );
        Some(at)
    }

    /// A single value.
    pub(crate) fn leaf(&mut self, name: &'static str, diags: &mut Diagnostics) -> Option<Leaf> {
        let entry = self.entry(name, diags)?;
        Some(leaf(&entry.value, self.key(name), entry.key.span, diags))
    }

    /// A list of single values; null is an empty list.
    pub(crate) fn leaves(&mut self, name: &'static str, diags: &mut Diagnostics) -> Option<Leaves> {
        let entry = self.entry(name, diags)?;
        let key = self.key(name);
        match &entry.value.kind {
            Kind::Seq(items) => {
                let read = |(at, item): (usize, &Node)| {
                    leaf(item, format!("{key}[{at}]"), item.span, diags)
                };
                let mut items: Vec<_> = items.iter().enumerate().map(read).collect();
                let broken = items.iter().any(|item| item.broken);
                items.retain(|item| !item.broken);
                Some(Leaves {
                    items,
                    joined: false,
                    broken,
                })
            }
            Kind::Scalar { .. } if entry.value.is_null() => None,
            Kind::Scalar { text, .. } => {
                let joined = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
                let span = entry.value.span;
                if !joined {
                    let message = format!("expected a list, found {}", entry.value.describe());
                    let fault = Diagnostic::new(Code::TypeMismatch, key.as_str(), span, message);
                    diags.push(fault.help(format!("write `{name}: [{}]`", text.escape_debug())));
                }
                let items = vec![leaf(&entry.value, key, entry.key.span, diags)];
                Some(Leaves {
                    items,
                    joined,
                    broken: false,
                })
            }
            Kind::Map(_) => {
                diags.push(mismatch("a list", &entry.value, key));
                Some(Leaves {
                    items: Vec::new(),
                    joined: false,
                    broken: true,
                })
            }
        }
    }

    /// A nested mapping.
    pub(crate) fn section(&mut self, name: &'static str, diags: &mut Diagnostics) -> Option<Self> {
        let fold = self.fold;
        let entry = self.entry(name, diags)?;
        let fields = Fields::new(&entry.value, self.key(name), diags);
        // An empty section has no first key to blame.
        let head = if fields.entries.is_empty() {
            entry.key.span
        } else {
            fields.head
        };
        Some(Fields { head, ..fields }.folding(fold))
    }

    /// A list of mappings.
    pub(crate) fn list(
        &mut self,
        name: &'static str,
        diags: &mut Diagnostics,
    ) -> Option<Vec<Item<'n>>> {
        let entry = self.entry(name, diags)?;
        let key = self.key(name);
        match &entry.value.kind {
            Kind::Seq(items) => {
                let item = |(at, node)| Item {
                    node,
                    path: format!("{key}[{at}]"),
                };
                Some(items.iter().enumerate().map(item).collect())
            }
            Kind::Scalar { .. } if entry.value.is_null() => Some(Vec::new()),
            Kind::Scalar { .. } | Kind::Map(_) => {
                let fault = mismatch("a list", &entry.value, key);
                diags.push(fault.help("begin each item with `- `"));
                None
            }
        }
    }

    /// A map of texts; a null value is an empty text.
    pub(crate) fn pairs(
        &mut self,
        name: &'static str,
        diags: &mut Diagnostics,
    ) -> Option<Vec<Pair>> {
        let entry = self.entry(name, diags)?;
        let key = self.key(name);
        let Kind::Map(members) = &entry.value.kind else {
            if !entry.value.is_null() {
                diags.push(mismatch("a mapping", &entry.value, key));
            }
            return None;
        };
        let pair = |member: &Entry| {
            let value = leaf(
                &member.value,
                join(&key, &member.key.value),
                member.key.span,
                diags,
            );
            Pair {
                name: member.key.clone(),
                value,
            }
        };
        Some(
            members
                .iter()
                .map(pair)
                .filter(|pair| !pair.value.broken)
                .collect(),
        )
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
        let same = |entry: &&Entry| {
            entry.key.value == name || (self.fold && entry.key.value.eq_ignore_ascii_case(name))
        };
        self.entries.iter().find(same).map(|entry| entry.key.span)
    }

    /// Accepts all keys that begin with `x-` (C-FILE-6).
    pub(crate) fn skip_extensions(&mut self) {
        for (entry, taken) in self.entries.iter().zip(&mut self.taken) {
            *taken |= entry.key.value.starts_with("x-");
        }
    }

    /// Reports the keys that were not asked for.
    pub(crate) fn finish(self, others: &Others, diags: &mut Diagnostics) {
        for (entry, taken) in self.entries.iter().zip(&self.taken) {
            if !*taken {
                diags.push(self.leftover(&entry.key, others));
            }
        }
    }

    fn leftover(&self, key: &Spanned<String>, others: &Others) -> Diagnostic {
        let (name, span) = (key.value.as_str(), key.span);
        let shown: String = name.escape_debug().take(KEY_CHARS_SHOWN).collect();
        let path = self.key(name);
        let find = |list: &'static [(&str, &'static str)]| {
            let same =
                |known: &str| known == name || (self.fold && known.eq_ignore_ascii_case(name));
            list.iter()
                .find(|(known, _)| same(known))
                .map(|&(_, advice)| advice)
        };
        if let Some(advice) = find(others.later) {
            let fault = Diagnostic::new(
                Code::NotYetSupported,
                path,
                span,
                format!("`{shown}` is not supported yet"),
            );
            return if advice.is_empty() {
                fault
            } else {
                fault.help(advice)
            };
        }
        let place = if self.path.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in `{}`", self.path)
        };
        let fault = Diagnostic::new(
            Code::UnknownKey,
            path,
            span,
            format!("unknown key `{shown}` {place}"),
        );
        if let Some(advice) = find(others.hints) {
            return fault.help(advice);
        }
        let later = others.later.iter().map(|&(known, _)| known);
        let taken = |known: &str| self.entries.iter().any(|entry| entry.key.value == known);
        match nearest(
            name,
            self.known
                .iter()
                .copied()
                .chain(later)
                .filter(|known| !taken(known)),
        ) {
            Some(known) => fault
                .help(format!("did you mean `{known}`?"))
                .fix(span, known),
            None => fault,
        }
    }
}

/// Reads a single value; anything else is `type-mismatch`.
pub(crate) fn leaf(node: &Node, key: String, key_span: Span, diags: &mut Diagnostics) -> Leaf {
    let Kind::Scalar { text, plain } = &node.kind else {
        diags.push(mismatch("a single value", node, key.clone()));
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

fn mismatch(expected: &str, node: &Node, key: String) -> Diagnostic {
    let message = format!("expected {expected}, found {}", node.describe());
    let span = match &node.kind {
        Kind::Map(_) => node.head(),
        Kind::Scalar { .. } | Kind::Seq(_) => node.span,
    };
    Diagnostic::new(Code::TypeMismatch, key, span, message)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
