//! Several main files for `check` and `build` (RT-CLI): each is a configuration of its own.

use crate::{GOOD, dir, expect, json, run_in};

const BAD: &str = "version: 2\ngateway:\n  routes:\n    - name: a\n      path: x\n      target: http://127.0.0.1:1\n";
const EXTRA: &str = "routes:\n  - name: more\n    path: more\n    target: http://127.0.0.1:1\n";

/// One report, in the order of the command line, however the files are named.
#[test]
fn check_reports_all_of_all() {
    let dir = dir(&[("a.yml", BAD), ("b/goma.yml", BAD), ("c.yml", GOOD)]);
    let run = |args: &[&str], code| expect(&run_in(dir.path(), args), code);
    let by_name = run(&["check", "a.yml", "b", "c.yml", "none.yml"], 1);
    let places: Vec<_> = by_name
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--> "))
        .collect();
    assert_eq!(places, ["a.yml:5:13", "b/goma.yml:5:13"]);
    assert!(by_name.contains("error[file-missing]"), "{by_name}");
    assert!(by_name.ends_with("3 errors, 0 warnings\n"), "{by_name}");
    let flags = [
        "check", "-c", "a.yml", "-c", "b", "-c", "c.yml", "-c", "none.yml",
    ];
    assert_eq!(run(&flags, 1), by_name);
    let report = json(&run(&["check", "--format", "json", "a.yml", "b"], 1));
    assert_eq!(report["errors"], 2);
    assert_eq!(report["findings"][1]["file"], "b/goma.yml");
    assert_eq!(
        run(&["check", "c.yml", "c.yml"], 0),
        run(&["check", "c.yml"], 0)
    );
}

/// What two of them include is reported once.
#[test]
fn a_file_of_two_is_one_file() {
    let main = format!("{GOOD}  extraConfig: {{ directory: more }}\n");
    let files = [("a.yml", &*main), ("b.yml", &*main), ("more/x.yml", EXTRA)];
    let dir = dir(&files);
    let shown = expect(&run_in(dir.path(), &["check", "a.yml", "b.yml"]), 1);
    assert!(shown.ends_with("1 error, 0 warnings\n"), "{shown}");
}

/// Each in a directory of its name; nothing unless all are right.
#[test]
fn build_makes_one_gateway_each() {
    let dir = dir(&[
        ("a.yml", GOOD),
        ("b/goma.yml", GOOD),
        ("d/a.yml", GOOD),
        ("e.yml", BAD),
    ]);
    let run = |args: &[&str], code| expect(&run_in(dir.path(), args), code);
    let made = run(&["build", "--emit", "crate", "-c", "a.yml", "-c", "b"], 0);
    let names: Vec<_> = made
        .lines()
        .filter_map(|line| line.strip_prefix("gateway   "))
        .collect();
    assert_eq!(names, ["a", "b"]);
    let crate_of = |name: &str| dir.path().join("dist").join(name).join("crate/Cargo.toml");
    assert!(crate_of("a").exists() && crate_of("b").exists());
    run(
        &["build", "--emit", "crate", "--out", "two", "a.yml", "e.yml"],
        1,
    );
    assert!(!dir.path().join("two").exists());
    // Two of one name, and two that would write one lock.
    run(&["build", "--dry-run", "a.yml", "d/a.yml"], 2);
    std::fs::write(dir.path().join("c.yml"), GOOD).unwrap();
    run(&["build", "a.yml", "c.yml"], 2);
    assert!(!dir.path().join("goma.lock").exists());
}

/// Any other command takes one.
#[test]
fn other_commands_take_one() {
    let dir = dir(&[("a.yml", GOOD), ("b.yml", GOOD)]);
    let both = ["-c", "a.yml", "-c", "b.yml"];
    for command in [
        &["lock"][..],
        &["explain", "GET", "http://h.test/"],
        &["run"],
    ] {
        let args: Vec<&str> = command.iter().chain(&both).copied().collect();
        expect(&run_in(dir.path(), &args), 2);
    }
}
