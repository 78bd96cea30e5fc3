//! Locks in, text and findings out.

use super::*;
use crate::source::SourceMap;

fn sources(files: &[(SourceKind, &str, &str)]) -> SourceMap {
    let mut sources = SourceMap::new();
    for (kind, name, text) in files {
        sources.add_as(*kind, *name, *text);
    }
    sources
}

fn variable(name: &str, value: Option<&str>, secret: bool) -> Variable {
    Variable {
        name: name.to_owned(),
        secret,
        value: value.map(str::to_owned),
    }
}

fn machine() -> Machine {
    Machine {
        toolchain: Some("rustc 1.95.0".to_owned()),
        crates: Some("00".to_owned()),
    }
}

fn some() -> Lock {
    let files = [
        (SourceKind::Main, "goma.yml", "version: 2\n"),
        (SourceKind::Git, "https://h/r@abc/\"x\".yml", "{}"),
        (SourceKind::Extra, "extra/b.yml", "b"),
        (SourceKind::Extra, "extra/a.yml", "a"),
    ];
    let variables = [
        variable("Z", Some("/z"), false),
        variable("A", None, false),
        variable("TOKEN", None, true),
    ];
    Lock::new(&sources(&files), &variables, &machine())
}

fn mismatches(written: &str, now: &Lock) -> Vec<String> {
    let file = sources(&[(SourceKind::Main, FILE_NAME, written)]);
    let id = file.main().unwrap();
    match Written::parse(written) {
        Ok(written) => written
            .mismatches(now, id)
            .iter()
            .map(|item| format!("{} {}", file.locate(item.span).line, item.message))
            .collect(),
        Err(faulty) => vec![faulty.finding(id).message],
    }
}

/// C-LOCK-1.
#[test]
fn a_lock_is_sorted_toml_without_secrets() {
    let text = some().text();
    insta::assert_snapshot!(text.split_once("control").unwrap().1);
    assert_eq!(mismatches(&text, &some()), [""; 0]);
}

/// C-LOCK-2.
#[test]
fn every_difference_is_named_at_its_line() {
    let text = some().text();
    let changed = text
        .replace(&sha256(b"/z"), "11")
        .replace("extra/b.yml", "extra/c.yml")
        .replace(&sha256(b"a"), "22")
        .replace("1.95.0", "1.94.0");
    insta::assert_snapshot!(mismatches(&changed, &some()).join("\n"));
}

#[test]
fn what_is_no_lock_is_said_so() {
    for text in [
        "<<<<<<< HEAD\n",
        "version = 2\ngoma = \"9\"\n",
        "x = 1\n",
        "",
    ] {
        let found = mismatches(text, &some());
        assert!(
            found.len() == 1 && found[0].starts_with("`goma.lock` cannot be read: "),
            "{found:?}"
        );
    }
}
