//! HTTP/1.1 on both sides: framing that is passed on, connections that are kept, interim responses.

use std::sync::mpsc;

use super::Rig;
use goma_tests::Backend;

/// Chunked both ways: data is the same, extensions do not pass.
#[test]
fn chunked_bodies() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
    );
    let rig = Rig::with(backend, &[]);
    let response = rig.ask(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;secret=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(response.text(), "hello!");
    assert_eq!(response.fields("transfer-encoding"), ["chunked"]);
    assert_eq!(rig.backend.request(0).body, b"5\r\nabcde\r\n0\r\n\r\n");
}

/// RT-LISTEN-2: a body that comes in pieces is forwarded whole, whatever its size.
#[test]
fn large_bodies_both_ways() {
    let size = 3 << 20;
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            let length = request.body.len();
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
            ));
            connection.send(request.body);
        }
    });
    let rig = Rig::with(backend, &[]);
    let body: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
    let mut client = rig.gateway.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n"
    ));
    let echoed = client.send(&body).response();
    assert!(echoed.body == body, "{} bytes of {size}", echoed.body.len());
    // The connection is as good as new.
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

/// RT-SEM-8: pipelined requests are answered in order, also behind a body.
#[test]
fn pipelining() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let target = request.target().to_owned();
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}",
                target.len()
            ));
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
         POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n\
         GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    for target in ["/1", "/2", "/3", "/4"] {
        assert_eq!(client.response().text(), target);
    }
    assert!(client.is_closed());
}

/// RT-SEM-7: HTTP/1.0 clients get no chunks, and `close` unless they ask to keep the connection.
#[test]
fn http_1_0() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    let response = client.send("GET / HTTP/1.0\r\n\r\n").response();
    assert_eq!(response.text(), "hello");
    assert!(response.field("transfer-encoding").is_none());
    assert_eq!(response.fields("connection"), ["close"]);
    let rig = Rig::new();
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.response().fields("connection"), ["keep-alive"]);
    client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().fields("connection"), ["close"]);
    assert!(client.is_closed());
}

/// A body that ends with the backend's connection becomes chunks.
#[test]
fn close_delimited_responses() {
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        connection.close();
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    for _ in 0..2 {
        let response = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").response();
        assert_eq!(response.fields("transfer-encoding"), ["chunked"]);
        assert_eq!(response.text(), "until the end");
    }
}

/// RT-SEM-1: 100 comes when the body is wanted, and not with an answer that needs none.
#[test]
fn expect_100_continue() {
    let rig = Rig::new();
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    assert_eq!(client.send("hi").response().status, 200);
    let request = rig.backend.request(0);
    assert_eq!(request.body, b"hi");
    assert!(request.fields("expect").is_empty());
    let mut refused = rig.gateway.connect();
    refused
        .send("PUT /api HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    let response = refused.response();
    assert_eq!(
        (response.status, response.fields("connection")),
        (405, vec!["close".to_owned()])
    );
    assert!(refused.is_closed());
}

/// RT-SEM-2: other interim responses pass at once, 100 does not, and the final one is unaffected.
#[test]
fn interim_responses() {
    let (gate, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        connection.request();
        connection
            .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        let _ = wait.lock().map(|wait| wait.recv());
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    let early = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").response();
    assert_eq!(
        (early.status, early.fields("link")),
        (103, vec!["</a>".to_owned()])
    );
    gate.send(()).unwrap();
    let last = client.response();
    assert_eq!(
        (last.status, last.text(), last.fields("link")),
        (200, "ok".to_owned(), vec![])
    );
}

/// RT-SEM-3
#[test]
fn responses_without_body() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let status = match request.target() {
                "/204" => "204 No Content",
                "/304" => "304 Not Modified\r\nContent-Length: 7",
                _ => "200 OK\r\nContent-Length: 7",
            };
            connection.send(format!("HTTP/1.1 {status}\r\n\r\n"));
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
    client.send("GET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response_to("HEAD").fields("content-length"), ["7"]);
    assert_eq!(client.response().fields("content-length"), ["7"]);
    let no_content = client.response();
    assert_eq!(
        (no_content.status, no_content.field("content-length")),
        (204, None)
    );
}

/// RT-STREAM-1, MW-GEN-14: bytes are passed on as they arrive.
#[test]
fn responses_stream() {
    let (gate, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        let _ = wait.lock().map(|wait| wait.recv());
        connection.send("after");
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert_eq!(client.exactly(5), b"first");
    gate.send(()).unwrap();
    assert_eq!(client.exactly(5), b"after");
}

/// RT-STREAM-5: a request body reaches the backend before it is complete.
#[test]
fn requests_stream() {
    let (seen, see) = mpsc::channel::<()>();
    let backend = Backend::script(move |connection| {
        connection.read_head();
        if connection.peek().is_some() {
            let _ = seen.send(());
        }
        while connection.read().is_some() {}
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
    client.send("first part");
    see.recv_timeout(goma_tests::PATIENCE).unwrap();
}

/// RT-SEM-4: trailers pass both ways, forbidden ones do not; HTTP/1.0 clients get none.
#[test]
fn trailers() {
    let backend = Backend::script(|connection| {
        while let Some(head) = connection.read_head() {
            if head.starts_with("POST") {
                let body = connection.until(b"\r\n\r\n").unwrap_or_default();
                let text = String::from_utf8_lossy(&body).into_owned();
                connection.record(format!("{head}\r\n{}", text.replace("\r\n", "|")));
            }
            connection.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 2\r\nok\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\nX-More: \t8\r\n\r\n",
            );
        }
    });
    let rig = Rig::with(backend, &[]);
    let request =
        "POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body =
        "1\r\na\r\n0\r\nX-Sum: 5\r\nHost: evil\r\nAuthorization: x\r\nX-Forwarded-For: y\r\n\r\n";
    // At once, and with the body's end in a piece of its own.
    let mut client = rig.gateway.connect();
    for (index, (first, second)) in [(body, ""), body.split_at(8)].into_iter().enumerate() {
        client.send(format!("{request}{first}")).send(second);
        let head = client.head();
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        let sent = client.until(b"\r\n\r\n");
        assert_eq!(
            String::from_utf8_lossy(&sent),
            "2\r\nok\r\n0\r\nX-Sum: 7\r\nX-More: 8\r\n\r\n"
        );
        let received = rig.backend.request(index).head;
        assert!(received.ends_with("1|a|0|X-Sum: 5||"), "{received}");
        assert!(received.contains("TE: trailers"), "{received}");
    }
    let mut old = rig.gateway.connect();
    old.send("GET / HTTP/1.0\r\n\r\n").head();
    assert_eq!(old.to_end(), b"ok");
}

/// RT-SEM-4, RT-LIM-2: malformed or too many trailers are refused, and the backend's request never
/// ends.
#[test]
fn refused_trailers() {
    let rig = Rig::new();
    let many = "X-A: b\r\n".repeat(129);
    for (trailers, status) in [
        ("X-A : b\r\n", 400),
        ("X-A: b\r\n c\r\n", 400),
        (many.as_str(), 431),
    ] {
        let mut client = rig.gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
        client.send(format!("0\r\n{trailers}\r\n"));
        let response = client.response();
        assert_eq!(response.status, status, "{trailers}");
        assert_eq!(response.fields("connection"), ["close"]);
        assert!(client.is_closed());
    }
    assert_eq!(rig.count(), 0);
}

/// A backend that answers in two pieces, each when it is told to.
fn in_pieces() -> (mpsc::Sender<()>, Backend) {
    let (gate, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        while connection.request().is_some() {
            for piece in [
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
                "2\r\ncd\r\n0\r\n\r\n",
            ] {
                let _ = wait.lock().map(|wait| wait.recv());
                connection.send(piece);
            }
        }
    });
    (gate, backend)
}

/// RFC 9112 §9.6: a client that has ended its sending half still gets its response, however late.
#[test]
fn half_close() {
    let (gate, backend) = in_pieces();
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").finish();
    // The gateway has noticed, and has asked whether the client is still there.
    assert_eq!(client.response().status, 100);
    gate.send(()).unwrap();
    assert!(client.head().starts_with("HTTP/1.1 200 OK"));
    gate.send(()).unwrap();
    assert_eq!(client.to_end(), b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
    let _ = rig.gateway.line_with(&["status=200", "bytes_out=4"]);
}

/// RFC 9112 §9.6: within a body, the question is a leading zero of the next chunk's size.
#[test]
fn half_close_within_a_body() {
    let (gate, backend) = in_pieces();
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    gate.send(()).unwrap();
    let _ = client.until(b"\r\n\r\n2\r\nab\r\n");
    assert_eq!(client.finish().exactly(1), b"0");
    gate.send(()).unwrap();
    assert_eq!(client.to_end(), b"2\r\ncd\r\n0\r\n\r\n");
    let _ = rig.gateway.line_with(&["status=200", "bytes_out=4"]);
}

/// A final response before the request's body is complete: the client gets it, and the connection
/// ends with it, because nobody knows what comes next on it.
#[test]
fn early_responses() {
    let backend = Backend::script(|connection| {
        connection.read_head();
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        while connection.read().is_some() {}
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\npart");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
    assert_eq!(response.fields("connection"), ["close"]);
    client.send("x".repeat(50_000));
    assert!(client.is_closed());
    let _ = rig.gateway.line_with(&["status=403", "bytes_out=2"]);
}

/// RT-SEM-3: 205 has length 0; a body where none may be never reaches anybody.
#[test]
fn bodies_that_must_not_be() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            connection.send(match request.target() {
                "/205" => "HTTP/1.1 205 Reset Content\r\nContent-Length: 4\r\n\r\nevil",
                "/204" => "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil",
                "/two" => {
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\
                     Content-Length: 4\r\n\r\nevil"
                }
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            });
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    for (target, status, length) in [
        ("/205", 205, Some("0".to_owned())),
        ("/204", 204, None),
        ("/two", 200, Some("2".to_owned())),
    ] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let response = client.response();
        assert_eq!(
            (response.status, response.field("content-length")),
            (status, length)
        );
        let next = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").response();
        assert_eq!((next.status, next.text().as_str()), (200, "ok"));
    }
    // Every one of them cost its connection.
    assert_eq!(rig.backend.request(5).connection, 3);
}

/// RT-LISTEN-3: `timeouts.read` is over once the body is complete; the backend has longer.
#[test]
fn a_backend_that_takes_longer_than_a_body_may() {
    let (_gate, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        while connection.request().is_some() {
            let longer = std::time::Duration::from_millis(1300);
            let _ = wait.lock().map(|wait| wait.recv_timeout(longer));
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let rig = Rig::with(backend, &[("GOMA_TIMEOUT_READ", "1")]);
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    assert_eq!(client.send("body").response().status, 200);
}
