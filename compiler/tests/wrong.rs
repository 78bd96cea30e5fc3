//! Every file of `specs/wrong` has one defect. A comment at the end of its line says what must be
//! found there: `# error[code]` or `# warning[code]`, with `@column` where that is exact. Nothing
//! else may be found, but for `not-yet-supported` in files that do not speak of it: what is wrong
//! with a key is the same before and after a release can do it.
//!
//! Every file of `specs/wrong/near` nearly has the defect that its first line names, and must not
//! get that finding.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files; failing is its answer"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use goma_compiler::diag::{self, Code};
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check, decrypt_rules};

#[test]
fn each_defect_is_found_where_it_is() {
    let files = corpus("specs/wrong");
    assert!(files.len() >= 300, "{} files", files.len());
    let without = files.iter().filter(|(_, text)| expected(text).is_empty());
    let without = without.map(|(name, _)| format!("== {name} has none\n"));
    let wrong = files.iter().filter_map(|(name, text)| fault(name, text));
    let faults: String = without.chain(wrong).collect();
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn near_misses_do_not_have_the_finding() {
    let mut faults = String::new();
    for (name, text) in corpus("specs/wrong/near") {
        let code = near(&text).unwrap();
        assert!(Code::parse(code).is_some(), "{name}: {code}");
        if expected(&text)
            .iter()
            .any(|(_, found, _)| found.ends_with(&format!("[{code}]")))
        {
            let _ = writeln!(faults, "== {name} expects what it must not have");
        }
        faults.extend(fault(&name, &text));
    }
    assert!(faults.is_empty(), "{faults}");
}

/// What differs between the findings of a file and what its comments say.
fn fault(name: &str, text: &str) -> Option<String> {
    let mut sources = SourceMap::new();
    sources.add(name, text);
    let options = options(text);
    decrypt_rules(&mut sources, &options);
    let checked = check(&sources, &options);
    let expected = expected(text);
    let unsupported = text.contains("[not-yet-supported]");
    let counts = |item: &&diag::Diagnostic| unsupported || item.code != Code::NotYetSupported;
    let found: BTreeSet<_> = checked
        .diagnostics
        .iter()
        .filter(counts)
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
        found
            .iter()
            .any(|(l, c, at)| l == line && c == code && column.is_none_or(|column| column == *at))
    };
    if found.len() != expected.len() || !expected.iter().all(fits) {
        let shown = diag::render::human(&checked.diagnostics, &sources, false);
        return Some(format!("== {name}\nexpected {expected:?}\n{shown}\n"));
    }
    let errors = checked.diagnostics.has_errors();
    (checked.model.is_none() != errors)
        .then(|| format!("== {name}\nerrors and a model, or neither\n"))
}

/// What the first lines of a file ask for.
fn options(text: &str) -> Options {
    let passphrase = text
        .lines()
        .find_map(|line| line.strip_prefix("# passphrase: "));
    let variable = |text: &str| ("GOMA_CONFIG_ENCRYPTION_KEY".to_owned(), text.to_owned());
    Options {
        compat_v1: text.contains("\n# compat: v1\n"),
        env: passphrase.map(variable).into_iter().collect(),
        ..Options::default()
    }
}

/// The code that a file nearly has.
fn near(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("# near: ")
}

#[test]
fn every_code_has_a_file_and_a_near_miss() {
    let wrong: String = corpus("specs/wrong")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let near: Vec<_> = corpus("specs/wrong/near");
    let near: BTreeSet<_> = near
        .iter()
        .filter_map(|(_, text)| self::near(text))
        .collect();
    let missing = |has: &dyn Fn(&Code) -> bool| -> Vec<_> {
        Code::ALL
            .iter()
            .filter(|code| !has(code))
            .map(|code| code.as_str())
            .collect()
    };
    // What lies beside a file is no file of the corpus (tests of the command line); a clash of names
    // is a matter of generated code (test in `plan`).
    let elsewhere = [
        "bundle-signature",
        "env-in-bundle",
        "file-not-here",
        "lock-mismatch",
        "name-clash",
        "provider-failed",
        "test-failed",
    ];
    assert_eq!(
        missing(&|code| wrong.contains(&format!("[{code}]"))),
        elsewhere
    );
    assert_eq!(missing(&|code| near.contains(code.as_str())), elsewhere);
}

#[test]
fn secrets_are_never_shown() {
    for (name, text) in corpus("specs/wrong") {
        let mut sources = SourceMap::new();
        sources.add(name.as_str(), text.as_str());
        let options = options(&text);
        decrypt_rules(&mut sources, &options);
        let findings = check(&sources, &options).diagnostics;
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

fn corpus(directory: &str) -> Vec<(String, String)> {
    let directory = format!("{}/../{directory}", env!("CARGO_MANIFEST_DIR"));
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
