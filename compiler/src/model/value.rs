//! Values of class V: text that the gateway completes when it starts (C-ENV).

use crate::source::Span;

/// The text of a class V key, `${NAME}` references kept apart.
#[derive(Clone, Debug)]
pub struct Value {
    /// The dotted key: `gateway.routes[2].target`.
    pub key: String,
    /// Where it is written; for a default, the enclosing section.
    pub span: Span,
    /// In order; adjacent texts are merged, so a literal has at most one part.
    pub parts: Vec<Part>,
    /// Whether the value must not be shown.
    pub secret: bool,
}

/// A piece of a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As written, `$${` already turned into `${`.
    Text(String),
    /// `${NAME}` or `${NAME:-default}`.
    Env {
        /// `[A-Za-z_][A-Za-z0-9_]*`
        name: String,
        /// Used when the variable is unset or empty.
        default: Option<String>,
    },
    /// An encrypted message, which is decrypted when the gateway starts (C-SEC-1).
    Encrypted {
        /// The armoured text.
        message: String,
        /// Which part of what it holds.
        cut: Cut,
    },
}

/// A part of a decrypted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// What follows the first `:`.
    Password,
    /// What stands before the first `:`.
    User,
    /// All of it.
    Whole,
}

impl Value {
    /// A text without references.
    pub fn literal(key: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        let parts = if text.is_empty() {
            Vec::new()
        } else {
            vec![Part::Text(text)]
        };
        Self {
            key: key.into(),
            span,
            parts,
            secret: false,
        }
    }

    /// The whole text if nothing depends on the environment.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            [..] => None,
        }
    }

    /// The text that results when no variable is set; `None` if a reference has no default.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Env { default, .. } => default.as_deref(),
                Part::Encrypted { .. } => None,
            })
            .collect()
    }
}

/// Where a text stands in what was written: first bytes and the bytes after the last, in pieces without the indentation of a block; `None`: it is
/// written with escapes, or folded.
#[must_use]
pub fn places(written: &str, text: &str) -> Option<Vec<(usize, usize)>> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    let whole = written.contains(text);
    let pieces: Vec<&str> = if whole {
        vec![text]
    } else {
        let lines = text.split_inclusive('\n');
        let pieces = lines.flat_map(|line| match line.strip_suffix('\n') {
            Some(content) => [content, "\n"],
            None => [line, ""],
        });
        pieces.collect()
    };
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let start = from + written.get(from..)?.find(piece)?;
        from = start + piece.len();
        match places.last_mut().filter(|(_, end)| *end == start) {
            Some((_, end)) => *end = from,
            None => places.push((start, from)),
        }
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, text: &str, expected: Option<&[(usize, usize)]>) {
        let found = places(written, text);
        assert_eq!(found.as_deref(), expected, "{written:?} {text:?}");
        let pieces = found.unwrap_or_default();
        let joined: String = pieces
            .into_iter()
            .filter_map(|at| written.get(at.0..at.1))
            .collect();
        assert!(expected.is_none() || joined == text, "{joined:?}");
    }

    #[test]
    fn texts_in_what_was_written() {
        check("secret", "secret", Some(&[(0, 6)]));
        check("'se: cret'", "se: cret", Some(&[(1, 9)]));
        check("\"\"", "", Some(&[]));
        check(
            "|\n    one\n    two\n",
            "one\ntwo\n",
            Some(&[(6, 10), (14, 18)]),
        );
        check(
            "|\r\n  one\r\n  two\r\n",
            "one\ntwo\n",
            Some(&[(5, 8), (9, 10), (12, 15), (16, 17)]),
        );
        check("|\n  one\n\n  two", "one\n\ntwo", Some(&[(4, 9), (11, 14)]));
        check(r#""a\tb""#, "a\tb", None);
        check("one\n  two", "one two", None);
        check("'it''s'", "it's", None);
    }
}
