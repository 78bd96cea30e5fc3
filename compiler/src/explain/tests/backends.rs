//! Which backends a request may go to.

use serde_json::Value;

use super::explained;

/// Human and JSON form for a route with these backends.
fn shown(backends: &str) -> (String, Value) {
    asked(backends, "GET http://h/x")
}

fn asked(backends: &str, request: &str) -> (String, Value) {
    let spec = format!(
        "version: 2\ngateway: {{routes: [{{name: t, path: /, backends: [{backends}]}}]}}\n"
    );
    let explained = explained(&spec, request);
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

/// C-URL, RT-UP-2: behind a socket's name there is a `:` before the path.
#[test]
fn sockets() {
    let (human, json) = shown("{endpoint: \"unix:///run/a.sock:/v1\"}");
    assert_eq!(human.trim(), "unix:///run/a.sock:/v1/x");
    assert_eq!(json["upstream"]["url"], "unix:///run/a.sock:/v1/x");
    let (human, _) = shown("{endpoint: \"unix+h2c:///run/a.sock\"}");
    assert_eq!(human.trim(), "unix+h2c:///run/a.sock:/x");
}

/// RT-CANARY-1, -3, -4
#[test]
fn canaries() {
    let backends = "{endpoint: \"http://a\", weight: 3}, \
        {endpoint: \"http://b\", weight: 1, match: [{source: query, name: q, operator: in, value: \"1, 2\"}]}, \
        {endpoint: \"http://c\", exclusive: true, match: [{source: query, name: q, operator: equals, value: \"2\"}]}";
    insta::assert_snapshot!(asked(backends, "GET http://h/x").0, @"
    http://a/x      (3 of 3)
            never http://b  (canary: the request does not fit)
            never http://c  (canary: the request does not fit)
    ");
    insta::assert_snapshot!(asked(backends, "GET http://h/x?q=1").0, @"
    http://a/x?q=1  (3 of 4)
            or http://b     (canary, 1 of 4)
            never http://c  (canary: the request does not fit)
    ");
    let (human, json) = asked(backends, "GET http://h/x?q=2");
    insta::assert_snapshot!(human, @"
    http://c/x?q=2  (canary, exclusive)
            else http://a   (3 of 4)
            else http://b   (canary, 1 of 4)
    ");
    assert_eq!(json["upstream"]["url"], "http://c/x?q=2");
}

/// RT-LB-8
#[test]
fn policies() {
    let with = |policy: &str, weight: &str| {
        let backends = "{endpoint: \"http://a\"WEIGHT}, {endpoint: \"http://b\"WEIGHT}], loadBalancer: {POLICY}, methods: [GET";
        let backends = backends.replace("WEIGHT", weight).replace("POLICY", policy);
        let (human, json) = shown(&backends);
        assert!(json["upstream"]["policy"].is_string());
        human.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        with("policy: leastConn", ""),
        "http://a/x (leastConn) or http://b (leastConn)"
    );
    assert_eq!(
        with(
            "policy: consistentHash, hashOn: {source: ip}",
            ", weight: 2"
        ),
        "http://a/x (consistentHash, weight 2) or http://b (consistentHash, weight 2)"
    );
    assert_eq!(
        with("sticky: {cookie: c}", ""),
        "http://a/x or http://b in turn sticky by cookie c"
    );
    assert_eq!(
        with("policy: roundRobin", ", weight: 2"),
        "http://a/x or http://b in turn"
    );
    assert_eq!(
        with("policy: weighted", ", weight: 2"),
        "http://a/x (2 of 4) or http://b (2 of 4)"
    );
}

/// RT-RETRY, RT-CB, RT-INFL-1, RT-ERR-16: what a route does about trouble with them.
#[test]
fn resilience() {
    let keys = "{endpoint: \"http://a\"}, {endpoint: \"http://b\"}], retry: {attempts: 3}, \
        circuitBreaker: {failureRatio: 0.255}, maxInFlight: 9, timeouts: {connect: 1500ms, request: 0}, methods: [GET";
    let (human, json) = shown(keys);
    insta::assert_snapshot!(human, @"
    http://a/x
            or http://b in turn
            at most 9 at once
            timeouts: connect 1.5s, no request timeout
            up to 3 tries on connect, reset, 502, 503, 504, at most 20 % of requests again
            circuit opens for 10s when 25.5 % of 20 or more fail in 10s
    ");
    let upstream = &json["upstream"];
    assert_eq!(upstream["maxInFlight"], 9);
    assert_eq!(
        upstream["timeouts"],
        serde_json::json!({"connect": "1.5s", "request": "0"})
    );
    assert_eq!(upstream["retry"]["backoff"]["max"], "1s");
    assert_eq!(upstream["circuitBreaker"]["halfOpenRequests"], 3);
    let (_, json) = shown("{endpoint: \"http://a\"}");
    assert!(json["upstream"].get("retry").is_none());
}
