//! What the gateway answers by itself, whatever the routes.

use super::{check, spec};
use crate::Options;
use crate::explain::{Request, explain};
use crate::source::SourceMap;

/// Status and reason of a request with these fields to a gateway whose only route is `/`.
fn told(more: &str, request: &str, fields: &[&str]) -> String {
    let text = spec(&["all | / | | MORE"]).replace("MORE", more);
    let limits = "gateway:\n  limits: {maxUriBytes: 4096, maxHeaderBytes: 8192, maxHeaders: 16}\n";
    let mut sources = SourceMap::new();
    sources.add("goma.yaml", text.replacen("gateway:\n", limits, 1));
    let checked = check(&sources, &Options::default());
    let findings = checked.diagnostics.summary(&sources);
    let model = checked.model.unwrap_or_else(|| panic!("{findings:?}"));
    let (method, url) = request.split_once(' ').unwrap();
    let request = Request::parse(method, url).unwrap();
    let request = fields
        .iter()
        .fold(request, |request, field| request.with_field(field).unwrap());
    let explanation = explain(&model, &request);
    let outcome = explanation.outcome();
    match outcome.status {
        Some(status) => format!("{status} {}", outcome.reason),
        None => format!("to {}", outcome.upstream.unwrap().url),
    }
}

/// RT-LIM-1, RT-LIM-2: at the limit, and one above it.
#[test]
fn what_is_over_a_limit_is_refused() {
    let url = |bytes: usize| format!("GET http://h/?{}", "q".repeat(bytes - "/?".len()));
    assert!(told("", &url(4096), &[]).starts_with("to "));
    let over = "414 the target is over `limits.maxUriBytes`";
    assert_eq!(told("", &url(4097), &[]), over);

    let others = "Host: h\r\nX-A: \r\n\r\n".len();
    let field = |bytes: usize| format!("X-A: {}", "a".repeat(bytes - others));
    assert!(told("", "GET http://h/", &[&field(8192)]).starts_with("to "));
    assert_eq!(
        told("", "GET http://h/", &[&field(8193)]),
        "431 the header fields are over `limits.maxHeaderBytes`"
    );

    assert!(told("", "GET http://h/", &["X-A: 1"; 15]).starts_with("to "));
    assert_eq!(
        told("", "GET http://h/", &["X-A: 1"; 16]),
        "431 more header fields than `limits.maxHeaders`"
    );
}

/// RT-SEM-1, RT-SEM-5, RT-SEM-6, RT-METHOD-2
#[test]
fn some_methods_and_fields_end_at_the_gateway() {
    let check = |more: &str, method: &str, fields: &[&str], expected: &str| {
        let found = told(more, &format!("{method} http://h/"), fields);
        assert_eq!(found, expected, "{more} {method} {fields:?}");
    };
    let (forwarded, last) = ("to http://10.0.0.7/", "200 `Max-Forwards: 0` ends here");
    check("", "CONNECT", &[], "405 CONNECT is not routed (RT-SEM-6)");
    check(
        "methods: [CONNECT]",
        "CONNECT",
        &[],
        "405 CONNECT is not routed (RT-SEM-6)",
    );
    check("", "TRACE", &[], "405 TRACE is not in `methods`");
    check("methods: [TRACE]", "TRACE", &[], forwarded);
    check("methods: [TRACE]", "TRACE", &["Max-Forwards: 0"], last);
    check("", "OPTIONS", &["Max-Forwards: 0"], last);
    check("", "OPTIONS", &["Max-Forwards: 1"], forwarded);
    check("", "GET", &["Max-Forwards: 0"], forwarded);
    check("", "PURGE", &[], forwarded);
    check("", "PUT", &["Expect: 100-Continue"], forwarded);
    check(
        "",
        "PUT",
        &["Expect: 100-continue", "Expect: x"],
        "417 `Expect` asks for something unknown (RT-SEM-1)",
    );
}

/// RT-PATH-5
#[test]
fn a_query_has_no_space() {
    let refused = "400 the query has a character that must be escaped (RT-PATH-5)";
    assert_eq!(told("", "GET http://h/?a b", &[]), refused);
    assert_eq!(told("", "GET http://h/?a\u{7f}", &[]), refused);
    assert_eq!(
        told("", "GET http://h/?a\\b%zz", &[]),
        "to http://10.0.0.7/?a\\b%zz"
    );
}
