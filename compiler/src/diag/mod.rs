//! What the compiler tells the user: one type for all findings, collected, never thrown.
//! The texts of each code are in [`code`]; drawing is in [`render`].

pub mod code;
pub(crate) mod nearest;
pub mod render;

use std::collections::BTreeSet;

use crate::source::{SourceMap, Span};

pub use code::Code;

/// The most findings kept of one run; the rest are dropped so that output stays bounded.
pub const FINDINGS_MAX: usize = 10_000;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is built.
    Error,
    /// Built, but probably not what was meant.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A second place that explains the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, lower case, no full stop.
    pub text: String,
}

/// A change of the source that removes the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced; empty: an insertion.
    pub span: Span,
    /// By what.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Which rule.
    pub code: Code,
    /// One line, lower case, no full stop, user text in backticks.
    pub message: String,
    /// The dotted key: `gateway.routes[2].path`.
    pub path: String,
    /// The offending key or value.
    pub span: Span,
    /// Second places.
    pub labels: Vec<Label>,
    /// Advice, one line each.
    pub help: Vec<String>,
    /// Changes that remove the finding, applied together.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// A finding with the severity its code has by default.
    pub fn new(
        code: Code,
        path: impl Into<String>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            path: path.into(),
            span,
            labels: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Where the code is usually an error, but here the user may go on.
    #[must_use]
    pub const fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a line of advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a change that repairs the source.
    #[must_use]
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fixes.push(Fix {
            span,
            text: text.into(),
        });
        self
    }
}

/// The findings of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    /// Values that excerpts show as `****`.
    secrets: Vec<Span>,
    /// Kept in step with `items`: at most one finding per place and code (C-DIAG-2).
    seen: BTreeSet<(Span, Code)>,
}

impl Diagnostics {
    /// No findings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding; a second one of the same code at the same place is dropped.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let key = (diagnostic.span, diagnostic.code);
        if self.items.len() < FINDINGS_MAX && self.seen.insert(key) {
            self.items.push(diagnostic);
        }
    }

    /// Marks a value that must not be shown.
    pub fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// Values that must not be shown.
    #[must_use]
    pub fn secrets(&self) -> &[Span] {
        &self.secrets
    }

    /// Orders by file, line, column (C-DIAG-2).
    pub fn sort(&mut self) {
        self.items
            .sort_by_key(|item| (item.span, item.severity, item.code));
    }

    /// Keeps only some findings.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.items.retain(keep);
    }

    /// Changes or drops every finding, and keeps only some secrets.
    pub(crate) fn rewrite(
        &mut self,
        change: impl FnMut(Diagnostic) -> Option<Diagnostic>,
        is_secret: impl FnMut(&Span) -> bool,
    ) {
        self.seen.clear();
        let items = std::mem::take(&mut self.items);
        items
            .into_iter()
            .filter_map(change)
            .for_each(|item| self.push(item));
        self.secrets.retain(is_secret);
    }

    /// Takes over the findings and secrets of another run.
    pub fn extend(&mut self, other: Self) {
        for item in other.items {
            self.push(item);
        }
        self.secrets.extend(other.secrets);
    }

    /// Whether nothing can be built.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.items
            .iter()
            .any(|item| item.severity == Severity::Error)
    }

    /// How many findings have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.items
            .iter()
            .filter(|item| item.severity == severity)
            .count()
    }

    /// All findings, in order once sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.items.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// `goma.yaml:3:1 error[bad-host]` per finding: what tests and logs compare.
    #[must_use]
    pub fn summary(&self, sources: &SourceMap) -> Vec<String> {
        let line = |item: &Diagnostic| {
            format!(
                "{} {}[{}]",
                sources.locate(item.span),
                item.severity.as_str(),
                item.code
            )
        };
        self.items.iter().map(line).collect()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
