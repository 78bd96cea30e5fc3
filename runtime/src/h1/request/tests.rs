//! Heads that are accepted, incomplete, or refused.

use super::*;
use crate::head::Buffer;

fn parsed(head: &str) -> Parsed {
    let mut fields = Fields::new(Buffer::with_size(64));
    fields.buffer.push(head.as_bytes());
    parse(fields, &Limits::default())
}

fn accepted(head: &str) -> RequestHead {
    match parsed(head) {
        Parsed::Complete(head) => head,
        other => panic!("{head:?}: {other:?}"),
    }
}

fn refused(head: &str) -> u16 {
    match parsed(head) {
        Parsed::Refused(_, refusal) => refusal.status,
        other => panic!("{head:?}: {other:?}"),
    }
}

fn with(field: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n")
}

/// RT-HDR-1
#[test]
fn hop_by_hop_fields_are_gone() {
    let request = accepted(
        "GET /a?b HTTP/1.1\r\nHost: H.Test.:81\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
         Keep-Alive: 5\r\nTE: trailers, gzip\r\nX-End: 2\r\nUpgrade: foo\r\n\r\nbody",
    );
    let names: Vec<_> = request
        .head
        .fields
        .iter()
        .map(|(name, _)| name.to_vec())
        .collect();
    assert_eq!(names, [&b"Host"[..], b"X-End", b"TE"]);
    assert_eq!(request.head.fields.get("te"), Some(&b"trailers"[..]));
    assert_eq!(request.head.host(), "h.test");
    assert_eq!(request.head.port(), Some(81));
    assert_eq!((request.head.path(), request.head.query()), ("/a", "?b"));
    assert!(!request.keep_alive);
}

/// RT-ROUTE-1, RT-SMUG-8: an absolute target's authority replaces `Host`.
#[test]
fn absolute_form() {
    let request = accepted("GET http://A.test?x=1 HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assert_eq!(request.head.host(), "a.test");
    assert_eq!((request.head.path(), request.head.query()), ("/", "?x=1"));
}

/// RT-ROUTE-0, RT-SMUG-4 to -6, RT-SMUG-8, RT-PATH-5, RT-SEM-1, RT-SEM-7
#[test]
fn refused_heads() {
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (with("Host: h"), 400),
        (with("A : b"), 400),
        (with(" A: b"), 400),
        (with("A: b\r\n c"), 400),
        (with(": b"), 400),
        (with("A: b\nB: c"), 400),
        (with("A: b\rc"), 400),
        (with("A: b\0"), 400),
        (with("Expect: tea"), 417),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n".to_owned(), 505),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("G\"T / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("GET /\r\n\r\n".to_owned(), 400),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("\r\n\r".to_owned(), 400),
        ("\n".to_owned(), 400),
        ("GET /#f HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("GET x HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            400,
        ),
    ] {
        assert_eq!(refused(&head), status, "{head:?}");
    }
}

/// RT-SMUG-6: one empty line before the request line is skipped.
#[test]
fn one_empty_line_is_skipped() {
    let request = accepted("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(request.head_length, 29);
    for piece in ["\r", "\r\n", "\r\nG"] {
        assert!(matches!(parsed(piece), Parsed::Partial(_)), "{piece:?}");
    }
}

/// RT-SMUG-6: what a version is counts, not how much of it has come.
#[test]
fn versions_in_pieces() {
    let head = "GET / HTTP/0.9\r\nHost: h\r\n\r\n";
    assert_eq!(refused(head), 505);
    for end in 1..14 {
        let piece = head.get(..end).unwrap();
        assert!(matches!(parsed(piece), Parsed::Partial(_)), "{piece:?}");
    }
}

/// RT-LIM-1, RT-LIM-2
#[test]
fn limits() {
    let long = "a".repeat(17 * 1024);
    assert_eq!(
        refused(&format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n")),
        414
    );
    assert_eq!(refused(&format!("GET /{long}")), 414);
    let many = "A: b\r\n".repeat(129);
    assert_eq!(refused(&with(many.trim_end())), 431);
    let large = format!("A: {}", "b".repeat(65 * 1024));
    assert_eq!(refused(&with(&large)), 431);
    let unfinished = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}", "b".repeat(81 * 1024));
    assert_eq!(refused(&unfinished), 431);
    assert!(matches!(parsed("GET / HTTP/1.1\r\nHo"), Parsed::Partial(_)));
}

/// RT-LIM-1, RT-LIM-2: a limit counts as soon as it is passed, whatever the pieces.
#[test]
fn limits_of_a_head_in_pieces() {
    let limits = Limits {
        header_bytes_max: 100,
        ..Limits::default()
    };
    for (head, refused_at, status) in [
        (
            format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(200)),
            117,
            431,
        ),
        (format!("GET /{}", "a".repeat(20_000)), 16 * 1024 + 257, 414),
    ] {
        let mut fields = Fields::new(Buffer::default());
        let mut parsed = 0;
        for (at, byte) in head.bytes().enumerate() {
            fields.buffer.push(&[byte]);
            let before = std::mem::replace(&mut parsed, fields.buffer.len());
            match parse_more(fields, &limits, before) {
                Parsed::Partial(partial) => fields = partial,
                Parsed::Refused(_, refusal) => {
                    assert_eq!((at + 1, refusal.status), (refused_at, status));
                    break;
                }
                complete @ Parsed::Complete(_) => panic!("{complete:?}"),
            }
            assert!(at < refused_at, "not refused");
        }
    }
}
