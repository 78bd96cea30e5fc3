//! The real `goma` in directories of its own, without variables of the machine that matter: one test
//! program, so that there is one link step.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails fails its test"
)]

mod build;
mod commands;
mod compat;
mod dev;
mod diff;
mod docs;
mod embedded;
mod export;
mod lock;
mod providers;
mod samples;
mod several;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A configuration without findings, whose backend is an address: no DNS code is compiled.
pub(crate) const GOOD: &str = "\
version: 2
gateway:
  entryPoints:
    web: { address: \"${LISTEN:-127.0.0.1:8080}\" }
  routes:
    - name: site
      path: /
      target: http://127.0.0.1:9090
";

/// The root of this repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The binary under test, without variables that would change what it does.
pub(crate) fn goma() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goma"));
    for name in [
        "GOMA_CONFIG_FILE",
        "GOMA_BUNDLE_SIGNING_KEY",
        "GOMA_CONFIG_ENCRYPTION_KEY",
        "GOMA_EXTRA_CONFIG_DIR",
        "NO_COLOR",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(name);
    }
    command
}

/// An empty directory with these files.
pub(crate) fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// What a command has printed, as JSON.
pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs `goma` in `dir` to its end.
pub(crate) fn run_in(dir: &Path, args: &[&str]) -> Output {
    goma().args(args).current_dir(dir).output().unwrap()
}

/// Exit code and stdout; stderr is shown if the code is another one.
pub(crate) fn expect(output: &Output, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout:\n{stdout}\nstderr:\n{stderr}"
    );
    stdout
}
