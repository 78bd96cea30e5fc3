//! The requests, read from `tests/duel/corpus/*.txt`.
//!
//! A case begins with `== name`, then `why:`, `ours:` and, where they say something, `sees:` and
//! `lacks:`; the request follows, each line a piece of it. Line breaks of the file mean nothing:
//! `\r`, `\n`, `\t`, `\0`, `\xNN`, `\\` and `\s` (space) are bytes, `\(text*N)` repeats. `#` begins a
//! comment line between cases.

use std::fs;

use crate::build::repository;

/// One request and what becomes of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file it is in.
    pub family: String,
    /// Unique.
    pub name: String,
    /// What is odd about it, and where that is from.
    pub why: String,
    /// Our outcome, as [`super::contest::Outcome::line`] prints it.
    pub ours: String,
    /// Texts that the backend must see.
    pub sees: Vec<Vec<u8>>,
    /// Texts that the backend must not see.
    pub lacks: Vec<Vec<u8>>,
    /// The bytes.
    pub request: Vec<u8>,
}

/// All cases, by file and place.
///
/// # Panics
/// If a file does not keep to the form, or a name is there twice.
#[must_use]
pub fn corpus() -> Vec<Case> {
    let mut files: Vec<_> = fs::read_dir(repository().join("tests/duel/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut cases: Vec<Case> = Vec::new();
    for file in files {
        let family = file.file_stem().unwrap().to_str().unwrap().to_owned();
        parse(&family, &fs::read_to_string(&file).unwrap(), &mut cases);
    }
    let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "a name is there twice");
    cases
}

fn parse(family: &str, text: &str, cases: &mut Vec<Case>) {
    let begin = cases.len();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case {
                family: family.to_owned(),
                name: name.to_owned(),
                why: String::new(),
                ours: String::new(),
                sees: Vec::new(),
                lacks: Vec::new(),
                request: Vec::new(),
            });
            continue;
        }
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        assert!(cases.len() > begin, "{family}: {line:?} before any case");
        let case = cases.last_mut().unwrap();
        match line.split_once(": ").filter(|_| case.request.is_empty()) {
            Some(("why", why)) => why.clone_into(&mut case.why),
            Some(("ours", ours)) => ours.clone_into(&mut case.ours),
            Some(("sees", text)) => case.sees.push(bytes(text)),
            Some(("lacks", text)) => case.lacks.push(bytes(text)),
            _ => case.request.extend(bytes(line)),
        }
    }
    for case in &cases[begin..] {
        let complete = !case.why.is_empty() && !case.ours.is_empty() && !case.request.is_empty();
        assert!(complete, "{family}: {} lacks something", case.name);
    }
}

/// The bytes that a line stands for.
fn bytes(line: &str) -> Vec<u8> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        found.extend(rest[..at].bytes());
        let kind = rest.as_bytes()[at + 1];
        rest = &rest[at + 2..];
        match kind {
            b'r' => found.push(b'\r'),
            b'n' => found.push(b'\n'),
            b't' => found.push(b'\t'),
            b's' => found.push(b' '),
            b'0' => found.push(0),
            b'\\' => found.push(b'\\'),
            b'x' => {
                found.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            b'(' => {
                let (repeated, after) = rest.split_once(')').unwrap();
                let (text, count) = repeated.rsplit_once('*').unwrap();
                found.extend(bytes(text).repeat(count.parse().unwrap()));
                rest = after;
            }
            other => panic!("{line:?}: no escape {:?}", char::from(other)),
        }
    }
    found.extend(rest.bytes());
    found
}
