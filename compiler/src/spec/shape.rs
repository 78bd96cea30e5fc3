//! Holds a tree against the dialect: every key nobody knows, every value of the wrong shape, every
//! key that this release cannot do yet. What lies below such a key is never read otherwise; its
//! single values are handed on to be checked ([`Pending`]), what it lacks is reported here.

use goma_openpgp::is_message;

use super::fields::{self, Leaf, is_joined, leaf};
use super::node::{Entry, Kind, Node, Trail};
use super::secrets;
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::{CONDITION, Class, Key, Need, Scalar, Section, Shape};
use crate::source::{Span, Spanned};

/// How much of an unknown key a message repeats.
const KEY_CHARS_SHOWN: usize = 64;

/// A single value of a key that is not supported yet, or one that is encrypted.
pub(crate) struct Pending {
    pub(crate) leaf: Leaf,
    pub(crate) scalar: Scalar,
    pub(crate) class: Class,
    pub(crate) secret: bool,
    /// In place of a list: may hold several, separated by commas.
    pub(crate) joined: bool,
}

/// A mapping on its way through the dialect.
struct Walk<'a> {
    pending: &'a mut Vec<Pending>,
    diags: &'a mut Diagnostics,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct At<'a> {
    path: &'a Trail<'a>,
    /// Below a key that is not supported yet.
    later: bool,
}

/// Checks a mapping and all below it, but for rules, whose type is not known yet. `later`: it
/// belongs to something that is not supported yet and is reported as such.
pub(crate) fn check(
    node: &Node,
    section: &'static Section,
    path: &str,
    later: bool,
    diags: &mut Diagnostics,
) -> Vec<Pending> {
    let mut pending = Vec::new();
    let mut walk = Walk {
        pending: &mut pending,
        diags,
    };
    let path = &Trail::new(path);
    walk.section(node, section, At { path, later });
    pending
}

impl Walk<'_> {
    fn section(&mut self, node: &Node, section: &'static Section, at: At<'_>) {
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } if node.is_null() => &[],
            Kind::Scalar { .. } | Kind::Seq(_) => {
                return self.mismatch("a mapping", node, at.path);
            }
        };
        for entry in entries {
            // A home for anchors (C-FILE-6).
            if at.path.is_top() && entry.key.value.starts_with("x-") {
                continue;
            }
            // Of two spellings of one key the exact one counts.
            let counts = |key: &&Key| {
                let counted = fields::find(entries, section, key.name);
                counted.is_some_and(|counted| counted.key.span == entry.key.span)
            };
            match section.key(&entry.key.value).filter(counts) {
                Some(key) => self.member(entry, key, section, at),
                None => self.unknown(&entry.key, section, entries, at.path),
            }
        }
        if at.later {
            self.missing(node, section, entries, at.path);
        }
        self.unmet(node, section, entries, at);
    }

    fn member(&mut self, entry: &Entry, key: &'static Key, section: &Section, at: At<'_>) {
        let path = at.path.member(key.name);
        if entry.key.value != key.name && !section.any_case {
            let message = format!("the key `{}` is spelt `{}`", entry.key.value, key.name);
            let warning = Diagnostic::new(Code::RuleKeyCase, &path, entry.key.span, message);
            self.diags.push(warning.fix(entry.key.span, key.name));
        }
        if key.later && !at.later && !is_default(&entry.value, key) {
            let message = format!("`{}` is not supported yet", key.name);
            let fault = Diagnostic::new(Code::NotYetSupported, &path, entry.key.span, message);
            self.diags.push(fault);
        }
        let at = At {
            path: &path,
            later: at.later || key.later,
        };
        self.value(entry, key.shape, key, at);
    }

    fn value(&mut self, entry: &Entry, shape: Shape, key: &'static Key, at: At<'_>) {
        let node = &entry.value;
        match shape {
            Shape::Conditions => self.named(node, at, |walk, member, at| {
                let shape = Shape::OneOrSection(Scalar::Text, &CONDITION);
                walk.value(member, shape, key, at);
            }),
            Shape::List(scalar) => self.list(entry, key, scalar, at),
            Shape::Named(section) => self.named(node, at, |walk, member, at| {
                walk.section(&member.value, section, at);
            }),
            Shape::Names(scalar) => self.named(node, at, |walk, member, at| {
                walk.single(&member.value, member.key.span, key, scalar, at);
            }),
            Shape::One(scalar) => self.single(node, entry.key.span, key, scalar, at),
            Shape::OneOrList(scalar) => match &node.kind {
                Kind::Seq(_) => self.list(entry, key, scalar, at),
                Kind::Map(_) | Kind::Scalar { .. } => {
                    self.single(node, entry.key.span, key, scalar, at);
                }
            },
            Shape::OneOrSection(scalar, section) => match &node.kind {
                Kind::Map(_) => self.section(node, section, at),
                Kind::Scalar { .. } | Kind::Seq(_) => {
                    self.single(node, entry.key.span, key, scalar, at);
                }
            },
            Shape::Rule => {}
            Shape::Section(section) => self.section(node, section, at),
            Shape::Sections(section) => self.sections(node, section, at),
            Shape::TextsOrSections(section) => self.texts_or_sections(node, key, section, at),
        }
    }

    fn named(&mut self, node: &Node, at: At<'_>, mut each: impl FnMut(&mut Self, &Entry, At<'_>)) {
        let Kind::Map(members) = &node.kind else {
            if !node.is_null() {
                self.mismatch("a mapping", node, at.path);
            }
            return;
        };
        for member in members {
            let path = at.path.member(&member.key.value);
            each(self, member, At { path: &path, ..at });
        }
    }

    fn single(&mut self, node: &Node, key_span: Span, key: &Key, scalar: Scalar, at: At<'_>) {
        if key.secret {
            secrets::hide_value(node, scalar, self.diags);
        }
        if !node.is_null() {
            self.item(node, key_span, key, scalar, false, at);
        }
    }

    /// A value of its own, or one of a list; `joined`: the list may stand in one text.
    fn item(
        &mut self,
        node: &Node,
        key_span: Span,
        key: &Key,
        scalar: Scalar,
        joined: bool,
        at: At<'_>,
    ) {
        let Kind::Scalar { text, .. } = &node.kind else {
            return self.mismatch("a single value", node, at.path);
        };
        let read = || leaf(node, at.path.to_string(), key_span);
        if is_message(text) {
            self.encrypted(read(), key, scalar);
        } else if at.later {
            self.push(read(), key, scalar, joined);
        }
    }

    /// Checked apart: what it is, is known when the gateway starts, or with its passphrase (C-SEC-1).
    fn encrypted(&mut self, leaf: Leaf, key: &Key, scalar: Scalar) {
        if key.secret || matches!(scalar, Scalar::Pem) {
            return self.push(leaf, key, scalar, false);
        }
        let message = format!("`{}` cannot be encrypted", key.name);
        let fault = Diagnostic::new(Code::TypeMismatch, &*leaf.key, leaf.span, message);
        let help = "secrets, certificates and keys can, and the whole `rule` of a middleware";
        self.diags.push(fault.help(help));
    }

    fn list(&mut self, entry: &Entry, key: &Key, scalar: Scalar, at: At<'_>) {
        let node = &entry.value;
        match &node.kind {
            Kind::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = &at.path.element(index);
                    self.item(item, item.span, key, scalar, false, At { path, ..at });
                }
            }
            Kind::Scalar { .. } if node.is_null() => {}
            Kind::Scalar { text, .. } if is_joined(text) => {
                self.item(node, entry.key.span, key, scalar, true, at);
            }
            Kind::Scalar { text, .. } => {
                let message = format!("expected a list, found {}", node.describe());
                let fault = Diagnostic::new(Code::TypeMismatch, at.path, node.span, message);
                let form = format!("write `{}: [{}]`", key.name, text.escape_debug());
                self.diags.push(fault.help(form));
            }
            Kind::Map(_) => self.mismatch("a list", node, at.path),
        }
    }

    fn push(&mut self, leaf: Leaf, key: &Key, scalar: Scalar, joined: bool) {
        self.pending.push(Pending {
            leaf,
            scalar,
            class: key.class,
            secret: key.secret,
            joined,
        });
    }

    /// A list of mappings.
    fn sections(&mut self, node: &Node, section: &'static Section, at: At<'_>) {
        let Some(items) = self.items(node, at.path) else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let path = at.path.element(index);
            match (&item.kind, only_required(section)) {
                (Kind::Scalar { text, .. }, Some(key)) if !item.is_null() => {
                    let message = format!(
                        "expected a mapping with `{}`, found a single value",
                        key.name
                    );
                    let fault = Diagnostic::new(Code::TypeMismatch, &path, item.span, message);
                    let fault = fault.help(format!("write `- {}: …`", key.name));
                    let form = format!("{{{}: {}}}", key.name, quoted(text));
                    self.diags.push(fault.fix(item.span, form));
                }
                (Kind::Map(_) | Kind::Scalar { .. } | Kind::Seq(_), _) => {
                    self.section(item, section, At { path: &path, ..at });
                }
            }
        }
    }

    fn texts_or_sections(
        &mut self,
        node: &Node,
        key: &'static Key,
        section: &'static Section,
        at: At<'_>,
    ) {
        let Some(items) = self.items(node, at.path) else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let path = at.path.element(index);
            let at = At { path: &path, ..at };
            match &item.kind {
                Kind::Scalar { .. } => self.single(item, item.span, key, Scalar::Text, at),
                Kind::Map(_) | Kind::Seq(_) => self.section(item, section, at),
            }
        }
    }

    fn items<'n>(&mut self, node: &'n Node, path: &Trail<'_>) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::Seq(items) => Some(items),
            Kind::Scalar { .. } if node.is_null() => None,
            Kind::Scalar { .. } | Kind::Map(_) => {
                let fault = mismatch("a list", node, path);
                self.diags.push(fault.help("begin each item with `- `"));
                None
            }
        }
    }

    /// What a mapping that nobody else reads lacks.
    fn missing(&mut self, node: &Node, section: &Section, entries: &[Entry], path: &Trail<'_>) {
        let head = node.head();
        let present = |name: &str| {
            fields::find(entries, section, name).filter(|entry| !entry.value.is_null())
        };
        for key in section.keys.iter().filter(|key| key.required) {
            if present(key.name).is_none() {
                let message = format!("`{}` is missing in `{path}`", key.name);
                let fault =
                    Diagnostic::new(Code::MissingKey, &path.member(key.name), head, message);
                self.diags
                    .push(fault.help(format!("`{}`: {}", key.name, key.doc)));
            }
        }
    }

    /// Conditions over several keys. Readers of what is supported have their own, but for two keys.
    fn unmet(&mut self, node: &Node, section: &Section, entries: &[Entry], at: At<'_>) {
        let place = |name: &str| {
            let entry = fields::find(entries, section, name);
            let entry = entry.filter(|entry| !entry.value.is_null());
            entry.map(|entry| entry.key.span)
        };
        let mine = |need: &&Need| at.later || matches!(need, Need::Pair(..) | Need::Apart(..));
        for need in section.needs.iter().filter(mine) {
            if let Some((code, span, message)) = unmet(need, place) {
                let span = span.unwrap_or_else(|| node.head());
                let fault = Diagnostic::new(code, at.path, span, message);
                self.diags.push(fault);
            }
        }
    }

    fn unknown(
        &mut self,
        key: &Spanned<String>,
        section: &'static Section,
        entries: &[Entry],
        path: &Trail<'_>,
    ) {
        let (name, span) = (key.value.as_str(), key.span);
        let shown: String = name.escape_debug().take(KEY_CHARS_SHOWN).collect();
        let same =
            |known: &str| known == name || (section.fold && known.eq_ignore_ascii_case(name));
        let place = if path.is_top() {
            "at the top level".to_owned()
        } else {
            format!("in `{path}`")
        };
        let message = format!("unknown key `{shown}` {place}");
        let fault = Diagnostic::new(Code::UnknownKey, &path.member(name), span, message);
        if let Some((_, advice)) = section.hints.iter().find(|(hint, _)| same(hint)) {
            self.diags.push(fault.help(*advice));
            return;
        }
        let taken = |known: &&str| entries.iter().any(|entry| entry.key.value == **known);
        let names = section.keys.iter().map(|key| key.name);
        self.diags
            .push(match nearest(name, names.filter(|known| !taken(known))) {
                Some(known) => fault
                    .help(format!("did you mean `{known}`?"))
                    .fix(span, known),
                None => fault,
            });
    }

    fn mismatch(&mut self, expected: &str, node: &Node, path: &Trail<'_>) {
        self.diags.push(mismatch(expected, node, path));
    }
}

/// Whether a value says nothing: null, the default, or a mapping or list of nothing else (C-FILE-7).
fn is_default(node: &Node, key: &Key) -> bool {
    match &node.kind {
        Kind::Map(entries) => {
            let section = match key.shape {
                Shape::Section(section) => Some(section),
                Shape::Conditions
                | Shape::List(_)
                | Shape::Named(_)
                | Shape::Names(_)
                | Shape::One(_)
                | Shape::OneOrList(_)
                | Shape::OneOrSection(..)
                | Shape::Rule
                | Shape::Sections(_)
                | Shape::TextsOrSections(_) => None,
            };
            let says_nothing = |entry: &Entry| {
                let key = section.and_then(|section| section.key(&entry.key.value));
                key.is_some_and(|key| is_default(&entry.value, key))
            };
            !key.by_presence && entries.iter().all(says_nothing)
        }
        Kind::Scalar { text, .. } => {
            node.is_null() || (!key.default.is_empty() && text == key.default)
        }
        Kind::Seq(items) => items.is_empty(),
    }
}

/// Of a section with exactly one required key: that key.
fn only_required(section: &Section) -> Option<&'static Key> {
    let mut required = section.keys.iter().filter(|key| key.required);
    required.next().filter(|_| required.next().is_none())
}

/// What is wrong with a condition, and whom to blame.
fn unmet(
    need: &Need,
    place: impl Fn(&str) -> Option<Span>,
) -> Option<(Code, Option<Span>, String)> {
    let list = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match need {
        Need::Any(names) | Need::One(names) if names.iter().all(|name| place(name).is_none()) => {
            let message = format!("one of {} is needed", list(names));
            Some((Code::MissingKey, None, message))
        }
        Need::Any(_) => None,
        Need::Apart(first, second) => {
            place(first)?;
            let message = format!("only one of {} can be given", list(&[first, second]));
            Some((Code::KeyConflict, Some(place(second)?), message))
        }
        Need::Both(first, second) | Need::Pair(first, second) => {
            let (lone, other, span) = match (place(first), place(second)) {
                (Some(span), None) => (first, second, span),
                (None, Some(span)) => (second, first, span),
                (Some(_), Some(_)) | (None, None) => return None,
            };
            let code = if matches!(need, Need::Pair(..)) {
                Code::TlsPair
            } else {
                Code::KeyConflict
            };
            Some((code, Some(span), format!("`{lone}` needs `{other}`")))
        }
        Need::One(names) => {
            let mut present = names.iter().filter_map(|name| place(name));
            let second = present.nth(1)?;
            let message = format!("only one of {} can be given", list(names));
            Some((Code::KeyConflict, Some(second), message))
        }
    }
}

fn mismatch(expected: &str, node: &Node, path: &Trail<'_>) -> Diagnostic {
    let message = format!("expected {expected}, found {}", node.describe());
    let span = match &node.kind {
        Kind::Map(_) => node.head(),
        Kind::Scalar { .. } | Kind::Seq(_) => node.span,
    };
    Diagnostic::new(Code::TypeMismatch, path, span, message)
}

/// As a double-quoted YAML scalar.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
