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

/// A body that comes in pieces is forwarded whole, whatever its size.
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

/// RT-STREAM-1: bytes are passed on as they arrive.
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
