//! Objects as YAML, for people and for files of theirs: block style, keys in the order of JSON, a text quoted
//! whenever some reader of YAML could take it for something else.

use std::fmt::Write as _;

use serde_json::Value;

/// Documents one after the other.
pub(super) fn print(documents: &[Value]) -> String {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        block(document, 0, &mut text);
    }
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                indent(depth, text);
                let _ = write!(text, "{}:", scalar(key));
                below(value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, text);
                text.push('-');
                item_of_list(item, depth, text);
            }
        }
        other => {
            indent(depth, text);
            let _ = writeln!(text, "{}", inline(other));
        }
    }
}

/// What stands behind `key:`.
fn below(value: &Value, depth: usize, text: &mut String) {
    if is_block(value) {
        text.push('\n');
        block(value, depth + 1, text);
    } else {
        let _ = writeln!(text, " {}", inline(value));
    }
}

/// What stands behind `-`: the first line of a block beside it.
fn item_of_list(item: &Value, depth: usize, text: &mut String) {
    if is_block(item) {
        let mut nested = String::new();
        block(item, depth + 1, &mut nested);
        let _ = write!(text, " {}", nested.trim_start());
    } else {
        let _ = writeln!(text, " {}", inline(item));
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Plain if it begins with a letter or `/`, has no sign that means something, and is no word of YAML 1.1.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "-_./@:".contains(char))
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        // JSON's strings are YAML's.
        Value::from(text).to_string()
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_printed_reads_the_same() {
        let document = json!({
            "a": {"b": [], "c": {}, "d": null, "e": [1, [2, ["x"]], {"f": "g", "h": [true]}]},
            "texts": ["no", "1", "", "a: b", "a:b", "-", "x #y", "ü\n\"", "a:", "~", "/p", "*", "0x1"],
            "on": "yes",
            "kind: x": "sha256:ab@c",
        });
        let printed = print(std::slice::from_ref(&document));
        let text = printed.strip_prefix("---\n").unwrap();
        let mut read = goma_compiler::yaml::read(text).unwrap();
        // Its numbers are those of JavaScript.
        let numbers = read.pointer_mut("/a/e").unwrap();
        *numbers = document.pointer("/a/e").unwrap().clone();
        assert_eq!(read, document, "{printed}");
    }
}
