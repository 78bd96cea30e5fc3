//! WebSocket on HTTP/2 streams (RT-WS-5), frame by frame; tests/websocket_streams.py has the libraries.

use super::Rig;
use goma_runtime::h2::connect::answer_to;
use goma_tests::http2::{Frames, Http2, codes, kinds};
use goma_tests::{Backend, Connection, wait_until};

const CONNECT: [(&str, &str); 6] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":authority", "h.test"),
    (":path", "/bare/x?y=1"),
    ("sec-websocket-version", "13"),
];

/// CONNECT with other values of these fields, or with these besides.
fn connect<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let kept = CONNECT.iter().copied().filter(|(name, _)| !changed(name));
    let (pseudo, plain): (Vec<_>, Vec<_>) = kept
        .chain(changes.iter().copied())
        .partition(|(name, _)| name.starts_with(':'));
    [pseudo, plain].concat()
}

/// Opens a stream, and waits until it is a tunnel.
fn open(frames: &mut Frames, stream: u32, fields: &[(&str, &str)]) {
    frames.open(stream, fields, true);
    let head = frames.next_of(kinds::HEADERS);
    assert_eq!(head.stream, stream);
    assert!(!head.ends_stream());
    // `:status: 200` (RFC 7541, appendix A).
    assert_eq!(head.payload.first(), Some(&0x88));
}

/// A connection whose stream 1 is a tunnel.
fn opened(rig: &Rig) -> Frames {
    let mut frames = Frames::connect(rig.gateway.port(), &[]);
    open(&mut frames, 1, &CONNECT);
    frames
}

/// The status of the answer to a handshake.
fn status(rig: &Rig, uri: &str, protocol: &'static str, length: Option<u32>) -> u16 {
    let mut request = http::Request::builder().method("CONNECT").uri(uri);
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    let request = request.extension(h2::ext::Protocol::from_static(protocol));
    Http2::connect(rig.gateway.port()).status(request.body(()).expect("a request"))
}

/// Reads a handshake and answers it as a WebSocket server does.
fn switch(connection: &mut Connection) -> Option<()> {
    let head = connection.read_head()?;
    connection.record(head.clone());
    let keys = goma_tests::client::fields(&head, "sec-websocket-key");
    let answer = answer_to(keys.concat().as_bytes());
    connection.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {answer}\r\nSec-WebSocket-Protocol: chat\r\n\r\nhello"
    ));
    Some(())
}

/// Switches, echoes every byte, and says `bye` when the client has ended its half.
fn echoing() -> Backend {
    Backend::script(|connection| {
        if switch(connection).is_none() {
            return;
        }
        while connection.read().is_some() {
            let bytes = connection.taken();
            connection.send(bytes);
        }
        connection.send("bye");
        connection.close();
    })
}

/// The data of the next DATA frames of the stream, of this length.
fn data(frames: &mut Frames, length: usize) -> Vec<u8> {
    let mut data = Vec::new();
    while data.len() < length {
        data.extend(frames.next_of(kinds::DATA).payload);
    }
    data
}

/// RT-WS-5, RT-WS-4, RT-HDR-1: what the backend and the client see, and the log.
#[test]
fn a_stream_becomes_a_tunnel() {
    let rig = Rig::with(echoing(), &[]);
    let fields = connect(&[
        ("sec-websocket-key", "mine"),
        ("sec-websocket-protocol", "chat"),
    ]);
    let mut frames = Frames::connect(rig.gateway.port(), &[]);
    // Bytes that come before the answer wait for it.
    frames.open(1, &fields, true);
    frames.send(kinds::DATA, 0, 1, b"early");
    assert_eq!(data(&mut frames, 10), b"helloearly");

    let request = rig.backend.request(0);
    assert!(
        request.head.starts_with("GET /bare/x?y=1 HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert_eq!(request.fields("connection"), ["Upgrade"]);
    assert_eq!(request.fields("upgrade"), ["websocket"]);
    assert_eq!(request.fields("host"), ["h.test"]);
    assert_eq!(request.fields("sec-websocket-version"), ["13"]);
    assert_eq!(request.fields("sec-websocket-protocol"), ["chat"]);
    let keys = request.fields("sec-websocket-key");
    assert_eq!((keys.len(), keys.concat().len()), (1, 24), "{keys:?}");
    assert!(request.fields("content-length").is_empty());
    assert!(request.fields("transfer-encoding").is_empty());

    // A client that ends its half still gets what the backend has to say.
    frames.send(kinds::DATA, kinds::END_STREAM, 1, b"end");
    assert_eq!(data(&mut frames, 6), b"endbye");
    assert!(frames.next_of(kinds::DATA).ends_stream());
    let logged = [
        "http_version=HTTP/2.0",
        "method=GET",
        "url=/bare/x",
        "status=101",
    ];
    let counted = ["bytes_out=16", "bytes_in=8"];
    let _ = rig
        .gateway
        .line_with(&[logged.as_slice(), &counted].concat());
}

/// RT-WS-5: each handshake has a key of its own, and only its answer opens the stream.
#[test]
fn what_opens_no_stream() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let key = request.fields("sec-websocket-key").concat();
            let (answer, other) = (answer_to(key.as_bytes()), answer_to(b"x"));
            let switched = |upgrade: &str, answer: &str| {
                format!(
                    "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\
                     Sec-WebSocket-Accept: {answer}\r\n\r\n"
                )
            };
            let plain = |status: u16| format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            connection.send(match request.target() {
                "/bare/right" => switched("WebSocket", &answer),
                "/bare/other-key" => switched("websocket", &other),
                "/bare/no-key" => switched("websocket", ""),
                "/bare/protocol" => switched("foo", &answer),
                "/bare/200" => plain(200),
                "/bare/204" => plain(204),
                "/bare/302" => plain(302),
                _ => plain(426),
            });
        }
    });
    let rig = Rig::with(backend, &[]);
    for (path, expected) in [
        ("/bare/right", 200),
        ("/bare/other-key", 502),
        ("/bare/no-key", 502),
        ("/bare/protocol", 502),
        // To the client, success would say that the tunnel is there.
        ("/bare/200", 502),
        ("/bare/204", 502),
        ("/bare/302", 302),
        ("/bare/426", 426),
    ] {
        let uri = format!("http://h.test{path}");
        assert_eq!(status(&rig, &uri, "websocket", None), expected, "{path}");
    }
    let requests = rig.backend.requests();
    let mut keys: Vec<_> = requests
        .iter()
        .map(|request| request.fields("sec-websocket-key"))
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), requests.len());
}

/// RT-WS-5, MW-GEN-13: what the gateway itself says no to.
#[test]
fn refused_by_the_gateway() {
    let rig = Rig::with(echoing(), &[]);
    for (uri, protocol, length, expected) in [
        ("http://h.test/m/auth", "websocket", None, 401),
        ("http://h.test/healthz", "websocket", None, 501),
        ("http://h.test/bare/x", "connect-udp", None, 501),
        ("http://h.test/bare/x", "websocket", Some(0), 400),
    ] {
        assert_eq!(
            status(&rig, uri, protocol, length),
            expected,
            "{uri} {protocol}"
        );
    }
    assert_eq!(rig.count(), 0);
    let plain = rig.gateway.line_with(&["Request refused", "status=501"]);
    assert!(plain.contains("unknown :protocol"), "{plain}");
    // The refusal is whole, and its connection goes on.
    let mut frames = Frames::connect(rig.gateway.port(), &[]);
    frames.open(1, &connect(&[(":path", "/m/auth")]), true);
    assert!(frames.next_of(kinds::DATA).ends_stream());
    assert_eq!(frames.next_of(kinds::RST_STREAM).code(), codes::NO_ERROR);
    open(&mut frames, 3, &CONNECT);
    // Not a CONNECT: malformed (RFC 8441 §4).
    frames.open(5, &connect(&[(":method", "GET")]), false);
    let reset = frames.next_of(kinds::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (5, codes::PROTOCOL_ERROR));
}

/// RT-H2-1, RT-WS-5: the setting that says that it can be done.
#[test]
fn it_is_announced() {
    let rig = Rig::new();
    let settings = Frames::connect(rig.gateway.port(), &[]).next_of(kinds::SETTINGS);
    assert!(
        settings
            .payload
            .chunks(6)
            .any(|entry| entry == [0, 8, 0, 0, 0, 1])
    );
}

/// RT-WS-5: a cancelled stream closes the backend's connection; an end of the backend's ends the stream.
#[test]
fn how_streams_end() {
    let rig = Rig::with(
        Backend::script(|connection| {
            if switch(connection).is_none() {
                return;
            }
            while connection.read().is_some() {
                match connection.taken().as_slice() {
                    b"close" => return connection.close(),
                    b"reset" => return connection.reset_at_end(),
                    _ => {}
                }
            }
            connection.record("gone".to_owned());
        }),
        &[],
    );
    let mut frames = opened(&rig);
    assert_eq!(data(&mut frames, 5), b"hello");
    frames.send(kinds::RST_STREAM, 0, 1, &codes::CANCEL.to_be_bytes());
    wait_until("the backend's connection ends", || {
        rig.backend
            .requests()
            .iter()
            .any(|request| request.head == "gone")
    });
    let _ = rig.gateway.line_with(&["status=101", "bytes_out=5"]);
    open(&mut frames, 3, &CONNECT);
    assert_eq!(data(&mut frames, 5), b"hello");
    frames.send(kinds::DATA, 0, 3, b"close");
    assert!(frames.next_of(kinds::DATA).ends_stream());
    let reset = frames.next_of(kinds::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (3, codes::NO_ERROR));
    // An end that is none (RFC 8441 §5).
    open(&mut frames, 5, &CONNECT);
    assert_eq!(data(&mut frames, 5), b"hello");
    frames.send(kinds::DATA, 0, 5, b"reset");
    let reset = frames.next_of(kinds::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (5, codes::CANCEL));
}

/// RT-LIM-6, RT-WS-5: a side that does not read stops the other, and nothing else.
#[test]
fn flow_control_reaches_through() {
    const LARGE: usize = 32 << 20;
    let (sent, progress) = std::sync::mpsc::channel::<usize>();
    let sent = std::sync::Mutex::new(sent);
    let backend = Backend::script(move |connection| {
        if switch(connection).is_none() {
            return;
        }
        let piece = [b'x'; 64 * 1024];
        for count in 1..=LARGE / piece.len() {
            connection.send(piece);
            let _ = sent.lock().unwrap().send(count * piece.len());
        }
        let _ = connection.read();
    });
    let rig = Rig::with(backend, &[]);
    let mut frames = opened(&rig);
    let quiet = std::time::Duration::from_millis(500);
    let mut written = 0;
    while let Ok(bytes) = progress.recv_timeout(quiet) {
        written = bytes;
    }
    // The window, the gateway's bound, and the buffers of two sockets.
    assert!(
        written < LARGE / 2,
        "{written} bytes were taken from the backend"
    );
    frames.send(kinds::PING, 0, 0, b"8 bytes.");
    while frames.next_of(kinds::PING).payload != b"8 bytes." {}
    let whole = u32::try_from(LARGE).unwrap() + 5;
    for stream in [0, 1] {
        frames.send(kinds::WINDOW_UPDATE, 0, stream, &whole.to_be_bytes());
    }
    let mut rest = data(&mut frames, 1).len();
    while rest < LARGE + 5 - 65_535 {
        rest += frames.next_of(kinds::DATA).payload.len();
    }
}

/// RT-STOP-1, RT-WS-5: the drain lets a tunnel go on until its deadline.
#[test]
fn the_drain_ends_a_stream() {
    let mut rig = Rig::with(echoing(), &[("DRAIN", "1")]);
    let mut frames = opened(&rig);
    assert_eq!(data(&mut frames, 5), b"hello");
    rig.gateway.signal("TERM");
    assert_eq!(frames.next_of(kinds::GOAWAY).code(), codes::NO_ERROR);
    frames.send(kinds::DATA, 0, 1, b"x");
    assert_eq!(data(&mut frames, 1), b"x");
    let reset = frames.next_of(kinds::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (1, codes::CANCEL));
    drop(frames);
    assert_eq!(rig.gateway.wait(), Some(0));
    let _ = rig
        .gateway
        .line_with(&["status=101", "bytes_out=6", "bytes_in=1"]);
}

/// RT-WS-3, RT-WS-5: the time limits of requests are none of a tunnel's, nor is the connection idle.
#[test]
fn a_stream_may_be_silent() {
    let env = [
        ("GOMA_TIMEOUT_READ", "1"),
        ("GOMA_TIMEOUT_WRITE", "1"),
        ("GOMA_TIMEOUT_IDLE", "1"),
    ];
    let rig = Rig::with(echoing(), &env);
    let mut frames = opened(&rig);
    assert_eq!(data(&mut frames, 5), b"hello");
    let (_silence, wait) = std::sync::mpsc::channel::<()>();
    let longer = std::time::Duration::from_millis(1300);
    assert!(wait.recv_timeout(longer).is_err());
    frames.send(kinds::DATA, 0, 1, b"still here");
    assert_eq!(data(&mut frames, 10), b"still here");
}
