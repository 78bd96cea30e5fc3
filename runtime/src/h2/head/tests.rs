//! Heads of requests and responses, as the `h2` crate hands them over.

use super::*;
use crate::head::{Buffer, TargetForm};

fn converted(request: http::request::Builder, ended: bool) -> Result<RequestHead, u16> {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let fields = Fields::new(Buffer::default());
    let head = super::request(&parts, ended, fields, &Limits::default());
    head.map_err(|(_, refusal)| refusal.status)
}

fn get(uri: &str) -> http::request::Builder {
    http::Request::builder().uri(uri)
}

fn text(fields: &Fields) -> String {
    let line = |(name, value): (&[u8], &[u8])| {
        let (name, value) = (
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(value),
        );
        format!("{name}: {value}\n")
    };
    fields.iter().map(line).collect()
}

/// RT-H2-6, RT-HDR-1
#[test]
fn fields_become_those_of_a_request() {
    let request = get("http://A.example:81/a/../b?q=1")
        .header("cookie", "a=1")
        .header("x-a", "1")
        .header("te", "trailers")
        .header("trailer", "x")
        .header("cookie", "b=2")
        .header("x-a", "2");
    let request = converted(request, true).unwrap();
    let head = &request.head;
    assert_eq!(
        text(&head.fields),
        "Host: A.example:81\ncookie: a=1; b=2\nx-a: 1\nx-a: 2\nTE: trailers\n"
    );
    assert_eq!(
        (head.method(), head.path(), head.query()),
        ("GET", "/b", "?q=1")
    );
    assert_eq!((head.host(), head.port()), ("a.example", Some(81)));
    assert_eq!(request.form, TargetForm::Path);
}

/// RT-H2-6: a known length is kept, else the body goes in chunks.
#[test]
fn framing_follows_the_length() {
    let framing = |request, ended| {
        let head = converted(request, ended).unwrap();
        (head.framing, head.content_length)
    };
    let with = |length| get("http://a/").header("content-length", length);
    assert_eq!(framing(get("http://a/"), true), (Framing::Length(0), None));
    assert_eq!(framing(get("http://a/"), false), (Framing::Chunked, None));
    assert_eq!(framing(with("5"), false), (Framing::Length(5), Some(5)));
    assert_eq!(framing(with("0"), true), (Framing::Length(0), Some(0)));
}

/// RT-H2-2, RT-LIM-1, RT-LIM-2, RT-SEM-1, RT-SMUG-2, RT-SMUG-8
#[test]
fn refused() {
    let refused = |request| converted(request, false).unwrap_err();
    assert_eq!(refused(get("http://a/").header("host", "b")), 400);
    assert_eq!(refused(get("/")), 400);
    assert_eq!(refused(get("http://u@a/")), 400);
    assert_eq!(
        refused(get("/").header("host", "a").header("host", "a")),
        400
    );
    assert_eq!(refused(get("http://a/").header("x", " a")), 400);
    assert_eq!(refused(get("http://a/").header("expect", "x")), 417);
    for length in ["+1", "1,1", "9223372036854775808"] {
        assert_eq!(
            refused(get("http://a/").header("content-length", length)),
            400
        );
    }
    let twice = get("http://a/").header("content-length", "1");
    assert_eq!(refused(twice.header("content-length", "1")), 400);
    let long = format!("http://a/{}", "a".repeat(16 * 1024));
    assert_eq!(refused(get(&long)), 414);
    let many = |name: fn(usize) -> String| {
        (0..129).fold(get("http://a/"), |request, n| request.header(name(n), "1"))
    };
    assert_eq!(refused(many(|n| format!("x-{n}"))), 431);
    assert!(converted(many(|_| "cookie".to_owned()), true).is_ok());
}

/// RT-HDR-1, RT-HDR-7
#[test]
fn responses_keep_order_and_repetition() {
    let mut fields = Fields::new(Buffer::default());
    for (name, value) in [
        ("A", "1"),
        ("Connection", "close"),
        ("Proxied-By", "x"),
        ("a", "2"),
    ] {
        fields.append(name, value.as_bytes());
    }
    let head = super::response(&Response::new(404, fields), Some(7), &mut BytesMut::new()).unwrap();
    let found: Vec<_> = head
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    assert_eq!(head.status(), 404);
    assert_eq!(found, ["a=1", "a=2", "proxied-by=x", "content-length=7"]);
}

/// RT-WS-5: a handshake is a GET without a body; a body, or another protocol, is refused.
#[test]
fn extended_connect() {
    let connect = |protocol: &'static str| {
        let request = get("http://a.example/chat?x=1").method("CONNECT");
        request.extension(::h2::ext::Protocol::from_static(protocol))
    };
    let request = converted(connect("WebSocket"), false).unwrap();
    let head = &request.head;
    assert_eq!(
        (head.method(), head.path(), head.query()),
        ("GET", "/chat", "?x=1")
    );
    assert_eq!(head.bytes(request.upgrade), b"websocket");
    assert_eq!(
        (request.framing, request.content_length),
        (Framing::Length(0), None)
    );
    let refused = |request| converted(request, false).unwrap_err();
    assert_eq!(refused(connect("webtransport")), 501);
    let with_length = connect("websocket").header("content-length", "0");
    assert_eq!(refused(with_length), 400);
    let plain = http::Request::builder().method("CONNECT").uri("a:80");
    let plain = converted(plain, false).unwrap();
    assert_eq!(plain.form, TargetForm::Authority);
    assert!(plain.upgrade.is_empty());
}

/// RT-SMUG, RT-HDR-2, RT-HDR-8: names that only look like fields of the gateway's.
#[test]
fn disguised_fields() {
    let request = get("http://a/")
        .header("x_forwarded_for", "1.2.3.4")
        .header("x_request_id", "1")
        .header("x_a", "1");
    let request = converted(request, true).unwrap();
    assert_eq!(text(&request.head.fields), "Host: a\nx_a: 1\n");
    for name in ["content_length", "transfer_encoding"] {
        let refused = converted(get("http://a/").header(name, "1"), true);
        assert_eq!(refused.unwrap_err(), 400, "{name}");
    }
}
