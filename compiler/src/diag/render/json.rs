//! Findings for tools (RT-CLI-8).

use serde_json::{Value, json};

use super::fixes;
use crate::diag::{Diagnostic, Diagnostics, Fix, Label, Severity};
use crate::source::SourceMap;

/// One object: `{"findings": […], "errors": n, "warnings": n}`, one finding per line. `start` and
/// `end` of a fix are byte offsets in its file; several helps are joined by line breaks.
#[must_use]
pub fn json(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let findings: Vec<String> = diagnostics
        .iter()
        .map(|item| finding(item, diagnostics, sources).to_string())
        .collect();
    let list = match findings.as_slice() {
        [] => String::new(),
        findings => format!("\n{}\n", findings.join(",\n")),
    };
    let (errors, warnings) = (
        diagnostics.count(Severity::Error),
        diagnostics.count(Severity::Warning),
    );
    format!("{{\"findings\":[{list}],\"errors\":{errors},\"warnings\":{warnings}}}\n")
}

fn finding(item: &Diagnostic, all: &Diagnostics, sources: &SourceMap) -> Value {
    let (at, end) = (sources.locate(item.span), sources.locate_end(item.span));
    let help = (!item.help.is_empty()).then(|| item.help.join("\n"));
    json!({
        "code": item.code.as_str(),
        "severity": item.severity.as_str(),
        "message": item.message,
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "endLine": end.line,
        "endColumn": end.column,
        "path": item.path,
        "help": help,
        "related": item.labels.iter().map(|label| related(label, sources)).collect::<Vec<_>>(),
        "fixes": fixes(item, all, sources).iter().map(fix).collect::<Vec<_>>(),
    })
}

fn related(label: &Label, sources: &SourceMap) -> Value {
    let (at, end) = (sources.locate(label.span), sources.locate_end(label.span));
    json!({
        "message": label.text,
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

fn fix(fix: &Fix) -> Value {
    json!({ "start": fix.span.start, "end": fix.span.end, "text": fix.text })
}
