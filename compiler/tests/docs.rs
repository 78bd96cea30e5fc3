//! `docs/diagnostics.md` is made from the codes' own pages, `docs/reference.md` from the dialect.
//! `GOMA_BLESS=1 cargo test -p goma-compiler --test docs` rewrites them.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test compares a file on disk, and fails by panicking"
)]

use std::path::Path;

use goma_compiler::diag::{Code, Severity};

fn page() -> String {
    let mut page = String::from(
        "<!-- Generated from compiler/src/diag/code/; see compiler/tests/docs.rs. -->\n\n\
         # Diagnostics\n\n\
         Every code of this release. `goma explain CODE` prints the same.\n",
    );
    for code in Code::ALL {
        let severity = match code.severity() {
            Severity::Error => "error",
            Severity::Note => "note",
            Severity::Warning => "warning",
        };
        page.push_str(&format!("\n## `{code}` ({severity})\n\n"));
        for line in code.page().lines() {
            let (heading, text) = line.trim().split_once(": ").unwrap();
            page.push_str(&format!("- **{heading}:** {text}\n"));
        }
    }
    page
}

#[test]
fn the_page_of_diagnostics_is_fresh() {
    is_fresh("diagnostics.md", &page());
}

#[test]
fn the_reference_of_keys_is_fresh() {
    is_fresh("reference.md", &goma_compiler::dialect::reference());
}

fn is_fresh(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("GOMA_BLESS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/{name} is stale: run with GOMA_BLESS=1"
    );
}
