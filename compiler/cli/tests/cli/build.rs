//! The build driver against the real cargo: one small gateway, compiled with `--fast`, in a cache
//! that stays in the target directory.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{GOOD, dir, expect, goma, repository};

/// The target directory of these tests.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// One cache for all tests, those of `tests/` among them, and all runs: dependencies compile once.
pub(crate) fn goma_with_cache() -> Command {
    let mut command = goma();
    command.env("GOMA_CACHE_DIR", target().join("e2e/cache"));
    command
}

fn build(dir: &Path, args: &[&str]) -> String {
    let output = goma_with_cache()
        .arg("build")
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    expect(&output, 0)
}

fn field(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .to_owned()
}

#[test]
fn builds_the_same_binary_anywhere() {
    let (one, two) = (dir(&[("goma.yml", GOOD)]), dir(&[("goma.yml", GOOD)]));
    let first = build(one.path(), &["--fast"]);
    assert_eq!(field(&first, "artefact"), "dist/gateway");
    let second = build(two.path(), &["--fast", "--out", "elsewhere/out"]);
    assert_eq!(field(&first, "sha256"), field(&second, "sha256"));

    let text = std::fs::read_to_string(one.path().join("dist/build.json")).unwrap();
    assert_eq!(
        text,
        std::fs::read_to_string(two.path().join("elsewhere/out/build.json")).unwrap()
    );
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["sha256"], field(&first, "sha256"));
    assert_eq!(record["revision"], field(&first, "revision"));
    assert_eq!(record["inputs"][0]["source"], "goma.yml");
    assert!(
        record["crates"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["name"] == "goma-runtime")
    );

    // RT-CLI-10: no path of this machine.
    let binary = std::fs::read(one.path().join("dist/gateway")).unwrap();
    for path in [
        one.path().to_str().unwrap(),
        target().to_str().unwrap(),
        "/.cargo/registry",
    ] {
        assert!(
            !binary
                .windows(path.len())
                .any(|window| window == path.as_bytes()),
            "{path}"
        );
    }
}

/// Every byte is told once, and what is built is the same with a report and without.
#[test]
fn the_report_is_of_every_byte() {
    let dir = dir(&[("goma.yml", GOOD)]);
    let plain = build(dir.path(), &["--fast"]);
    let text = build(dir.path(), &["--fast", "--report"]);
    assert_eq!(field(&plain, "sha256"), field(&text, "sha256"));
    assert_eq!(field(&text, "report"), "dist/size.json");
    let report = std::fs::read_to_string(dir.path().join("dist/size.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let size = std::fs::metadata(dir.path().join("dist/gateway"))
        .unwrap()
        .len();
    assert_eq!(report["bytes"], size);
    assert_eq!(report["revision"], field(&text, "revision"));
    let parts = report["parts"].as_array().unwrap().iter();
    let bytes = |part: &Value| part["bytes"].as_u64().unwrap();
    assert_eq!(parts.clone().map(bytes).sum::<u64>(), size);
    let part = |name: &str| {
        let part = parts.clone().find(|part| part["what"] == name);
        bytes(part.unwrap_or_else(|| panic!("{name}: {report:#}")))
    };
    // Most code has an owner, and there is little between sections.
    for name in [
        "goma-runtime",
        "tokio",
        "h2",
        "Rust's library",
        "the C library",
    ] {
        assert!(part(name) > 10_000, "{name}: {report:#}");
    }
    assert!(
        part("code without a name") + part("headers and padding") < size / 20,
        "{report:#}"
    );
    assert!(part("gateway") < 100_000, "{report:#}");
    assert_eq!(report["features"], Value::Array(Vec::new()));
    assert_eq!(report["chains"][0]["chains"][0]["route"], "site");
}

#[test]
fn emits_without_cargo() {
    let dir = dir(&[("goma.yml", GOOD)]);
    let without_cargo = |args: &[&str]| {
        goma()
            .args(args)
            .current_dir(dir.path())
            .env("PATH", "")
            .env("GOMA_CACHE_DIR", dir.path().join("cache"))
            .output()
            .unwrap()
    };
    let text = expect(&without_cargo(&["build", "--dry-run"]), 0);
    assert!(text.contains("  crate/src/routes.rs"), "{text}");
    assert!(!dir.path().join("dist").exists());

    expect(
        &without_cargo(&["build", "--emit", "crate", "--name", "shop"]),
        0,
    );
    let manifest = std::fs::read_to_string(dir.path().join("dist/crate/Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"shop\""), "{manifest}");

    let output = without_cargo(&["build"]);
    expect(&output, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("help: install Rust"));
}

#[test]
fn files_of_others_stay_in_the_crate() {
    let dir = dir(&[("goma.yml", GOOD)]);
    build(dir.path(), &["--emit", "crate"]);
    let src = dir.path().join("dist/crate/src");
    std::fs::write(
        src.join("old.rs"),
        "//! @generated by goma 0.0.1 from goma.yml. Do not edit.\n",
    )
    .unwrap();
    std::fs::write(src.join("notes.rs"), "// mine\n").unwrap();
    build(dir.path(), &["--emit", "crate"]);
    assert!(!src.join("old.rs").exists());
    assert!(src.join("notes.rs").exists());
}

/// The exit code of `goma run` is the gateway's, and signals reach the gateway.
#[test]
fn runs_until_a_signal() {
    let dir = dir(&[(
        "goma.yml",
        &GOOD.replace("routes:", "log: { format: json }\n  routes:"),
    )]);
    let mut child = goma_with_cache()
        .env("LISTEN", "127.0.0.1:0")
        .args(["run", "--fast"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whichever stream the log goes to: the line says that signals are listened for.
    let (sender, receiver) = std::sync::mpsc::channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] = [
        Box::new(child.stdout.take().unwrap()),
        Box::new(child.stderr.take().unwrap()),
    ];
    for stream in streams {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    drop(sender);
    let started = receiver
        .iter()
        .find(|line| line.contains("Gateway started"));
    assert!(started.is_some(), "the gateway did not start");
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A gateway that refuses to start: its exit code comes through.
#[test]
fn passes_the_exit_code_on() {
    let dir = dir(&[("goma.yml", GOOD)]);
    let output = goma_with_cache()
        .args(["run", "--fast", "--env", "LISTEN=nonsense"])
        .current_dir(dir.path())
        .output();
    expect(&output.unwrap(), 1);
}

/// The embedded lock file fits the runtime's manifest; `ci/lock` renews it.
#[test]
fn the_lock_file_is_current() {
    let output = Command::new(repository().join("ci/lock"))
        .arg("--check")
        .output()
        .unwrap();
    expect(&output, 0);
}
