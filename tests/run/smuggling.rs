//! Requests that two readers could frame differently: refused, closed, and never forwarded.

use super::Rig;

fn check(rig: &Rig, request: &[u8], status: u16) {
    let shown = String::from_utf8_lossy(request);
    let mut client = rig.gateway.connect();
    client.send(request);
    let response = client.response();
    assert_eq!(response.status, status, "{shown:?}");
    assert_eq!(response.fields("connection"), ["close"], "{shown:?}");
    assert!(client.is_closed(), "{shown:?}");
}

fn with(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n").into_bytes()
}

/// RT-SMUG-1, -2, -3
#[test]
fn framing_fields() {
    let rig = Rig::new();
    for (lines, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
        ("Content-Length: 0\r\nContent-Length: 0\r\n", 400),
        ("Content-Length: 0, 0\r\n", 400),
        ("Content-Length: +1\r\n", 400),
        ("Content-Length: 1x\r\n", 400),
        ("Content-Length: \r\n", 400),
        ("Content-Length: 9223372036854775808\r\n", 400),
        ("Transfer-Encoding: identity\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            400,
        ),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: \x0bchunked\r\n", 400),
    ] {
        check(&rig, &with(lines), status);
    }
    check(
        &rig,
        b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    );
    assert_eq!(rig.count(), 0);
}

/// RT-SMUG-4, -5, -6, -8, RT-ROUTE-0, RT-SEM-1, RT-SEM-7, RT-PATH-5
#[test]
fn heads() {
    let rig = Rig::new();
    for lines in [
        "A : b\r\n",
        " A: b\r\n",
        "A: b\r\n c\r\n",
        ": b\r\n",
        "A\r\n",
        "A: b\nB: c\r\n",
        "A: \rb\r\n",
        "A: b\0\r\n",
        "A: \x01\r\n",
        "Host: h\r\n",
        "A(: b\r\n",
    ] {
        check(&rig, &with(lines), 400);
    }
    check(&rig, &with("Expect: tea\r\n"), 417);
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 400),
        (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", 400),
        (b"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: h\n\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /\r\nHost: h\r\n\r\n", 400),
        (b"GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        (b"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"\r\n\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n", 400),
    ] {
        check(&rig, request, status);
    }
    assert_eq!(rig.count(), 0);
    let skipped = rig
        .gateway
        .connect()
        .send("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .response();
    assert_eq!(skipped.status, 200);
}

/// RT-SMUG-7: the backend never sees a complete request.
#[test]
fn chunks() {
    let rig = Rig::new();
    for body in [
        "g\r\n",
        "-1\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n",
        "1\na\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "11111111111111111\r\n",
        "1\r\na\n0\r\n\r\n",
        "0\r\nA : b\0\r\n\r\n",
    ] {
        let mut request = with("Transfer-Encoding: chunked\r\n");
        request.extend(body.bytes());
        check(&rig, &request, 400);
    }
    let extension = "x".repeat(300);
    let mut long = with("Transfer-Encoding: chunked\r\n");
    long.extend(format!("1;{extension}\r\na\r\n0\r\n\r\n").bytes());
    check(&rig, &long, 400);
    assert_eq!(rig.count(), 0);
}

/// RT-LIM-1, RT-LIM-2, RT-LIM-3
#[test]
fn limits() {
    let rig = Rig::new();
    let target = |length: usize| {
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(length)).into_bytes()
    };
    check(&rig, &target(17 * 1024), 414);
    check(
        &rig,
        &with(&format!("A: {}\r\n", "b".repeat(65 * 1024))),
        431,
    );
    check(&rig, &with(&"A: b\r\n".repeat(128)), 431);
    assert_eq!(rig.count(), 0);
    let largest = rig.gateway.connect().send(target(16 * 1024 - 1)).response();
    assert_eq!(largest.status, 200);
    let many = rig
        .gateway
        .connect()
        .send(with(&"A: b\r\n".repeat(127)))
        .response();
    assert_eq!(many.status, 200);
}
