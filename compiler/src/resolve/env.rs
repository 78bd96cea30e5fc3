//! `${NAME}` references (C-ENV): looked up now for keys of class S, kept as parts for class V.

use std::collections::BTreeMap;

use goma_openpgp::is_message;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::lock::Variable;
use crate::model::{Cut, Part, Value};
use crate::spec::fields::Leaf;

/// The functions of C-ENV-5.
const FUNCTIONS: &[&str] = &[
    "date",
    "now",
    "randomHex",
    "randomString",
    "timestamp",
    "timestampMs",
    "uuid",
];

/// Splits a text into literal pieces and references. `$${` is a literal `${`; whatever is no
/// reference is literal. Adjacent literals are one part.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = tail.strip_prefix("$${") {
            literal.push_str("${");
            rest = after;
        } else if let Some((part, after)) = tail.strip_prefix("${").and_then(reference) {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part);
            rest = after;
        } else {
            literal.push('$');
            rest = tail.strip_prefix('$').unwrap_or("");
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    parts
}

/// `NAME}` or `NAME:-text}` and what follows.
fn reference(text: &str) -> Option<(Part, &str)> {
    let (inner, after) = text.split_once('}')?;
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (inner, None),
    };
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (first && rest).then(|| {
        (
            Part::Env {
                name: name.to_owned(),
                default,
            },
            after,
        )
    })
}

/// The variables of the build, and which of them class S keys refer to (C-LOCK-1).
pub(super) struct Variables<'a> {
    values: &'a BTreeMap<String, String>,
    /// By name: whether some key that refers to it is secret.
    used: BTreeMap<String, bool>,
}

impl<'a> Variables<'a> {
    pub(super) const fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self {
            values,
            used: BTreeMap::new(),
        }
    }

    /// Whether a variable is set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A variable of the tool itself, which no key refers to.
    pub(super) fn of_tool(&self, name: &str) -> Option<&'a str> {
        self.values.get(name).map(String::as_str)
    }

    fn look_up(&mut self, name: &str, secret: bool) -> Option<&'a String> {
        match self.used.get_mut(name) {
            Some(known) => *known |= secret,
            None => {
                self.used.insert(name.to_owned(), secret);
            }
        }
        self.values.get(name)
    }

    /// What was referred to: name, and value unless it is secret or unset.
    pub(super) fn into_used(self) -> Vec<Variable> {
        let values = self.values;
        let variable = |(name, secret): (String, bool)| {
            let value = values.get(&name).cloned();
            Variable {
                name,
                secret,
                value: value.filter(|_| !secret),
            }
        };
        self.used.into_iter().map(variable).collect()
    }
}

/// A class S text with its references replaced.
pub(super) struct Text {
    pub(super) text: String,
    /// Whether some of it came from a variable or default.
    pub(super) expanded: bool,
}

/// Looks the references of a class S key up; an unset one is `env-unset`, a function
/// `function-in-structural`.
pub(super) fn structural(
    leaf: &Leaf,
    secret: bool,
    variables: &mut Variables<'_>,
    diags: &mut Diagnostics,
) -> Option<Text> {
    // Reported where the shape is checked.
    if is_message(&leaf.text) {
        return None;
    }
    if let Some(name) = function(&leaf.text) {
        diags.push(in_structural(leaf, name));
        return None;
    }
    if !leaf.text.contains('$') {
        return Some(Text {
            text: leaf.text.clone(),
            expanded: false,
        });
    }
    let mut result = Text {
        text: String::new(),
        expanded: false,
    };
    for part in parts(&leaf.text) {
        match part {
            // Made of no text.
            Part::Encrypted { .. } => {}
            Part::Text(text) => result.text.push_str(&text),
            Part::Env { name, default } => {
                result.expanded = true;
                let value = variables
                    .look_up(&name, secret)
                    .filter(|value| !value.is_empty() || default.is_none());
                match value.or(default.as_ref()) {
                    Some(value) => result.text.push_str(value),
                    None => {
                        diags.push(unset(leaf, &name));
                        return None;
                    }
                }
            }
        }
    }
    Some(result)
}

fn unset(leaf: &Leaf, name: &str) -> Diagnostic {
    let message = format!("the variable `{name}` is not set");
    Diagnostic::new(Code::EnvUnset, leaf.key.as_str(), leaf.span, message).help(format!(
        "`{}` is compiled in: give `--env {name}=…`, or a default `${{{name}:-…}}`",
        leaf.key
    ))
}

/// Keeps the references of a class V key. `is_text`: functions belong here, but are for later.
pub(super) fn value(leaf: &Leaf, is_text: bool, diags: &mut Diagnostics) -> Value {
    if is_message(&leaf.text) {
        return encrypted(leaf, Cut::Whole);
    }
    if let Some(name) = function(&leaf.text) {
        diags.push(if is_text {
            let message = format!("the function `{name}` is not supported yet");
            Diagnostic::new(Code::NotYetSupported, leaf.key.as_str(), leaf.span, message)
        } else {
            in_structural(leaf, name)
        });
    }
    Value {
        key: leaf.key.clone(),
        span: leaf.span,
        parts: parts(&leaf.text),
        secret: leaf.span.source.is_decrypted(),
    }
}

/// A part of an encrypted value.
pub(super) fn encrypted(leaf: &Leaf, cut: Cut) -> Value {
    Value {
        key: leaf.key.clone(),
        span: leaf.span,
        parts: vec![Part::Encrypted {
            message: leaf.text.trim().to_owned(),
            cut,
        }],
        secret: true,
    }
}

fn in_structural(leaf: &Leaf, name: &str) -> Diagnostic {
    let message = format!("the function `{name}` cannot stand in `{}`", leaf.key);
    Diagnostic::new(
        Code::FunctionInStructural,
        leaf.key.as_str(),
        leaf.span,
        message,
    )
    .help("functions work in texts that are read when the gateway starts, such as header values")
}

/// The first known function called in a text: `{{uuid()}}`. Any other `{{…}}` is literal.
fn function(text: &str) -> Option<&'static str> {
    // Nearly every text: one look for one byte.
    if !text.contains('{') {
        return None;
    }
    text.split("{{").skip(1).find_map(|rest| {
        let (call, _) = rest.split_once("}}")?;
        let (name, arguments) = call.trim().split_once('(')?;
        arguments.trim_end().strip_suffix(')')?;
        FUNCTIONS
            .iter()
            .copied()
            .find(|known| *known == name.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let show = |part: &Part| match part {
            Part::Encrypted { .. } => "encrypted".to_owned(),
            Part::Text(text) => format!("{text:?}"),
            Part::Env {
                name,
                default: None,
            } => format!("<{name}>"),
            Part::Env {
                name,
                default: Some(default),
            } => format!("<{name}|{default}>"),
        };
        parts(text).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn references() {
        assert_eq!(show(""), "");
        assert_eq!(show("a${B}c"), "\"a\" <B> \"c\"");
        assert_eq!(show("${A:-}${_b1:-x:-y}"), "<A|> <_b1|x:-y>");
        assert_eq!(show("$${A}"), "\"${A}\"");
        assert_eq!(show("$ $1 ${1} {A} ${A"), "\"$ $1 ${1} {A} ${A\"");
        assert_eq!(show("$$x $$$${A}"), "\"$$x $$${A}\"");
        assert_eq!(show("${P:-$2a$05$x}"), "<P|$2a$05$x>");
    }

    #[test]
    fn functions() {
        assert_eq!(function("a {{ uuid() }}"), Some("uuid"));
        assert_eq!(function("{{randomHex(8)}}"), Some("randomHex"));
        assert_eq!(function("{{nope()}} {{uuid}}"), None);
    }
}
