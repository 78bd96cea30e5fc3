//! HTTP/2 to backends (RT-UP-3, RT-STREAM-4): servers of Python's `h2` and of grpcio, calls of grpcio.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use goma_tests::http2::Http2;
use goma_tests::script::{self, Script};
use goma_tests::tls::Authority;
use goma_tests::{Backend, Gateway, wait_until};

use super::Rig;

fn rig(mode: &str) -> (Script, Rig) {
    let server = Script::start("h2_backend.py", &[mode]);
    let env = [("CLEAR", &*server.port().to_string()), ("CA", "")];
    let rig = Rig::of("tls", Backend::ok(), &env).alone();
    (server, rig)
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// RT-UP-3, RT-SEM-4, RT-WS: a client on HTTP/1.1 before a backend on HTTP/2: methods, bodies with a length and
/// in chunks, trailers, one session for all requests of a core.
#[test]
fn from_http1_to_http2() {
    let (server, rig) = rig("plain");
    let mut client = rig.gateway.connect();
    client.send("GET /clear/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n");
    let response = client.response();
    assert_eq!(
        (response.status, response.fields("x-by").join(" ")),
        (200, "h2".to_owned())
    );
    client.send(post("/clear/b", "hello"));
    let response = client.response();
    assert!(
        response.head.contains("\r\nTransfer-Encoding: chunked"),
        "{}",
        response.head
    );
    client.send("PUT /clear/c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    let _ = client.response();
    client.send("HEAD /clear/d HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response_to("HEAD").status, 200);
    let large = "x".repeat(3_000_000);
    client.send(post("/clear/e", &large));
    let _ = client.response();
    client.send("GET /clear/f?trailers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let text = String::from_utf8(client.to_end()).unwrap();
    assert!(
        text.ends_with("\r\n\r\n1\r\n0\r\n0\r\nx-sum: 0\r\n\r\n"),
        "{text}"
    );
    // RT-SEM-2
    let mut client = rig.gateway.connect();
    client.send("GET /clear/g?interim HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let text = String::from_utf8(client.to_end()).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 103 ") && text.contains("\r\nlink: </a>\r\n"),
        "{text}"
    );
    wait_until("the last request is said", || {
        server
            .lines("")
            .iter()
            .any(|line| line.contains(" GET /g?interim "))
    });
    let requests = server.lines("0 ");
    let expected = [
        "0 GET /a?b=c 0",
        "0 POST /b 5",
        "0 PUT /c 7",
        "0 HEAD /d 0",
        "0 POST /e 3000000",
        "0 GET /f?trailers 0",
    ];
    assert_eq!(
        requests.get(..expected.len()),
        Some(&expected.map(str::to_owned)[..])
    );
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(server.lines("connection").len() <= cores);
}

/// RT-SEM-4: trailers that nobody has announced, behind a body whose length is known: HTTP/2 has both, HTTP/1.1 keeps
/// the length.
#[test]
fn trailers_behind_a_known_length() {
    let (_server, rig) = rig("plain");
    let uri = "http://h/clear/x?unannounced";
    let mut client = Http2::connect(rig.gateway.port());
    let answer = client.ask("GET", uri);
    assert_eq!(
        (answer.text().as_str(), answer.field("content-length")),
        ("0", Some("1"))
    );
    assert_eq!(answer.trailers.unwrap()["x-sum"], "0");
    let large = http::Request::post(uri).body(vec![b'x'; 1_000_000]);
    let answer = client.send(large.unwrap(), None).unwrap();
    assert_eq!(
        (answer.text().as_str(), answer.field("content-length")),
        ("1000000", Some("7"))
    );
    assert_eq!(answer.trailers.unwrap()["x-sum"], "1000000");
    let answer = rig.get("/clear/x?unannounced", "");
    assert_eq!(
        (
            answer.text().as_str(),
            answer.fields("content-length").concat().as_str()
        ),
        ("0", "1")
    );
}

/// RT-STREAM-5: an upload that pauses keeps nothing of the session's window, which is 65,535 bytes: others that
/// share it go on.
#[test]
fn a_paused_upload_holds_nothing() {
    let (server, rig) = rig("plain");
    let mut client = Http2::connect(rig.gateway.port());
    let (_response, mut paused) = client.upload("http://h/clear/slow");
    wait_until("it has begun", || !server.lines("begun").is_empty());
    paused.send_data("12345".into(), false).unwrap();
    wait_until("a part has come", || !server.lines("part").is_empty());
    let request = http::Request::post("http://h/clear/b").body(vec![b'x'; 60_000]);
    let answer = client.send(request.unwrap(), None).unwrap();
    assert_eq!(answer.text(), "60000");
    paused.send_data("67890".into(), true).unwrap();
    wait_until("all has come", || {
        server.lines("0 POST /slow 10").len() == 1
    });
    assert_eq!(server.lines("connection").len(), 1);
}

/// RT-STREAM-1: clients that stop reading hold up nobody else on the session, however small the pieces.
#[test]
fn clients_that_stop_reading() {
    let (server, rig) = rig("plain");
    let mut client = Http2::connect(rig.gateway.port());
    let mut stalled: Vec<_> = (0..40)
        .map(|at| client.begin(&format!("http://h/clear/endless/{at}")))
        .collect();
    stalled.push(client.begin("http://h/clear/endless/drops"));
    wait_until("there is no room left", || {
        server.lines("full").len() == stalled.len()
    });
    let cores = std::thread::available_parallelism().unwrap().get();
    for _ in 0..8 * cores {
        assert_eq!(rig.get("/clear/x", "").text(), "0");
    }
    let connections = server.lines("connection");
    assert!(
        connections.len() <= cores,
        "{connections:?} {:?}",
        rig.gateway.lines()
    );
}

/// RT-UP-8: a stream that the backend refuses, or that comes behind its GOAWAY, is sent once more, whatever its
/// method; nobody has looked at it.
#[test]
fn what_is_not_processed_is_sent_again() {
    let (server, rig) = rig("refuse");
    assert_eq!(rig.ask(&post("/clear/x", "body")).status, 200);
    wait_until("one request is answered", || {
        server.lines("1 ").len() + server.lines("0 ").len() == 1
    });
    let (server, rig) = self::rig("goodbye");
    for _ in 0..6 {
        assert_eq!(rig.ask(&post("/clear/x", "body")).status, 200);
    }
    wait_until("each has a connection of its own", || {
        server.lines("connection").len() == 6
    });
}

/// RT-UP-5, RFC 9113 5.1.2: no more streams than the backend allows; then another connection, as many as there
/// may be, then requests wait.
#[test]
fn streams_within_the_limit() {
    let (server, rig) = rig("one");
    let gateway = &rig.gateway;
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                client.send("GET /clear/x HTTP/1.1\r\nHost: h\r\n\r\n");
                assert_eq!(client.response().status, 200);
            });
        }
    });
    wait_until("all are answered", || {
        let answered = (0..4).map(|at| server.lines(&format!("{at} GET")).len());
        answered.sum::<usize>() == 12
    });
    assert!(
        server.lines("connection").len() <= 4,
        "{:?}",
        server.lines("connection")
    );
}

/// RT-UP-3, RT-ERR-16: a session on which no answer comes gets no other request.
#[test]
fn a_session_that_has_gone_silent() {
    let (server, rig) = rig("mute");
    let mut client = Http2::connect(rig.gateway.port());
    let mut status = || client.ask("GET", "http://h/clear/x").status;
    let found = [status(), status(), status()];
    assert_eq!(found, [200, 504, 200]);
    wait_until("the third has a connection of its own", || {
        server.lines("connection").len() == 2
    });
}

/// RT-ERR-18: a stream that is reset in its body ends the client's connection; other requests go on.
#[test]
fn a_stream_that_is_reset() {
    let (_server, rig) = rig("reset");
    let mut client = rig.gateway.connect();
    client.send("GET /clear/x HTTP/1.1\r\nHost: h\r\n\r\n");
    let text = String::from_utf8(client.to_end()).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 ") && !text.ends_with("0\r\n\r\n"),
        "{text}"
    );
    let _ = rig
        .gateway
        .line_with(&["Proxied request", "route=clear", "aborted=true"]);
}

/// RT-SEM-1: an answer that comes before the body is there.
#[test]
fn an_early_answer() {
    let (_server, rig) = rig("early");
    let mut client = rig.gateway.connect();
    client.send("POST /clear/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\nsome");
    let response = client.response();
    assert_eq!(
        (response.status, response.text().as_str()),
        (413, "too much")
    );
}

/// RT-STREAM-4, RT-SEM-4, RT-UP-7: gRPC end to end, to a server in clear text and over TLS (ALPN).
#[test]
fn grpc() {
    let authority = Authority::new("grpc");
    let pair = authority.issue("backend", "DNS:localhost");
    let ca = authority.certificate();
    for arguments in [vec!["serve"], vec!["serve", &pair.certificate, &pair.key]] {
        let server = Script::start("grpc_calls.py", &arguments);
        let scheme = if arguments.len() > 1 { "https" } else { "h2c" };
        let url = format!("{scheme}://localhost:{}", server.port());
        let env = [("A", "http://127.0.0.1:1"), ("CALLS", &url), ("CA", &ca)];
        let gateway = Gateway::start("tls", &env);
        let calls = script::command("grpc_calls.py")
            .args(["call", &gateway.port().to_string()])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&calls.stderr);
        assert!(calls.stdout.ends_with(b"ok\n"), "{scheme}: {errors}");
        wait_until("the call is cancelled at the server", || {
            !server.lines("cancelled").is_empty()
        });
        std::io::stderr().flush().unwrap();
    }
}

/// RT-WS-5: a backend that speaks HTTP/2 in clear text and takes no WebSocket there, which does not speak against
/// it. RT-PATH-5: a query may have what HTTP/2's own rules do not let pass.
#[test]
fn what_http2_has_not() {
    let (server, rig) = rig("plain");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";
    for _ in 0..5 {
        assert_eq!(rig.get("/clear/x", upgrade).status, 502);
    }
    assert!(server.lines("0 ").is_empty());
    let line = rig.gateway.line_with(&["Proxy error", "route=clear"]);
    assert!(line.contains("takes no WebSocket on a stream"), "{line}");
    assert_eq!(rig.get("/clear/y?q=\"<b>\"", "").status, 200);
    wait_until("the query is said", || {
        let lines = server.lines("");
        lines
            .iter()
            .any(|line| line.contains(" GET /y?q=%22%3Cb%3E%22 "))
    });
}
