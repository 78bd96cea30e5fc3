//! Every command that does not run cargo: output and exit codes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use crate::{GOOD, dir, expect, goma, json, repository, run_in};

#[test]
fn check_reports_at_the_line() {
    let dir = dir(&[("goma.yml", &GOOD.replace("target", "tagret"))]);
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(text.contains("error[unknown-key]"), "{text}");
    assert!(text.contains("--> goma.yml:8:7"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe: {text}");

    let object = json(&expect(
        &run_in(dir.path(), &["check", "--format", "json"]),
        1,
    ));
    assert!(object["errors"].as_u64() >= Some(1), "{object}");
    let findings = object["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["code"] == "unknown-key")
        .unwrap();
    assert_eq!(
        (&finding["file"], &finding["line"]),
        (&Value::from("goma.yml"), &Value::from(8))
    );

    let colored = expect(&run_in(dir.path(), &["check", "--color", "always"]), 1);
    assert!(colored.contains('\u{1b}'), "{colored}");
}

#[test]
fn check_finds_the_file() {
    let outer = dir(&[("goma.yaml", GOOD), ("other.yml", "version: 9\n")]);
    expect(&run_in(outer.path(), &["check"]), 0);
    expect(&run_in(outer.path(), &["check", "."]), 0);
    expect(&run_in(outer.path(), &["check", "-c", "goma.yaml"]), 0);
    expect(&run_in(outer.path(), &["check", "other.yml"]), 1);
    expect(&run_in(outer.path(), &["check", "a.yml", "-c", "b.yml"]), 2);
    let from_variable = goma()
        .arg("check")
        .current_dir(outer.path())
        .env("GOMA_CONFIG_FILE", "other.yml")
        .output();
    let text = expect(&from_variable.unwrap(), 1);
    assert!(text.contains("--> other.yml:1"), "{text}");
}

/// C-FILE-2.
#[test]
fn a_missing_file_is_a_finding() {
    let empty = dir(&[]);
    let text = expect(&run_in(empty.path(), &["check", "nope.yml"]), 1);
    assert!(
        text.starts_with("error[file-missing]: `nope.yml` does not exist"),
        "{text}"
    );
    let object = json(&expect(
        &run_in(empty.path(), &["check", "--format", "json"]),
        1,
    ));
    assert_eq!(object["findings"][0]["code"], "file-missing");
    expect(&run_in(empty.path(), &["build"]), 1);
    expect(&run_in(empty.path(), &["explain", "GET", "http://a/"]), 1);
    expect(&run_in(empty.path(), &["explain", "file-missing"]), 0);
}

/// C-DIAG-3.
#[test]
fn flags_change_severities() {
    let unused =
        format!("{GOOD}middlewares:\n  - {{ name: m, type: addPrefix, rule: {{ prefix: /x }} }}\n");
    let dir = dir(&[("goma.yml", &unused)]);
    let text = expect(&run_in(dir.path(), &["check"]), 0);
    assert!(text.contains("warning[unused-middleware]"), "{text}");
    expect(&run_in(dir.path(), &["check", "--strict"]), 1);
    expect(
        &run_in(dir.path(), &["check", "--deny", "unused-middleware"]),
        1,
    );
    expect(
        &run_in(
            dir.path(),
            &["build", "--dry-run", "--deny", "unused-middleware"],
        ),
        1,
    );
    let text = expect(
        &run_in(
            dir.path(),
            &["check", "--strict", "--allow", "unused-middleware"],
        ),
        0,
    );
    assert_eq!(text, "0 errors, 0 warnings\n");
    expect(&run_in(dir.path(), &["check", "--deny", "no-such-code"]), 2);
}

/// C-ENV-3: `--env`, then a later file, then the environment.
#[test]
fn variables_have_an_order() {
    let spec = GOOD.replace("path: /\n", "path: ${P}\n");
    let files = [
        ("goma.yml", spec.as_str()),
        ("a.env", "P=/a\n"),
        ("b.env", "# x\nP='/b'\n"),
        ("bad.env", "P\n"),
    ];
    let dir = dir(&files);
    let path = |args: &[&str]| {
        let all = [
            &["explain", "--format", "json", "GET", "http://h/e/a/b/c"],
            args,
        ]
        .concat();
        let output = goma()
            .args(all)
            .current_dir(dir.path())
            .env("P", "/e")
            .output()
            .unwrap();
        json(&String::from_utf8_lossy(&output.stdout))["route"]["path"].clone()
    };
    assert_eq!(path(&[]), "/e");
    assert_eq!(
        path(&["--env-file", "a.env"]),
        Value::Null,
        "/a does not fit"
    );
    assert_eq!(path(&["--env-file", "a.env", "--env", "P=/e/a"]), "/e/a");
    assert_eq!(
        path(&["--env-file", "b.env", "--env", "P=/", "--env", "P=/e/a/b"]),
        "/e/a/b"
    );
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(text.contains("error[env-unset]"), "{text}");
    expect(&run_in(dir.path(), &["check", "--env-file", "bad.env"]), 2);
    expect(&run_in(dir.path(), &["check", "--env", "P"]), 2);
}

#[test]
fn init_passes_check() {
    let empty = dir(&[]);
    expect(&run_in(empty.path(), &["init", "new/dir"]), 0);
    for name in ["goma.yml", "goma.test.yaml", ".env.example", ".gitignore"] {
        assert!(empty.path().join("new/dir").join(name).is_file(), "{name}");
    }
    let text = expect(&run_in(empty.path(), &["check", "--strict", "new/dir"]), 0);
    assert_eq!(text, "0 errors, 0 warnings\n");
    let all = ["test", "-c", "new/dir", "--fail-under", "100"];
    assert_eq!(
        expect(&run_in(empty.path(), &all), 0),
        "4 passed, 0 failed, 0 skipped; 2 of 2 routes covered (100 %)\n"
    );
    expect(
        &run_in(
            empty.path(),
            &[
                "check",
                "--strict",
                "--env-file",
                "new/dir/.env.example",
                "new/dir",
            ],
        ),
        0,
    );
    std::fs::write(empty.path().join("new/dir/goma.yml"), "mine").unwrap();
    expect(&run_in(empty.path(), &["init", "new/dir"]), 1);
    assert_eq!(
        std::fs::read_to_string(empty.path().join("new/dir/goma.yml")).unwrap(),
        "mine"
    );
    expect(&run_in(empty.path(), &["init", "new/dir", "--force"]), 0);
    expect(&run_in(empty.path(), &["check", "new/dir"]), 0);
}

#[test]
fn explain_answers() {
    let dir = dir(&[("goma.yml", GOOD)]);
    let text = expect(&run_in(dir.path(), &["explain", "GET", "http://a/x"]), 0);
    assert!(
        text.contains("site") && text.contains("goma.yml:6"),
        "{text}"
    );
    let object = json(&expect(
        &run_in(
            dir.path(),
            &["explain", "GET", "http://a/x", "--format", "json"],
        ),
        0,
    ));
    assert_eq!(object["route"]["name"], "site");
    assert_eq!(object["upstream"]["url"], "http://127.0.0.1:9090/x");
    expect(&run_in(dir.path(), &["explain", "GET", "ftp://a/x"]), 2);

    let text = expect(&run_in(dir.path(), &["explain", "unknown-key"]), 0);
    assert!(text.starts_with("error[unknown-key]\n\nWhat: "), "{text}");
    expect(&run_in(dir.path(), &["explain", "no-such-code"]), 2);
}

#[test]
fn usage_and_version() {
    let empty = dir(&[]);
    let text = expect(&run_in(empty.path(), &["--version"]), 0);
    assert_eq!(
        text,
        format!("goma version {}\n", env!("CARGO_PKG_VERSION"))
    );
    let text = expect(&run_in(empty.path(), &["version"]), 0);
    let words: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(words, ["version", "configuration", "toolchain", "commit"]);
    expect(&run_in(empty.path(), &[]), 2);
    expect(&run_in(empty.path(), &["chekc"]), 2);
    expect(&run_in(empty.path(), &["build", "--fast", "--release"]), 2);
    expect(&run_in(empty.path(), &["build", "--name", "Über"]), 2);
    let help = expect(&run_in(empty.path(), &["help"]), 0);
    assert!(help.contains("demo-backend"), "{help}");
    expect(&run_in(empty.path(), &["completion", "bash"]), 0);
}

/// Config.md 6.10 and 15: files of a directory add routes and middlewares, in lexical order.
#[test]
fn extra_config() {
    let main = format!(
        "{}  extraConfig: {{directory: more}}\n",
        GOOD.trim_end().to_owned() + "\n"
    );
    let route = |name: &str| {
        format!(
            "  - name: {name}\n    path: /{name}\n    target: http://127.0.0.1:1\n    middlewares: [limit]\n"
        )
    };
    let limit = "middlewares:\n  - {name: limit, type: bodyLimit, rule: {limit: 1Mi}}\n";
    let files = [
        ("goma.yml", main.as_str()),
        ("more/b/deep.yml", &format!("routes:\n{}", route("deep"))),
        (
            "more/a.yaml",
            &format!("routes:\n{}{limit}", route("first")),
        ),
        ("more/.hidden/x.yaml", "not: read\n"),
        ("more/notes.txt", "not: read\n"),
    ];
    let dir = dir(&files);
    expect(&run_in(dir.path(), &["check", "--strict"]), 0);
    let text = expect(&run_in(dir.path(), &["explain", "GET", "http://h/deep"]), 0);
    assert!(
        text.contains("more/b/deep.yml:2") && text.contains("more/a.yaml:7"),
        "{text}"
    );

    std::fs::write(
        dir.path().join("more/z.yml"),
        format!("routes:\n{}", route("first")),
    )
    .unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(text.contains("error[duplicate-name]"), "{text}");
    assert!(
        text.contains("--> more/z.yml:2:11") && text.contains("::: more/a.yaml:2:11"),
        "{text}"
    );
    std::fs::write(dir.path().join("more/z.yml"), "gateway: {}\n").unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(text.contains("error[unknown-key]"), "{text}");
    std::fs::write(
        dir.path().join("more/z.yml"),
        "routes:\n  - {name: z, path: /z, destination: 'http://z'}\n",
    )
    .unwrap();
    let diff = expect(&run_in(dir.path(), &["migrate"]), 1);
    assert!(diff.contains("+++ b/more/z.yml"), "{diff}");

    std::fs::remove_dir_all(dir.path().join("more")).unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[file-missing]: `more` does not exist"),
        "{text}"
    );
    let elsewhere = goma()
        .arg("check")
        .current_dir(dir.path())
        .env("GOMA_EXTRA_CONFIG_DIR", ".")
        .output();
    let text = expect(&elsewhere.unwrap(), 1);
    assert!(
        text.contains("error[unknown-key]: unknown key `gateway`"),
        "{text}"
    );
}

/// A diff and 1, then with `--write` the file and 0, then nothing more to say. Secrets are masked.
#[test]
fn migrate_prints_or_writes() {
    let old = GOOD.replace("target:", "destination:") + "x-note: {password: hunter2}\n";
    let dir = dir(&[("goma.yml", &old)]);
    let diff = expect(&run_in(dir.path(), &["migrate"]), 1);
    assert!(diff.contains("--- a/goma.yml\n+++ b/goma.yml\n"), "{diff}");
    assert!(
        diff.contains("\n-      destination: ") && diff.contains("\n+      target: "),
        "{diff}"
    );
    assert!(!diff.contains("hunter2"), "{diff}");
    let check = expect(
        &run_in(dir.path(), &["check", "--deny", "deprecated-key"]),
        1,
    );
    assert!(check.contains("error[deprecated-key]"), "{check}");
    expect(&run_in(dir.path(), &["migrate", "--write", "goma.yml"]), 0);
    let written = std::fs::read_to_string(dir.path().join("goma.yml")).unwrap();
    assert_eq!(written, old.replace("destination:", "target:"));
    assert_eq!(expect(&run_in(dir.path(), &["migrate"]), 0), "");
    expect(&run_in(dir.path(), &["migrate", "none.yml"]), 1);
}

/// MW-POLICY-1 with a known client, MW-PATH by the request's path.
#[test]
fn explain_knows_the_client_and_the_scope() {
    let middlewares = "      middlewares: [office, closed]
middlewares:
  - {name: office, type: accessPolicy, rule: {sourceRanges: [10.0.0.0/8]}}
  - {name: closed, type: access, paths: [/ops]}
";
    let dir = dir(&[("goma.yml", &format!("{GOOD}{middlewares}"))]);
    let explain = |url: &str, more: &[&str]| {
        let arguments = [&["explain", "GET", url], more].concat();
        expect(&run_in(dir.path(), &arguments), 0)
    };
    let text = explain("http://h/", &["--ip", "10.1.2.3"]);
    assert!(
        text.contains("10.1.2.3 is in its ranges and passes"),
        "{text}"
    );
    assert!(text.contains("skipped, paths [/ops]"), "{text}");
    let text = explain("http://h/", &["--ip", "192.0.2.1"]);
    assert!(
        text.contains("403 for 192.0.2.1, outside its ranges"),
        "{text}"
    );
    let text = explain("http://h/ops/x", &["--ip", "::ffff:10.0.0.1"]);
    assert!(
        text.contains("in scope (paths [/ops]), answers 403"),
        "{text}"
    );
    let text = explain("http://h/", &[]);
    assert!(text.contains("403 outside its ranges"), "{text}");
    let what = ["explain", "bad-host", "--ip", "10.0.0.1"];
    expect(&run_in(dir.path(), &what), 2);
}

/// One page with every command; roff that groff-like readers take: lines begin with text or a macro.
#[test]
fn the_manual_page() {
    let empty = dir(&[]);
    let page = expect(&run_in(empty.path(), &["man"]), 0);
    for part in [
        ".TH goma",
        ".SH GOMA CHECK",
        "goma migrate",
        "\\-\\-list\\-unsupported",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("(1)\n"), "{page}");
}

#[test]
fn the_formats_of_check() {
    let text = GOOD.replace("path: /", "path: api");
    let dir = dir(&[("goma.yml", text.as_str())]);
    let run = |format: &str| expect(&run_in(dir.path(), &["check", "--format", format]), 1);
    let line = run("github");
    assert!(
        line.starts_with(
            "::error file=goma.yml,line=7,col=13,endLine=7,endColumn=16,title=bad-path::"
        ),
        "{line}"
    );
    let sarif = json(&run("sarif"));
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "bad-path");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (&region["startLine"], &region["startColumn"]),
        (&7.into(), &13.into())
    );
    let list = expect(&run_in(dir.path(), &["check", "--list-unsupported"]), 0);
    assert!(
        list.lines()
            .any(|line| line.starts_with("type: rateLimit ")),
        "{list}"
    );
}

/// Every fixture of the corpus: 1 exactly if it expects an error, or cannot be built yet.
#[test]
fn the_wrong_specs_fail() {
    let corpus = repository().join("specs/wrong");
    let mut seen = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let passphrase = text
            .lines()
            .find_map(|line| line.strip_prefix("# passphrase: "));
        let output = goma()
            .env("GOMA_CONFIG_ENCRYPTION_KEY", passphrase.unwrap_or_default())
            .arg("check")
            .arg(&path)
            .output()
            .unwrap();
        let later = String::from_utf8_lossy(&output.stdout).contains("error[not-yet-supported]");
        let code = i32::from(text.contains(" error[") || later);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}\n{}",
            path.display(),
            String::from_utf8_lossy(&output.stdout)
        );
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} fixtures");
}

#[test]
fn the_demo_backend_echoes() {
    let mut child = goma()
        .args(["demo-backend", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap()
        .to_owned();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask(
        "POST /a?b=c HTTP/1.1\r\nhost: h\r\nx-one: 1\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc",
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("\r\n\r\nPOST /a?b=c HTTP/1.1\nhost: h\nx-one: 1\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\nbody: 3 bytes\n"), "{answer}");

    let answer =
        ask("GET / HTTP/1.1\r\nhost: h\r\naccept: application/json\r\nconnection: close\r\n\r\n");
    let object = json(answer.split_once("\r\n\r\n").unwrap().1);
    assert_eq!(
        (&object["method"], &object["target"]),
        (&Value::from("GET"), &Value::from("/"))
    );
    assert_eq!(object["headers"][0], serde_json::json!(["host", "h"]));

    let answer =
        ask("GET /?status=503&size=40000 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), 40_000);
    child.kill().unwrap();
    child.wait().unwrap();
}
