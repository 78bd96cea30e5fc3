//! YAML of others, such as a kubeconfig, as values: read with the bounds and the strictness of a specification,
//! without its places.

use serde_json::Value;

use crate::bundle;
use crate::diag::Diagnostics;
use crate::source::SourceMap;
use crate::spec;

/// A text that is no YAML, or none with a form in JSON.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no YAML from line {line} on")]
pub struct Malformed {
    /// From 1.
    pub line: usize,
}

/// The document in a text. An empty one is a mapping without keys.
///
/// # Errors
/// It is malformed, larger than a specification may be, has several documents, or a number that JSON lacks.
/// Nothing of the text is in the error: it may hold secrets.
pub fn read(text: &str) -> Result<Value, Malformed> {
    let mut sources = SourceMap::new();
    let id = sources.add("", text);
    let mut diags = Diagnostics::new();
    let tree = spec::parse(&sources, id, &mut diags);
    if let Some(fault) = diags.iter().next() {
        let line = sources.locate(fault.span).line;
        return Err(Malformed { line });
    }
    let value = tree.and_then(|tree| bundle::json_value(&tree));
    value.ok_or(Malformed { line: 1 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_text_says() {
        let text = "a: [x, 'true', true, null]\nb: { c: |\n    two\n    lines\n  }\n";
        assert!(read(text).is_err());
        let text = "a: [x, 'true', true, null]\nb:\n  c: |\n    two\n    lines\n";
        let expected = json!({"a": ["x", "true", true, null], "b": {"c": "two\nlines\n"}});
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read("{\"a\": \"b\"}"), Ok(json!({"a": "b"})));
        assert_eq!(read(""), Ok(json!({})));
    }

    #[test]
    fn nothing_of_a_malformed_text_is_told() {
        let error = read("a: b\ntoken: \"s3cr3t").unwrap_err();
        assert!(error.line >= 2, "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
        assert!(read("a: .nan").is_err());
    }
}
