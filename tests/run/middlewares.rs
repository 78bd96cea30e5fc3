//! The vectors of middlewares.md, from YAML to bytes.

use super::Rig;

/// MW-REQH-1, MW-GEN-24
#[test]
fn request_headers() {
    let rig = Rig::with(goma_tests::Backend::ok(), &[("SECRET", "from-env")]);
    rig.get(
        "/m/headers/%61?q",
        "Authorization: s\r\nX-Old: 1\r\nX-Int-A: 1\r\nx-int-b: 1\r\nX-In: in\r\nX-t: 1\r\nX-T: 2\r\n\
         Accept: a\r\n",
    );
    let request = rig.backend.request(0);
    for name in ["authorization", "x-old", "x-int-a", "x-int-b"] {
        assert!(request.fields(name).is_empty(), "{name}");
    }
    assert_eq!(request.fields("x-t"), ["acme"]);
    assert_eq!(request.fields("accept"), ["a", "text/x"]);
    assert_eq!(request.fields("x-secret"), ["from-env"]);
    let tokens = "m-headers|GET|h.test|/m/headers/%61|127.0.0.1|in";
    assert_eq!(request.fields("x-tokens"), [tokens]);
}

/// MW-REQH-2
#[test]
fn the_upstream_host() {
    let rig = Rig::new();
    rig.get("/m/host", "");
    let request = rig.backend.request(0);
    assert_eq!(request.fields("host"), ["b.test"]);
    assert_eq!(request.fields("x-forwarded-host"), ["h.test"]);
}

/// MW-GEN-9: a name that is listed twice runs once, at its first place.
#[test]
fn list_order() {
    let rig = Rig::new();
    rig.get("/m/order", "");
    let request = rig.backend.request(0);
    assert_eq!(
        (request.fields("x-t"), request.fields("x-late")),
        (vec!["acme".to_owned()], vec!["1".to_owned()])
    );
}

/// MW-PREFIX-1, MW-PREFIX-2
#[test]
fn add_prefix() {
    let rig = Rig::new();
    rig.get("/m/prefix/a%2Fb?x=1", "");
    assert_eq!(
        rig.backend.request(0).target(),
        "/prefix/m/prefix/a%2Fb?x=1"
    );
}

/// MW-STRIPP-1, MW-GEN-12
#[test]
fn strip_prefix() {
    let rig = Rig::new();
    for (index, (target, expected)) in [
        ("/m/strip/a%2Fb?x=1", "/a%2Fb?x=1"),
        ("/m/%73trip", "/"),
        ("/m/strip//a", "/a"),
    ]
    .iter()
    .enumerate()
    {
        rig.get(target, "X-Forwarded-Prefix: /evil\r\n");
        let request = rig.backend.request(index);
        assert_eq!(request.target(), *expected, "{target}");
        assert_eq!(request.fields("x-forwarded-prefix"), ["/m/strip"]);
    }
}

/// MW-GEN-12, RT-SEM-4: what only a middleware may set does not come in a trailer either, whether the
/// body comes with its head or later, and in scope or not.
#[test]
fn trailers_are_cleaned_as_heads_are() {
    let rig = Rig::new();
    let head = "POST /m/scope/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "3\r\nabc\r\n0\r\nUsername: evil\r\nX-Sum: 7\r\nuser_name: x\r\n\r\n";
    let mut whole = rig.gateway.connect();
    whole.send(format!("{head}{body}"));
    assert_eq!(whole.response().status, 200);
    let mut pieces = rig.gateway.connect();
    pieces.send(head.replacen("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1));
    assert!(pieces.head().starts_with("HTTP/1.1 100"));
    pieces.send(body);
    assert_eq!(pieces.response().status, 200);
    for index in 0..2 {
        let sent = String::from_utf8(rig.backend.request(index).body).unwrap();
        assert_eq!(sent, "3\r\nabc\r\n0\r\nX-Sum: 7\r\nuser_name: x\r\n\r\n");
    }
}

/// MW-REPL-1, MW-GEN-12
#[test]
fn replace_path() {
    let rig = Rig::new();
    for (index, (target, expected, replaced)) in [
        ("/m/card/7", "/users/7/card", &["/m/card/7"][..]),
        (
            "/m/card/a%2F%3f/x?y=1",
            "/users/a%2F%3f/card?y=1",
            &["/m/card/a%2F%3f/x"],
        ),
        ("/m//card//7", "/users/7/card", &["/m//card//7"]),
        ("/m/fixed/a/b?c", "/x/?c", &["/m/fixed/a/b"]),
        ("/m/fixed/b", "/v1/b", &[]),
    ]
    .iter()
    .enumerate()
    {
        rig.get(
            target,
            "X-Replaced-Path: /evil\r\nX_Replaced_Path: /evil\r\n",
        );
        let request = rig.backend.request(index);
        assert_eq!(request.target(), *expected, "{target}");
        assert_eq!(request.fields("x-replaced-path"), *replaced, "{target}");
        assert!(request.fields("x_replaced_path").is_empty(), "{target}");
    }
}

/// MW-SCHEME-1, -4, MW-REDIR-2, MW-CLI-1
#[test]
fn redirect_scheme() {
    let rig = Rig::new();
    let response = rig.get("/m/scheme/a%2Fb?x=1", "X-Forwarded-Proto: https\r\n");
    assert_eq!(response.status, 301);
    assert_eq!(
        response.field("location").unwrap(),
        "https://h.test:8443/m/scheme/a%2Fb?x=1"
    );
    let v6 = rig.ask("GET /m/scheme HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
    assert_eq!(v6.field("location").unwrap(), "https://[::1]:8443/m/scheme");
    let malformed = rig.ask("GET /m/scheme HTTP/1.1\r\nHost: h.test:x\r\n\r\n");
    assert_eq!(malformed.status, 400);
    assert_eq!(rig.count(), 0);
}

/// MW-ACCESS-1, -3, MW-POLICY-1, -2, MW-CLI-1
#[test]
fn access_and_policies() {
    let rig = Rig::new();
    for closed in ["/ops/heap", "/b7/old1", "/OPS/a"] {
        let response = rig.get(&format!("/m/access{closed}"), "");
        let text = response.text();
        assert_eq!(
            (response.status, text.as_str()),
            (404, "404 Not Found\n"),
            "{closed}"
        );
    }
    let elsewhere = "X-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\n";
    for lines in ["", elsewhere] {
        let response = rig.get("/m/access/local", lines);
        let text = response.text();
        assert_eq!((response.status, text.as_str()), (403, "Not from here\n"));
    }
    assert_eq!(rig.count(), 0);
    assert_eq!(rig.get("/m/access/opsx", "").status, 200);
}

/// MW-PATH-1 to -5, -8 to -10, -12, MW-GEN-12
#[test]
fn paths() {
    let rig = Rig::new();
    let status = |path: &str| rig.get(&format!("/m/scope{path}"), "").status;
    for guarded in [
        "/admin",
        "/admin/x",
        "/ADMIN/x",
        "//admin",
        "/%61dmin",
        "/x/../admin",
        "/admin%2Fx",
        "/admin/",
        "/%2Fadmin",
        "/.%2Fadmin",
        "/.%5cadmin",
        "/admin;x=1/y",
        "/;%2Fx/admin",
        "/admin%3Bx",
    ] {
        assert_eq!(status(guarded), 401, "{guarded}");
    }
    assert_eq!(rig.count(), 0);
    for malformed in ["/%", "/admin/%zz", "/%00", "/../../../x"] {
        assert_eq!(status(malformed), 400, "{malformed}");
    }
    for open in [
        "",
        "/administrator",
        "/x/admin",
        "/docs",
        "/x?/admin",
        "/x%2Fadmin",
        "?a=/admin",
    ] {
        assert_eq!(status(open), 200, "{open}");
    }
    // Out of scope too, nobody but the gateway says who the user is.
    rig.get("/m/scope/open", "Username: evil\r\n");
    let request = rig.backend.request(rig.count() - 1);
    assert!(request.fields("username").is_empty());

    let docs = |path: &str| {
        !rig.get(&format!("/m/scope{path}"), "")
            .fields("x-docs")
            .is_empty()
    };
    for (path, expected) in [
        ("/docs/a", true),
        ("/docsx", false),
        ("/r2/older", true),
        ("/R2/old", true),
        ("/rx/old", false),
        ("/x/m/scope/r2/old", false),
    ] {
        assert_eq!(docs(path), expected, "{path}");
    }
    let tenant = |path: &str| {
        rig.get(&format!("/m/scope{path}"), "");
        !rig.backend
            .request(rig.count() - 1)
            .fields("x-tenant")
            .is_empty()
    };
    for (path, expected) in [
        ("/tenant/acme/api/x", true),
        ("/tenant/api", false),
        ("/tenant/a/b/api", false),
    ] {
        assert_eq!(tenant(path), expected, "{path}");
    }
}

/// MW-BASIC-1, -2, -4, -5, RT-CHAIN-2
#[test]
fn basic_auth() {
    let rig = Rig::new();
    let challenge = r#"Basic realm="a \"b\"", charset="UTF-8""#;
    for lines in [
        "",
        "Authorization: Bearer x\r\n",
        "Authorization: Basic dTp3cm9uZw==\r\n",
        "Authorization: Basic bm9ib2R5OnNlY3JldA==\r\n",
        "Authorization: Basic ?\r\n",
    ] {
        let response = rig.get("/m/auth", lines);
        assert_eq!(
            (response.status, response.text().as_str()),
            (401, "401 Unauthorized\n")
        );
        assert_eq!(response.fields("www-authenticate"), [challenge], "{lines}");
    }
    let twice = "Authorization: Basic dTpzZWNyZXQ=\r\n".repeat(2);
    assert_eq!(rig.get("/m/auth", &twice).status, 400);
    assert_eq!(rig.count(), 0);
    // u:secret against bcrypt, twice: the second one is remembered; then plain:p:w.
    for (index, (credentials, user)) in [
        ("dTpzZWNyZXQ=", "u"),
        ("dTpzZWNyZXQ", "u"),
        ("cGxhaW46cDp3", "plain"),
    ]
    .iter()
    .enumerate()
    {
        let lines =
            format!("Authorization: basic  {credentials}\r\nUser_name: x\r\nusername: evil\r\n");
        assert_eq!(rig.get("/m/auth", &lines).status, 200);
        let request = rig.backend.request(index);
        assert_eq!(request.fields("username"), [*user]);
        assert!(request.fields("authorization").is_empty());
    }
    // The method check comes after authentication.
    let put = |lines: &str| {
        let request =
            format!("PUT /m/auth HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n{lines}\r\n");
        rig.ask(&request).status
    };
    assert_eq!(put(""), 401);
    assert_eq!(put("Authorization: Basic dTpzZWNyZXQ=\r\n"), 405);
}

/// MW-BODY-1, MW-BODY-2, MW-BODY-4
#[test]
fn body_limit() {
    let rig = Rig::new();
    let post = |lines: &str, body: &str| {
        let request = format!("POST /m/limit HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}");
        rig.ask(&request)
    };
    assert_eq!(
        post("Content-Length: 1024\r\n", &"a".repeat(1024)).status,
        200
    );
    let announced = post("Content-Length: 1025\r\nExpect: 100-continue\r\n", "");
    assert_eq!(announced.status, 413);
    assert_eq!(
        announced.text(),
        "Request body too large (limit 1024 bytes)\n"
    );
    assert_eq!(announced.fields("connection"), ["close"]);
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    let fits = format!("{chunk}0\r\n\r\n");
    assert_eq!(post("Transfer-Encoding: chunked\r\n", &fits).status, 200);
    let streamed = format!("{chunk}{chunk}0\r\n\r\n");
    let response = post("Transfer-Encoding: chunked\r\n", &streamed);
    assert_eq!(
        (response.status, response.text().as_str()),
        (413, "Request body too large (limit 1024 bytes)\n")
    );
    assert_eq!(
        rig.count(),
        2,
        "the backend saw no complete request besides the two that fit"
    );
    assert_eq!(rig.get("/m/limit", "").status, 200);
}

/// MW-BODY-2, RT-SMUG-7: once there is a response, a body that is too large or no body breaks it off at once, without
/// an end that the client could take for one.
#[test]
fn body_limit_behind_a_response() {
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    for rest in [&*chunk.repeat(2), "zz\r\n"] {
        let backend = goma_tests::Backend::script(|connection| {
            connection.read_head();
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
            while connection.read().is_some() {}
            connection.record("left".to_owned());
        });
        let rig = Rig::with(backend, &[]);
        let mut client = rig.gateway.connect();
        client.send("POST /m/limit HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 200 "));
        client.send(rest);
        assert!(client.is_closed());
        let line = rig.gateway.line_with(&["url=/m/limit", "aborted=true"]);
        assert!(line.contains("status=200"), "{line}");
        assert_eq!(rig.backend.request(0).head, "left");
    }
}

/// MW-PATH-10: what guards acts where a backend may read the path so that it would.
#[test]
fn paths_that_backends_may_read() {
    let rig = Rig::new();
    let status = |path: &str| rig.get(&format!("/m/access{path}"), "").status;
    for closed in ["/ops", "/%2Fops", "/b1/old", "/%2Fb1/old", "/b1;x/old"] {
        assert_eq!(status(closed), 404, "{closed}");
    }
    assert_eq!(rig.count(), 0);
    for open in ["/x%2Fops", "/x;ops", "/b%2F1/old"] {
        assert_eq!(status(open), 200, "{open}");
    }
}

/// MW-CORS-1 to -6, MW-ERR-8, RT-CHAIN-4, RT-ERR-3
#[test]
fn cors() {
    let rig = Rig::new();
    let preflight = |path: &str, origin: &str| {
        rig.ask(&format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: PUT\r\n\r\n"
        ))
    };
    for path in ["/m/cors", "/m/auth"] {
        let allowed = preflight(path, "https://a.test");
        assert_eq!(allowed.status, 204, "{path}");
        for (name, value) in [
            ("access-control-allow-origin", "https://a.test"),
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-headers", "X-A"),
            ("access-control-max-age", "600"),
            ("access-control-allow-credentials", "true"),
        ] {
            assert_eq!(allowed.fields(name), [value], "{path} {name}");
        }
    }
    assert_eq!(preflight("/m/cors", "https://evil.test").status, 405);
    assert_eq!(preflight("/m/auth", "https://evil.test").status, 401);
    assert_eq!(rig.count(), 0);
    let actual = rig.get("/m/cors", "Origin: https://x.b.test\r\n");
    assert_eq!(
        actual.fields("access-control-allow-origin"),
        ["https://x.b.test"]
    );
    assert_eq!(actual.fields("access-control-expose-headers"), ["X-B"]);
    assert_eq!(actual.fields("vary"), ["Origin"]);
    let other = rig.get("/m/cors", "Origin: https://b.test\r\n");
    assert!(other.field("access-control-allow-origin").is_none());
    assert_eq!(other.fields("vary"), ["Origin"]);
    let refused = rig.get("/m/auth", "Origin: https://a.test\r\n");
    assert_eq!(
        (
            refused.status,
            refused.fields("access-control-allow-origin")
        ),
        (401, vec!["https://a.test".to_owned()])
    );
}
