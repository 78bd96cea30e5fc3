//! The forms of a report: findings and a summary for people, JSON, and JUnit's XML.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Report, State, Verdict};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::SourceMap;

impl Report {
    /// What failed, to be shown with the lines of the source.
    #[must_use]
    pub fn findings(&self) -> Diagnostics {
        let mut findings = Diagnostics::new();
        self.failures()
            .for_each(|finding| findings.push(finding.clone()));
        findings.sort();
        findings
    }

    fn failures(&self) -> impl Iterator<Item = &Diagnostic> {
        self.results.iter().flat_map(Verdict::failures)
    }

    fn count(&self, fits: impl Fn(&State) -> bool) -> usize {
        let states = self.results.iter().map(|verdict| &verdict.state);
        states.filter(|state| fits(state)).count()
    }

    /// What was skipped, and the counts; with a line break at the end.
    #[must_use]
    pub fn summary(&self, sources: &SourceMap) -> String {
        let mut text = String::new();
        for verdict in &self.results {
            if let State::Skipped(what) = &verdict.state {
                let place = sources.place(verdict.span);
                let what = what.join(", ");
                let _ = writeln!(
                    text,
                    "skipped  {}  {place}  needs a running gateway: {what}",
                    verdict.name
                );
            }
        }
        for (_, name, span) in &self.coverage.uncovered {
            let _ = writeln!(text, "no test  route {name}  {}", sources.place(*span));
        }
        let passed = self.count(|state| matches!(state, State::Passed));
        let skipped = self.count(|state| matches!(state, State::Skipped(_)));
        let coverage = &self.coverage;
        let _ = writeln!(
            text,
            "{} passed, {} failed, {skipped} skipped; {} of {} routes covered ({} %)",
            passed,
            self.failed(),
            coverage.covered(),
            coverage.routes,
            coverage.percent(),
        );
        text
    }

    /// One object, with a line break at the end.
    #[must_use]
    pub fn json(&self, sources: &SourceMap) -> String {
        let tests: Vec<Value> = self
            .results
            .iter()
            .map(|verdict| {
                let failures: Vec<Value> = verdict
                    .failures()
                    .map(|finding| failure(finding, sources))
                    .collect();
                let needs = match &verdict.state {
                    State::Skipped(what) => what.as_slice(),
                    State::Failed(_) | State::Passed => &[],
                };
                let at = sources.locate(verdict.span);
                json!({
                    "name": verdict.name,
                    "file": at.file,
                    "line": at.line,
                    "column": at.column,
                    "result": verdict.word(),
                    "failures": failures,
                    "needsGateway": needs,
                })
            })
            .collect();
        let uncovered: Vec<Value> = self
            .coverage
            .uncovered
            .iter()
            .map(|(_, name, span)| json!({"name": name, "place": sources.place(*span)}))
            .collect();
        let object = json!({
            "tests": tests,
            "passed": self.count(|state| matches!(state, State::Passed)),
            "failed": self.failed(),
            "skipped": self.count(|state| matches!(state, State::Skipped(_))),
            "coverage": {
                "routes": self.coverage.routes,
                "covered": self.coverage.covered(),
                "percent": self.coverage.percent(),
                "uncovered": uncovered,
            },
        });
        format!("{object:#}\n")
    }

    /// JUnit's XML as CI servers read it: a suite per file. It has no times, so that the same input
    /// gives the same bytes.
    #[must_use]
    pub fn junit(&self, sources: &SourceMap) -> String {
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        let skipped = |verdict: &&Verdict| matches!(verdict.state, State::Skipped(_));
        let failed = |verdict: &&Verdict| matches!(verdict.state, State::Failed(_));
        let counts = |results: &[&Verdict]| {
            format!(
                "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"0\"",
                results.len(),
                results.iter().copied().filter(failed).count(),
                results.iter().copied().filter(skipped).count(),
            )
        };
        let all: Vec<&Verdict> = self.results.iter().collect();
        let _ = writeln!(text, "<testsuites name=\"goma test\" {}>", counts(&all));
        let same_file = |one: &&Verdict, other: &&Verdict| one.span.source == other.span.source;
        for suite in all.chunk_by(same_file) {
            let name = suite
                .first()
                .map(|verdict| sources.locate(verdict.span).file);
            let name = escaped(&name.unwrap_or_default());
            let _ = writeln!(text, "  <testsuite name=\"{name}\" {}>", counts(suite));
            for verdict in suite {
                push_case(&mut text, verdict, &name, sources);
            }
            text.push_str("  </testsuite>\n");
        }
        text.push_str("</testsuites>\n");
        text
    }
}

impl Verdict {
    fn failures(&self) -> impl Iterator<Item = &Diagnostic> {
        let failures = match &self.state {
            State::Failed(failures) => failures.as_slice(),
            State::Passed | State::Skipped(_) => &[],
        };
        failures.iter()
    }

    const fn word(&self) -> &'static str {
        match self.state {
            State::Failed(_) => "failed",
            State::Passed => "passed",
            State::Skipped(_) => "skipped",
        }
    }
}

fn failure(finding: &Diagnostic, sources: &SourceMap) -> Value {
    let at = sources.locate(finding.span);
    json!({
        "message": finding.message,
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "key": finding.path,
        "help": finding.help,
    })
}

fn push_case(text: &mut String, verdict: &Verdict, suite: &str, sources: &SourceMap) {
    let line = sources.locate(verdict.span).line;
    let name = escaped(&verdict.name);
    let _ = write!(
        text,
        "    <testcase classname=\"{suite}\" name=\"{name}\" file=\"{suite}\" line=\"{line}\" time=\"0\""
    );
    match &verdict.state {
        State::Passed => text.push_str("/>\n"),
        State::Skipped(what) => {
            let what = escaped(&format!("needs a running gateway: {}", what.join(", ")));
            let _ = writeln!(
                text,
                ">\n      <skipped message=\"{what}\"/>\n    </testcase>"
            );
        }
        // One element, as the format has it; further failures are in its text.
        State::Failed(failures) => {
            let message = failures.first().map_or("", |finding| &finding.message);
            let body: String = failures
                .iter()
                .map(|finding| body(finding, sources))
                .collect();
            let _ = writeln!(
                text,
                ">\n      <failure type=\"test-failed\" message=\"{}\">{}</failure>\n    </testcase>",
                escaped(message),
                escaped(&body)
            );
        }
    }
}

/// `file:line:column: message`, then labels and help.
fn body(finding: &Diagnostic, sources: &SourceMap) -> String {
    let mut text = format!("{}: {}\n", sources.locate(finding.span), finding.message);
    for label in &finding.labels {
        let _ = writeln!(text, "  {}: {}", sources.locate(label.span), label.text);
    }
    for help in &finding.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

/// For text and attributes; what XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
