//! Streams that have no end, and bodies that only look like the gateway's business: server-sent events (RT-STREAM-1,
//! RT-LISTEN-3) and gRPC-Web, for clients of both versions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use goma_tests::http2::{Frames, GET, Http2, codes, kinds};
use goma_tests::{Backend, wait_until};

use super::Rig;

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n";

/// Sends an event whenever it is told to, and says when the gateway is gone.
fn on_demand() -> (mpsc::Sender<u32>, Backend) {
    let (next, events) = mpsc::channel::<u32>();
    let events = Mutex::new(events);
    let backend = Backend::script(move |connection| {
        if connection.request().is_none() {
            return;
        }
        connection.send(format!("{EVENTS}\r\n"));
        while let Ok(event) = events.lock().unwrap().recv() {
            connection.send(format!("id: {event}\ndata: {event}\n\n"));
        }
        while connection.read().is_some() {}
        connection.record("left".to_owned());
    });
    (next, backend)
}

fn event(number: u32) -> String {
    format!("id: {number}\ndata: {number}\n\n")
}

fn has_left(rig: &Rig) {
    wait_until("the backend is told that the client has left", || {
        let requests = rig.backend.requests();
        requests.iter().any(|request| request.head == "left")
    });
}

/// RT-STREAM-1, RT-UP-7: each event is here before the next one is sent; a client that leaves takes the backend's
/// stream along.
#[test]
fn events_as_they_come() {
    let (next, backend) = on_demand();
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    let head = client.head();
    let field = |name: &str| goma_tests::client::fields(&head, name);
    assert_eq!(field("content-type"), ["text/event-stream"]);
    assert_eq!(field("cache-control"), ["no-cache"]);
    assert!(field("content-length").is_empty(), "{head}");
    for number in 0..20 {
        next.send(number).unwrap();
        let text = event(number);
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        assert_eq!(client.exactly(chunk.len()), chunk.as_bytes());
    }
    drop((client, next));
    has_left(&rig);
    let _ = rig.gateway.line_with(&["url=/events", "status=499"]);

    let (next, backend) = on_demand();
    let rig = Rig::with(backend, &[]);
    let mut frames = Frames::connect(rig.gateway.port(), &[]);
    frames.open(1, &GET, false);
    for number in 0..20 {
        next.send(number).unwrap();
        let data = frames.next_of(kinds::DATA).payload;
        assert_eq!(data, event(number).as_bytes());
    }
    frames.send(kinds::RST_STREAM, 0, 1, &codes::CANCEL.to_be_bytes());
    drop(next);
    has_left(&rig);
}

/// RT-LISTEN-3: `timeouts.write` holds between two events, not for all of them.
#[test]
fn events_for_longer_than_a_response_may_take() {
    let backend = Backend::script(|connection| {
        if connection.request().is_none() {
            return;
        }
        connection.send(format!("{EVENTS}\r\n"));
        // Until the gateway has closed, or long after the limit.
        for _ in 0..60 {
            connection.send("data: x\n\n");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let rig = Rig::with(backend, &[("GOMA_TIMEOUT_WRITE", "1")]);
    let begun = Instant::now();
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let _ = client.head();
    let mut frames = Frames::connect(rig.gateway.port(), &[]);
    frames.open(1, &GET, false);
    while begun.elapsed() < Duration::from_secs(2) {
        // A gateway that has not run for a while passes on several at once.
        let _ = client.until(b"data: x\n\n\r\n");
        let frame = frames.next_of(kinds::DATA);
        assert!(frame.payload.ends_with(b"data: x\n\n"));
    }
}

/// How a call to a gRPC server looks on its way there.
const CALL: [(&str, &str); 5] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "h"),
    (":path", "/calls"),
    ("content-type", "application/grpc"),
];

/// RT-LISTEN-3: `timeouts.read` and `timeouts.write` hold between two messages of a call, whether the server answers
/// at its end or at its beginning.
#[test]
fn calls_for_longer_than_a_request_may_take() {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 2\r\n\r\n";
    for answers_first in [false, true] {
        let backend = Backend::script(move |connection| {
            connection.read_head();
            if answers_first {
                connection.send(ANSWER);
            }
            if connection.until(b"0\r\n\r\n").is_some() {
                connection.send(if answers_first { "" } else { ANSWER });
                connection.send("ok");
            }
        });
        let times = [("GOMA_TIMEOUT_READ", "2"), ("GOMA_TIMEOUT_WRITE", "2")];
        let rig = Rig::with(backend, &times);
        let mut client = rig.gateway.connect();
        client.send(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc+proto\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        );
        let mut frames = Frames::connect(rig.gateway.port(), &[]);
        frames.open(1, &CALL, true);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            client.send("1\r\nx\r\n");
            frames.send(kinds::DATA, 0, 1, b"x");
            std::thread::sleep(Duration::from_millis(50));
        }
        client.send("0\r\n\r\n");
        frames.send(kinds::DATA, kinds::END_STREAM, 1, b"");
        let response = client.response();
        assert_eq!((response.status, &*response.body), (200, &b"ok"[..]));
        assert_eq!(frames.next_of(kinds::DATA).payload, b"ok");
        // Nobody says anything for that long.
        let mut silent = rig.gateway.connect();
        silent.send(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n\
             Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        );
        let status = if answers_first { "200" } else { "408" };
        assert_eq!(silent.head()[9..12], *status);
        let _ = silent.to_end();
    }
}

/// RT-LISTEN-3: without `timeouts.read`, what comes of a call is bound by `timeouts.write`.
#[test]
fn calls_that_stop() {
    let backend = Backend::script(|connection| while connection.read().is_some() {});
    let times = [("GOMA_TIMEOUT_READ", "0"), ("GOMA_TIMEOUT_WRITE", "1")];
    let rig = Rig::with(backend, &times);
    let mut client = rig.gateway.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n\
         Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    );
    assert_eq!(client.response().status, 408);
}

/// RT-UP-7: also a client that has sent the last of its body while the response was on its way.
#[test]
fn a_client_leaves_after_its_body() {
    let backend = Backend::script(|connection| {
        connection.read_head();
        connection.send(format!("{EVENTS}\r\n"));
        connection.until(b"0\r\n\r\n");
        connection.record("complete".to_owned());
        while connection.read().is_some() {}
        connection.record("left".to_owned());
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    let _ = client.head();
    client.send("0\r\n\r\n");
    assert_eq!(rig.backend.request(0).head, "complete");
    drop(client);
    has_left(&rig);
}

/// A message of gRPC-Web; the first bit says that it is of trailers.
fn message(first: u8, text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[first][..], &length, text].concat()
}

/// gRPC-Web is a body like any other: its messages and the trailers among them pass as they are, and one by one.
#[test]
fn grpc_web_is_left_alone() {
    let messages = [
        message(0, b"\x0a\x05hello"),
        message(0, &[0xff; 300]),
        message(0x80, b"grpc-status: 5\r\ngrpc-message: no such thing\r\n"),
    ];
    let (next, told) = mpsc::channel::<usize>();
    let told = Mutex::new(told);
    let sent = messages.clone();
    let backend = Backend::script(move |connection| {
        while connection.request().is_some() {
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n\
                 Transfer-Encoding: chunked\r\n\r\n",
            );
            for message in &sent {
                let _ = told.lock().unwrap().recv();
                connection.send(format!("{:x}\r\n", message.len()));
                connection.send(message);
                connection.send("\r\n");
            }
            connection.send("0\r\n\r\n");
        }
    });
    let rig = Rig::with(backend, &[]).alone();
    let question = message(0, b"\x0a\x02hi");
    let fields =
        "Content-Type: application/grpc-web+proto\r\nX-Grpc-Web: 1\r\nGrpc-Timeout: 1S\r\n";

    let mut client = rig.gateway.connect();
    let length = question.len();
    client.send(format!(
        "POST /calls.Echo/Get HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {length}\r\n\r\n"
    ));
    client.send(&question);
    for (index, message) in messages.iter().enumerate() {
        next.send(index).unwrap();
        if index == 0 {
            let head = client.head();
            assert!(head.contains("application/grpc-web+proto"), "{head}");
        }
        let chunk = [
            format!("{:x}\r\n", message.len()).as_bytes(),
            message,
            b"\r\n",
        ]
        .concat();
        assert_eq!(client.exactly(chunk.len()), chunk);
    }
    let request = rig.backend.request(0);
    assert_eq!(request.body, question);
    assert_eq!(request.fields("x-grpc-web"), ["1"]);
    assert_eq!(request.fields("grpc-timeout"), ["1S"]);

    (0..messages.len()).for_each(|index| next.send(index).unwrap());
    let request = http::Request::post("http://h.test/calls.Echo/Get")
        .header("content-type", "application/grpc-web+proto")
        .body(question.clone());
    let mut client = Http2::connect(rig.gateway.port());
    let answer = client.send(request.unwrap(), None).unwrap();
    assert_eq!(
        answer.field("content-type"),
        Some("application/grpc-web+proto")
    );
    assert_eq!(answer.body, messages.concat());
    assert!(answer.trailers.is_none() && answer.field("grpc-status").is_none());
}
