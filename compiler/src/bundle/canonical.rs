//! A bundle as canonical JSON (RFC 8785). Scalars are what YAML's core schema says they are, so that a
//! bundle has one form, in whatever style it is written.

use serde_json::{Map, Number, Value};

use super::Unsignable;
use crate::spec::node::{Entry, Kind, Node, is_null_text};

/// The bytes that are hashed.
pub(super) fn json<'n>(entries: impl Iterator<Item = &'n Entry>) -> Result<Vec<u8>, Unsignable> {
    let value = Value::Object(object(entries)?);
    serde_json_canonicalizer::to_vec(&value).map_err(|_| Unsignable::Shape)
}

/// What a tree says, if JSON can say it.
pub(crate) fn json_value(node: &Node) -> Option<Value> {
    value(node).ok()
}

fn object<'n>(entries: impl Iterator<Item = &'n Entry>) -> Result<Map<String, Value>, Unsignable> {
    entries
        .map(|entry| Ok((entry.key.value.clone(), value(&entry.value)?)))
        .collect()
}

fn value(node: &Node) -> Result<Value, Unsignable> {
    match &node.kind {
        Kind::Map(entries) => Ok(Value::Object(object(entries.iter())?)),
        Kind::Scalar { text, plain: true } => plain(text),
        Kind::Scalar { text, plain: false } => Ok(Value::from(text.as_str())),
        Kind::Seq(items) => items.iter().map(value).collect(),
    }
}

fn plain(text: &str) -> Result<Value, Unsignable> {
    if is_null_text(text) {
        return Ok(Value::Null);
    }
    match text {
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let no_form = || Unsignable::Value(text.escape_debug().to_string());
    match number(text) {
        // Numbers of RFC 8785 are those of JavaScript.
        Some(number) => Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(no_form),
        None => Ok(Value::from(text)),
    }
}

/// `[-+]?[0-9]+`, `0o7`, `0xf`, a decimal fraction, or one of the words that no JSON has.
#[expect(clippy::cast_precision_loss, reason = "that is what RFC 8785 asks for")]
fn number(text: &str) -> Option<f64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16)
            .ok()
            .map(|value| value as f64);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8)
            .ok()
            .map(|value| value as f64);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return Some(f64::NAN);
    }
    let digits = unsigned.strip_prefix('.').unwrap_or(unsigned);
    let decimal = digits.starts_with(|c: char| c.is_ascii_digit())
        && unsigned
            .chars()
            .all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    decimal.then(|| text.parse().ok()).flatten()
}
