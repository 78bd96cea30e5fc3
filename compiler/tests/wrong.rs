//! Every file of `specs/wrong` has one defect. A comment at the end of its line says what must be
//! found there: `# error[code]` or `# warning[code]`, with `@column` where that is exact. Nothing
//! else may be found.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files; failing is its answer"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use goma_compiler::diag::{self, Code};
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check};

#[test]
fn each_defect_is_found_where_it_is() {
    let mut faults = String::new();
    let mut count = 0;
    for (name, text) in corpus() {
        count += 1;
        let mut sources = SourceMap::new();
        sources.add(name.as_str(), text.as_str());
        let checked = check(&sources, &Options::default());
        let expected = expected(&text);
        let found: BTreeSet<_> = checked
            .diagnostics
            .iter()
            .map(|item| {
                let at = sources.locate(item.span);
                (
                    at.line,
                    format!("{}[{}]", item.severity.as_str(), item.code),
                    at.column,
                )
            })
            .collect();
        let fits = |(line, code, column): &(usize, String, Option<usize>)| {
            found.iter().any(|(l, c, at)| {
                l == line && c == code && column.is_none_or(|column| column == *at)
            })
        };
        if expected.is_empty() || found.len() != expected.len() || !expected.iter().all(fits) {
            let shown = diag::render::human(&checked.diagnostics, &sources, false);
            let _ = writeln!(faults, "== {name}\nexpected {expected:?}\n{shown}");
        }
        let errors = expected
            .iter()
            .any(|(_, code, _)| code.starts_with("error"));
        if checked.model.is_none() != errors {
            let _ = writeln!(faults, "== {name}\nerrors and a model, or neither");
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(count >= 200, "{count} files");
}

#[test]
fn every_code_has_a_file() {
    let corpus: String = corpus().into_iter().map(|(_, text)| text).collect();
    // What lies beside a file is no file of the corpus (tests of the command line); a clash of names
    // is a matter of generated code (test in `plan`).
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !corpus.contains(&format!("[{code}]")))
        .collect();
    let elsewhere = [Code::FileMissing, Code::LockMismatch, Code::NameClash];
    assert_eq!(missing, elsewhere.iter().collect::<Vec<_>>());
}

#[test]
fn secrets_are_never_shown() {
    for (name, text) in corpus() {
        let mut sources = SourceMap::new();
        sources.add(name.as_str(), text.as_str());
        let findings = check(&sources, &Options::default()).diagnostics;
        let shown = diag::render::human(&findings, &sources, true)
            + &diag::render::json(&findings, &sources)
            + &diag::render::sarif(&findings, &sources)
            + &diag::render::github(&findings, &sources);
        assert!(
            !shown.contains("hunter2") && !shown.contains("MdZGtO"),
            "{name}: {shown}"
        );
    }
}

fn corpus() -> Vec<(String, String)> {
    let directory = format!("{}/../specs/wrong", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Line, `error[code]`, column.
fn expected(text: &str) -> Vec<(usize, String, Option<usize>)> {
    let mut expected = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let Some((_, comment)) = text.split_once(" # ") else {
            continue;
        };
        for word in comment.split_whitespace() {
            let (code, column) = word
                .split_once('@')
                .map_or((word, None), |(code, column)| (code, Some(column)));
            if ["error[", "warning[", "note["]
                .iter()
                .any(|level| code.starts_with(level))
            {
                expected.push((
                    line,
                    code.to_owned(),
                    column.map(|column| column.parse().unwrap()),
                ));
            }
        }
    }
    expected
}
