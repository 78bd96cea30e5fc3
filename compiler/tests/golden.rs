//! The committed crates in `generated/` are, byte for byte, what the compiler emits today.
//! `GOMA_BLESS=1 cargo test -p goma-compiler --test golden` rewrites them.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test compares files on disk, and fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use goma_compiler::source::SourceMap;
use goma_compiler::{Options, Output, compile};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compiles `specs/<name>/goma.yaml`, which must have no errors.
fn output(name: &str) -> Output {
    let path = workspace().join("specs").join(name).join("goma.yaml");
    let mut sources = SourceMap::new();
    sources.add("goma.yaml", std::fs::read(&path).unwrap());
    let options = Options {
        name: name.to_owned(),
        ..Options::default()
    };
    let compiled = compile(&sources, &options);
    let findings = compiled.diagnostics.summary(&sources);
    compiled.output.unwrap_or_else(|| panic!("{findings:?}"))
}

fn check(name: &str) {
    let root = workspace().join("generated").join(name);
    let bless = std::env::var_os("GOMA_BLESS").is_some();
    let output = output(name);
    for file in &output.files {
        let path = root.join(&*file.path);
        if bless {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &file.text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == file.text,
            "{} is not what the compiler emits: run with GOMA_BLESS=1 and read the difference",
            path.display()
        );
    }
    check_no_other_files(&root, &output);
    check_format(&root, &output);
}

/// A file that is no longer emitted must not stay.
fn check_no_other_files(root: &Path, output: &Output) {
    let sources = std::fs::read_dir(root.join("src")).unwrap();
    for entry in sources {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("src/{name}");
        assert!(
            output.files.iter().any(|file| file.path == path),
            "{path} is not emitted"
        );
    }
}

/// rustfmt has nothing to change, where there is a rustfmt.
fn check_format(root: &Path, output: &Output) {
    let rust = output
        .files
        .iter()
        .filter(|file| file.path.ends_with(".rs"));
    let status = Command::new("rustfmt")
        .args(["--edition", "2024", "--check"])
        .args(rust.map(|file| root.join(&*file.path)))
        .status();
    if let Ok(status) = status {
        assert!(status.success(), "rustfmt would change generated code");
    }
}

#[test]
fn quickstart() {
    check("quickstart");
}

#[test]
fn shop() {
    check("shop");
}

/// Same input, same bytes.
#[test]
fn deterministic() {
    let (first, second) = (output("shop"), output("shop"));
    assert_eq!(first.files, second.files);
    assert_eq!(first.revision, second.revision);
}
