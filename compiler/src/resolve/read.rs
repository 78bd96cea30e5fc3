//! One single value → its type: the place where faults of scalars get their codes.

use super::env::{self, Text, Variables};
use super::grammar;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::{BACKENDS, Scalar};
use crate::model::scalar::{self, Invalid};
use crate::model::{Part, Value};
use crate::model::{address, endpoint};
use crate::source::{SourceMap, Span};
use crate::spec::fields::{Leaf, Leaves};

/// What resolving needs everywhere.
pub(super) struct Cx<'a> {
    pub(super) variables: Variables<'a>,
    /// With the files that are embedded.
    pub(super) sources: &'a SourceMap,
    pub(super) diags: &'a mut Diagnostics,
}

/// What [`Cx::texts`] read.
pub(super) struct Texts<'l> {
    pub(super) items: Vec<(&'l Leaf, String)>,
    /// False: something is missing, because it was faulty.
    pub(super) whole: bool,
}

impl Cx<'_> {
    /// Reports a fault of a value.
    pub(super) fn fault(&mut self, code: Code, leaf: &Leaf, invalid: Invalid) {
        self.fault_at(code, &leaf.key, leaf.span, invalid);
    }

    pub(super) fn fault_at(&mut self, code: Code, key: &str, span: Span, invalid: Invalid) {
        let code = if invalid.range {
            Code::OutOfRange
        } else {
            code
        };
        let diagnostic = Diagnostic::new(code, key, span, invalid.reason);
        self.diags.push(match invalid.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    /// Reports a required key that is absent or empty.
    pub(super) fn missing(&mut self, section: &str, name: &str, head: Span, help: &str) {
        let key = if section.is_empty() {
            name.to_owned()
        } else {
            format!("{section}.{name}")
        };
        let place = if section.is_empty() {
            String::new()
        } else {
            format!(" in `{section}`")
        };
        let message = format!("`{name}` is missing{place}");
        self.diags
            .push(Diagnostic::new(Code::MissingKey, key, head, message).help(help));
    }

    /// A required class S text: absent, null or empty is `missing-key`.
    pub(super) fn required(
        &mut self,
        leaf: Option<&Leaf>,
        section: &str,
        name: &str,
        head: Span,
        help: &str,
    ) -> Option<Text> {
        let Some(leaf) = leaf else {
            self.missing(section, name, head, help);
            return None;
        };
        let text = self.text(leaf).filter(|_| !leaf.broken)?;
        if text.text.is_empty() {
            let message = format!("`{name}` is empty");
            self.diags.push(
                Diagnostic::new(Code::MissingKey, leaf.key.as_str(), leaf.span, message).help(help),
            );
            return None;
        }
        Some(text)
    }

    /// A class S text.
    pub(super) fn text(&mut self, leaf: &Leaf) -> Option<Text> {
        env::structural(leaf, false, &mut self.variables, self.diags)
    }

    /// A class S text that must not be shown; neither must a hash of the variables it is made of.
    pub(super) fn secret(&mut self, leaf: &Leaf) -> Option<Text> {
        env::structural(leaf, true, &mut self.variables, self.diags)
    }

    /// A class S bool; absent, null and faulty give the default.
    pub(super) fn boolean(&mut self, leaf: Option<&Leaf>, default: bool) -> bool {
        let leaf = leaf.filter(|leaf| !leaf.null);
        leaf.and_then(|leaf| self.flag(leaf)).unwrap_or(default)
    }

    /// A class S bool that is there.
    pub(super) fn flag(&mut self, leaf: &Leaf) -> Option<bool> {
        let text = self.text(leaf)?;
        if !leaf.plain && !text.expanded {
            self.quoted_bool(leaf);
            return None;
        }
        scalar::parse_bool(&text.text)
            .map_err(|invalid| self.fault(Code::TypeMismatch, leaf, invalid))
            .ok()
    }

    /// A class S whole number within bounds.
    pub(super) fn int(&mut self, leaf: &Leaf, least: i64, most: i64) -> Option<i64> {
        let text = self.text(leaf)?.text;
        if let Err((code, invalid)) = grammar::check(Scalar::Int(least, most), &text) {
            self.fault(code, leaf, invalid);
            return None;
        }
        scalar::parse_int(&text).ok()
    }

    /// A class S word of a list, the first of which is the default. `None`: faulty, and reported.
    pub(super) fn word(
        &mut self,
        leaf: Option<&Leaf>,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
            return words.first().copied();
        };
        let text = self.text(leaf)?.text;
        let word = scalar::parse_word(&text, words, false);
        word.map_err(|invalid| self.fault(Code::BadValue, leaf, invalid))
            .ok()
    }

    /// A required class S word of a list. `None`: missing or faulty, and reported.
    pub(super) fn required_word(
        &mut self,
        (leaf, name): (Option<&Leaf>, &str),
        words: &[&'static str],
        (key, head): (&str, Span),
    ) -> Option<&'static str> {
        let leaf = leaf.filter(|leaf| !leaf.null || leaf.broken);
        if leaf.is_none() {
            let help = format!("one of {}", words.join(", "));
            self.missing(key, name, head, &help);
        }
        self.word(Some(leaf.filter(|leaf| !leaf.broken)?), words)
    }

    pub(super) fn quoted_bool(&mut self, leaf: &Leaf) {
        let fault = Diagnostic::new(
            Code::TypeMismatch,
            leaf.key.as_str(),
            leaf.span,
            "expected `true` or `false`, found text",
        );
        self.diags.push(if scalar::parse_bool(&leaf.text).is_ok() {
            fault
                .help("remove the quotes")
                .fix(leaf.span, leaf.text.as_str())
        } else {
            fault
        });
    }

    /// A class S list of texts; a joined one is split at commas (C-ENV-4). Each text comes with
    /// the leaf to blame.
    pub(super) fn texts<'l>(&mut self, leaves: Option<&'l Leaves>) -> Texts<'l> {
        let mut texts = Texts {
            items: Vec::new(),
            whole: true,
        };
        let Some(leaves) = leaves else { return texts };
        texts.whole = !leaves.broken;
        for leaf in &leaves.items {
            let Some(text) = self.text(leaf) else {
                texts.whole = false;
                continue;
            };
            if leaves.joined {
                let items = text
                    .text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                let before = texts.items.len();
                texts
                    .items
                    .extend(items.map(|item| (leaf, item.to_owned())));
                if texts.items.len() == before {
                    // What lists nobody may mean everybody.
                    let fault = Invalid::new("the variable lists nothing");
                    let help = "leave the key out where there is nothing to list";
                    self.fault(Code::MissingKey, leaf, fault.help(help));
                    texts.whole = false;
                }
            } else {
                texts.items.push((leaf, text.text));
            }
        }
        texts
    }

    /// A class V list: literals, and defaults of lone references, must fit the grammar. An item that
    /// is one reference in place of the list may hold several, separated by commas (C-ENV-4).
    pub(super) fn values(&mut self, leaves: Option<&Leaves>, scalar: Scalar) -> Vec<Value> {
        let Some(leaves) = leaves else {
            return Vec::new();
        };
        let mut values = Vec::new();
        for leaf in &leaves.items {
            let value = env::value(leaf, false, self.diags);
            let items = constant(&value).map(|text| match leaves.joined {
                true => text.split(',').map(str::trim).collect(),
                false => vec![text],
            });
            for item in items.into_iter().flatten() {
                self.check_grammar(item, scalar, leaf);
            }
            values.push(value);
        }
        values
    }

    /// A class V text, not checked further.
    pub(super) fn value(&mut self, leaf: &Leaf) -> Value {
        env::value(leaf, true, self.diags)
    }

    /// A class V text that must not be shown, not checked further.
    pub(super) fn secret_value(&mut self, leaf: &Leaf) -> Value {
        let value = env::value(leaf, true, self.diags);
        let literal = value.text().is_some_and(|text| !text.is_empty());
        if literal && !value.secret {
            self.literal_secret(leaf);
        }
        value
    }

    /// Warns of a secret that anyone who sees the specification can read (C-ENV-8).
    pub(super) fn literal_secret(&mut self, leaf: &Leaf) {
        let key = leaf.key.as_str();
        let message = "a secret is written in clear text";
        let warning = Diagnostic::new(Code::LiteralSecret, key, leaf.span, message);
        self.diags
            .push(warning.help("give it by a variable: `${NAME}`"));
    }

    /// A class V key: literals, and defaults of a lone reference, must fit the grammar. Absent and
    /// null give `default` with the place `home`.
    pub(super) fn checked(
        &mut self,
        leaf: Option<&Leaf>,
        scalar: Scalar,
        default: (&str, &str),
        home: Span,
    ) -> Value {
        let (key, text) = default;
        let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
            return Value::literal(key, home, text);
        };
        let value = env::value(leaf, false, self.diags);
        if !value
            .parts
            .iter()
            .any(|part| matches!(part, Part::Env { .. }))
            && matches!(scalar, Scalar::Bool)
            && !leaf.plain
        {
            self.quoted_bool(leaf);
            return value;
        }
        if let Some(text) = constant(&value) {
            self.check_grammar(text, scalar, leaf);
        }
        value
    }

    fn check_grammar(&mut self, text: &str, scalar: Scalar, leaf: &Leaf) {
        let checked = match scalar {
            // Backends have readers of their own: no query.
            Scalar::Url(schemes) if schemes == BACKENDS => endpoint::parse(text)
                .map(drop)
                .map_err(|fault| (Code::BadUrl, fault)),
            Scalar::Url(_) => address::parse_url(text)
                .map(drop)
                .map_err(|fault| (Code::BadUrl, fault)),
            _ => grammar::check(scalar, text),
        };
        if let Err((code, invalid)) = checked {
            self.fault(code, leaf, invalid);
        }
    }

    /// Reports a value that this release cannot do yet.
    pub(super) fn not_yet(&mut self, leaf: &Leaf, message: impl Into<String>) {
        let key = leaf.key.as_str();
        self.diags.push(Diagnostic::new(
            Code::NotYetSupported,
            key,
            leaf.span,
            message,
        ));
    }
}

/// What a value certainly or by default is: a literal, or the default of a lone reference. Such a
/// default can only be wrong.
pub(super) fn constant(value: &Value) -> Option<&str> {
    match value.parts.as_slice() {
        [] => Some(""),
        [Part::Text(text)] => Some(text),
        [
            Part::Env {
                default: Some(default),
                ..
            },
        ] if !default.is_empty() => Some(default),
        [..] => None,
    }
}
