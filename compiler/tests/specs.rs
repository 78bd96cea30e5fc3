//! The specs that users copy have no findings at all.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads its files; failing is its answer"
)]

use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check, diag};

#[test]
fn examples_are_clean() {
    for name in ["quickstart", "shop"] {
        let path = format!("{}/../specs/{name}/goma.yaml", env!("CARGO_MANIFEST_DIR"));
        let mut sources = SourceMap::new();
        sources.add("goma.yaml", std::fs::read(&path).unwrap());
        let checked = check(&sources, &Options::default());
        assert_eq!(
            diag::render::human(&checked.diagnostics, &sources, false),
            "0 errors, 0 warnings\n",
            "{path}"
        );
        assert!(checked.model.is_some());
    }
}
