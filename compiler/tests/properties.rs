//! No input makes the compiler panic, and no finding points outside its file.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use std::sync::LazyLock;

use goma_compiler::migrate::migrate;
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check, diag};
use proptest::prelude::*;

const QUICKSTART: &str = include_str!("../../specs/quickstart/goma.yaml");
const SHOP: &str = include_str!("../../specs/shop/goma.yaml");

/// Pieces that mean something to the grammar.
const PIECES: &[&str] = &[
    "",
    "\n",
    " ",
    "  ",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "<<: *a",
    "|",
    ">",
    "!!str ",
    "~",
    "${",
    "${X}",
    "${X:-",
    "$${",
    "{{uuid()}}",
    "{client.ip",
    "/",
    "*",
    "é",
    "\t",
    "\u{feff}",
    "\0",
    "0x10",
    "-1",
    "1e9",
    "---\n",
    "...\n",
    "name",
    "middlewares",
    "rule: ",
    "users",
    "cors",
    "\u{202e}",
];

fn check_bytes(bytes: &[u8]) {
    let mut sources = SourceMap::new();
    let id = sources.add("goma.yaml", bytes);
    // The notes about 1.0 are rules like others.
    let options = Options {
        compat_v1: true,
        ..Options::default()
    };
    let checked = check(&sources, &options);
    let findings = &checked.diagnostics;
    assert_eq!(checked.model.is_none(), findings.has_errors());
    for finding in findings {
        assert!(finding.span.start <= finding.span.end, "{finding:?}");
        assert!(
            finding.span.end as usize <= sources.text(id).len() + 1,
            "{finding:?}"
        );
        assert!(
            !finding.message.contains('\n') && !finding.message.ends_with('.'),
            "{finding:?}"
        );
    }
    assert!(diag::render::human(findings, &sources, true).ends_with('\n'));
    let json: serde_json::Value =
        serde_json::from_str(&diag::render::json(findings, &sources)).unwrap();
    assert_eq!(
        json["findings"].as_array().unwrap().len(),
        findings.iter().count()
    );
    assert_eq!(findings, &check(&sources, &options).diagnostics);
}

/// A text with some ranges of bytes replaced.
fn mutated(text: &str, edits: &[(usize, usize, usize)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for &(at, length, piece) in edits {
        let at = at % (bytes.len() + 1);
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, PIECES[piece % PIECES.len()].bytes());
    }
    bytes
}

/// What fuzzing began with, and what it once found (tests/fuzz): no panic, and migrating twice is
/// migrating once.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads its files")]
fn seeds_of_the_fuzz_targets() {
    let mut count = 0;
    for target in ["spec", "migrate", "patterns"] {
        let seeds = format!(
            "{}/../tests/fuzz/seeds/{target}",
            env!("CARGO_MANIFEST_DIR")
        );
        for entry in std::fs::read_dir(seeds).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            check_bytes(&bytes);
            let text = String::from_utf8_lossy(&bytes);
            let migrated = |text: &str| {
                let mut sources = SourceMap::new();
                sources.add("goma.yml", text);
                migrate(&sources, &Options::default()).remove(0).text
            };
            let once = migrated(&text);
            assert_eq!(once, migrated(&once));
            count += 1;
        }
    }
    assert!(count > 20, "{count} seeds");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_bytes(&bytes);
    }

    #[test]
    fn any_text(text in "[ -~\n]{0,300}") {
        check_bytes(text.as_bytes());
    }

    #[test]
    fn pieces(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|&piece| PIECES[piece]).collect();
        check_bytes(text.as_bytes());
    }

    #[test]
    fn mutated_specs(
        shop in any::<bool>(),
        edits in proptest::collection::vec((any::<usize>(), 0..12_usize, any::<usize>()), 1..8),
    ) {
        check_bytes(&mutated(if shop { SHOP } else { QUICKSTART }, &edits));
    }

    #[test]
    fn mutated_corpus(
        file in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<usize>(), 0..12_usize, any::<usize>()), 0..8),
    ) {
        check_bytes(&mutated(file.get::<String>(&CORPUS), &edits));
    }
}

/// Every key of the dialect with a condition is in some of these.
static CORPUS: LazyLock<Vec<String>> = LazyLock::new(corpus);

#[allow(clippy::disallowed_methods, reason = "a test reads its files")]
fn corpus() -> Vec<String> {
    let mut paths = Vec::new();
    for directory in ["specs/wrong", "specs/wrong/near"] {
        let directory = format!("{}/../{directory}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(directory).unwrap();
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}
