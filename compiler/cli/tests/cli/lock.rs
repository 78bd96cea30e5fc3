//! `goma.lock`, `--locked`, and the promise behind them: same input, same bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::{GOOD, dir, expect, goma, run_in};

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// C-LOCK-1: TOML beside the main file; no time, no path, no secret.
#[test]
fn the_lock_lists_every_input() {
    let spec = GOOD.replace("path: /\n", "path: ${P:-/}\n      rewrite: ${R}\n")
        + "  extraConfig: { directory: more }\n";
    let files = [
        ("in/goma.yml", spec.as_str()),
        ("in/more/a.yml", "routes: []\n"),
    ];
    let dir = dir(&files);
    let lock = |args: &[&str]| expect(&run_in(dir.path(), &[&["lock", "in"], args].concat()), 0);
    let first = lock(&["--env", "R=/r", "--env", "UNRELATED=x"]);
    assert!(first.contains("in/goma.lock (written)"), "{first}");
    let text = read(dir.path(), "in/goma.lock");
    let table: Vec<&str> = text
        .lines()
        .filter(|line| {
            line.starts_with("name") || line.starts_with("source") || *line == "unset = true"
        })
        .collect();
    let expected = [
        "name = \"P\"",
        "unset = true",
        "name = \"R\"",
        "source = \"more/a.yml\"",
        "source = \"goma.yml\"",
    ];
    assert_eq!(table, expected, "{text}");
    assert!(text.contains("toolchain = \"rustc 1."), "{text}");
    assert!(!text.contains(dir.path().to_str().unwrap()), "{text}");
    let second = lock(&["--env", "R=/r"]);
    assert!(second.contains("(unchanged)"), "{second}");
}

/// C-LOCK-2: any difference is the finding `lock-mismatch` at its line of the lock, and nothing is
/// written.
#[test]
fn locked_takes_nothing_new() {
    let spec = GOOD.replace("path: /\n", "path: ${P}\n");
    let dir = dir(&[("goma.yml", &spec)]);
    let run = |args: &[&str], code| expect(&run_in(dir.path(), args), code);
    let text = run(&["lock", "--locked", "--env", "P=/a"], 1);
    assert!(
        text.contains("error[lock-mismatch]: `--locked`, but there is no `goma.lock`"),
        "{text}"
    );
    run(&["lock", "--env", "P=/a"], 0);
    let lock = read(dir.path(), "goma.lock");
    for command in [["check"], ["lock"]] {
        run(&[&command[..], &["--locked", "--env", "P=/a"]].concat(), 0);
    }
    run(&["build", "--dry-run", "--locked", "--env", "P=/a"], 0);

    let text = run(&["check", "--locked", "--env", "P=/b"], 1);
    assert!(
        text.contains("error[lock-mismatch]: the variable `P`"),
        "{text}"
    );
    assert!(text.contains("--> goma.lock:9:8"), "{text}");
    std::fs::write(dir.path().join("goma.yml"), format!("# a comment\n{spec}")).unwrap();
    let text = run(
        &["build", "--emit", "crate", "--locked", "--env", "P=/a"],
        1,
    );
    assert!(
        text.contains("`goma.yml` has changed since `goma.lock` was written"),
        "{text}"
    );
    assert!(!dir.path().join("dist").exists());
    assert_eq!(read(dir.path(), "goma.lock"), lock);
}

/// Neither a look at what would be built nor the bare crate locks anything.
#[test]
fn a_dry_run_writes_nothing() {
    let dir = dir(&[("goma.yml", GOOD)]);
    let text = expect(&run_in(dir.path(), &["build", "--dry-run"]), 0);
    assert!(text.contains("  crate/src/main.rs\n"), "{text}");
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

/// C-LOCK-3: every byte of an input counts, also a comment; its lines are in the binary.
#[test]
fn a_revision_stands_for_every_byte() {
    let revision = |text: &str| {
        let dir = dir(&[("goma.yml", text)]);
        let text = expect(&run_in(dir.path(), &["build", "--dry-run"]), 0);
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(revision(GOOD), revision(GOOD));
    assert_ne!(revision(GOOD), revision(&format!("{GOOD}# the end\n")));
    assert_ne!(revision(GOOD), revision(&GOOD.replace("9090", "9091")));
}

/// RT-CLI-10: neither locale, time zone, umask, directory nor unrelated variables get in.
#[test]
fn same_input_same_bytes() {
    let spec = include_str!("../../../../specs/shop/goma.yaml");
    let plain = emitted(spec, "umask 022", &[]);
    assert!(plain.len() > 6, "{:?}", plain.keys());
    let surroundings = [
        (
            "umask 077",
            [("LC_ALL", "tr_TR.UTF-8"), ("TZ", "Asia/Kathmandu")],
        ),
        ("umask 000", [("LC_ALL", "C"), ("TZ", "UTC")]),
        ("cd .", [("HOME", "/nonexistent"), ("LANG", "ja_JP.SJIS")]),
        (
            "ulimit -n 64",
            [("SOURCE_DATE_EPOCH", "1"), ("COLUMNS", "7")],
        ),
    ];
    for (prelude, variables) in surroundings {
        assert_eq!(emitted(spec, prelude, &variables), plain, "{prelude}");
    }
}

/// RT-CLI-10: neither the order in which files came to be, nor their age, nor names of variables.
#[test]
fn files_in_any_order_and_of_any_age() {
    let main = GOOD.to_owned()
        + "  extraConfig: { directory: more }\n  providers: { file: { enabled: true, directory: bundles } }\n";
    let route = |name: &str| {
        format!("routes:\n  - name: {name}\n    path: /{name}\n    target: http://127.0.0.1:1\n")
    };
    let (a, b, c, d) = (route("a"), route("b"), route("c"), route("d"));
    let files = [
        ("goma.yaml", main.as_str()),
        ("more/a.yml", &a),
        ("more/b.yml", &b),
        ("bundles/c.yaml", &c),
        ("bundles/z/d.yaml", &d),
    ];
    let mut backwards = files;
    backwards.reverse();
    let (first, second) = (dir(&files), dir(&backwards));
    for (name, _) in files {
        let mut options = std::fs::File::options();
        let file = options.append(true).open(second.path().join(name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    }
    let plain = emitted_in(first.path(), "cd .", &[]);
    let variables = [("AAA", "1"), ("ZZZ", "2"), ("GOMA_LOG_LEVEL", "debug")];
    assert_eq!(emitted_in(second.path(), "cd .", &variables), plain);
    assert_eq!(plain["goma.lock"].matches("[[input]]").count(), 5);
}

/// The generated crate and the lock, by name, as made in a directory of its own.
fn emitted(spec: &str, prelude: &str, variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let dir = dir(&[("goma.yaml", spec)]);
    emitted_in(dir.path(), prelude, variables)
}

fn emitted_in(dir: &Path, prelude: &str, variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let goma = goma().get_program().to_owned();
    let script = format!("{prelude} && \"$0\" build --emit crate && \"$0\" lock");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(goma)
        .current_dir(dir)
        .env("RUSTUP_HOME", rustup_home())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    expect(&output, 0);
    let mut files = BTreeMap::from([("goma.lock".to_owned(), read(dir, "goma.lock"))]);
    for below in ["dist/crate", "dist/crate/src"] {
        for entry in std::fs::read_dir(dir.join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                files.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

/// `rustc` is found through HOME unless this is set.
fn rustup_home() -> std::path::PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".rustup");
    std::env::var_os("RUSTUP_HOME").map_or_else(home, std::path::PathBuf::from)
}
