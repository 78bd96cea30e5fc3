//! `goma diff`: its sides, its forms, its exit codes. What it finds is in tests/diff of the library.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::{dir, expect, json, repository, run_in};

const OLD: &str = "\
version: 2
gateway:
  routes:
    - {name: orders, path: /v1/orders, methods: [POST], target: 'http://10.0.0.7', middlewares: [login]}
    - {name: site, path: /, target: 'http://10.0.0.8'}
    - {name: docs, path: /docs, target: 'http://10.0.0.9'}
middlewares:
  - {name: login, type: basicAuth, rule: {users: ['ada:${PW}']}}
";

fn new() -> String {
    let opened = OLD.replace(", middlewares: [login]", "");
    let mut lines: Vec<&str> = opened.lines().collect();
    lines.retain(|line| !line.contains("name: docs"));
    lines.join("\n")
}

/// A repository with the old file committed and the new one in the working tree.
fn repository_of_two() -> TempDir {
    let home = dir(&[("deploy/goma.yml", OLD), ("notes", "x")]);
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "."],
        &[
            "-c",
            "user.name=n",
            "-c",
            "user.email=a@b",
            "commit",
            "-qm",
            "one",
        ],
    ] {
        git(home.path(), args);
    }
    std::fs::write(home.path().join("deploy/goma.yml"), new()).unwrap();
    home
}

fn git(home: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(home)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_opened_comes_first() {
    let home = dir(&[("a.yml", OLD), ("b.yml", &new())]);
    let text = expect(&run_in(home.path(), &["diff", "a.yml", "b.yml"]), 1);
    assert_eq!(
        text,
        "\
exposure  POST /v1/orders: basicAuth → none  orders  b.yml:4
removed   /docs: route http://10.0.0.9 → none  docs  a.yml:6
requests  POST http://example.com/v1/orders: 401 → http://10.0.0.7/v1/orders
          GET http://example.com/docs: http://10.0.0.9/docs → http://10.0.0.8/docs
          DELETE http://example.com/v1/orders: 401 → 405
"
    );
    let markdown = ["diff", "a.yml", "b.yml", "--format", "markdown"];
    assert_eq!(
        expect(&run_in(home.path(), &markdown), 1),
        "\
| | Where | What changes | Routes |
|---|---|---|---|
| **exposure** | `POST /v1/orders` | `basicAuth` → `none` | `orders` |
| removed | `/docs` | route `http://10.0.0.9` → `none` | `docs` |

| Request | before | after |
|---|---|---|
| `POST http://example.com/v1/orders` | `401` | `http://10.0.0.7/v1/orders` **opened** |
| `GET http://example.com/docs` | `http://10.0.0.9/docs` | `http://10.0.0.8/docs` |
| `DELETE http://example.com/v1/orders` | `401` | `405` |
"
    );
    let found = json(&expect(
        &run_in(home.path(), &["diff", "a.yml", "b.yml", "--format", "json"]),
        1,
    ));
    assert_eq!(found["exposes"], true);
    assert_eq!(found["changes"][0]["what"], "authentication");
    assert_eq!(found["changes"][1]["class"], "removed");
    assert_eq!(found["requests"][0]["opened"], true);
}

#[test]
fn what_is_tolerated() {
    let home = dir(&[
        ("a.yml", OLD),
        ("b.yml", &new()),
        ("c.yml", &OLD.replace("10.0.0.8", "10.0.0.1")),
    ]);
    let run = |sides: [&str; 2], fail_on: &str, code| {
        let args = ["diff", sides[0], sides[1], "--fail-on", fail_on];
        expect(&run_in(home.path(), &args), code)
    };
    run(["a.yml", "b.yml"], "exposure", 1);
    run(["a.yml", "b.yml"], "removal", 1);
    run(["a.yml", "c.yml"], "exposure,removal", 0);
    run(["a.yml", "c.yml"], "any", 1);
    // The other way a login is added, and a route that is open to all.
    run(["b.yml", "a.yml"], "removal", 0);
    run(["b.yml", "a.yml"], "exposure", 1);
    assert_eq!(
        run(["a.yml", "a.yml"], "any", 0),
        "nothing changes for requests\n"
    );
    expect(
        &run_in(home.path(), &["diff", "a.yml", "b.yml", "--fail-on", "all"]),
        2,
    );
    expect(&run_in(home.path(), &["diff", "a.yml"]), 2);
}

#[test]
fn revisions_of_git() {
    let home = repository_of_two();
    let root = home.path();
    let below = root.join("deploy");
    let before = git(root, &["status", "--porcelain"]);
    let whole = expect(&run_in(root, &["diff", "HEAD:deploy", "deploy"]), 1);
    assert!(
        whole.contains(
            "removed   /docs: route http://10.0.0.9 → none  docs  HEAD:deploy/goma.yml:6"
        ),
        "{whole}"
    );
    let same = |home: &Path, args: &[&str]| {
        let text = expect(&run_in(home, &[&["diff"], args].concat()), 1);
        assert!(
            text.contains("POST /v1/orders: basicAuth → none"),
            "{args:?}: {text}"
        );
    };
    same(root, &["main:deploy/goma.yml", "deploy/goma.yml"]);
    same(root, &["git:main", "deploy/goma.yml", "-c", "deploy"]);
    same(&below, &["main", "."]);
    same(&below, &["HEAD:./goma.yml", "goma.yml"]);
    // Two revisions.
    git(
        root,
        &[
            "-c",
            "user.name=n",
            "-c",
            "user.email=a@b",
            "commit",
            "-qam",
            "two",
        ],
    );
    same(&below, &["HEAD~1", "HEAD"]);
    git(root, &["reset", "-q", "--soft", "HEAD~1"]);
    git(root, &["reset", "-q"]);
    assert_eq!(git(root, &["status", "--porcelain"]), before);
}

#[test]
fn what_is_no_side() {
    let home = repository_of_two();
    let fails = |args: &[&str], code: i32, said: &str| {
        let output = run_in(home.path(), &[&["diff"], args].concat());
        let _ = expect(&output, code);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(said), "{args:?}: {text}");
    };
    fails(
        &["nope", "deploy"],
        1,
        "`nope` is neither a file nor a revision",
    );
    fails(&["--output=x", "deploy"], 2, "unexpected argument");
    fails(
        &["git:--output=x", "deploy"],
        1,
        "is neither a file nor a revision",
    );
    fails(&["HEAD:nope", "deploy"], 1, "`HEAD` has no `nope`");
    fails(&["HEAD:../x", "deploy"], 2, "leads out of the repository");
    fails(&["http://h/x", "deploy"], 2, "expected http://HOST[:PORT]");
    fails(
        &["https://u:p@h", "deploy"],
        2,
        "expected http://HOST[:PORT]",
    );
    fails(&["HEAD", "deploy", "--from", "x"], 2, "a gateway that runs");
    fails(&["oci://h/i:1", "deploy"], 1, "is not of the form oci://");
    let outside = dir(&[("goma.yml", OLD)]);
    let output = run_in(outside.path(), &["diff", "HEAD", "."]);
    let _ = expect(&output, 1);

    // Findings name the revision, and the difference is none.
    // What is said of them is not a part of it: a pipeline tells the two apart by that.
    let output = run_in(home.path(), &["diff", "HEAD", "deploy"]);
    assert_eq!(expect(&output, 1), "");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("`HEAD:goma.yml` does not exist"), "{text}");
    std::fs::write(home.path().join("deploy/goma.yml"), "version: 3\n").unwrap();
    let output = run_in(home.path(), &["diff", "HEAD:deploy", "deploy"]);
    assert_eq!(expect(&output, 1), "");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error[bad-version]"), "{text}");
}

/// RT-CLI-10: neither secrets nor the places of files of a revision.
#[test]
fn what_is_not_shown() {
    let spec = |password: &str| OLD.replace("ada:${PW}", &format!("ada:{password}"));
    let home = dir(&[
        ("a.yml", &spec("0ne-secret")),
        ("b.yml", &spec("0ther-secret")),
    ]);
    for format in ["human", "markdown", "json"] {
        let text = expect(
            &run_in(home.path(), &["diff", "a.yml", "b.yml", "--format", format]),
            1,
        );
        assert!(
            text.contains("another") && !text.contains("-secret"),
            "{text}"
        );
    }
    let home = repository_of_two();
    let output = run_in(
        home.path(),
        &["diff", "HEAD:deploy", "deploy", "--format", "json"],
    );
    let text = expect(&output, 1);
    assert!(!text.contains("tmp"), "{text}");
}

/// Every specification of this repository is equal to itself.
#[test]
fn whole_specifications() {
    let root = repository();
    for spec in [
        "specs/quickstart",
        "specs/shop",
        "tests/specs/main.yaml",
        "tests/specs/recorder.yaml",
        "tests/specs/routing.yaml",
    ] {
        let spec = match Path::new(spec).extension() {
            Some(_) => spec.to_owned(),
            None => format!("{spec}/goma.yaml"),
        };
        let text = expect(&run_in(&root, &["diff", &spec, &spec]), 0);
        assert_eq!(text, "nothing changes for requests\n", "{spec}");
    }
}
