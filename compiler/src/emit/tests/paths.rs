//! What rules become that redirect, or change path and query.

use super::file;

#[track_caller]
fn check(middleware: &str, config: &str, manifest: &str) {
    let spec = format!(
        "
version: 2
gateway: {{routes: [{{name: a, path: /, target: \"http://10.0.0.7\", middlewares: [m]}}]}}
middlewares:
  - {}",
        middleware.replacen('{', "{name: m, ", 1)
    );
    let squeezed = |text: &str| {
        text.split_whitespace()
            .collect::<String>()
            .replace(",}", "}")
    };
    let found = squeezed(&file(&spec, "src/middlewares.rs"));
    assert!(
        found.contains(&squeezed(config)),
        "{}",
        file(&spec, "src/middlewares.rs")
    );
    let features = file(&spec, "Cargo.toml");
    assert_eq!(
        features.contains("\"regex\""),
        manifest == "regex",
        "{features}"
    );
}

/// MW-RESH-4: what is the same for every answer is text.
#[test]
fn cookies() {
    check(
        "{type: responseHeaders, rule: {setCookies: [{name: s, attributes: {maxAge: 60, httpOnly: true}}], cacheControl: no-store, cacheStatuses: [404, 200]}}",
        r#"cookies: &[response_headers::Cookie {
            name: "s",
            value: Value {
                key: "middlewares[0].rule.setCookies[0].value",
                source: "goma.yaml:5:59",
                parts: &[],
            },
            place: "Path=/",
            age: response_headers::Age::Seconds(60),
            flags: "HttpOnly; SameSite=Lax",
        }],
        cache_control: Some("#,
        "",
    );
}

/// MW-REDIR-1, MW-GEN-21
#[test]
fn redirect() {
    check(
        "{type: redirect, rule: {url: \"https://${HOST}/\", preservePath: yes}}",
        r#"redirect::Redirect::new(&redirect::Config {
            url: Value {
                key: "middlewares[0].rule.url",
                source: "goma.yaml:5:43",
                parts: &[
                    Part::Text("https://"),
                    Part::Env { name: "HOST", default: None },
                    Part::Text("/"),
                ],
            },
            permanent: false,
            preserve_path: true,
            preserve_query: false,
            preserve_method: false,
        }"#,
        "",
    );
}

/// MW-REDIRRX-2, MW-GEN-15
#[test]
fn redirect_regex() {
    check(
        "{type: redirectRegex, rule: {pattern: \"^/(?<a>.*)\", replacement: \"HTTPS://N.test/$${a}$$\", permanent: true}}",
        r#"&redirect_regex::Config {
            pattern: "^/(?<a>.*)",
            replacement: &[
                redirect_regex::Piece::Text("HTTPS://N.test/"),
                redirect_regex::Piece::Group(1),
                redirect_regex::Piece::Text("$"),
            ],
            origin: Some("https://n.test"),
            permanent: true,
        }"#,
        "regex",
    );
}

/// MW-REWRITE-2
#[test]
fn rewrite_regex() {
    check(
        "{type: rewriteRegex, rule: {pattern: ^/t, replacement: \"/{{goma.headers.X-Team}}{{goma.query.z}}\"}}",
        r#"rewrite_regex::Config {
            pattern: "^/t",
            replacement: &[
                rewrite_regex::Piece::Text("/"),
                rewrite_regex::Piece::Header("X-Team"),
                rewrite_regex::Piece::Query("z"),
            ],
        }"#,
        "regex",
    );
    check(
        "{type: rewriteRegex, rule: {pattern: ^/t, replacement: \"\"}}",
        "pattern: \"^/t\", replacement: &[] }",
        "regex",
    );
}

/// MW-REPL-1
#[test]
fn replace_path() {
    check(
        "{type: replacePath, rule: {path: /x//y/}}",
        "replace_path::Config { path: &[replace_path::Piece::Text(\"/x/y/\")] }",
        "",
    );
    let spec = "
version: 2
gateway: {routes: [{name: a, path: \"/{id}\", target: \"http://10.0.0.7\", middlewares: [m]}]}
middlewares:
  - {name: m, type: replacePath, rule: {path: \"/users/{id}/card\"}}";
    let found = file(spec, "src/middlewares.rs");
    let parts = ["Text(\"/users/\")", "Parameter(\"id\")", "Text(\"/card\")"];
    let places = parts.map(|part| found.find(&format!("replace_path::Piece::{part}")));
    assert!(
        places.is_sorted() && places.iter().all(Option::is_some),
        "{found}"
    );
}

/// MW-STRIPQ-1, MW-GEN-21
#[test]
fn strip_query() {
    check(
        "{type: stripQuery, rule: {params: [a, b, a], methods: [post]}}",
        "strip_query::Config {
            params: &[\"a\", \"b\"],
            methods: &[\"POST\"],
            paths: strip_query::Paths::All,
        }",
        "",
    );
    check(
        "{type: stripQuery, rule: {params: [a], pathPattern: /put$}}",
        "paths: strip_query::Paths::Matching(\"/put$\")",
        "regex",
    );
}
