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
            })
            .collect()
    }
}
