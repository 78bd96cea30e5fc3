//! `goma test`: what it finds, what it says, and with which exit code (RT-TEST-1).

use std::io::Read as _;
use std::process::Stdio;

use crate::{dir, expect, json, run_in};

const SPEC: &str = "\
version: 2
gateway:
  routes:
    - { name: site, path: /, target: http://127.0.0.1:9090, methods: [GET] }
    - { name: api, path: /api, target: http://127.0.0.1:9090 }
";

const TESTS: &str = "\
tests:
  - name: a page
    request: { url: http://a/x }
    expect: { route: site, upstream: { url: http://127.0.0.1:9090/x } }
  - name: no <PUT> & co
    request: { method: PUT, url: http://a/x }
    expect: { status: 404 }
  - request: { url: http://a/y }
    expect: { status: 200 }
";

#[test]
fn a_failure_shows_both_files() {
    let home = dir(&[("goma.yml", SPEC), ("goma.test.yaml", TESTS)]);
    let text = expect(&run_in(home.path(), &["test"]), 1);
    assert_eq!(
        text,
        r#"error[test-failed]: no <PUT> & co: the answer is 405, not 404: method not in `methods`
 --> goma.test.yaml:7:23
  |
7 |     expect: { status: 404 }
  |                       ^^^
 ::: goma.yml:4:15
  |
4 |     - { name: site, path: /, target: http://127.0.0.1:9090, methods: [GET] }
  |               ---- `site` answers: prefix /, any host
1 error, 0 warnings
skipped  GET http://a/y  goma.test.yaml:8  needs a running gateway: `expect.status` of the backend
no test  route api  goma.yml:5
1 passed, 1 failed, 1 skipped; 1 of 2 routes covered (50 %)
"#
    );
}

#[test]
fn the_forms_for_programs() {
    let home = dir(&[("goma.yml", SPEC), ("goma.test.yaml", TESTS)]);
    let text = expect(&run_in(home.path(), &["test", "--format", "json"]), 1);
    let found = json(&text);
    assert_eq!(found["coverage"]["percent"], 50);
    assert_eq!(found["coverage"]["uncovered"][0]["name"], "api");
    let results = found["tests"].as_array().unwrap().iter();
    let results: Vec<_> = results
        .map(|test| test["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["passed", "failed", "skipped"]);
    assert_eq!(found["tests"][1]["failures"][0]["column"], 23);

    let text = expect(&run_in(home.path(), &["test", "--format", "junit"]), 1);
    assert_eq!(
        text,
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="goma test" tests="3" failures="1" errors="0" skipped="1" time="0">
  <testsuite name="goma.test.yaml" tests="3" failures="1" errors="0" skipped="1" time="0">
    <testcase classname="goma.test.yaml" name="a page" file="goma.test.yaml" line="2" time="0"/>
    <testcase classname="goma.test.yaml" name="no &lt;PUT&gt; &amp; co" file="goma.test.yaml" line="5" time="0">
      <failure type="test-failed" message="no &lt;PUT&gt; &amp; co: the answer is 405, not 404: method not in `methods`">goma.test.yaml:7:23: no &lt;PUT&gt; &amp; co: the answer is 405, not 404: method not in `methods`
  goma.yml:4:15: `site` answers: prefix /, any host
</failure>
    </testcase>
    <testcase classname="goma.test.yaml" name="GET http://a/y" file="goma.test.yaml" line="8" time="0">
      <skipped message="needs a running gateway: `expect.status` of the backend"/>
    </testcase>
  </testsuite>
</testsuites>
"#
    );
}

#[test]
fn coverage_filter_and_places() {
    let home = dir(&[
        ("goma.yml", SPEC),
        (
            "tests/b.test.yml",
            "tests: [{name: b, request: {url: http://a/}, expect: {route: site}}]",
        ),
        (
            "a.test.yaml",
            "tests: [{name: a, request: {url: http://a/api}, expect: {route: api}}]",
        ),
        ("tests/notes.yaml", "no tests"),
    ]);
    let run =
        |args: &[&str], code: i32| expect(&run_in(home.path(), &[&["test"], args].concat()), code);
    let all = "2 passed, 0 failed, 0 skipped; 2 of 2 routes covered (100 %)\n";
    assert_eq!(run(&["--fail-under", "100"], 0), all);
    assert!(run(&["--filter", "a"], 0).contains("1 of 2 routes covered (50 %)"));
    run(&["--filter", "a", "--fail-under", "50"], 0);
    run(&["--filter", "a", "--fail-under", "51"], 1);
    assert!(run(&["tests/b.test.yml"], 0).contains("no test  route api"));
    run(&["--fail-under", "101"], 2);
    run(&["not-here.yaml"], 1);
}

#[test]
fn nothing_is_run_if_something_is_wrong() {
    let bad_tests = dir(&[
        ("goma.yml", SPEC),
        ("goma.test.yaml", "tests: [{reqest: {}}]"),
    ]);
    let text = expect(&run_in(bad_tests.path(), &["test"]), 1);
    assert!(
        text.contains("did you mean `request`?") && !text.contains("passed"),
        "{text}"
    );
    let text = expect(&run_in(bad_tests.path(), &["test", "--format", "junit"]), 1);
    assert_eq!(text, "");

    let bad_spec = dir(&[("goma.yml", "version: 3"), ("goma.test.yaml", TESTS)]);
    let text = expect(&run_in(bad_spec.path(), &["test"]), 1);
    assert!(text.contains("error[bad-version]"), "{text}");
    let none = dir(&[("goma.yml", SPEC)]);
    expect(&run_in(none.path(), &["test"]), 1);
    expect(&run_in(dir(&[]).path(), &["test"]), 1);
}

/// A test file is no YAML bomb's way in, and no binary's.
#[test]
fn odd_files() {
    let home = dir(&[("goma.yml", SPEC)]);
    std::fs::write(home.path().join("goma.test.yaml"), [0xff, 0xfe]).unwrap();
    let output = run_in(home.path(), &["test"]);
    assert!(expect(&output, 1).contains("yaml-syntax"));
    // A stream that never ends is read no further than a file may be long.
    let mut child = crate::goma()
        .args(["test", "/dev/zero"])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said.contains("larger than 16 MiB"), "{said}");
}
