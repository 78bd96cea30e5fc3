//! Signatures and literals.

use super::*;
use crate::source::SourceKind;
use crate::{Options, check};

const MAIN: &str = "\
version: 2
gateway:
  providers:
    http: { enabled: true, endpoint: 'http://config.internal/x' }
    signing: { publicKey: \"KEY\" }
  routes: []
";

const BUNDLE: &str = "# a comment\nroutes:\n  - { name: a, path: /a, target: 'http://10.0.0.1' }\nmetadata: { rev: 1.0, on: yes }\n";

fn key() -> PrivateKey {
    PrivateKey::new(&[7; 32])
}

fn found(main: &str, bundle: &str) -> Vec<String> {
    let mut sources = SourceMap::new();
    sources.add("goma.yml", main.replace("KEY", &key().public().to_string()));
    sources.add_as(SourceKind::Http, "http://config.internal/x", bundle);
    check(&sources, &Options::default())
        .diagnostics
        .summary(&sources)
}

/// RFC 8785, section 3.2.2 and appendix B, as YAML and as JSON.
#[test]
fn canonical_json() {
    let json = |text: &str| {
        let tree = tree("", text).unwrap();
        let Kind::Map(entries) = &tree.kind else {
            panic!("{text}")
        };
        String::from_utf8(canonical::json(entries.iter()).unwrap()).unwrap()
    };
    let form = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    let text = "{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\": [null, true, false]}";
    assert_eq!(json(text), form);
    assert_eq!(
        json("b: 0x10\na: ~\n'\\u': yes\nc: '1'\nd: -0.0\ne: 1.0\n"),
        "{\"\\\\u\":\"yes\",\"a\":null,\"b\":16,\"c\":\"1\",\"d\":0,\"e\":1}"
    );
    let tree = tree("", "a: .inf").unwrap();
    assert!(matches!(digest(&tree), Err(Unsignable::Value(_))));
}

/// C-SIGN-1, and `bundle-signature` of section 13.
#[test]
fn a_signature_covers_routes_and_middlewares() {
    let signed = sign("b", BUNDLE, &key()).unwrap();
    assert!(signed.starts_with(BUNDLE), "{signed}");
    assert_eq!(found(MAIN, &signed), [""; 0]);
    for uncovered in ["checksum: x\n", "timestamp: 2026-01-01T00:00:00Z\n"] {
        assert_eq!(found(MAIN, &format!("{uncovered}{signed}")), [""; 0]);
    }
    let unsigned = ["http://config.internal/x:2:1 error[bundle-signature]"];
    assert_eq!(found(MAIN, BUNDLE), unsigned);
    let altered = signed.replace("10.0.0.1", "10.0.0.2");
    assert_eq!(
        found(MAIN, &altered),
        ["http://config.internal/x:5:12 error[bundle-signature]"]
    );
    let other = sign("b", BUNDLE, &PrivateKey::new(&[8; 32])).unwrap();
    assert_eq!(found(MAIN, &other).len(), 1);
    let none = MAIN.replace("    signing: { publicKey: \"KEY\" }\n", "");
    assert_eq!(
        found(&none, BUNDLE),
        ["goma.yml:4:22 warning[unsigned-provider]"]
    );
}

#[test]
fn signing_changes_nothing_else() {
    let again = sign("b", &sign("b", BUNDLE, &key()).unwrap(), &key()).unwrap();
    assert_eq!(again, sign("b", BUNDLE, &key()).unwrap());
    let json = "{\n\t\"routes\": []\n}\n";
    let signed = sign("b", json, &key()).unwrap();
    assert!(
        signed.starts_with("{\"signature\": \"") && signed.ends_with(", \n\t\"routes\": []\n}\n"),
        "{signed}"
    );
    assert!(sign("b", "{}", &key()).is_ok());
    let empty = sign("b", "signature:\nroutes: []\n", &key()).unwrap();
    assert!(
        empty.starts_with("signature: \"") && empty.ends_with("\"\nroutes: []\n"),
        "{empty}"
    );
    assert!(matches!(
        sign("b", "routes: []\n...\n", &key()),
        Err(Unsignable::Closed)
    ));
    assert!(matches!(sign("b", "[1]", &key()), Err(Unsignable::Shape)));
    assert!(matches!(
        sign("b", "a: [", &key()),
        Err(Unsignable::Syntax(_))
    ));
}

#[test]
fn keys_are_read_as_they_are_written() {
    let (seed, pair) = (STANDARD_SEED, key().text());
    assert_eq!(PrivateKey::parse(seed).unwrap().text(), pair);
    assert_eq!(PrivateKey::parse(&pair).unwrap().text(), pair);
    assert_eq!(PrivateKey::parse("xx!").unwrap_err(), BadKey::Encoding);
    assert_eq!(PrivateKey::parse("AAAA").unwrap_err(), BadKey::Key);
    // The neutral element: any signature would fit.
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(PublicKey::parse(weak).unwrap_err(), BadKey::Key);
}

/// Base64 of 32 times the byte 7.
const STANDARD_SEED: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// C-ENV-6.
#[test]
fn references_in_bundles_stay_literal() {
    let main = "version: 2\ngateway: { routes: [] }\n";
    let bundle = "routes:\n  - { name: a, path: /a, target: 'http://10.0.0.1', middlewares: [m] }\nmiddlewares:\n  - { name: m, type: requestHeaders, rule: { setHeaders: { X-A: '${HOME} $${B}' } } }\n";
    let mut sources = SourceMap::new();
    sources.add("goma.yml", main);
    sources.add_as(SourceKind::File, "b.yml", bundle);
    let compiled = crate::compile(&sources, &Options::default());
    let found = compiled.diagnostics.summary(&sources);
    assert_eq!(found, ["b.yml:4:65 warning[env-in-bundle]"]);
    let output = compiled.output.unwrap();
    let text = &output
        .files
        .iter()
        .find(|file| file.path == "src/middlewares.rs")
        .unwrap()
        .text;
    assert!(text.contains("\"${HOME} $${B}\""), "{text}");
}
