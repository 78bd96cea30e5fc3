//! Redirects and rewrites: the vectors that the runtime's filters have too.

use super::routed;

/// What the middleware of this type and rule does to a request, in words; then where it goes.
fn told(middleware: &str, request: &str) -> String {
    let spec = format!(
        "version: 2
gateway: {{routes: [{{name: t, path: /, target: \"http://10.0.0.7\", middlewares: [m]}}]}}
middlewares:
  - {}
",
        middleware.replacen('{', "{name: m, ", 1)
    );
    let routed = routed(&spec, request);
    let reason = routed.chain.iter().map(|step| step.reason.clone());
    let reason: String = reason.collect();
    let reason = reason.trim_start_matches("in scope (whole route), ");
    let url = routed.upstream.map(|upstream| upstream.url);
    match (url, routed.status) {
        (Some(url), _) => format!("{reason} | {url}"),
        (None, Some(status)) => format!("{reason} | {status}"),
        (None, None) => reason.to_owned(),
    }
}

#[track_caller]
fn check(middleware: &str, cases: &[(&str, &str)]) {
    for (request, expected) in cases {
        assert_eq!(
            told(middleware, request),
            *expected,
            "{middleware} {request}"
        );
    }
}

/// MW-REDIR-1, MW-REDIR-2
#[test]
fn redirect() {
    check(
        "{type: redirect, rule: {url: \"https://n.test\"}}",
        &[
            ("GET http://h/a?x=1", "302 to https://n.test | 302"),
            (
                "GET http://h/.well-known/acme-challenge/t",
                "lets ACME challenges pass | http://10.0.0.7/.well-known/acme-challenge/t",
            ),
        ],
    );
    check(
        "{type: redirect, rule: {url: \"https://n.test/base?y#z\", permanent: true, preserveMethod: true, preservePath: true, preserveQuery: true}}",
        &[(
            "GET http://h/a?x=1",
            "308 to https://n.test/base/a?y&x=1#z | 308",
        )],
    );
    check(
        "{type: redirect, paths: [/old], rule: {url: /new}}",
        &[(
            "GET http://h/old/b?x=1",
            "in scope (paths [/old]), 302 to /new?x=1 | 302",
        )],
    );
    let path = "{type: redirect, paths: [/old], rule: {url: /new}}";
    for (query, kept) in [("?", ""), ("??", "??"), ("??x=1", "??x=1")] {
        let expected = format!("in scope (paths [/old]), 302 to /new{kept} | 302");
        assert_eq!(told(path, &format!("GET http://h/old{query}")), expected);
    }
}

/// MW-REDIRRX-1 to -3
#[test]
fn redirect_regex() {
    check(
        "{type: redirectRegex, rule: {pattern: ^/old/(.*), replacement: https://n.test/new/$1}}",
        &[
            (
                "GET http://h/old/a?x=1",
                "302 to https://n.test/new/a?x=1 | 302",
            ),
            ("GET http://h/a", "no match | http://10.0.0.7/a"),
        ],
    );
    check(
        "{type: redirectRegex, rule: {pattern: ^/old(.*), replacement: $1, permanent: true}}",
        &[
            ("GET http://h/old//evil.com", "301 to /evil.com | 301"),
            (
                "GET http://h/oldhttps://evil.com",
                "400, the result begins with a scheme | 400",
            ),
            ("GET http://h/old:x", "301 to /:x | 301"),
        ],
    );
    check(
        "{type: redirectRegex, rule: {pattern: ^/x, replacement: \"http://h/x\"}}",
        &[(
            "GET http://h/x/y",
            "leads where the request is already, passes | http://10.0.0.7/x/y",
        )],
    );
    check(
        "{type: redirectRegex, rule: {pattern: ^/x(.+), replacement: \"http://h:80/x$1\"}}",
        &[
            (
                "GET http://h/xa",
                "leads where the request is already, passes | http://10.0.0.7/xa",
            ),
            (
                "GET http://H:80/xa",
                "leads where the request is already, passes | http://10.0.0.7/xa",
            ),
            ("GET http://h:81/xa", "302 to http://h:80/xa | 302"),
        ],
    );
    check(
        "{type: redirectRegex, rule: {pattern: ^/x, replacement: \"http://n.test\"}}",
        &[(
            "GET http://h/x.evil",
            "400, the result would lengthen the host | 400",
        )],
    );
}

/// MW-REPL-1
#[test]
fn replace_path() {
    check(
        "{type: replacePath, rule: {path: /x/}}",
        &[(
            "GET http://h/a?y=1",
            "path becomes /x/ | http://10.0.0.7/x/?y=1",
        )],
    );
    let spec = "
version: 2
gateway: {routes: [{name: t, path: \"/u/{id}\", target: \"http://10.0.0.7\", middlewares: [m]}]}
middlewares:
  - {name: m, type: replacePath, rule: {path: \"/users/{id}/card\"}}
";
    let upstream = routed(spec, "GET http://h/u/a%2Fb/x?y=1").upstream.unwrap();
    assert_eq!(upstream.url, "http://10.0.0.7/users/a%2Fb/card?y=1");
}

/// MW-REWRITE-1, -2, -4
#[test]
fn rewrite_regex() {
    check(
        "{type: rewriteRegex, rule: {pattern: \"^/shop/([0-9]+)$\", replacement: /items/$1}}",
        &[
            (
                "GET http://h/shop/7?x=1",
                "path becomes /items/7 | http://10.0.0.7/items/7?x=1",
            ),
            ("GET http://h/shop/x", "no match | http://10.0.0.7/shop/x"),
        ],
    );
    check(
        "{type: rewriteRegex, rule: {pattern: ^/t/(.*), replacement: \"/t/{{goma.headers.X-Team}}/{{ goma.query.zone }}/$1\"}}",
        &[
            (
                "GET http://h/t/a/b?zone=e%2Fu",
                "path becomes /t//e%2Fu/a/b without `X-Team` | http://10.0.0.7/t//e%2Fu/a/b?zone=e%2Fu",
            ),
            (
                "GET http://h/t/a?zone=..",
                "400, the path has a character that must be escaped (RT-PATH-5) | 400",
            ),
        ],
    );
    check(
        "{type: rewriteRegex, rule: {pattern: \"^/q/([^/]*)\", replacement: \"/find?id=$1\"}}",
        &[(
            "GET http://h/q/7?x=1",
            "path becomes /find?id=7&x=1 | http://10.0.0.7/find?id=7&x=1",
        )],
    );
    check(
        "{type: rewriteRegex, rule: {pattern: ^/a(.*), replacement: $1}}",
        &[
            (
                "GET http://h/a//evil/x",
                "path becomes /evil/x | http://10.0.0.7/evil/x",
            ),
            ("GET http://h/a", "path becomes / | http://10.0.0.7/"),
        ],
    );
}

/// MW-STRIPQ-1
#[test]
fn strip_query() {
    check(
        "{type: stripQuery, rule: {params: [hint, src], methods: [post], pathPattern: /put$}}",
        &[
            (
                "POST http://h/f/put?hint=1&src=2",
                "query is removed | http://10.0.0.7/f/put",
            ),
            (
                "POST http://h/f/put?b=2&%68int=x&a=%7e",
                "query becomes ?b=2&a=%7e | http://10.0.0.7/f/put?b=2&a=%7e",
            ),
            (
                "POST http://h/f/put?Hint=1",
                "nothing to remove | http://10.0.0.7/f/put?Hint=1",
            ),
            (
                "GET http://h/f/put?hint=1",
                "other method | http://10.0.0.7/f/put?hint=1",
            ),
            (
                "POST http://h/f?hint=1",
                "other path | http://10.0.0.7/f?hint=1",
            ),
        ],
    );
}

/// MW-SCHEME-1, MW-REDIR-2
#[test]
fn redirect_scheme() {
    check(
        "{type: redirectScheme, rule: {scheme: https, port: 8443}}",
        &[
            (
                "GET http://h:80/a%2Fb?x=1",
                "302 to https://h:8443/a%2Fb?x=1 | 302",
            ),
            ("GET https://h/", "already https | http://10.0.0.7/"),
            (
                "GET http://h/.well-known/acme-challenge/t",
                "lets ACME challenges pass | http://10.0.0.7/.well-known/acme-challenge/t",
            ),
        ],
    );
}

/// MW-SCHEME-1: the path that the client sent.
#[test]
fn redirect_scheme_behind_another_path() {
    let spec = "
version: 2
gateway: {routes: [{name: t, path: /, target: \"http://10.0.0.7\", middlewares: [a, b]}]}
middlewares:
  - {name: a, type: stripPrefix, rule: {prefixes: [/api]}}
  - {name: b, type: redirectScheme, rule: {scheme: https}}
";
    let routed = routed(spec, "GET http://h/api/a%2Fb?x");
    assert_eq!(routed.location.as_deref(), Some("https://h/api/a%2Fb?x"));
}

/// MW-REQH-2, MW-REQH-3
#[test]
fn hosts_and_forwarding_fields() {
    let host = |rule: &str| {
        told(
            &format!("{{type: requestHeaders, rule: {rule}}}"),
            "GET http://h/a",
        )
    };
    assert_eq!(
        host("{setHeaders: {Host: \"{request.host} x\"}}"),
        "400, `h x` is not a host | 400"
    );
    let spec = |rule: &str| {
        format!(
            "version: 2
gateway: {{routes: [{{name: t, path: /, target: \"http://10.0.0.7\", middlewares: [m]}}]}}
middlewares: [{{name: m, type: requestHeaders, rule: {rule}}}]
"
        )
    };
    let sent = |rule: &str| routed(&spec(rule), "GET http://h/a").upstream.unwrap().host;
    assert_eq!(sent("{addHeaders: {host: b.test}}"), "b.test");
    assert_eq!(sent("{setHeaders: {Host: \"{request.header.x}\"}}"), "h");
    assert_eq!(sent("{setHeaders: {Host: \"\"}}"), "h");
}
