//! The specs that users copy have no findings at all.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads its files; failing is its answer"
)]

use std::collections::BTreeSet;
use std::path::Path;

use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check, compile, diag};

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

/// MW-GEN-21: what `ci/bench` measures as the largest gateway has every feature of the runtime, and every type of
/// middleware that has a page.
#[test]
fn everything_has_everything() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let spec = std::fs::read_to_string(root.join("tests/specs/everything.yaml")).unwrap();
    let mut sources = SourceMap::new();
    sources.add("goma.yaml", spec.clone().into_bytes());
    let output = compile(&sources, &Options::default()).output.unwrap();
    let needed = output.plan.features.iter().map(|feature| feature.name());

    let manifest = std::fs::read_to_string(root.join("runtime/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let features = manifest["features"].as_table().unwrap().keys();
    let features = features.filter(|name| !["default", "fuzzing"].contains(&name.as_str()));
    assert_eq!(
        needed.collect::<BTreeSet<_>>(),
        features.map(String::as_str).collect()
    );

    for page in std::fs::read_dir(root.join("docs/middlewares")).unwrap() {
        let name = page.unwrap().path().file_stem().unwrap().to_owned();
        let line = format!("    type: {}\n", name.display());
        assert!(spec.contains(&line), "{line}");
    }
}
