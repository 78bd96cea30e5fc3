//! Kinds of paths, parameters, conditions, priorities and maintenance: tests/specs/routing.yaml.

use std::ops::Deref;

use goma_tests::{Backend, Response, gateway};

struct Rig(super::Rig);

impl Deref for Rig {
    type Target = super::Rig;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Rig {
    fn new() -> Self {
        Self(super::Rig::of("routing", Backend::ok(), &[]))
    }

    fn ask(&self, line: &str, fields: &str) -> Response {
        let request = format!("{line} HTTP/1.1\r\nHost: h.test\r\n{fields}\r\n");
        self.0.ask(&request)
    }

    /// The route that answers, or the status.
    fn route(&self, line: &str, fields: &str) -> String {
        let response = self.ask(line, fields);
        response
            .field("x-route")
            .unwrap_or_else(|| response.status.to_string())
    }

    /// The target that the backend sees.
    fn target(&self, path: &str) -> String {
        let index = self.backend.requests().len();
        let status = self.ask(&format!("GET {path}"), "").status;
        if status != 200 {
            return status.to_string();
        }
        self.backend.request(index).target().to_owned()
    }
}

/// RT-ROUTE-4, RT-ROUTE-14, RT-ROUTE-15
#[test]
fn kinds_of_paths() {
    let rig = Rig::new();
    for (path, expected) in [
        ("/users", "users"),
        ("/users/", "users"),
        ("/users/7", "user"),
        ("/users/7/x", "user"),
        ("/users/me", "me"),
        ("/users/me/", "me"),
        ("/users/me/x", "user"),
        ("/users/7/posts", "user"),
        ("/users/7/posts/9", "posts"),
        ("/v1/cats", "old"),
        ("/v12/cats/x", "old"),
        ("/v12/catsX", "old"),
        ("/V1/cats", "404"),
        ("/x/v1/cats", "404"),
    ] {
        assert_eq!(rig.route(&format!("GET {path}"), ""), expected, "{path}");
    }
}

/// RT-ROUTE-15, MW-GEN-24: the value as received, as a token; empty where there is none.
#[test]
fn parameters_are_tokens() {
    let rig = Rig::new();
    let id = |path: &str| rig.ask(&format!("GET {path}"), "").field("x-id");
    assert_eq!(id("/users/a%2Fb%20c").as_deref(), Some("a%2Fb%20c"));
    assert_eq!(id("//%75sers//%61").as_deref(), Some("%61"));
    assert_eq!(id("/users").unwrap_or_default(), "");
}

/// RT-REWRITE-1, -3, -4, RT-ROUTE-15: exact, parameters and regular expressions.
#[test]
fn rewrites() {
    let rig = Rig::new();
    for (path, expected) in [
        ("/users/me?q=1", "/self?q=1"),
        ("/users/me/", "/self/"),
        ("/users/a%2Fb/posts/9", "/base/p/9/by-a%2Fb"),
        ("/users/7/posts/9/x/?q", "/base/p/9/by-7/x/?q"),
        ("/v1/cats", "/old/1/cats"),
        ("/v2/cats/x/?a=$1", "/old/2/cats/x/?a=$1"),
        ("/dots/a", "/safe/.a"),
        ("/dots/.;a", "400"),
    ] {
        assert_eq!(rig.target(path), expected, "{path}");
    }
}

/// MW-PATH-1 with a path parameter: what is below the route is below its segments.
#[test]
fn scopes_below_parameters() {
    let rig = Rig::new();
    assert_eq!(rig.route("GET /t/acme/admin/x", ""), "scoped");
    assert_eq!(rig.ask("GET /t/acme/admin/x", "").status, 404);
    // MW-PATH-10: a backend may open what the parameter has taken.
    assert_eq!(rig.ask("GET /t/acme%2Fadmin", "").status, 404);
    assert_eq!(rig.ask("GET /t/admin/x", "").status, 200);
}

/// RT-ROUTE-13, RT-ROUTE-5: more conditions first; header names without case, queries decoded, any
/// of several values, absence, methods.
#[test]
fn conditions() {
    let rig = Rig::new();
    for (line, fields, expected) in [
        ("GET /c", "", "plain"),
        ("GET /c", "x-beta: 1\r\n", "header"),
        ("GET /c", "X-Beta: 10\r\n", "plain"),
        ("GET /c", "X-Beta: 0\r\nX-BETA: 1\r\n", "header"),
        ("GET /c?q=a%20bc", "X-Beta: 1\r\n", "two"),
        ("GET /c?x&q=xa+b&%71=a+b", "X-Beta: 1\r\n", "two"),
        ("GET /c?q=a%20bc", "", "plain"),
        ("POST /c", "Cookie: a=b; s=\r\n", "cookie"),
        ("POST /c", "Cookie: a=b; ss=1\r\n", "plain"),
        ("POST /c", "Cookie: s=1\r\nX-No: 1\r\n", "plain"),
        ("PUT /c", "Cookie: s=1\r\n", "plain"),
    ] {
        assert_eq!(rig.route(line, fields), expected, "{line} {fields:?}");
    }
}

/// RT-ROUTE-6: explicit priorities first, ascending, negative ones too.
#[test]
fn priorities() {
    let rig = Rig::new();
    assert_eq!(rig.route("GET /prio/deep/er", ""), "late");
    assert_eq!(rig.route("GET /prio/deep/er", "X-First: 1\r\n"), "first");
    assert_eq!(rig.route("GET /prio", ""), "404");
}

/// RT-MAINT-1, RT-ERR-12, MW-ERR-5, MW-ERR-6: policies still act, filters and backend do not.
#[test]
fn maintenance() {
    let rig = Rig::new();
    let closed = rig.ask("GET /m/admin", "");
    assert_eq!(closed.status, 503);
    assert_eq!(closed.text(), "503 Service temporarily unavailable\n");
    assert_eq!(closed.field("x-route").as_deref(), Some("closed"));
    assert_eq!(closed.field("retry-after"), None);
    assert_eq!(closed.field("cache-control").as_deref(), Some("no-store"));
    let json = rig.ask("POST /m/json", "Accept: application/json\r\n");
    assert_eq!(
        (json.status, json.text()),
        (200, "{\"closed\": true}".to_owned())
    );
    assert_eq!(json.field("retry-after").as_deref(), Some("120"));
    assert_eq!(
        json.field("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(rig.ask("GET /m/json", "").text(), "{\"closed\": true}\n");
    assert_eq!(rig.ask("GET /m/other", "").text(), "410 Gone\n");
    assert_eq!(rig.backend.requests().len(), 0);
    assert_eq!(rig.route("GET /m/open", ""), "open");
}

/// RT-HDR-6: the backend's host, and the client's in `X-Forwarded-Host`.
#[test]
fn the_backend_s_own_host() {
    let rig = Rig::new();
    assert_eq!(rig.ask("GET /host", "").status, 200);
    let seen = rig.backend.request(0);
    let authority = rig.backend.url().replace("http://", "");
    assert_eq!(seen.fields("host"), [authority]);
    assert_eq!(seen.fields("x-forwarded-host"), ["h.test"]);
}

/// RT-ROUTE-9, -10, -12: endpoints without a route beside them.
#[test]
fn endpoints_without_routes() {
    let rig = Rig::new();
    let post = rig.ask("POST /readyz", "Content-Length: 0\r\n");
    assert_eq!(post.status, 405);
    assert_eq!(post.field("allow").as_deref(), Some("GET, HEAD"));
    // `strictSlash: false`
    assert_eq!(rig.ask("GET /readyz/", "").status, 404);
    let none = rig.ask("GET /nothing", "");
    assert_eq!(none.status, 404);
    assert!(none.field("x-goma-request-id").is_some());
    assert!(rig.gateway.line_with(&["/nothing"]).contains("_unmatched"));
}

/// RT-START-4
#[test]
fn the_table_of_routes() {
    let (code, output, _) = gateway::run_to_end("routing", &["--print-routes"], &[]);
    assert_eq!(code, 0);
    let row = |name: &str| {
        let line = output
            .lines()
            .find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("Name"), "Name Enabled Priority Path Rewrite");
    assert_eq!(row("first"), "first true -1 /prio -");
    assert_eq!(row("me"), "me true - /users/me (exact) /self");
    assert_eq!(row("user"), "user true - /users/{id} -");
}
