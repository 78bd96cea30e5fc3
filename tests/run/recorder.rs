//! The vectors of the recorder's middlewares (middlewares.md 5.3, 5.7, 6.8, 6.9).

use super::Rig;
use goma_tests::Backend;

fn is_hex(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// MW-RID-1: with `trust: never` the backend gets a fresh id, the client and the log the same.
#[test]
fn request_ids_of_nobody() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let response = rig.get("/id/fresh", "X-Request-ID: a\r\n");
    let ids = rig.backend.request(0).fields("x-request-id");
    let [id] = ids.as_slice() else {
        panic!("{ids:?}")
    };
    assert!(is_hex(id), "{id}");
    assert_eq!(response.fields("x-goma-request-id"), [id.as_str()]);
    let _ = rig
        .gateway
        .line_with(&[&format!("request_id={id}"), "route=id-fresh"]);
}

/// MW-RID-1, MW-CLI-2: with `trust: trustedProxy` only such a peer's ids are kept.
#[test]
fn request_ids_of_proxies() {
    let sent = |proxy: &str| {
        let rig = Rig::of("recorder", Backend::ok(), &[("PROXY", proxy)]);
        rig.get("/id/proxy", "X-Request-ID: a\r\n");
        rig.backend.request(0).fields("x-request-id").concat()
    };
    assert_eq!(sent("127.0.0.1"), "a");
    let id = sent("192.0.2.1");
    assert!(is_hex(&id), "{id}");
}

/// MW-RID-1: the format of new ids; the syntax check stays.
#[test]
fn request_ids_by_format() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let sent = |index: usize, lines: &str| {
        rig.get("/id/uuid", lines);
        rig.backend.request(index).fields("x-request-id").concat()
    };
    assert_eq!(sent(0, "X-Request-ID: kept.id_1\r\n"), "kept.id_1");
    for (index, lines) in [(1, ""), (2, "X-Request-ID: a b\r\n")] {
        let id = sent(index, lines);
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.as_bytes().get(14), Some(&b'7'), "{id}");
    }
}

/// MW-RID-1, MW-GEN-24: other fields carry the id, within the scope; nobody else sets them.
#[test]
fn request_ids_in_other_fields() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let response = rig.get(
        "/id/header/a",
        "X-Correlation-ID: mine\r\nX-Request-ID: other\r\nX_Correlation_ID: alike\r\n",
    );
    let request = rig.backend.request(0);
    assert!(request.fields("x_correlation_id").is_empty());
    assert_eq!(request.fields("x-correlation-id"), ["mine"]);
    assert_eq!(request.fields("x-request-id"), ["other"]);
    assert_eq!(request.fields("x-told"), ["mine"]);
    assert_eq!(response.fields("x-correlation-id"), ["mine"]);
    assert!(response.field("x-goma-request-id").is_none());
    let _ = rig
        .gateway
        .line_with(&["request_id=mine", "route=id-header"]);
    // Out of scope everything is as usual.
    let response = rig.get("/id/header/b", "X-Request-ID: other\r\n");
    assert_eq!(response.fields("x-goma-request-id"), ["other"]);
    assert_eq!(
        rig.backend.request(1).fields("x-correlation-id"),
        ["forged"]
    );
}

const WEB: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (
        "content-security-policy",
        "frame-ancestors 'self'; base-uri 'self'; object-src 'none'",
    ),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
    ("cross-origin-opener-policy", "same-origin-allow-popups"),
    ("cross-origin-resource-policy", ""),
];

/// MW-SEC-1: at every status, over what the backend says; no HSTS without TLS.
#[test]
fn security_headers() {
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-Frame-Options: ALLOWALL\r\n\r\n";
    let rig = Rig::of("recorder", Backend::answering(answer), &[]);
    let put = "PUT /safe HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    for (response, status) in [
        (rig.get("/safe", ""), 404),
        (rig.get("/safe/closed", ""), 401),
        (rig.ask(put), 405),
    ] {
        assert_eq!(response.status, status);
        for (name, value) in WEB {
            let expected: &[&str] = if value.is_empty() { &[] } else { &[value] };
            assert_eq!(response.fields(name), expected, "{status} {name}");
        }
        assert!(response.field("strict-transport-security").is_none());
    }
    // Over TLS, which a trusted proxy has taken off, there is.
    let secure = "X-Forwarded-Proto: https\r\n";
    for path in ["/safe", "/safe/closed"] {
        let hsts = rig.get(path, secure).fields("strict-transport-security");
        assert_eq!(hsts, ["max-age=31536000"], "{path}");
    }
}

/// MW-SEC-1: presets, `overwrite: false`.
#[test]
fn security_headers_that_leave_the_backends() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Frame-Options: SAMEORIGIN\r\n\r\n";
    let rig = Rig::of("recorder", Backend::answering(answer), &[]);
    let response = rig.get("/safe/strict", "");
    for (name, value) in [
        ("x-frame-options", "SAMEORIGIN"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
        ),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(response.fields(name), [value], "{name}");
    }
    let hsts = rig.get("/safe/strict", "X-Forwarded-Proto: https\r\n");
    assert_eq!(
        hsts.fields("strict-transport-security"),
        ["max-age=31536000; includeSubDomains"]
    );
}

/// MW-SEC-1, MW-GEN-7: `off`, also when it is read at start; `responseHeaders` comes after.
#[test]
fn security_headers_that_are_off() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let response = rig.get("/safe/off", "");
    for name in [
        "content-security-policy",
        "referrer-policy",
        "x-frame-options",
    ] {
        assert!(response.field(name).is_none(), "{name}");
    }
    assert_eq!(response.fields("x-content-type-options"), ["nosniff"]);
    let rig = Rig::of("recorder", Backend::ok(), &[("REFERRER", "origin")]);
    let response = rig.get("/safe/off", "");
    assert_eq!(response.fields("referrer-policy"), ["origin"]);
}

/// What the log line of one request has behind the usual fields.
fn extra(rig: &Rig, target: &str, lines: &str) -> String {
    let id = "X-Request-ID: this\r\n";
    rig.get(target, &format!("{id}{lines}"));
    let line = rig.gateway.line_with(&["request_id=this"]);
    let (_, rest) = line.split_once("duration_ms=").unwrap_or_default();
    let (_, extra) = rest.split_once(' ').unwrap_or_default();
    extra.to_owned()
}

/// MW-LOG-1, -2, -3, -4, -7, RT-LOG-2, RT-LOG-6: fields as the client sent them, in their order, each
/// once; a definition in scope adds its own.
#[test]
fn log_fields() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Backend: b\r\n\r\n";
    let rig = Rig::of("recorder", Backend::answering(answer), &[]);
    assert_eq!(
        extra(&rig, "/log?v=1&v=2", "X-Client: ios\r\nCookie: sid=s\r\n"),
        "x-client=ios v=1 sid=[REDACTED] resp_x-backend=b resp_x-goma-request-id=this \
         tenant=log:ios: place=/log"
    );
    // The middleware did remove them.
    let request = rig.backend.request(0);
    assert!(request.fields("x-client").is_empty() && request.fields("cookie").is_empty());

    let rig = Rig::of("recorder", Backend::answering(answer), &[]);
    assert_eq!(
        extra(&rig, "/log/deep", "User-Agent: a b\r\n"),
        "user-agent=\"a b\" resp_x-backend=b resp_x-goma-request-id=this tenant=log:: \
         place=/log/deep depth=2"
    );
}

/// MW-LOG-1 (`user`), MW-GEN-20, MW-GEN-24: who was logged in is known only later.
#[test]
fn log_user() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let extra = extra(&rig, "/log/in", "Authorization: Basic dTpzZWNyZXQ=\r\n");
    assert!(extra.contains("tenant=log::u "), "{extra}");
    assert!(extra.ends_with(" user=u"), "{extra}");
}

/// MW-LOG-6: what is sensitive, in every place where it could stand.
#[test]
fn log_secrets() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: sid=hunter2\r\n\r\n";
    let rig = Rig::of("recorder", Backend::answering(answer), &[]);
    assert_eq!(
        extra(
            &rig,
            "/log/secrets?access_token=hunter2&page=3",
            "Authorization: Bearer hunter2\r\nX_API_Key: hunter2\r\n"
        ),
        "authorization=[REDACTED] x_api_key=[REDACTED] access_token=[REDACTED] page=3 \
         resp_set-cookie=[REDACTED] bearer=[REDACTED]"
    );
    assert!(
        !rig.gateway
            .lines()
            .iter()
            .any(|line| line.contains("hunter2"))
    );
}

/// MW-LOG-6, `hash`: the same value has the same digits, in every place and on every core.
#[test]
fn log_hashes() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let hashes = extra(
        &rig,
        "/log/hashed",
        "X-Api-Key: hunter2\r\nCookie: sid=hunter2\r\n",
    );
    let (key, sid) = hashes.split_once(" sid=").unwrap();
    let key = key.strip_prefix("x-api-key=").unwrap();
    assert_eq!(key, sid);
    assert!(key.len() == 13 && key.starts_with('#'), "{key}");
    // Another process has another key.
    let other = Rig::of("recorder", Backend::ok(), &[]);
    let other = extra(&other, "/log/hashed", "X-Api-Key: hunter2\r\n");
    assert_ne!(other, format!("x-api-key={key}"));
}

/// MW-LOG-3, `emitMissing`, RT-LOG-4: JSON has a word for nothing, text has not; long values are cut
/// and controls escaped (MW-LOG-6).
#[test]
fn log_in_json() {
    let rig = Rig::of("recorder", Backend::ok(), &[("LOG_FORMAT", "json")]);
    let odd = format!("X-Odd: \"q\" \u{9b}{}\r\n", "a".repeat(1100));
    rig.get(
        "/log/missing?odd%20name=%0A",
        &format!("X-Request-ID: this\r\n{odd}"),
    );
    let line = rig.gateway.line_with(&["\"request_id\":\"this\""]);
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    let cut = format!("\"q\" \u{9b}{}", "a".repeat(1024 - 6));
    assert_eq!(parsed["x-odd"], cut);
    assert_eq!(parsed["odd name"], "\n");
    for key in ["x-none", "resp_x-none", "user"] {
        assert!(parsed.as_object().unwrap().contains_key(key), "{line}");
        assert!(parsed[key].is_null(), "{line}");
    }
    assert!(line.contains("\\u009b"), "{line}");

    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let lines = "X-Odd: a=b\r\n";
    assert_eq!(
        extra(&rig, "/log/missing?odd+name", lines),
        "x-odd=\"a=b\" \"odd name\"=\"\""
    );
}

/// RT-LOG-2, RT-LOG-5: debug fields come behind those of `accessLog`.
#[test]
fn log_details_come_last() {
    let rig = Rig::of("recorder", Backend::ok(), &[("LOG_LEVEL", "debug")]);
    let extra = extra(&rig, "/log?v=1", "X-Client: ios\r\n");
    let order = "tenant=log:ios: place=/log request_content_length=";
    assert!(extra.contains(order), "{extra}");
}
