//! `maxInFlight` and `timeouts` of a route (RT-INFL-1, RT-UP-4, RT-ERR-16, RT-ERR-20).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use goma_tests::http2::{Frames, Http2};
use goma_tests::{Backend, Connection, PATIENCE, after, wait_until};

use super::{Rig, served};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A gate that holds requests back until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let (open, changed) = &*self.0;
        let waited = changed.wait_timeout_while(open.lock().unwrap(), PATIENCE, |open| !*open);
        drop(waited.unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

fn rig(backend: Backend, env: &[(&str, &str)]) -> Rig {
    let env = [&[("STICKY", "k")], env].concat();
    Rig::of("balance", backend, &env).alone()
}

/// A backend that sends half of an answer to `…/hold` and the rest once its gate is open.
fn holding() -> (Rig, Gate) {
    let gate = Gate::default();
    let held = gate.clone();
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            if request.target().ends_with("/hold") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
                held.pass();
                connection.send("ok");
            } else {
                connection.send(OK);
            }
        }
    });
    (rig(backend, &[]), gate)
}

/// Waits until the backend has got so many requests of the route.
fn reached(rig: &Rig, count: usize) {
    wait_until("the backend gets a request", || {
        served(&rig.backend, "/few").len() >= count
    });
}

/// RT-INFL-1, RT-ERR-20, RT-CHAIN-1: a slot is held until the response ends, whatever core has taken it;
/// over the limit nothing reaches the backend.
#[test]
fn as_many_as_there_may_be() {
    let (rig, gate) = holding();
    let mut clients = [rig.gateway.connect(), rig.gateway.connect()];
    for (index, client) in clients.iter_mut().enumerate() {
        client.send("GET /few/hold HTTP/1.1\r\nHost: h\r\n\r\n");
        reached(&rig, index + 1);
        assert!(client.head().starts_with("HTTP/1.1 200"));
    }
    for _ in 0..6 {
        let refused = rig.get("/few", "");
        assert_eq!(refused.status, 503);
        assert_eq!(refused.fields("retry-after"), ["1"]);
        assert_eq!(refused.text(), "503 Service Unavailable\n");
    }
    let refused = Http2::connect(rig.gateway.port()).ask("GET", "http://h/few");
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(served(&rig.backend, "/few").len(), 2);
    // Another route is another count.
    assert_eq!(rig.get("/single", "").status, 200);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.exactly(4), b"okok");
    }
    wait_until("both slots are free", || rig.get("/few", "").status == 200);
}

/// RT-INFL-1: until the client leaves, over HTTP/1.1 by closing and over HTTP/2 by a reset.
#[test]
fn clients_that_leave() {
    let (rig, gate) = holding();
    let mut first = rig.gateway.connect();
    first.send("GET /few/hold HTTP/1.1\r\nHost: h\r\n\r\n");
    reached(&rig, 1);
    let mut second = Frames::connect(rig.gateway.port(), &[]);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "h"),
        (":path", "/few/hold"),
    ];
    second.open(1, &fields, false);
    reached(&rig, 2);
    assert_eq!(rig.get("/few", "").status, 503);
    drop(first);
    wait_until("one slot is free", || rig.get("/few", "").status == 200);
    // That of the last request is held a moment longer than its answer takes.
    let mut third = rig.gateway.connect();
    wait_until("a slot is taken again", || {
        third = rig.gateway.connect();
        third.send("GET /few/hold HTTP/1.1\r\nHost: h\r\n\r\n");
        third.head().starts_with("HTTP/1.1 200")
    });
    assert_eq!(rig.get("/few", "").status, 503);
    // RST_STREAM with CANCEL.
    second.send(3, 0, 1, &8_u32.to_be_bytes());
    wait_until("its slot is free", || rig.get("/few", "").status == 200);
    gate.open();
}

/// What a backend does that a limit of time is for.
fn slow(connection: &mut Connection) {
    while let Some(request) = connection.request() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello";
        match request.target() {
            "/hasty/never" => while connection.read().is_some() {},
            "/patient/stops" => {
                connection.send(head);
                while connection.read().is_some() {}
            }
            "/hasty/drips" => {
                connection.send(head);
                // More often than `idle`, for longer than `request`.
                for _ in 0..100 {
                    std::thread::sleep(Duration::from_millis(100));
                    connection.send(".");
                }
            }
            "/patient/events" => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
                connection.send(head);
                while connection.read().is_some() {}
            }
            "/patient/tunnel" => {
                connection.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello",
                );
                while connection.read().is_some() {}
            }
            _ => connection.send(OK),
        }
    }
}

/// RT-ERR-16: `responseHeader` begins with the end of the request; others are not bound by it.
#[test]
fn no_head_of_a_response() {
    let rig = rig(Backend::script(slow), &[]);
    let answer = after(300, || rig.get("/hasty/never", ""));
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (504, "504 Gateway Timeout\n")
    );
    let line = rig.gateway.line_with(&["ERROR Proxy error", "route=hasty"]);
    assert!(line.contains("response header timed out"), "{line}");
    let mut client = Http2::connect(rig.gateway.port());
    assert_eq!(client.ask("GET", "http://h/hasty/never").status, 504);
    assert_eq!(client.ask("GET", "http://h/hasty").status, 200);
    // The request takes longer than that, its answer does not.
    let mut client = rig.gateway.connect();
    client.send("PUT /hasty HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    // Another one begins behind it, and is over.
    let _ = after(300, || rig.get("/hasty/never", ""));
    assert_eq!(client.send("cde").response().status, 200);
}

/// RT-ERR-16: `request` is a total, also where pieces keep coming; what has begun is cut short.
#[test]
fn the_whole_request() {
    let rig = rig(Backend::script(slow), &[]);
    let mut client = rig.gateway.connect();
    let body = after(1500, || {
        client.send("GET /hasty/drips HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 200"));
        client.to_end()
    });
    assert!(body.starts_with(b"hello..") && body.len() < 100, "{body:?}");
    let line = rig
        .gateway
        .line_with(&["Proxied request", "url=/hasty/drips"]);
    assert!(
        line.contains("status=200") && line.contains("aborted=true"),
        "{line}"
    );
    let mut client = Http2::connect(rig.gateway.port());
    assert!(client.ask("GET", "http://h/hasty/drips").broken.is_some());
}

/// `timeouts.idle`: a stream that says nothing more ends, an event stream and a tunnel too (RT-WS-3).
#[test]
fn silent_streams() {
    let rig = rig(Backend::script(slow), &[]);
    for (target, lines, head, said) in [
        ("/patient/stops", "", "HTTP/1.1 200", "hello"),
        ("/patient/events", "", "HTTP/1.1 200", "data: 1"),
        (
            "/patient/tunnel",
            "Connection: upgrade\r\nUpgrade: echo\r\n",
            "HTTP/1.1 101",
            "hello",
        ),
    ] {
        let mut client = rig.gateway.connect();
        let body = after(500, || {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
            assert!(client.head().starts_with(head), "{target}");
            String::from_utf8(client.to_end()).unwrap()
        });
        assert!(body.contains(said), "{target}: {body:?}");
    }
}

/// `timeouts.idle`: a call that streams to a server that says nothing is not silent.
#[test]
fn calls_to_a_silent_server() {
    let rig = rig(
        Backend::script(|connection| {
            connection.read_head();
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 2\r\n\r\n",
            );
            if connection.until(b"0\r\n\r\n").is_some() {
                connection.send("ok");
            }
        }),
        &[],
    );
    let mut client = rig.gateway.connect();
    client.send(
        "POST /patient HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        client.send("1\r\nx\r\n");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(client.send("0\r\n\r\n").response().text(), "ok");
}

/// RT-UP-4, RT-ERR-16: an address that does not answer at all.
#[test]
fn nobody_takes_the_connection() {
    // Its queue is full, so that the kernel drops what comes.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(stream);
    }
    let rig = rig(Backend::ok(), &[("DEAF", &format!("http://{address}"))]);
    let answer = after(200, || rig.get("/deaf", ""));
    assert_eq!(answer.status, 504);
    let _ = rig.gateway.line_with(&["route=deaf", "connect timed out"]);
}
