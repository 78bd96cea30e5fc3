//! `goma diff` with a gateway that runs on one side: its specification is looked for, and is the right one or none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use goma_tests::build::{goma_command, repository, target};
use goma_tests::{Backend, Gateway};

use super::Rig;

/// A directory with the file that the gateway was built from.
fn scratch(name: &str, spec: &str) -> PathBuf {
    let home = target().join("e2e/diff").join(name);
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).unwrap();
    let spec = format!("{spec}.yaml");
    let from = repository().join("tests/specs").join(&spec);
    fs::copy(from, home.join(spec)).unwrap();
    home
}

fn commit(home: &Path) {
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=n", "-c", "user.email=a@b"];
        let mut command = Command::new("git");
        command.args(who).args(args).current_dir(home);
        assert!(command.output().unwrap().status.success(), "{args:?}");
    };
    if !home.join(".git").exists() {
        git(&["init", "-q"]);
    }
    git(&["add", "."]);
    git(&["commit", "-qm", "x"]);
}

fn diff(home: &Path, args: &[&str]) -> Output {
    let mut command = goma_command();
    command.arg("diff").args(args).current_dir(home);
    command.output().unwrap()
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn change(home: &Path, from: &str, to: &str) {
    let file = home.join("edge.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    fs::write(file, text.replace(from, to)).unwrap();
}

/// RT-OBS-8: the file is the one it was built from; then it is so in its history only.
#[test]
fn what_runs_is_found_in_files_and_their_history() {
    let rig = Rig::of("edge", Backend::ok(), &[]).alone();
    let url = format!("http://127.0.0.1:{}/healthz/build", rig.gateway.port());
    let home = scratch("history", "edge");
    let against = |sides: [&str; 2]| {
        said(&diff(
            &home,
            &[&sides[..], &["--host", "ops.test"]].concat(),
        ))
    };

    let (code, text, notes) = against([&url, "edge.yaml"]);
    assert_eq!((code, &*text), (Some(0), "nothing changes for requests\n"));
    assert!(notes.ends_with(": edge.yaml\n"), "{notes}");

    commit(&home);
    change(&home, ", middlewares: [to-https]", "");
    commit(&home);
    change(&home, "maxUriBytes: 1Ki", "maxUriBytes: 2Ki");
    let (code, text, notes) = against([&url, "edge.yaml"]);
    assert_eq!(code, Some(1), "{notes}");
    assert!(
        text.starts_with("exposure  /secure: protection redirectScheme → none"),
        "{text}"
    );
    assert!(notes.contains(": edge.yaml at "), "{notes}");
    let (_, text, _) = against(["edge.yaml", &url]);
    assert!(
        text.contains("restricts /secure: protection none → redirectScheme"),
        "{text}"
    );

    // The history of what is on the other side, of what is named, and a revision that is named.
    let named = ["--from", "HEAD~1:edge.yaml", "--format", "json"];
    for more in [&["--from", "edge.yaml"][..], &named] {
        let args = [
            &[&url, "HEAD", "-c", "edge.yaml", "--host", "ops.test"],
            more,
        ]
        .concat();
        let (code, text, notes) = said(&diff(&home, &args));
        assert_eq!(code, Some(1), "{notes}");
        assert!(text.contains("redirectScheme"), "{text}");
        assert_eq!(text.starts_with('{'), more.len() > 2, "{text}");
    }
    let (code, text, _) = said(&diff(
        &home,
        &[&url, &url, "--host", "ops.test", "-c", "edge.yaml"],
    ));
    assert_eq!((code, &*text), (Some(0), "nothing changes for requests\n"));
}

/// Nothing is compared with a guess.
#[test]
fn what_runs_is_found_or_nothing_is_said() {
    let rig = Rig::of("edge", Backend::ok(), &[]).alone();
    let url = format!("http://127.0.0.1:{}", rig.gateway.port());
    let started = rig.gateway.line_with(&["Gateway started"]);
    let revision = started.split("revision=").nth(1).unwrap();
    let revision = revision.split(' ').next().unwrap();
    let home = scratch("unknown", "edge");
    change(&home, "/secure", "/other");
    let fails = |args: &[&str], why: &[&str]| {
        let (code, text, errors) = said(&diff(&home, args));
        assert_eq!((code, &*text), (Some(1), ""), "{errors}");
        for why in why {
            assert!(errors.contains(why), "{why}: {errors}");
        }
    };
    let runs = format!("{url} runs {revision}, and its specification is not found: ");
    let host = ["--host", "ops.test"];
    let asked = [&[&url, "edge.yaml"], &host[..]].concat();
    fails(
        &asked,
        &[&runs, ": edge.yaml gives ", "help: `--from` names"],
    );
    let named = [&asked[..], &["--from", "no.yaml", "--from", "edge.yaml"]].concat();
    fails(&named, &["no.yaml does not exist; edge.yaml gives "]);
    // Another name is another revision.
    change(&home, "/other", "/secure");
    let (code, _, _) = said(&diff(&home, &asked));
    assert_eq!(code, Some(0));
    fails(&[&asked[..], &["--name", "shop"]].concat(), &[&runs]);

    // On other hosts the path is a route's; elsewhere nothing answers.
    let off = "does not say what it is: /healthz/build answers 200";
    fails(&[&url, "edge.yaml"], &[off, "monitoring.enableBuildInfo"]);
    drop(rig);
    fails(&asked, &["the gateway cannot be asked"]);
}

/// RT-OVER: what an overlay changes is in no specification.
#[test]
fn an_overlay_is_told() {
    let home = scratch("overlay", "live");
    let overlay = home.join("overlay.yaml");
    fs::write(&overlay, "routes: {site: {enabled: false}}").unwrap();
    let backend = Backend::ok();
    let env = [
        ("A", backend.url()),
        ("PORT", "0".to_owned()),
        ("DNS_PORT", "0".to_owned()),
        ("GOMA_OVERLAY_FILE", overlay.display().to_string()),
    ];
    let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
    let gateway = Gateway::start("live", &env);
    let url = format!("http://127.0.0.1:{}", gateway.port());
    let (code, _, notes) = said(&diff(&home, &[&url, "live.yaml"]));
    assert_eq!(code, Some(0), "{notes}");
    assert!(notes.contains("has an overlay ("), "{notes}");
}
