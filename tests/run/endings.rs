//! Exchanges that end otherwise than they should: answers before the end of a body, peers that break off, heads that
//! are refused, the end of the drain. Both protocols.

use std::io::Write;
use std::net::TcpStream;

use super::Rig;
use goma_tests::Backend;
use goma_tests::http2::{Frame, Frames, GET, block, codes, kinds};

/// RT-STREAM-5, RT-ERR-14, RT-HEALTH-7: who answers without reading the body, and then closes, which resets the
/// connection, has answered.
#[test]
fn an_answer_before_a_reset() {
    let backend = Backend::script(|connection| {
        if connection.read_head().is_some() {
            let fields = "Connection: close\r\nContent-Length: 3\r\n";
            connection.send(format!("HTTP/1.1 413 Too Large\r\n{fields}\r\nno\n"));
        }
    });
    let rig = Rig::with(backend, &[]);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n";
    let request = [head.as_bytes(), &vec![b'a'; 3_000_000]].concat();
    for _ in 0..30 {
        let mut client = rig.gateway.connect();
        client.send(&request);
        assert!(client.head().starts_with("HTTP/1.1 413 "));
    }
    let ejected = |line: &String| line.contains("ejected");
    assert!(!rig.gateway.lines().iter().any(ejected));
}

/// RT-SEM-3: HEAD has no body, whatever is wrong with it.
#[test]
fn refused_heads_have_no_body() {
    let rig = Rig::new();
    for (rest, status) in [
        ("/..%2fx HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("/ HTTP/1.1\r\nHost: h\r\nExpect: z\r\n\r\n", 417),
        ("/ HTTP/1.1\r\n\r\n", 400),
        ("/ HTTP/1.7\r\nHost: h\r\n\r\n", 505),
    ] {
        for (method, bodiless) in [("HEAD", true), ("\r\nHEAD", true), ("GET", false)] {
            let mut client = rig.gateway.connect();
            client.send(format!("{method} {rest}"));
            let bytes = client.to_end();
            let start = format!("HTTP/1.1 {status} ");
            assert!(bytes.starts_with(start.as_bytes()), "{method} {rest}");
            assert_eq!(bytes.ends_with(b"\r\n\r\n"), bodiless, "{method} {rest}");
        }
    }
    let answered = rig.http2().ask("HEAD", "http://h.test/..%2fx");
    assert_eq!((answered.status, answered.text().as_str()), (400, ""));
    assert_eq!(rig.count(), 0);
}

/// A header block of any length.
fn send_block(frames: &mut Frames, stream: u32, end: u8, fields: &[(&str, &str)]) {
    let block = block(fields);
    let mut parts = block.chunks(16_384).peekable();
    let mut kind = kinds::HEADERS;
    let mut flags = end;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            flags |= kinds::END_HEADERS;
        }
        frames.send(kind, flags, stream, part);
        (kind, flags) = (kinds::CONTINUATION, 0);
    }
}

/// RT-LIM-2, RT-LIM-7, RT-HDR-9, RT-SEM-4: heads and trailers over the limit are refused whole, and said to be.
#[test]
fn http2_lists_over_the_limit() {
    let rig = Rig::new();
    let large = "a".repeat(70_000);
    let mut frames = rig.frames();
    let mut fields = GET.to_vec();
    fields.push(("x-a", &large));
    send_block(&mut frames, 1, kinds::END_STREAM, &fields);
    frames.next_of(kinds::HEADERS);
    assert_eq!(
        frames.next_of(kinds::DATA).payload,
        b"431 Request Header Fields Too Large\n"
    );
    let refused = ["Request refused", "status=431", "reason=limit"];
    let _ = rig.gateway.line_with(&refused);

    let rig = Rig::new();
    let mut frames = rig.frames();
    let mut fields = GET.to_vec();
    fields[0].1 = "POST";
    frames.open(1, &fields, true);
    frames.send(kinds::DATA, 0, 1, b"abc");
    let trailers = [("x-b", "1"), ("x-a", large.as_str()), ("x-c", "2")];
    send_block(&mut frames, 1, kinds::END_STREAM, &trailers);
    frames.next_of(kinds::HEADERS);
    assert_eq!(
        frames.next_of(kinds::DATA).payload,
        b"431 Request Header Fields Too Large\n"
    );
    let _ = rig.gateway.line_with(&refused);
}

/// RT-H2-3: streams that the gateway resets for what the client does count like those that the client resets.
#[test]
fn resets_that_a_client_provokes() {
    let backend = Backend::script(|connection| while connection.read().is_some() {});
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    let overflow = 0x7fff_ffff_u32.to_be_bytes();
    for id in (1..2000).step_by(2) {
        frames.open(id, &GET, false);
        frames.send(kinds::WINDOW_UPDATE, 0, id, &overflow);
    }
    let seen = frames.rest();
    let is_goodbye = |frame: &&Frame| frame.kind == kinds::GOAWAY;
    let goodbye = seen.iter().find(is_goodbye).unwrap();
    assert_eq!(goodbye.code(), codes::ENHANCE_YOUR_CALM);
    let is_reset = |frame: &&Frame| frame.kind == kinds::RST_STREAM;
    assert!(seen.iter().filter(is_reset).count() <= 201);
}

/// RT-STOP-1, RT-LOG-1: what the drain does not wait for any longer is answered and logged.
#[test]
fn the_end_of_the_drain() {
    let backend = Backend::script(|connection| {
        if let Some(head) = connection.read_head() {
            connection.record(head);
            while connection.read().is_some() {}
        }
    });
    let mut rig = Rig::with(backend, &[("DRAIN", "1")]);
    let mut plain = rig.gateway.connect();
    plain.send("GET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    let _ = rig.backend.request(0);
    let mut half = rig.gateway.connect();
    half.send("POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    let _ = rig.backend.request(1);
    let mut frames = rig.frames();
    frames.open(1, &GET, false);
    let _ = rig.backend.request(2);
    rig.gateway.signal("TERM");
    assert_eq!(plain.response().status, 503);
    assert_eq!(half.response().status, 503);
    assert_eq!(
        frames.next_of(kinds::DATA).payload,
        b"503 service unavailable\n"
    );
    assert_eq!(rig.gateway.wait(), Some(0));
    for url in ["url=/plain", "url=/half", "http_version=HTTP/2.0"] {
        let _ = rig
            .gateway
            .line_with(&["Proxied request", url, "status=503"]);
    }
}

/// RT-UP-7, RT-ERR-17: a client that breaks off while its body waits for the backend is noticed.
#[test]
fn a_client_breaks_off_behind_a_backend_that_does_not_read() {
    let (_open, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        if connection.read_head().is_some() {
            let _ = wait.lock().unwrap().recv();
        }
    });
    let env = [("GOMA_TIMEOUT_READ", "0"), ("GOMA_TIMEOUT_WRITE", "0")];
    let rig = Rig::with(backend, &env);
    let mut client = TcpStream::connect(("127.0.0.1", rig.gateway.port())).unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n")
        .unwrap();
    client.set_nonblocking(true).unwrap();
    let mut sent = 0;
    goma_tests::wait_until("nobody takes more", || {
        let before = sent;
        while let Ok(count) = client.write(&[b'a'; 65_536]) {
            sent += count;
        }
        sent > 0 && sent == before
    });
    let linger = socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO));
    linger.unwrap();
    drop(client);
    let _ = rig.gateway.line_with(&["Proxied request", "status=499"]);
}

/// RT-ERR-17: bytes that a client has never taken are not said to have been sent.
#[test]
fn a_stream_that_takes_nothing() {
    let rig = Rig::with(
        Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        &[],
    );
    let mut frames = Frames::connect(rig.gateway.port(), &[(4, 0)]);
    frames.open(1, &GET, false);
    frames.next_of(kinds::HEADERS);
    frames.send(kinds::RST_STREAM, 0, 1, &codes::CANCEL.to_be_bytes());
    let _ = rig.gateway.line_with(&["Proxied request", "status=499"]);
}
