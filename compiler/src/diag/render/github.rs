//! Findings as workflow commands, which GitHub shows at the changed lines (RT-CLI-8).

use std::fmt::Write as _;

use crate::diag::{Diagnostics, Severity};
use crate::source::SourceMap;

/// One `::error file=…,line=…,col=…,title=…::message` per finding.
#[must_use]
pub fn github(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let mut text = String::new();
    for item in diagnostics {
        let command = match item.severity {
            Severity::Error => "error",
            Severity::Note => "notice",
            Severity::Warning => "warning",
        };
        let at = sources.locate(item.span);
        let end = sources.locate_end(item.span);
        let mut message = item.message.clone();
        for help in &item.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "::{command} file={},line={},col={},",
            property(&at.file),
            at.line,
            at.column
        );
        // GitHub draws a range of columns only within a line.
        if end.line == at.line && end.column > at.column {
            let _ = write!(text, "endLine={},endColumn={},", end.line, end.column);
        }
        let _ = writeln!(text, "title={}::{}", item.code, data(&message));
    }
    text
}

/// What follows the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
