//! What a row says of trouble with backends.

use super::file;

/// The part of the row between its backends and its chain, without white space.
fn row(keys: &str) -> String {
    let spec = format!(
        "version: 2\ngateway: {{routes: [{{name: t, path: /, target: \"http://10.0.0.7\", {keys}}}]}}\n"
    );
    let text = file(&spec, "src/routes.rs");
    let squeezed: String = text.split_whitespace().collect();
    let (_, row) = squeezed.split_once("resilience:Some(&").unwrap_or(("", ""));
    let row = row.split(",chain:").next().unwrap();
    row.replace(",}", "}").trim_end_matches(')').to_owned()
}

#[track_caller]
fn check(keys: &str, expected: &str) {
    let squeezed: String = expected.split_whitespace().collect();
    assert_eq!(row(keys), squeezed);
}

/// RT-INFL-1, RT-UP-4, RT-RETRY-1, -2, RT-CB-1: a row names what differs from nothing at all, with the
/// defaults of the dialect.
#[test]
fn rows() {
    check("methods: [GET]", "");
    check("maxInFlight: 0, timeouts: {connect: 5s, idle: 0}", "");
    check(
        "maxInFlight: 7",
        "Resilience { in_flight_max: Some(7), ..Resilience::NONE }",
    );
    check(
        "timeouts: {connect: 0, request: 1m30s}",
        "Resilience {
            timeouts: Timeouts {
                connect_ms: None, response_header_ms: None, request_ms: Some(90000), idle_ms: None
            },
            ..Resilience::NONE
        }",
    );
    check(
        "retry: {}",
        "Resilience {
            retry: Some(Retry {
                attempts: 2, connect: true, reset: true, timeout: false, statuses: &[502, 503, 504],
                base_ms: 25, max_ms: 1000, budget_millionths: 200000
            }),
            ..Resilience::NONE
        }",
    );
    check(
        "retry: {on: [timeout, 500, 429, 500], budget: 1, backoff: {max: 0}}, circuitBreaker: {failureRatio: 0.0000001}",
        "Resilience {
            retry: Some(Retry {
                attempts: 2, connect: false, reset: false, timeout: true, statuses: &[429, 500],
                base_ms: 25, max_ms: 0, budget_millionths: 1000000
            }),
            circuit_breaker: Some(CircuitBreaker {
                failure_millionths: 1, requests_min: 20, window_ms: 10000, open_ms: 10000, trials: 3
            }),
            ..Resilience::NONE
        }",
    );
}
