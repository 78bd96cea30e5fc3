//! Gateways for tests, built once by the command that users run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Of what is encrypted in tests/specs.
pub const PASSPHRASE: &str = "correct horse";

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The target directory that the running test was built in.
#[must_use]
pub fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// The `goma` binary of this build; built if it is not there.
#[must_use]
pub fn goma() -> PathBuf {
    let profile = std::env::current_exe().unwrap();
    let binary = profile.ancestors().nth(2).unwrap().join("goma");
    if !binary.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "-p", "goma", "--target-dir"])
            .arg(target())
            .current_dir(repository())
            .status()
            .unwrap();
        assert!(built.success(), "cargo build -p goma failed");
    }
    binary
}

/// The gateway of `runtime/examples/<name>.rs`, written by hand.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    // With the features of a run of all tests, which has built it then.
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "-q",
            "--workspace",
            "--all-features",
            "--example",
            name,
        ])
        .arg("--target-dir")
        .arg(target())
        .current_dir(repository())
        .status()
        .unwrap();
    assert!(built.success(), "cargo build --example {name} failed");
    target().join("debug/examples").join(name)
}

/// A `goma` command whose cache lies in the target directory.
#[must_use]
pub fn goma_command() -> Command {
    let mut command = Command::new(goma());
    command.env("GOMA_CACHE_DIR", target().join("e2e/cache"));
    command
}

/// The gateway of `tests/specs/<name>.yaml`. Built at most once per change, however many test
/// processes ask for it.
#[must_use]
pub fn gateway(name: &str) -> PathBuf {
    let spec = repository()
        .join("tests/specs")
        .join(format!("{name}.yaml"));
    let out = target().join("e2e").join(name);
    fs::create_dir_all(&out).unwrap();
    let lock = File::create(target().join("e2e/lock")).unwrap();
    lock.lock().unwrap();
    let binary = out.join("gateway");
    let newest_input = modified(&spec).max(modified(&goma()));
    if modified(&binary) <= newest_input {
        let built = goma_command()
            .args(["build", "--fast", "--out"])
            .arg(&out)
            .arg(&spec)
            .env("GOMA_CONFIG_ENCRYPTION_KEY", PASSPHRASE)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "goma build {name}: {errors}");
        // Equal inputs leave the file as it was; its age says that it is up to date.
        let now = File::options().append(true).open(&binary).unwrap();
        now.set_modified(SystemTime::now()).unwrap();
    }
    binary
}

fn modified(file: &Path) -> SystemTime {
    let metadata = fs::metadata(file).and_then(|metadata| metadata.modified());
    metadata.unwrap_or(SystemTime::UNIX_EPOCH)
}
