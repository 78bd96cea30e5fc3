//! Which backends a request may go to.

use serde_json::Value;

use super::explained;

/// Human and JSON form for a route with these backends.
fn shown(backends: &str) -> (String, Value) {
    let spec = format!(
        "version: 2\ngateway: {{routes: [{{name: t, path: /, backends: [{backends}]}}]}}\n"
    );
    let explained = explained(&spec, "GET http://h/x");
    let human = explained.explanation.human(&explained.sources);
    let json = explained.explanation.json(&explained.sources);
    let (_, upstream) = human.split_once("upstream").unwrap();
    (upstream.to_owned(), serde_json::from_str(&json).unwrap())
}

/// RT-LB-4, RT-LB-5
#[test]
fn weights() {
    let (human, json) = shown(
        "{endpoint: \"http://a\", weight: 0}, {endpoint: \"http://b\", weight: 3}, {endpoint: \"http://c\", weight: 1}, {endpoint: \"http://d\"}",
    );
    insta::assert_snapshot!(human, @"
    http://b/x      (3 of 4)
            never http://a  (weight 0)
            or http://c     (1 of 4)
            never http://d  (weight 0)
    ");
    assert_eq!(json["upstream"]["url"], "http://b/x");
    assert_eq!(json["upstream"]["weights"], serde_json::json!([0, 3, 1, 0]));
}

/// RT-LB-1, RT-LB-3
#[test]
fn no_weights() {
    let (human, json) = shown("{endpoint: \"http://a\", weight: 7}");
    assert_eq!(human.trim(), "http://a/x");
    assert_eq!(json["upstream"]["weights"], Value::Null);
    let (human, _) = shown("{endpoint: \"http://a\"}, {endpoint: \"http://b\"}");
    assert!(human.contains("or http://b in turn"), "{human}");
}
