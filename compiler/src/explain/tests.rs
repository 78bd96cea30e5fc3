//! The routing rules by their ids, on small specs.

mod backends;
mod output;
mod refusal;
mod rewrite;
mod target;

use super::{Answer, Request, Routed, explain};
use crate::source::SourceMap;
use crate::{Options, check};

/// Routes in the short form `name | path | hosts | more keys`, one per line.
fn spec(routes: &[&str]) -> String {
    let mut text = "version: 2\ngateway:\n  routes:\n".to_owned();
    for route in routes {
        let mut cells = route.split('|').map(str::trim);
        let mut cell = || cells.next().unwrap_or_default();
        let (name, path, hosts, more) = (cell(), cell(), cell(), cell());
        text.push_str(&format!(
            "    - name: {name}\n      path: {path}\n      target: http://10.0.0.7\n"
        ));
        if !hosts.is_empty() {
            text.push_str(&format!("      hosts: [{hosts}]\n"));
        }
        if !more.is_empty() {
            text.push_str(&format!("      {more}\n"));
        }
    }
    text
}

struct Explained {
    sources: SourceMap,
    explanation: super::Explanation,
}

fn explained(spec: &str, request: &str) -> Explained {
    let mut sources = SourceMap::new();
    sources.add("goma.yaml", spec);
    let checked = check(&sources, &Options::default());
    let findings = checked.diagnostics.summary(&sources);
    let model = checked.model.unwrap_or_else(|| panic!("{findings:?}"));
    let (method, url) = request.split_once(' ').unwrap();
    let request = Request::parse(method, url).unwrap();
    Explained {
        sources,
        explanation: explain(&model, &request),
    }
}

fn routed(spec: &str, request: &str) -> Routed {
    match explained(spec, request).explanation.answer {
        Answer::Route(routed) => *routed,
        Answer::Gateway { status, reason } => panic!("{request}: {status} {reason}"),
    }
}

/// The name of the route that answers, or the status.
fn answer(spec: &str, request: &str) -> String {
    match explained(spec, request).explanation.answer {
        Answer::Gateway { status, .. } => status.to_string(),
        Answer::Route(routed) => routed.name,
    }
}

fn check_answers(routes: &[&str], cases: &[(&str, &str)]) {
    let spec = spec(routes);
    for (url, expected) in cases {
        assert_eq!(answer(&spec, &format!("GET {url}")), *expected, "{url}");
    }
}

/// Where the request goes.
fn url(routes: &[&str], url: &str) -> String {
    routed(&spec(routes), &format!("GET {url}"))
        .upstream
        .unwrap()
        .url
}

/// RT-ROUTE-1
#[test]
fn the_host_is_compared_without_case_port_and_dot() {
    check_answers(
        &["a | / | a.com"],
        &[("http://A.com.:8080/", "a"), ("http://b.com/", "404")],
    );
}

/// RT-ROUTE-2
#[test]
fn a_disabled_route_is_as_if_absent() {
    check_answers(
        &["off | /api | | enabled: false", "on | /"],
        &[("http://h/api", "on")],
    );
    check_answers(
        &["off | /api | | enabled: false"],
        &[("http://h/api", "404")],
    );
}

/// RT-ROUTE-3
#[test]
fn prefixes_match_on_segment_boundaries() {
    check_answers(
        &["api | /api"],
        &[
            ("http://h/api", "api"),
            ("http://h/api/", "api"),
            ("http://h/api/x", "api"),
            ("http://h/apiary", "404"),
            ("http://h/API", "404"),
            ("http://h/", "404"),
        ],
    );
    check_answers(
        &["all | /"],
        &[("http://h", "all"), ("http://h/x/y", "all")],
    );
}

/// RT-ROUTE-4
#[test]
fn the_longest_prefix_wins() {
    check_answers(
        &["root | /", "cart | /cart", "checkout | /cart/checkout"],
        &[
            ("http://h/cart/checkout/1", "checkout"),
            ("http://h/cart/checkouts", "cart"),
            ("http://h/x", "root"),
        ],
    );
}

/// RT-ROUTE-5
#[test]
fn the_path_counts_before_the_host_and_the_host_by_kind() {
    check_answers(
        &["named | / | a.com", "long | /api"],
        &[("http://a.com/api", "long"), ("http://a.com/x", "named")],
    );
    check_answers(
        &[
            "any | /",
            "far | / | \"*.com\"",
            "near | / | \"*.a.com\"",
            "label | / | \"{x}.a.com\"",
            "exact | / | b.a.com",
            "port | / | \"b.a.com:81\"",
        ],
        &[
            ("http://b.a.com:81/", "port"),
            ("http://b.a.com/", "exact"),
            ("http://c.a.com/", "label"),
            ("http://d.c.a.com/", "near"),
            ("http://b.com/", "far"),
            ("http://b.net/", "any"),
        ],
    );
}

/// RT-ROUTE-8
#[test]
fn wildcards_match_labels_but_not_the_apex() {
    check_answers(
        &["w | / | \"*.example.com\""],
        &[
            ("http://a.example.com/", "w"),
            ("http://a.b.example.com:8080/", "w"),
            ("http://example.com/", "404"),
            ("http://anexample.com/", "404"),
        ],
    );
}

/// RT-ROUTE-10, RT-ROUTE-12
#[test]
fn probes_outrank_routes_for_get_and_head() {
    let spec = spec(&["api | /api"]);
    assert_eq!(answer(&spec, "GET http://h/readyz"), "200");
    assert_eq!(answer(&spec, "HEAD http://h/healthz"), "200");
    assert_eq!(answer(&spec, "POST http://h/healthz"), "405");
    assert_eq!(answer(&spec, "GET http://h/healthz/?x"), "301");
    assert_eq!(answer(&spec, "POST http://h/healthz/"), "404");
    let strict = spec.replace("gateway:", "gateway:\n  strictSlash: false");
    assert_eq!(answer(&strict, "GET http://h/healthz/"), "404");
    let spec = self::spec(&["all | /"]);
    assert_eq!(answer(&spec, "POST http://h/readyz"), "all");
    assert_eq!(answer(&spec, "GET http://h/readyz/"), "all");
}

/// RT-PATH-1 to RT-PATH-6 decide routes, too.
#[test]
fn routes_see_the_canonical_path() {
    check_answers(
        &["admin | /admin"],
        &[
            ("http://h/%61dmin", "admin"),
            ("http://h/x/../admin", "admin"),
            ("http://h//admin//x", "admin"),
            ("http://h/admin%2Fx", "404"),
            ("http://h/x/..%2fadmin", "400"),
            ("http://h/%zz", "400"),
        ],
    );
}

/// RT-METHOD-1
#[test]
fn a_method_that_is_not_listed_is_405() {
    let spec = spec(&["api | /api | | methods: [GET]"]);
    assert_eq!(routed(&spec, "HEAD http://h/api").status, Some(405));
    assert_eq!(routed(&spec, "GET http://h/api").status, None);
}

/// RT-UP-2
#[test]
fn one_slash_stands_between_backend_path_and_path() {
    let spec = "
version: 2
gateway:
  routes:
    - {name: a, path: /, target: \"http://10.0.0.7/base/\"}
";
    let upstream = routed(spec, "GET http://h/x").upstream.unwrap();
    assert_eq!(upstream.url, "http://10.0.0.7/base/x");
    assert_eq!(upstream.host, "h");
}

/// MW-GEN-8, RT-CHAIN-3: defaults [a,b] and route [x,a] give b,x,a.
#[test]
fn defaults_come_first_unless_the_route_lists_them() {
    let text = "\
version: 2
gateway:
  defaults: {middlewares: [a, b]}
  routes:
    - {name: own, path: /own, target: \"http://10.0.0.7\", middlewares: [x, a]}
    - {name: none, path: /, target: \"http://10.0.0.7\"}
middlewares: [{name: a, <<: &m {type: bodyLimit, rule: {limit: 1Mi}}}, {name: b, <<: *m}, {name: x, <<: *m}]
";
    for (request, expected) in [("GET http://h/own", "b,x,a"), ("GET http://h/", "a,b")] {
        let steps = routed(text, request).chain.into_iter();
        let names: Vec<_> = steps.map(|step| step.name).collect();
        assert_eq!(names.join(","), expected);
    }
}

/// RT-ROUTE-6
#[test]
fn priorities_come_first() {
    check_answers(
        &[
            "long | /api/v1",
            "late | /api | | priority: 5",
            "first | / | | priority: -1",
            "second | /api | | priority: 0",
        ],
        &[("http://h/api/v1", "first")],
    );
    let spec = spec(&[
        "long | /api/v1",
        "zero | / | | priority: 0",
        "five | /api | | priority: 5",
    ]);
    let explained = explained(&spec, "GET http://h/api/v1");
    insta::assert_snapshot!(explained.explanation.human(&explained.sources), @r#"
    GET http://h/api/v1
    route     zero  goma.yaml:7   prefix /, any host, priority 0
    loses     five  goma.yaml:11  priority 5
              long  goma.yaml:4   no priority
    upstream  http://10.0.0.7/api/v1
    "#);
}

/// RT-ROUTE-4, -14, -15
#[test]
fn path_types() {
    check_answers(
        &[
            "user | /users/{id}",
            "me | /users/me | | pathType: exact",
            "old | '/users/[0-9]+/old' | | pathType: regex",
            "deep | /{tenant}/x/y/z",
        ],
        &[
            ("http://h/users/7", "user"),
            ("http://h/users/me/", "me"),
            ("http://h/users/me/x", "user"),
            ("http://h/users/7/old", "user"),
            ("http://h/users", "404"),
            ("http://h/users/x/y/z", "user"),
            ("http://h/t/x/y/z", "deep"),
        ],
    );
    check_answers(
        &[
            "old | '/users/[0-9]+/old' | | pathType: regex",
            "users | /users",
        ],
        &[
            ("http://h/users/7/older", "old"),
            ("http://h/users/x/old", "users"),
        ],
    );
}

/// RT-ROUTE-13: each kind of condition, and who says so.
#[test]
fn conditions_decide() {
    let spec = spec(&[
        "plain | /",
        "beta | / | | match: {headers: {X-Beta: \"1\"}, query: {a: {regex: ^x y}}}",
        "cookie | / | | match: {cookies: {s: {present: true}}, methods: [get]}",
    ]);
    let ask = |request: &str, fields: &[&str]| {
        let (method, url) = request.split_once(' ').unwrap();
        let mut request = Request::parse(method, url).unwrap();
        for field in fields {
            request = request.with_field(field).unwrap();
        }
        let mut sources = SourceMap::new();
        sources.add("goma.yaml", spec.as_str());
        let checked = check(&sources, &Options::default());
        let findings = checked.diagnostics.summary(&sources);
        let model = checked.model.unwrap_or_else(|| panic!("{findings:?}"));
        (explain(&model, &request), sources)
    };
    let name = |request: &str, fields: &[&str]| match ask(request, fields).0.answer {
        Answer::Route(routed) => routed.name,
        Answer::Gateway { status, .. } => status.to_string(),
    };
    assert_eq!(name("GET http://h/?a=x+y", &["x-beta: 1"]), "beta");
    assert_eq!(
        name("GET http://h/?a=%78%20y", &["x-beta: 0", "X-BETA: 1"]),
        "beta"
    );
    assert_eq!(name("GET http://h/?a=xy", &["X-Beta: 1"]), "plain");
    assert_eq!(name("GET http://h/", &["Cookie: a=b; s="]), "cookie");
    assert_eq!(name("POST http://h/", &["Cookie: s=1"]), "plain");
    let (explanation, sources) = ask("GET http://h/", &["Cookie: s=1"]);
    insta::assert_snapshot!(explanation.human(&sources), @r#"
    GET http://h/
    route     cookie  goma.yaml:11  prefix /, any host, cookie s present, method GET
    loses     beta    goma.yaml:7   not header X-Beta = `1`
              plain   goma.yaml:4   fewer conditions
    upstream  http://10.0.0.7/
    "#);
    assert!(
        Request::parse("GET", "http://h/")
            .unwrap()
            .with_field("Host: x")
            .is_err()
    );
    assert!(
        Request::parse("GET", "http://h/")
            .unwrap()
            .with_field("nope")
            .is_err()
    );
}

/// RT-REWRITE-1, RT-ROUTE-15, RT-HDR-6
#[test]
fn rewrites_with_values() {
    let check = |route: &str, sent: &str, expected: &str| {
        assert_eq!(
            url(&[route], &format!("http://h{sent}")),
            format!("http://10.0.0.7{expected}"),
            "{route}"
        );
    };
    check(
        "r | /u/{id}/x | | rewrite: '/by-{id}'",
        "/u/a%2Fb/x/y?q",
        "/by-a%2Fb/y?q",
    );
    check(
        "r | /u | | pathType: exact\n      rewrite: /v",
        "/u/",
        "/v/",
    );
    check(
        "r | '/v([0-9]+)' | | pathType: regex\n      rewrite: '/api/$1'",
        "/v2/x",
        "/api/2/x",
    );
    let spec = spec(&["r | / | | security: {forwardHostHeaders: false}"]);
    assert_eq!(
        routed(&spec, "GET http://h/x").upstream.unwrap().host,
        "10.0.0.7"
    );
}

/// RT-MAINT-1, RT-CHAIN-1
#[test]
fn maintenance_comes_before_the_chain() {
    let spec = "
version: 2
gateway:
  routes:
    - name: a
      path: /
      target: http://10.0.0.7
      maintenance: {enabled: true, statusCode: 500}
      middlewares: [m]
middlewares:
  - {name: m, type: bodyLimit, rule: {limit: 1Ki}}
";
    let explained = explained(spec, "GET http://h/");
    insta::assert_snapshot!(explained.explanation.human(&explained.sources), @r#"
    GET http://h/
    route     a  goma.yaml:5  prefix /, any host
    chain     1 m  goma.yaml:11  bodyLimit  not reached, the route is in maintenance
    upstream  none  500, the route is in maintenance
    "#);
}

/// MW-GEN-7: the chain as it runs, outermost first, whatever the list's order; the recorder acts on
/// answers of the chain too.
#[test]
fn the_recorder_comes_first() {
    let spec = "version: 2
gateway:
  routes:
    - name: a
      path: /
      target: http://10.0.0.7
      middlewares: [closed, errors, policy, safe, deep, log, id]
middlewares:
  - {name: closed, type: access, paths: [/closed]}
  - {name: errors, type: errorInterceptor, rule: {errors: [{statusCode: 403}, {statusCode: 5xx}]}}
  - {name: policy, type: responseHeaders, rule: {setHeaders: {X-A: a}}}
  - {name: safe, type: securityHeaders}
  - {name: deep, type: responseHeaders, paths: [/closed], rule: {setHeaders: {X-A: b}}}
  - {name: log, type: accessLog, rule: {headers: [X-A]}}
  - {name: id, type: requestId}
";
    let routed = routed(spec, "GET http://h/closed");
    let steps = routed.chain.iter().map(|step| (&*step.name, step.in_scope));
    let names = ["id", "log", "deep", "policy", "safe", "errors", "closed"];
    assert_eq!(steps.collect::<Vec<_>>(), names.map(|name| (name, true)));
    assert_eq!(routed.status, Some(403));
    let reason = routed.chain.iter().find(|step| step.name == "errors");
    let reason = &reason.unwrap().reason;
    assert_eq!(
        reason,
        "in scope (whole route), other bodies for 403, 500-599"
    );
}
