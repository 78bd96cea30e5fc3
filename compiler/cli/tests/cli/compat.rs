//! What differs from Goma Gateway 1.0, and files that are not here.

use crate::{dir, expect, goma, run_in};

const SPEC: &str = "version: 2
gateway:
  log: {level: info}
  routes:
    - name: a
      path: /
      target: http://127.0.0.1:9090
      middlewares: [closed]
middlewares:
  - {name: closed, type: access, paths: [/ops]}
";

/// Config.md 12: one note per place, and only when asked for.
#[test]
fn differences_are_shown_on_demand() {
    let dir = dir(&[("goma.yml", SPEC)]);
    let found = |arguments: &[&str]| expect(&run_in(dir.path(), arguments), 0);
    assert_eq!(found(&["check"]), "0 errors, 0 warnings\n");
    let shown = found(&["check", "--compat", "v1"]);
    assert_eq!(shown.matches("note[v1-difference]").count(), 2, "{shown}");
    assert!(shown.contains("goma.yml:10:42"), "{shown}");
    assert!(shown.contains("1.0 also covered `/opsmore`"), "{shown}");
}

/// Config.md 12: `goma migrate` prints the same notes, beside its diff.
#[test]
fn migrate_tells_the_differences() {
    let dir = dir(&[("goma.yml", SPEC)]);
    let output = goma().arg("migrate").current_dir(dir.path()).output();
    let output = output.unwrap();
    assert_eq!(expect(&output, 0), "");
    let notes = String::from_utf8_lossy(&output.stderr);
    assert_eq!(notes.matches("note[v1-difference]").count(), 2, "{notes}");
}

/// C-FILE-10: relative to the file that names it; `# goma:allow` silences it.
#[test]
fn files_that_are_not_here() {
    let spec = |file: &str| format!("version: 2\ngateway:\n  geoip: {{database: {file}}}\n");
    let check = |text: &str| {
        let dir = dir(&[("goma.yml", text), ("here.mmdb", "")]);
        let output = run_in(dir.path(), &["check"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(check(&spec("gone.mmdb")).contains("note[file-not-here]: `gone.mmdb`"));
    assert!(!check(&spec("here.mmdb")).contains("file-not-here"));
    let allowed = spec("gone.mmdb").trim_end().to_owned() + "  # goma:allow file-not-here\n";
    assert!(!check(&allowed).contains("note["));
}
