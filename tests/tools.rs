//! What goma writes for other tools, judged by those tools: the JSON Schema by check-jsonschema, SARIF
//! by Microsoft's validator, JUnit's XML by junitparser. `ci/testbed` installs them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use goma_tests::build::{goma_command, repository, target};

/// Codes of faults that a schema sees, unless the value comes from a variable.
const STRUCTURAL: &[&str] = &[
    "error[key-conflict]",
    "error[middleware-is-route-key]",
    "error[type-mismatch]",
    "error[unknown-key]",
    "error[unknown-type]",
];

#[test]
fn the_schema_accepts_every_good_file_and_rejects_every_structural_fault() {
    let schema = scratch("schema.json");
    let output = goma_command().arg("schema").output().unwrap();
    assert!(output.status.success());
    std::fs::write(&schema, output.stdout).unwrap();
    let meta = checker()
        .arg("--check-metaschema")
        .arg(&schema)
        .output()
        .unwrap();
    assert!(meta.status.success(), "{meta:?}");

    let wrong = files("specs/wrong");
    let mut all = wrong.clone();
    all.extend(
        [
            "specs/quickstart",
            "specs/shop",
            "specs/wrong/near",
            "tests/specs",
        ]
        .map(files)
        .concat(),
    );
    let rejected = rejected(&schema, &all);
    let mut faults = Vec::new();
    for file in &all {
        let text = std::fs::read_to_string(file).unwrap();
        // An old key may have any value: it is there only to be found.
        let old = file.to_string_lossy().contains("/deprecated-");
        // A condition between two places is more than a schema can say.
        let cross = file.to_string_lossy().contains("/cross-");
        // What is encrypted is text to a schema.
        let encrypted = text.contains("-----BEGIN PGP MESSAGE-----");
        let structural =
            !old && !cross && !encrypted && STRUCTURAL.iter().any(|code| text.contains(code));
        // Another letter case is forgiven by `goma check`; an editor should offer the right one.
        let good = !text.contains("error[") && !text.contains("[rule-key-case]");
        let is_rejected = rejected.contains(file);
        if (structural && !is_rejected) || (good && is_rejected) {
            faults.push(format!("{}: rejected: {is_rejected}", file.display()));
        }
    }
    assert!(all.len() > 150, "{} files", all.len());
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn sarif_is_valid() {
    let log = scratch("findings.sarif");
    for name in [
        "bad-cidr",
        "conflict",
        "later-secret",
        "version-missing",
        "yaml-flow",
    ] {
        let spec = format!("specs/wrong/{name}.yaml");
        let output = goma_command()
            .args(["check", "--format", "sarif", &spec])
            .current_dir(repository())
            .output()
            .unwrap();
        let written = String::from_utf8_lossy(&output.stdout);
        assert!(
            written.contains(&format!("\"uri\": \"{spec}\"")),
            "{written}"
        );
        std::fs::write(&log, output.stdout).unwrap();
        let verdict = Command::new(tool(
            "node/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool",
        ))
        .args(["validate", "--level", "Error;Warning;Note"])
        .arg(&log)
        // It is not asked to speak other languages, whose tables are not installed.
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .output()
        .unwrap();
        let text = String::from_utf8_lossy(&verdict.stdout);
        assert!(verdict.status.success(), "{name}: {text}");
        assert!(text.contains("completed successfully"), "{name}: {text}");
        assert!(!text.contains(": error "), "{name}: {text}");
    }
}

/// RT-TEST-1: a library that CI tools use reads the same counts and texts.
#[test]
fn junit_is_read_by_its_library() {
    let home = scratch("junit");
    std::fs::create_dir_all(&home).unwrap();
    let spec =
        "version: 2\ngateway: {routes: [{name: site, path: /, target: \"http://127.0.0.1:9\"}]}\n";
    std::fs::write(home.join("goma.yml"), spec).unwrap();
    let tests = "tests:
- {name: right, request: {url: http://a/}, expect: {route: site}}
- {name: \"<wrong> & \\\"odd\\\" \\u0001 é\", request: {url: http://a/}, expect: {status: 404}}
- {name: live, request: {url: http://a/}, expect: {body: x}}
";
    std::fs::write(home.join("goma.test.yaml"), tests).unwrap();
    let report = home.join("report.xml");
    let output = goma_command()
        .args(["test", "--format", "junit"])
        .current_dir(&home)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    std::fs::write(&report, output.stdout).unwrap();
    let script = "import sys, junitparser as j
for suite in j.JUnitXml.fromfile(sys.argv[1]):
    print(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped)
    for case in suite:
        print(case.classname, case.name, [(type(r).__name__, r.message) for r in case.result])";
    let read = Command::new(tool("python/bin/python"))
        .args(["-c", script])
        .arg(&report)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(read.stdout).unwrap(),
        "goma.test.yaml 3 1 0 1
goma.test.yaml right []
goma.test.yaml <wrong> & \"odd\" \u{fffd} é [('Failure', '<wrong> & \"odd\" \u{fffd} é: the request goes to the \
         backend, and is not answered with 404')]
goma.test.yaml live [('Skipped', 'needs a running gateway: `expect.body`')]
"
    );
}

/// The files that do not fit the schema.
fn rejected(schema: &Path, files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let output = checker()
        .args(["-o", "json", "--schemafile"])
        .arg(schema)
        .args(files)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let mut rejected = BTreeSet::new();
    for list in ["errors", "parse_errors"] {
        for error in report[list].as_array().into_iter().flatten() {
            rejected.insert(PathBuf::from(error["filename"].as_str().unwrap()));
        }
    }
    rejected
}

/// All YAML files of a directory that are well-formed YAML.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(repository().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            !text.is_empty()
                && !text.contains("error[yaml-syntax]")
                && !text.contains("error[duplicate-key]")
        })
        .collect();
    files.sort();
    files
}

fn checker() -> Command {
    Command::new(tool("python/bin/check-jsonschema"))
}

fn tool(path: &str) -> PathBuf {
    let tool = target().join("testbed").join(path);
    assert!(
        tool.exists(),
        "run ci/testbed once: {path} is not installed"
    );
    tool
}

fn scratch(name: &str) -> PathBuf {
    let directory = target().join("e2e/tools");
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}
