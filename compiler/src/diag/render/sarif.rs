//! Findings as SARIF 2.1.0, for code scanning (RT-CLI-8).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixes;
use crate::diag::{Code, Diagnostic, Diagnostics, Fix, Severity};
use crate::source::{SourceMap, Span};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One log with one run; only the rules that were broken are described.
#[must_use]
pub fn sarif(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let codes: BTreeSet<Code> = diagnostics.iter().map(|item| item.code).collect();
    let index = |code: Code| codes.iter().position(|&other| other == code);
    let results: Vec<_> = diagnostics
        .iter()
        .map(|item| result(item, index(item.code), diagnostics, sources))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "goma",
                "semanticVersion": crate::VERSION,
                "rules": codes.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            // Columns count characters, not UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    let lines: Vec<_> = code.page().lines().map(str::trim).collect();
    let what = lines
        .first()
        .map_or("", |line| line.trim_start_matches("What: "));
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": what},
        "help": {"text": lines.join("\n")},
        "defaultConfiguration": {"level": code.severity().as_str()},
    })
}

fn result(item: &Diagnostic, rule: Option<usize>, all: &Diagnostics, sources: &SourceMap) -> Value {
    let mut text = item.message.clone();
    for help in &item.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    let related: Vec<_> = item
        .labels
        .iter()
        .map(|label| {
            json!({
                "physicalLocation": place(label.span, sources),
                "message": {"text": label.text},
            })
        })
        .collect();
    let changes = fixes(item, all, sources);
    let fixes: Vec<_> = if changes.is_empty() {
        Vec::new()
    } else {
        vec![json!({
            "description": {"text": "Apply the suggested change"},
            "artifactChanges": changes.iter().map(|fix| change(fix, sources)).collect::<Vec<_>>(),
        })]
    };
    json!({
        "ruleId": item.code.as_str(),
        "ruleIndex": rule,
        "level": level(item.severity),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": place(item.span, sources),
            "logicalLocations": [{"fullyQualifiedName": item.path}],
        }],
        "relatedLocations": related,
        "fixes": fixes,
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Note => "note",
        Severity::Warning => "warning",
    }
}

fn place(span: Span, sources: &SourceMap) -> Value {
    json!({
        "artifactLocation": {"uri": uri(&sources.locate(span).file)},
        "region": region(span, sources),
    })
}

fn region(span: Span, sources: &SourceMap) -> Value {
    let (at, end) = (sources.locate(span), sources.locate_end(span));
    json!({
        "startLine": at.line,
        "startColumn": at.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

fn change(fix: &Fix, sources: &SourceMap) -> Value {
    json!({
        "artifactLocation": {"uri": uri(&sources.locate(fix.span).file)},
        "replacements": [{
            "deletedRegion": region(fix.span, sources),
            "insertedContent": {"text": fix.text},
        }],
    })
}

/// A file's name as a relative reference (RFC 3986 section 4.2).
fn uri(file: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::with_capacity(file.len());
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            // Writing to a `String` cannot fail.
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
