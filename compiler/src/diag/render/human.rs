//! Findings for people: the shape of runtime.md section 22.

use std::fmt::Write as _;

use super::excerpt::excerpt;
use super::fixes;
use super::suggestion::suggestion;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::source::{SourceMap, Span};

/// Draws every finding with its source line, then the line that counts them.
#[must_use]
pub fn human(diagnostics: &Diagnostics, sources: &SourceMap, color: bool) -> String {
    let paint = Paint { color };
    let mut text = String::new();
    for finding in diagnostics {
        text.push_str(&draw(finding, diagnostics, sources, &paint));
    }
    let (errors, warnings) = (
        diagnostics.count(Severity::Error),
        diagnostics.count(Severity::Warning),
    );
    let total = format!(
        "{}, {}\n",
        counted(errors, "error"),
        counted(warnings, "warning")
    );
    text.push_str(&total);
    text
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn draw(finding: &Diagnostic, all: &Diagnostics, sources: &SourceMap, paint: &Paint) -> String {
    let number = |span: Span| sources.locate(span).line.to_string();
    let spans = std::iter::once(finding.span).chain(finding.labels.iter().map(|label| label.span));
    let gutter = spans.map(|span| number(span).len()).max().unwrap_or(1);
    let mut text = String::new();
    let head = format!("{}[{}]", finding.severity.as_str(), finding.code);
    let head = paint.severity(finding.severity, &head);
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "{head}{}",
        paint.bold(&format!(": {}", finding.message))
    );
    // The main file itself is missing: there is nothing to show.
    let absent = finding.code == Code::FileMissing && finding.span.start == finding.span.end;
    let unparsed = finding.code == Code::YamlSyntax;
    let mut section = |arrow: &str, span: Span, mark: char, note: &str| {
        let shown = excerpt(sources, span, all.secrets(), unparsed);
        let place = sources.locate(span);
        let _ = writeln!(text, "{:gutter$}{} {place}", "", paint.frame(arrow));
        let bar = paint.frame("|");
        let _ = writeln!(text, "{:gutter$} {bar}", "");
        let line = paint.frame(&format!("{:>gutter$}", place.line));
        let _ = writeln!(text, "{line} {bar} {}", shown.text);
        let (from, to) = shown.marks;
        let marks = mark.to_string().repeat(to - from);
        let below = if note.is_empty() {
            marks
        } else {
            format!("{marks} {note}")
        };
        let below = if mark == '^' {
            paint.severity(finding.severity, &below)
        } else {
            paint.frame(&below)
        };
        let _ = writeln!(text, "{:gutter$} {bar} {:from$}{below}", "", "");
    };
    if !absent {
        section("-->", finding.span, '^', "");
    }
    for label in &finding.labels {
        section(":::", label.span, '-', &label.text);
    }
    for help in &finding.help {
        let _ = writeln!(
            text,
            "{:gutter$} {} {}",
            "",
            paint.frame("="),
            paint.bold("help:").to_string() + " " + help
        );
    }
    let fixes = fixes(finding, all, sources);
    for change in suggestion(fixes, all.secrets(), sources) {
        let line = paint.frame(&format!("{:>gutter$}", change.line));
        let after = format!("{} {}", change.sign, change.text);
        let after = paint.change(change.sign, after.trim_end());
        let _ = writeln!(text, "{line} {after}");
    }
    text
}

/// ANSI colours, or none.
struct Paint {
    color: bool,
}

impl Paint {
    fn severity(&self, severity: Severity, text: &str) -> String {
        self.with(
            match severity {
                Severity::Error => "1;31",
                Severity::Warning => "1;33",
                Severity::Note => "1;36",
            },
            text,
        )
    }

    /// Red for what goes, green for what comes.
    fn change(&self, sign: char, text: &str) -> String {
        self.with(if sign == '-' { "31" } else { "32" }, text)
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn frame(&self, text: &str) -> String {
        self.with("1;34", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
