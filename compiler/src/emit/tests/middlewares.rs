//! What each middleware's rule becomes.

use super::{file, shown, with_middleware};

#[test]
fn request_headers() {
    let spec = with_middleware(
        "    type: requestHeaders
    rule: {setHeaders: {X-A: \"a ${B:-c}\", X-Old: \"\"}, removeHeaders: [X-*], addHeaders: {Via: \"\\\"q\\\"\"}}",
    );
    insta::assert_snapshot!(shown(&spec, "src/middlewares.rs"), @r#"
    version: 2
    gateway: {routes: [{name: a, path: /, target: "http://10.0.0.7", middlewares: [m]}]}
    middlewares:
      - name: m
        type: requestHeaders
        rule: {setHeaders: {X-A: "a ${B:-c}", X-Old: ""}, removeHeaders: [X-*], addHeaders: {Via: "\"q\""}}

    => src/middlewares.rs
    //! Every middleware in use, with its rule.

    use goma_runtime::filter::request_headers;
    use goma_runtime::gateway::{Start, StartError};
    use goma_runtime::values::{Part, Value};

    /// `m` (goma.yaml:5): requestHeaders
    pub fn m(start: &Start<'_>) -> Result<request_headers::RequestHeaders, StartError> {
        request_headers::RequestHeaders::new(
            &request_headers::Config {
                set: &[
                    (
                        "X-A",
                        Value {
                            key: "middlewares[0].rule.setHeaders.X-A",
                            source: "goma.yaml:7:30",
                            parts: &[
                                Part::Text("a "),
                                Part::Env {
                                    name: "B",
                                    default: Some("c"),
                                },
                            ],
                        },
                    ),
                    (
                        "X-Old",
                        Value {
                            key: "middlewares[0].rule.setHeaders.X-Old",
                            source: "goma.yaml:7:50",
                            parts: &[],
                        },
                    ),
                ],
                remove: &["X-*"],
                add: &[(
                    "Via",
                    Value {
                        key: "middlewares[0].rule.addHeaders.Via",
                        source: "goma.yaml:7:95",
                        parts: &[Part::Text("\"q\"")],
                    },
                )],
            },
            start,
        )
    }
    "#);
}

#[test]
fn response_headers() {
    let spec = with_middleware(
        "    type: responseHeaders
    rule: {cors: {enabled: true, origins: [\"https://a.test\"], exposeHeaders: [X-A]}}",
    );
    insta::assert_snapshot!(shown(&spec, "src/middlewares.rs"), @r#"
    version: 2
    gateway: {routes: [{name: a, path: /, target: "http://10.0.0.7", middlewares: [m]}]}
    middlewares:
      - name: m
        type: responseHeaders
        rule: {cors: {enabled: true, origins: ["https://a.test"], exposeHeaders: [X-A]}}

    => src/middlewares.rs
    //! Every middleware in use, with its rule.

    use goma_runtime::filter::response_headers;
    use goma_runtime::gateway::{Start, StartError};
    use goma_runtime::values::{Part, Value};

    /// `m` (goma.yaml:5): responseHeaders
    pub fn m(start: &Start<'_>) -> Result<response_headers::ResponseHeaders, StartError> {
        response_headers::ResponseHeaders::new(
            &response_headers::Config {
                set: &[],
                cookies: &[],
                cache_control: None,
                cache_statuses: &[],
                statuses: &[],
                cors: Some(response_headers::Cors {
                    origins: &[Value {
                        key: "middlewares[0].rule.cors.origins[0]",
                        source: "goma.yaml:7:44",
                        parts: &[Part::Text("https://a.test")],
                    }],
                    allow_methods: &[],
                    allowed_headers: &[],
                    expose_headers: &["X-A"],
                    max_age: None,
                    allow_credentials: false,
                }),
            },
            start,
        )
    }
    "#);
}

#[test]
fn basic_auth() {
    let spec = with_middleware(
        "    type: basicAuth
    rule: {users: [\"u:${P}\"], usernameHeader: X-User}",
    );
    insta::assert_snapshot!(shown(&spec, "src/middlewares.rs"), @r#"
    version: 2
    gateway: {routes: [{name: a, path: /, target: "http://10.0.0.7", middlewares: [m]}]}
    middlewares:
      - name: m
        type: basicAuth
        rule: {users: ["u:${P}"], usernameHeader: X-User}

    => src/middlewares.rs
    //! Every middleware in use, with its rule.

    use goma_runtime::filter::basic_auth;
    use goma_runtime::gateway::{Start, StartError};
    use goma_runtime::values::{Part, Value};

    /// `m` (goma.yaml:5): basicAuth
    pub fn m(start: &Start<'_>) -> Result<basic_auth::BasicAuth, StartError> {
        basic_auth::BasicAuth::new(
            &basic_auth::Config {
                users: &[basic_auth::User {
                    username: Value {
                        key: "middlewares[0].rule.users[0]",
                        source: "goma.yaml:7:20",
                        parts: &[Part::Text("u")],
                    },
                    password: Value {
                        key: "middlewares[0].rule.users[0]",
                        source: "goma.yaml:7:20",
                        parts: &[Part::Env {
                            name: "P",
                            default: None,
                        }],
                    },
                }],
                users_file: None,
                realm: "Restricted",
                forward_username: false,
                username_header: "X-User",
                remove_authorization: false,
                limit: None,
            },
            start,
        )
    }
    "#);
}

#[test]
fn redirect_scheme() {
    let spec = with_middleware(
        "    type: redirectScheme
    rule: {scheme: HTTPS, port: 8443, preserveMethod: true}",
    );
    insta::assert_snapshot!(shown(&spec, "src/middlewares.rs"), @r#"
    version: 2
    gateway: {routes: [{name: a, path: /, target: "http://10.0.0.7", middlewares: [m]}]}
    middlewares:
      - name: m
        type: redirectScheme
        rule: {scheme: HTTPS, port: 8443, preserveMethod: true}

    => src/middlewares.rs
    //! Every middleware in use, with its rule.

    use goma_runtime::filter::redirect_scheme;
    use goma_runtime::gateway::{Start, StartError};
    use goma_runtime::values::{Part, Value};

    /// `m` (goma.yaml:5): redirectScheme
    pub fn m(start: &Start<'_>) -> Result<redirect_scheme::RedirectScheme, StartError> {
        redirect_scheme::RedirectScheme::new(
            &redirect_scheme::Config {
                scheme: "https",
                port: Some(Value {
                    key: "middlewares[0].rule.port",
                    source: "goma.yaml:7:33",
                    parts: &[Part::Text("8443")],
                }),
                permanent: false,
                preserve_method: true,
            },
            start,
        )
    }
    "#);
}

#[test]
fn a_short_config_stands_in_one_line() {
    let spec = with_middleware("    type: addPrefix\n    rule: {prefix: /v1}");
    insta::assert_snapshot!(shown(&spec, "src/middlewares.rs"), @r#"
    version: 2
    gateway: {routes: [{name: a, path: /, target: "http://10.0.0.7", middlewares: [m]}]}
    middlewares:
      - name: m
        type: addPrefix
        rule: {prefix: /v1}

    => src/middlewares.rs
    //! Every middleware in use, with its rule.

    use goma_runtime::filter::add_prefix;
    use goma_runtime::gateway::{Start, StartError};

    /// `m` (goma.yaml:5): addPrefix
    pub fn m(start: &Start<'_>) -> Result<add_prefix::AddPrefix, StartError> {
        add_prefix::AddPrefix::new(&add_prefix::Config { prefix: "/v1" }, start)
    }
    "#);
}

/// MW-GEN-14
#[test]
fn a_body_that_is_held() {
    for (rule, buffer) in [
        ("{limit: 1Ki, buffer: true}", true),
        ("{limit: 1Ki}", false),
    ] {
        let spec = with_middleware(&format!("    type: bodyLimit\n    rule: {rule}"));
        let text = file(&spec, "src/middlewares.rs");
        let wanted = format!("limit: 1024,\n            buffer: {buffer},");
        assert!(text.contains(&wanted), "{text}");
    }
}
