//! Encrypted values (C-SEC-1, MW-GEN-6): what is read of them, and that nothing of them gets out.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files; failing is its answer"
)]

use std::collections::BTreeMap;

use goma_compiler::explain::{Request, explain};
use goma_compiler::source::SourceMap;
use goma_compiler::{Compiled, Options, check, compile, decrypt_rules, diag};

const FILE: &str = "tests/specs/encrypted.yaml";
/// What every secret of the file begins with.
const SECRET: &str = "hunter";

fn input(passphrase: &str) -> (SourceMap, Options) {
    let path = format!("{}/../{FILE}", env!("CARGO_MANIFEST_DIR"));
    let mut sources = SourceMap::new();
    sources.add("encrypted.yaml", std::fs::read(path).unwrap());
    let key = "GOMA_CONFIG_ENCRYPTION_KEY".to_owned();
    let options = Options {
        env: BTreeMap::from([(key, passphrase.to_owned())]),
        ..Options::default()
    };
    decrypt_rules(&mut sources, &options);
    (sources, options)
}

fn compiled(passphrase: &str) -> (SourceMap, Compiled) {
    let (sources, options) = input(passphrase);
    let compiled = compile(&sources, &options);
    (sources, compiled)
}

/// The S part is generated, the V part is a place in the message.
#[test]
fn what_is_generated() {
    let (sources, compiled) = compiled("correct horse");
    assert!(
        compiled.diagnostics.is_empty(),
        "{:?}",
        compiled.diagnostics
    );
    let output = compiled.output.unwrap();
    let text = |path: &str| {
        let file = output.files.iter().find(|file| file.path == path);
        file.unwrap().text.clone()
    };
    assert!(text("Cargo.toml").contains("\"encrypted\""));
    assert!(text("src/main.rs").contains("mod encrypted;"));
    let middlewares: String = text("src/middlewares.rs").split_whitespace().collect();
    assert!(middlewares.contains("realm:\"Sealed\"") && middlewares.contains("name:\"EVE\""));
    assert!(middlewares.contains("Part::EncryptedRange(crate::encrypted::MESSAGE_"));
    assert!(middlewares.contains("Part::EncryptedUser(crate::encrypted::MESSAGE_"));
    // Four messages, each once.
    let messages = text("src/encrypted.rs");
    assert_eq!(messages.matches("-----BEGIN PGP MESSAGE-----").count(), 4);
    assert!(messages.contains("/// `middlewares[0].rule` (encrypted.yaml:24)"));
    // A lock lists files, not what is encrypted in them.
    assert_eq!(output.lock.text().matches("[[input]]").count(), 1);
    let files = output.files.iter().map(|file| file.text.as_str());
    let all: String = files.chain([output.lock.text().as_str()]).collect();
    assert!(!all.contains(SECRET) && !all.contains("correct horse"));
    assert!(
        !serde_json::to_string(&output.plan)
            .unwrap()
            .contains(SECRET)
    );
    assert_eq!(sources.ids().count(), 1);
}

/// With the passphrase or without, the same V part is built in: the revision tells nothing.
#[test]
fn without_the_passphrase_rules_are_faults_and_values_unchecked() {
    for (passphrase, value) in [
        ("", "warning[encrypted-unchecked]"),
        ("battery staple", "error[decrypt-failed]"),
    ] {
        let (sources, compiled) = compiled(passphrase);
        let expected = [
            "encrypted.yaml:24:7 error[decrypt-failed]".to_owned(),
            "encrypted.yaml:35:11 error[decrypt-failed]".to_owned(),
            format!("encrypted.yaml:42:13 {value}"),
            format!("encrypted.yaml:53:13 {value}"),
        ];
        assert_eq!(compiled.diagnostics.summary(&sources), expected);
        assert!(compiled.output.is_none());
    }
}

/// `goma explain` says that there is a rule, and nothing else of it.
#[test]
fn explanations_repeat_nothing() {
    let (sources, options) = input("correct horse");
    let model = check(&sources, &options).model.unwrap();
    let request = Request::parse("GET", "http://h.test/rule").unwrap();
    let explanation = explain(&model, &request);
    let shown = format!("{explanation:?}");
    assert_eq!(shown.matches("its rule is encrypted").count(), 2, "{shown}");
    assert!(
        !shown.contains(SECRET) && !shown.contains("Sealed"),
        "{shown}"
    );
}

/// One of `specs/wrong`, with its rules decrypted.
fn opened(name: &str) -> (SourceMap, Options) {
    let path = format!(
        "{}/../specs/wrong/encrypted-{name}.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut sources = SourceMap::new();
    sources.add("a.yaml", std::fs::read(path).unwrap());
    let key = "GOMA_CONFIG_ENCRYPTION_KEY".to_owned();
    let options = Options {
        env: BTreeMap::from([(key, "correct horse".to_owned())]),
        ..Options::default()
    };
    decrypt_rules(&mut sources, &options);
    (sources, options)
}

/// Neither is it by a finding about a route: here the redirect of an encrypted rule goes to itself.
#[test]
fn findings_of_routes_repeat_nothing() {
    let (sources, options) = opened("redirect");
    let findings = check(&sources, &options).diagnostics;
    let shown = diag::render::json(&findings, &sources);
    assert!(
        shown.contains("redirect-loop") && !shown.contains(SECRET),
        "{shown}"
    );
}

/// Nothing of a faulty rule is shown, in no format.
#[test]
fn findings_repeat_nothing() {
    for name in [
        "rule-key",
        "rule-value",
        "rule-escape",
        "rule-default",
        "rule-syntax",
    ] {
        let (sources, options) = opened(name);
        let findings = compile(&sources, &options).diagnostics;
        let shown = diag::render::human(&findings, &sources, false)
            + &diag::render::json(&findings, &sources)
            + &diag::render::sarif(&findings, &sources)
            + &diag::render::github(&findings, &sources);
        assert!(
            findings.has_errors() && shown.contains("encrypted rule"),
            "{shown}"
        );
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
