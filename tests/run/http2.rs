//! HTTP/2 with prior knowledge: the same gateway, the same backends, another protocol in front.

use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use http::Request;

use super::Rig;
use goma_tests::http2::{Answered, Frame, Frames, GET, Http2, block, codes, frame, kinds};
use goma_tests::{Backend, Gateway, wait_until};

impl Rig {
    pub(super) fn http2(&self) -> Http2 {
        Http2::connect(self.gateway.port())
    }

    pub(super) fn frames(&self) -> Frames {
        Frames::connect(self.gateway.port(), &[])
    }
}

pub(super) fn post(uri: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let request = Request::builder().method("POST").uri(uri);
    request.body(body.into()).expect("a request")
}

/// The stream's frames until one that ends it.
pub(super) fn stream(frames: &mut Frames, id: u32) -> Vec<Frame> {
    let mut seen = Vec::new();
    loop {
        let frame = frames
            .receive()
            .expect("the stream ends before the connection");
        if frame.stream == id {
            let last = frame.ends_stream() || frame.kind == kinds::RST_STREAM;
            seen.push(frame);
            if last {
                return seen;
            }
        }
    }
}

/// RT-LISTEN-1, RT-LOG-2: prior knowledge; `Upgrade: h2c` is ignored.
#[test]
fn prior_knowledge() {
    let rig = Rig::new();
    let mut client = rig.http2();
    let response = client.ask("GET", "http://h.test/x?y=1");
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    assert_eq!(response.field("content-length"), Some("2"));
    assert_eq!(response.field("proxied-by"), Some("Goma Gateway"));
    assert!(response.headers.contains_key("date"));
    assert_eq!(rig.backend.request(0).target(), "/x?y=1");
    let _ = rig.gateway.line_with(&[
        "http_version=HTTP/2.0",
        "status=200",
        "url=/x",
        "bytes_out=2",
    ]);
    let upgrade = rig.get(
        "/",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    );
    assert_eq!(upgrade.status, 200);
    let seen = rig.backend.request(1);
    assert!(seen.fields("upgrade").is_empty() && seen.fields("http2-settings").is_empty());
}

/// RT-LISTEN-1: the preface is found however it arrives, and what only begins like it is HTTP/1.1.
#[test]
fn the_preface_in_pieces() {
    let rig = Rig::new();
    let mut frames = Frames::without_preface(rig.gateway.port());
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        frames.bytes(&[*byte]);
    }
    frames.send(kinds::SETTINGS, 0, 0, &[]).open(1, &GET, false);
    assert!(stream(&mut frames, 1).last().unwrap().ends_stream());
    assert_eq!(rig.ask("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").status, 505);
    assert_eq!(rig.ask("PRINT / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
}

/// RT-H2-1: the settings, and what is above the limit of streams.
#[test]
fn settings_and_the_limit_of_streams() {
    let rig = Rig::with(
        Backend::script(|connection| while connection.read().is_some() {}),
        &[],
    );
    let mut frames = rig.frames();
    let settings = frames.next_of(kinds::SETTINGS).payload;
    let value = |id: u16| {
        let entry = settings
            .chunks(6)
            .find(|entry| entry[..2] == id.to_be_bytes());
        entry.map(|entry| u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(value(3), Some(128), "MAX_CONCURRENT_STREAMS");
    assert_eq!(value(6), Some(65_536), "MAX_HEADER_LIST_SIZE");
    assert_eq!(value(5).unwrap_or(16_384), 16_384, "MAX_FRAME_SIZE");
    assert_eq!(value(1).unwrap_or(4_096), 4_096, "HEADER_TABLE_SIZE");
    for index in 0..129 {
        frames.open(index * 2 + 1, &GET, false);
    }
    let refused = frames.next_of(kinds::RST_STREAM);
    assert_eq!(
        (refused.stream, refused.code()),
        (257, codes::REFUSED_STREAM)
    );
}

/// GET with other fields.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&GET[..], changes].concat()
}

/// GET with another value of a pseudo-field, or without it.
fn pseudo<'a>(name: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let changed = GET
        .iter()
        .filter_map(|field| match (field.0 == name, value) {
            (false, _) => Some(*field),
            (true, value) => Some((name, value?)),
        });
    changed.collect()
}

/// RT-H2-2: a malformed request ends its stream and nothing else; no backend sees it.
#[test]
fn malformed_requests() {
    let rig = Rig::new();
    let cases = [
        with(&[("connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "websocket")]),
        with(&[("keep-alive", "1")]),
        with(&[("proxy-connection", "1")]),
        with(&[("te", "gzip")]),
        with(&[("te", "trailers, gzip")]),
        with(&[(":path", "/again")]),
        with(&[(":status", "200")]),
        with(&[("x-a", "1"), (":scheme", "http")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "0"), ("content-length", "0")]),
        with(&[("content-length", "+0")]),
        with(&[("x-a", " a")]),
        with(&[("x-a", "a\t")]),
        with(&[("host", "other.test")]),
        with(&[("host", "h.test"), ("host", "h.test")]),
        pseudo(":method", None),
        pseudo(":scheme", None),
        pseudo(":path", None),
        pseudo(":authority", None),
        pseudo(":path", Some("")),
        pseudo(":path", Some("x")),
        pseudo(":path", Some("?x")),
        pseudo(":path", Some("*")),
        pseudo(":path", Some("/a b")),
        pseudo(":path", Some("/\\")),
        pseudo(":path", Some("/..;/a")),
        pseudo(":path", Some("/a\r\nx: y")),
        pseudo(":authority", Some("u@h.test")),
        pseudo(":authority", Some("h.test, g.test")),
        pseudo(":authority", Some("")),
        pseudo(":scheme", Some("h p")),
    ];
    let mut frames = rig.frames();
    for (case, id) in cases.iter().zip((1..).step_by(2)) {
        frames.open(id, case, false);
        let seen = stream(&mut frames, id);
        let last = seen.last().unwrap();
        let refused = match last.kind {
            kinds::RST_STREAM => last.code() == codes::PROTOCOL_ERROR,
            // An answer; that it is a 400 is read off the log below.
            _ => seen.first().unwrap().kind == kinds::HEADERS,
        };
        assert!(refused, "{case:?}: {seen:?}");
        assert_eq!(rig.count(), 0, "{case:?} reached the backend");
    }
    for line in rig.gateway.lines() {
        let answered = line.contains("Proxied request");
        assert!(!answered, "an answer other than a refusal: {line}");
        assert!(
            !line.contains("Request refused") || line.contains("status=400"),
            "{line}"
        );
    }
    frames.open(999, &GET, false);
    assert!(stream(&mut frames, 999).last().unwrap().ends_stream());
    assert_eq!(rig.count(), 1);
}

/// RT-H2-2: what the `h2` crate's HPACK decoder does not take ends the connection; no backend sees it.
#[test]
fn malformed_fields() {
    let rig = Rig::new();
    for case in [
        with(&[("X-Upper", "1")]),
        with(&[("x a", "1")]),
        with(&[("x:a", "1")]),
        with(&[("", "1")]),
        with(&[(":unknown", "1")]),
        with(&[("x-a", "a\r\nx-b: b")]),
        with(&[("x-a", "a\nb")]),
        with(&[("x-a", "a\0b")]),
        pseudo(":method", Some("G T")),
        pseudo(":method", Some("GET / HTTP/1.1\r\nx: y")),
    ] {
        let mut frames = rig.frames();
        frames.open(1, &case, false);
        assert_eq!(frames.goodbye(), codes::PROTOCOL_ERROR, "{case:?}");
    }
    assert_eq!(rig.count(), 0);
}

/// RT-H2-2: a body unlike its announced length never becomes a whole request.
#[test]
fn bodies_unlike_their_length() {
    let rig = Rig::new();
    let fields = |length| {
        let mut fields = GET.to_vec();
        fields[0].1 = "POST";
        fields.push(("content-length", length));
        fields
    };
    let mut frames = rig.frames();
    for (id, body) in [(1, &b"ab"[..]), (3, b"abcd")] {
        frames.open(id, &fields("3"), true);
        frames.send(kinds::DATA, kinds::END_STREAM, id, body);
        let seen = stream(&mut frames, id);
        assert_eq!(seen.last().unwrap().code(), codes::PROTOCOL_ERROR);
    }
    assert_eq!(rig.count(), 0);
    frames.open(5, &fields("3"), true);
    frames.send(kinds::DATA, kinds::END_STREAM, 5, b"abc");
    assert!(stream(&mut frames, 5).last().unwrap().ends_stream());
}

/// RT-H2-3: rapid reset. The backend's work ends with the streams, and the client is sent away.
#[test]
fn rapid_reset() {
    let (ended, seen) = mpsc::channel();
    let ended = std::sync::Mutex::new(ended);
    let backend = Backend::script(move |connection| {
        if connection.read_head().is_some() {
            while connection.read().is_some() {}
            let _ = ended.lock().unwrap().send(Instant::now());
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    let cancel = codes::CANCEL.to_be_bytes();
    for index in 0..200 {
        frames.open(index * 2 + 1, &GET, false);
        frames.send(kinds::RST_STREAM, 0, index * 2 + 1, &cancel);
    }
    // The limit is reached, not passed: a stream still works, and its end reaches the backend.
    frames.open(401, &GET, false);
    wait_until("the stream is at the backend", || {
        frames.send(kinds::PING, 0, 0, &[0; 8]);
        frames.next_of(kinds::PING);
        !rig.gateway.lines().is_empty()
    });
    let cancelled = Instant::now();
    frames.send(kinds::RST_STREAM, 0, 401, &cancel);
    assert_eq!(frames.goodbye(), codes::ENHANCE_YOUR_CALM);
    let _ = rig.gateway.line_with(&["too many cancelled streams"]);
    // How soon is measured in `a_stream_is_cancelled`; here, that it does not wait for a time limit.
    for end in seen.try_iter() {
        assert!(end.saturating_duration_since(cancelled) < Duration::from_secs(5));
    }
}

/// RT-H2-3, RT-UP-7: streams that are cancelled in the breath that opens them reach no backend.
#[test]
fn cancelled_at_once() {
    let rig = Rig::new();
    let mut frames = rig.frames();
    let bytes: Vec<u8> = (0..50)
        .flat_map(|index| {
            let (id, all) = (index * 2 + 1, kinds::END_HEADERS | kinds::END_STREAM);
            let open = frame(kinds::HEADERS, all, id, &block(&GET));
            let cancel = codes::CANCEL.to_be_bytes();
            [open, frame(kinds::RST_STREAM, 0, id, &cancel)].concat()
        })
        .collect();
    frames.bytes(&bytes);
    frames.open(101, &GET, false);
    assert!(stream(&mut frames, 101).last().unwrap().ends_stream());
    assert_eq!(rig.count(), 1);
    let _ = rig.gateway.line_with(&["status=499"]);
}

/// RT-UP-7, RT-ERR-17: a cancelled stream is cancelled at the backend within 100 ms; others go on.
#[test]
fn a_stream_is_cancelled() {
    let (sender, events) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let backend = Backend::script(move |connection| {
        if let Some(head) = connection.read_head() {
            let _ = sender.lock().unwrap().send(Instant::now());
            if head.contains("/slow") {
                while connection.read().is_some() {}
                let _ = sender.lock().unwrap().send(Instant::now());
            } else {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                connection.read();
            }
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    let mut ids = (1..).step_by(2);
    for more in [false, true] {
        let mut took = || {
            let id = ids.next().unwrap();
            let mut fields = GET.to_vec();
            fields[3].1 = "/slow";
            frames.open(id, &fields, more);
            events.recv().unwrap();
            let cancelled = Instant::now();
            frames.send(kinds::RST_STREAM, 0, id, &codes::CANCEL.to_be_bytes());
            events.recv().unwrap() - cancelled
        };
        // A busy machine may wake nobody for as long, but not each time.
        assert!((0..5).any(|_| took() < Duration::from_millis(100)));
    }
    let _ = rig.gateway.line_with(&["status=499", "url=/slow"]);
    let last = ids.next().unwrap();
    frames.open(last, &GET, false);
    assert!(stream(&mut frames, last).last().unwrap().ends_stream());
}

/// RT-H2-4: header blocks in many frames, and header blocks that are too large.
#[test]
fn continuation_flood() {
    let rig = Rig::new();
    let mut frames = rig.frames();
    let mut fields = GET.to_vec();
    let value = "a".repeat(100);
    fields.push(("x-a", &value));
    let whole = block(&fields);
    let parts: Vec<_> = whole.chunks(whole.len() / 5).collect();
    frames.send(kinds::HEADERS, kinds::END_STREAM, 1, parts[0]);
    for part in &parts[1..parts.len() - 1] {
        frames.send(kinds::CONTINUATION, 0, 1, part);
    }
    let last = parts.last().unwrap();
    frames.send(kinds::CONTINUATION, kinds::END_HEADERS, 1, last);
    assert!(stream(&mut frames, 1).last().unwrap().ends_stream());
    assert_eq!(rig.backend.request(0).fields("x-a"), [value.as_str()]);

    frames.send(kinds::HEADERS, kinds::END_STREAM, 3, &whole);
    for _ in 0..17 {
        frames.send(kinds::CONTINUATION, 0, 3, &[]);
    }
    assert_eq!(frames.goodbye(), codes::ENHANCE_YOUR_CALM);

    let mut large = rig.frames();
    large.send(kinds::HEADERS, kinds::END_STREAM, 1, &block(&GET));
    let piece = block(&[("x-a", &"a".repeat(16_000))]);
    for _ in 0..17 {
        large.send(kinds::CONTINUATION, 0, 1, &piece);
    }
    let code = large.goodbye();
    assert!(code == codes::ENHANCE_YOUR_CALM, "{code}");
    assert_eq!(rig.count(), 1);
}

/// RT-H2-5: frames that ask for work and bring none.
#[test]
fn floods_of_small_frames() {
    let rig = Rig::new();
    let kinds = [
        (kinds::PING, 0, 0, &[0_u8; 8][..]),
        (kinds::SETTINGS, 0, 0, &[]),
        (kinds::PRIORITY, 0, 5, &[0, 0, 0, 0, 9]),
        (kinds::DATA, 0, 1, &[]),
    ];
    for (kind, flags, id, payload) in kinds {
        let mut frames = rig.frames();
        let mut fields = GET.to_vec();
        fields[0].1 = "POST";
        frames.open(1, &fields, true);
        for _ in 0..1_000 {
            frames.send(kind, flags, id, payload);
        }
        assert_eq!(frames.goodbye(), codes::ENHANCE_YOUR_CALM, "type {kind}");
    }
}

/// RT-H2-6: what an HTTP/1.1 backend sees.
#[test]
fn what_the_backend_sees() {
    let rig = Rig::new();
    let mut client = rig.http2();
    let request = Request::builder().method("PUT").uri("http://h.test:81/a");
    let request = request
        .header("cookie", "a=1")
        .header("x-a", "1")
        .header("cookie", "b=2")
        .header("x-a", "2")
        .header("te", "trailers")
        .header("x-request-id", "id-1")
        .header("content-length", "3");
    let response = client.send(request.body(b"abc".to_vec()).unwrap(), None);
    assert_eq!(response.unwrap().field("x-goma-request-id"), Some("id-1"));
    let seen = rig.backend.request(0);
    assert!(
        seen.head
            .starts_with("PUT /a HTTP/1.1\r\nHost: h.test:81\r\n")
    );
    assert_eq!(seen.fields("cookie"), ["a=1; b=2"]);
    assert_eq!(seen.fields("x-a"), ["1", "2"]);
    assert_eq!(seen.fields("te"), ["trailers"]);
    assert_eq!(seen.fields("content-length"), ["3"]);
    assert_eq!(seen.fields("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.fields("x-forwarded-host"), ["h.test:81"]);
    assert_eq!(seen.body, b"abc");

    client.send(post("http://h.test/", "abcde"), None).unwrap();
    let seen = rig.backend.request(1);
    assert_eq!(seen.fields("transfer-encoding"), ["chunked"]);
    assert_eq!(seen.body, b"5\r\nabcde\r\n0\r\n\r\n");

    client.ask("GET", "http://h.test/");
    let seen = rig.backend.request(2);
    assert!(
        seen.fields("transfer-encoding").is_empty() && seen.fields("content-length").is_empty()
    );
    assert_eq!(
        seen.connection, 0,
        "the backend's connection is shared by the streams"
    );
}

/// RT-LIM-1, -2, -3: over a limit, the stream is answered and the connection goes on.
#[test]
fn limits_end_the_stream_only() {
    let rig = Rig::new();
    let mut client = rig.http2();
    let long = format!("http://h.test/{}", "a".repeat(17 * 1024));
    assert_eq!(client.ask("GET", &long).status, 414);
    let many = (0..130).fold(Request::get("http://h.test/"), |request, index| {
        request.header(format!("x-{index}"), "1")
    });
    let many = client.send(many.body(Vec::new()).unwrap(), None).unwrap();
    assert_eq!(many.status, 431);
    let _ = rig
        .gateway
        .line_with(&["Request refused", "status=431", "reason=limit"]);
    let cookies = (0..300).fold(Request::get("http://h.test/"), |request, _| {
        request.header("cookie", "a=1")
    });
    let cookies = client
        .send(cookies.body(Vec::new()).unwrap(), None)
        .unwrap();
    assert_eq!(cookies.status, 200);
    assert_eq!(client.ask("GET", "http://h.test/").status, 200);

    let mut frames = rig.frames();
    let large = "a".repeat(7_000);
    let mut fields = GET.to_vec();
    fields.extend([("x-a", large.as_str()); 2]);
    let mut block = block(&fields);
    frames.send(kinds::HEADERS, kinds::END_STREAM, 1, &block);
    for _ in 0..4 {
        block = goma_tests::http2::block(&[("x-a", &"a".repeat(14_000))]);
        frames.send(kinds::CONTINUATION, 0, 1, &block);
    }
    frames.send(kinds::CONTINUATION, kinds::END_HEADERS, 1, &[]);
    assert!(
        stream(&mut frames, 1)
            .iter()
            .any(|frame| frame.kind == kinds::HEADERS)
    );
    frames.open(3, &GET, false);
    assert!(stream(&mut frames, 3).last().unwrap().ends_stream());
}

/// Bodies of any size pass both ways, whatever the windows.
#[test]
fn large_bodies_both_ways() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let length = request.body.len();
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
            ));
            connection.send(request.body);
        }
    });
    let rig = Rig::with(backend, &[]);
    let body: Vec<u8> = (0..3 << 20).map(|index| (index % 251) as u8).collect();
    let length = body.len().to_string();
    let mut client = rig.http2();
    for _ in 0..2 {
        let request = Request::post("http://h.test/").header("content-length", &length);
        let echoed = client
            .send(request.body(body.clone()).unwrap(), None)
            .unwrap();
        assert!(echoed.body == body, "{} bytes", echoed.body.len());
    }
}

/// RT-SEM-3: no body where there is none, and the length it would have had.
#[test]
fn responses_without_body() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let status = request.target()[1..].to_owned();
            connection.send(format!("HTTP/1.1 {status} x\r\nContent-Length: 7\r\n\r\n"));
            if status == "204" {
                return;
            }
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.http2();
    let head = client.ask("HEAD", "http://h.test/200");
    assert_eq!(
        (head.field("content-length"), head.body.len()),
        (Some("7"), 0)
    );
    let unchanged = client.ask("GET", "http://h.test/304");
    assert_eq!(
        (unchanged.status, unchanged.field("content-length")),
        (304, Some("7"))
    );
    let nothing = client.ask("GET", "http://h.test/204");
    assert_eq!(
        (nothing.status, nothing.field("content-length")),
        (204, None)
    );
}

/// RT-SEM-1, RT-SEM-2: interim responses.
#[test]
fn interim_responses() {
    let backend = Backend::script(|connection| {
        while connection.request().is_some() {
            connection
                .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    frames.open(1, &GET, false);
    let seen = stream(&mut frames, 1);
    let heads = seen.iter().filter(|frame| frame.kind == kinds::HEADERS);
    assert_eq!(heads.count(), 2, "103 and 200, no 100: {seen:?}");

    let mut fields = GET.to_vec();
    fields[0].1 = "POST";
    fields.push(("expect", "100-continue"));
    frames.open(3, &fields, true);
    let interim = frames.next_of(kinds::HEADERS);
    assert!(!interim.ends_stream());
    frames.send(kinds::DATA, kinds::END_STREAM, 3, b"abc");
    stream(&mut frames, 3);
    let seen = rig.backend.request(1);
    assert!(seen.fields("expect").is_empty());
    assert_eq!(seen.body, b"3\r\nabc\r\n0\r\n\r\n");
}

/// RT-SEM-4: trailers pass both ways, but for those that may not.
#[test]
fn trailers() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\
         grpc-status: 0\r\nContent-Length: 9\r\n\r\n",
    );
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    let fields = [pseudo(":method", Some("POST")), vec![("te", "trailers")]].concat();
    frames.open(1, &fields, true);
    frames.send(kinds::DATA, 0, 1, b"abc");
    let sent = block(&[("x-sum", "7"), ("authorization", "x")]);
    let end = kinds::END_STREAM | kinds::END_HEADERS;
    frames.send(kinds::HEADERS, end, 1, &sent);
    stream(&mut frames, 1);
    let seen = rig.backend.request(0);
    assert_eq!(seen.fields("te"), ["trailers"]);
    assert_eq!(
        String::from_utf8_lossy(&seen.body),
        "3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n"
    );
    let response = rig.http2().ask("GET", "http://h.test/");
    assert_eq!(response.text(), "ok");
    let trailers = response.trailers.unwrap();
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    assert_eq!(trailers.len(), 1);
}

/// RT-SEM-5, RT-SEM-6, RT-ROUTE-9, RT-METHOD-1, RT-OBS-1: what the gateway answers itself.
#[test]
fn answers_of_the_gateway() {
    let rig = Rig::new();
    let mut frames = rig.frames();
    frames.open(
        1,
        &[(":method", "CONNECT"), (":authority", "h.test:443")],
        false,
    );
    stream(&mut frames, 1);
    let _ = rig.gateway.line_with(&["method=CONNECT", "status=405"]);
    let mut asterisk = GET.to_vec();
    asterisk[0].1 = "OPTIONS";
    asterisk[3].1 = "*";
    frames.open(3, &asterisk, false);
    stream(&mut frames, 3);
    let _ = rig.gateway.line_with(&["method=OPTIONS", "status=200"]);
    let mut client = rig.http2();
    assert_eq!(client.ask("TRACE", "http://h.test/").status, 405);
    let refused = client.ask("DELETE", "http://h.test/api");
    assert_eq!(
        (refused.status, refused.field("allow")),
        (405, Some("GET, POST"))
    );
    assert!(
        client
            .ask("GET", "http://h.test/readyz")
            .text()
            .contains("running")
    );
    assert_eq!(rig.count(), 0);
}

/// MW-BASIC, MW-CORS, MW-BODY and MW-RESPH act on HTTP/2 as on HTTP/1.1.
#[test]
fn chains() {
    let rig = Rig::new();
    let mut client = rig.http2();
    let refused = client.ask("GET", "http://h.test/m/auth");
    assert_eq!(refused.status, 401);
    assert!(refused.headers.contains_key("www-authenticate"));
    let allowed =
        Request::get("http://h.test/m/auth").header("authorization", "Basic cGxhaW46cDp3");
    let allowed = client
        .send(allowed.body(Vec::new()).unwrap(), None)
        .unwrap();
    assert_eq!(allowed.status, 200);
    let preflight = Request::builder()
        .method("OPTIONS")
        .uri("http://h.test/m/cors")
        .header("origin", "https://a.test")
        .header("access-control-request-method", "GET");
    let preflight = client
        .send(preflight.body(Vec::new()).unwrap(), None)
        .unwrap();
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.field("access-control-allow-origin"),
        Some("https://a.test")
    );
    let large = client.send(post("http://h.test/m/limit", vec![b'a'; 1_025]), None);
    assert_eq!(large.unwrap().status, 413);
    let routed = client.ask("GET", "http://h.test/api/x");
    assert_eq!(routed.field("x-route"), Some("api"));
}

/// RT-ERR-14, RT-ERR-18: a backend that dies.
#[test]
fn the_backend_dies() {
    let backend = Backend::script(|connection| {
        if let Some(request) = connection.request() {
            if request.target() == "/body" {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
            }
            connection.close();
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.http2();
    assert_eq!(
        client
            .send(post("http://h.test/head", "a"), None)
            .unwrap()
            .status,
        502
    );
    let broken = client.ask("GET", "http://h.test/body");
    assert_eq!((broken.status, broken.body.as_slice()), (200, &b"abc"[..]));
    let reason = broken.broken.and_then(|error| error.reason());
    assert_eq!(reason, Some(h2::Reason::INTERNAL_ERROR));
    let _ = rig
        .gateway
        .line_with(&["url=/body", "status=200", "aborted=true"]);
    assert_eq!(client.ask("GET", "http://h.test/readyz").status, 200);
}

/// RT-STREAM-1: what the backend sends is passed on as it comes.
#[test]
fn pieces_are_passed_on_as_they_come() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
            let _ = wait.lock().unwrap().recv();
            connection.send("world");
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    frames.open(1, &GET, false);
    assert_eq!(frames.next_of(kinds::DATA).payload, b"hello");
    go.send(()).unwrap();
    assert_eq!(frames.next_of(kinds::DATA).payload, b"world");
}

/// A backend that answers before it has read the body: the answer arrives, the rest is not wanted.
#[test]
fn early_answers() {
    let backend = Backend::script(|connection| {
        while connection.read_head().is_some() {
            connection.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut frames = rig.frames();
    let mut fields = GET.to_vec();
    fields[0].1 = "POST";
    frames.open(1, &fields, true);
    frames.send(kinds::DATA, 0, 1, b"abc");
    let seen = stream(&mut frames, 1);
    assert!(seen.last().unwrap().ends_stream());
    let reset = frames.next_of(kinds::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (1, codes::NO_ERROR));
}

/// Streams are answered as their backends are done, each with its own answer.
#[test]
fn many_streams_at_once() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let body = request.target().repeat(500);
            let length = body.len();
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
        }
    });
    let rig = Rig::with(backend, &[]);
    let settings = [(4, 1 << 20)];
    let mut frames = Frames::connect(rig.gateway.port(), &settings);
    frames.send(kinds::WINDOW_UPDATE, 0, 0, &(64_u32 << 20).to_be_bytes());
    let paths: Vec<_> = (0..100).map(|index| format!("/{index:04}")).collect();
    for (path, id) in paths.iter().zip((1..).step_by(2)) {
        let mut fields = GET.to_vec();
        fields[3].1 = path;
        frames.open(id, &fields, false);
    }
    let mut bodies = vec![Vec::new(); 100];
    let mut ended = 0;
    while ended < 100 {
        let frame = frames.receive().expect("all streams end");
        if frame.kind == kinds::DATA {
            bodies[frame.stream as usize / 2].extend_from_slice(&frame.payload);
        }
        ended += usize::from(frame.ends_stream());
    }
    for (path, body) in paths.iter().zip(&bodies) {
        assert_eq!(String::from_utf8_lossy(body), path.repeat(500));
    }
}

/// RT-LIM-6: streams whose client does not read hold a bounded part of their responses.
#[test]
fn stalled_streams_hold_little() {
    const STREAMS: u32 = 100;
    let backend = Backend::script(|connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n");
            connection.send(vec![b'a'; 10 << 20]);
        }
    });
    let rig = Rig::with(backend, &[]);
    let before = rig.gateway.memory_kib();
    let mut frames = Frames::connect(rig.gateway.port(), &[(4, 0)]);
    for index in 0..STREAMS {
        frames.open(index * 2 + 1, &GET, false);
    }
    for _ in 0..STREAMS {
        frames.next_of(kinds::HEADERS);
    }
    // An echo behind all of it: what was going to be read has been read.
    for _ in 0..20 {
        frames.send(kinds::PING, 0, 0, &[1; 8]);
        frames.next_of(kinds::PING);
    }
    let held = rig.gateway.memory_kib().saturating_sub(before);
    assert!(
        held < STREAMS as usize * 256,
        "{held} KiB for {STREAMS} streams"
    );
}

/// RT-LISTEN-3 (`timeouts.write`): a client that never opens its window loses the stream, however
/// small the response; `timeouts.read`: 408.
#[test]
fn slow_clients_lose_their_streams() {
    let env = [("GOMA_TIMEOUT_WRITE", "1"), ("GOMA_TIMEOUT_READ", "1")];
    let rig = Rig::with(Backend::ok(), &env);
    let mut frames = Frames::connect(rig.gateway.port(), &[(4, 0)]);
    frames.open(1, &GET, false);
    let seen = stream(&mut frames, 1);
    assert_eq!(seen.last().unwrap().kind, kinds::RST_STREAM);
    let _ = rig.gateway.line_with(&["status=499"]);
    let mut frames = rig.frames();
    let mut fields = GET.to_vec();
    fields[0].1 = "POST";
    frames.open(1, &fields, true);
    assert!(
        stream(&mut frames, 1)
            .iter()
            .any(|frame| frame.ends_stream())
    );
    let _ = rig
        .gateway
        .line_with(&["Request refused", "status=408", "reason=timeout"]);
}

/// RT-LISTEN-3 (`timeouts.idle`, `timeouts.header`), RT-LIM-4.
#[test]
fn slow_connections_are_closed() {
    let env = [
        ("GOMA_TIMEOUT_IDLE", "1"),
        ("GOMA_TIMEOUT_READ_HEADER", "1"),
    ];
    let rig = Rig::with(Backend::ok(), &env);
    let mut idle = rig.frames();
    idle.open(1, &GET, false);
    stream(&mut idle, 1);
    assert_eq!(idle.goodbye(), codes::NO_ERROR);
    let mut partial = rig.frames();
    partial.send(kinds::HEADERS, kinds::END_STREAM, 1, &block(&GET));
    assert_eq!(partial.goodbye(), codes::ENHANCE_YOUR_CALM);
    // The flag says that the block ends in this frame, whose payload does not come.
    let mut dripping = rig.frames();
    let whole = frame(
        kinds::HEADERS,
        kinds::END_STREAM | kinds::END_HEADERS,
        1,
        &block(&GET),
    );
    dripping.bytes(&whole[..whole.len() - 1]);
    assert_eq!(dripping.goodbye(), codes::ENHANCE_YOUR_CALM);
    let mut preface = Frames::without_preface(rig.gateway.port());
    preface.bytes(b"PRI * HTTP/2.0\r\n\r\n");
    assert!(preface.rest().is_empty());
}

/// RT-STOP-1: GOAWAY, and streams that are open finish.
#[test]
fn draining() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        if connection.request().is_some() {
            let _ = wait.lock().unwrap().recv();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut rig = Rig::with(backend, &[]);
    let idle = rig.http2();
    let mut frames = rig.frames();
    frames.open(1, &GET, false);
    let _ = rig.backend.request(0);
    rig.gateway.signal("TERM");
    frames.next_of(kinds::GOAWAY);
    assert!(idle.end().is_ok());
    go.send(()).unwrap();
    assert_eq!(frames.next_of(kinds::DATA).payload, b"ok");
    drop(frames);
    assert_eq!(rig.gateway.wait(), Some(0));
}

/// Whatever is not HTTP/2 ends the connection, and the gateway goes on.
#[test]
fn broken_frames() {
    let rig = Rig::new();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for bytes in [
        &[0xff_u8; 64][..],
        &goma_tests::http2::frame(kinds::DATA, 0, 0, b"a"),
        &goma_tests::http2::frame(kinds::HEADERS, 4, 0, b"a"),
        &goma_tests::http2::frame(kinds::SETTINGS, 0, 0, b"abc"),
        &goma_tests::http2::frame(kinds::PING, 0, 0, b"abc"),
        &goma_tests::http2::frame(kinds::WINDOW_UPDATE, 0, 0, &[0; 4]),
        &goma_tests::http2::frame(kinds::HEADERS, 5, 1, &[0xff; 20]),
        &goma_tests::http2::frame(kinds::CONTINUATION, 4, 1, b"a"),
    ] {
        let mut frames = Frames::without_preface(rig.gateway.port());
        frames
            .bytes(preface)
            .bytes(&goma_tests::http2::frame(kinds::SETTINGS, 0, 0, &[]));
        frames.bytes(bytes);
        assert_ne!(frames.goodbye(), codes::NO_ERROR, "{bytes:?}");
    }
    let answered: Answered = rig.http2().ask("GET", "http://h.test/");
    assert_eq!(answered.status, 200);
    assert_eq!(rig.count(), 1);
}

/// RT-H2-1, RT-H2-3, RT-LIM-8: the limits of `gateway.limits`.
#[test]
fn configured_limits() {
    let backend = Backend::script(|connection| while connection.read().is_some() {});
    let url = backend.url();
    let gateway = Gateway::start("edge", &[("A", &url)]);
    let mut frames = Frames::connect(gateway.port(), &[]);
    let settings = frames.next_of(kinds::SETTINGS).payload;
    let announced = |id: u8, value: u32| {
        let entry = [&[0, id][..], &value.to_be_bytes()].concat();
        settings.chunks(6).any(|found| found == entry)
    };
    assert!(announced(3, 2) && announced(6, 4096), "{settings:?}");
    for id in [1, 3, 5] {
        frames.open(id, &GET, false);
    }
    let refused = frames.next_of(kinds::RST_STREAM);
    assert_eq!((refused.stream, refused.code()), (5, codes::REFUSED_STREAM));
    for id in [1, 1, 1, 3, 3, 3] {
        frames.send(kinds::RST_STREAM, 0, id, &codes::CANCEL.to_be_bytes());
    }
    assert_eq!(frames.goodbye(), codes::ENHANCE_YOUR_CALM);

    let backend = Backend::ok();
    let url = backend.url();
    let gateway = Gateway::start("edge", &[("A", &url)]);
    let mut frames = Frames::connect(gateway.port(), &[]);
    for id in [1, 3] {
        frames.open(id, &GET, false);
        assert!(stream(&mut frames, id).last().unwrap().ends_stream());
    }
    frames.open(5, &GET, false);
    assert_eq!(frames.next_of(kinds::GOAWAY).code(), codes::NO_ERROR);
    assert_eq!(frames.next_of(kinds::DATA).payload, b"ok");
}

/// RT-LISTEN-1: clients that others have written. `ci/testbed` installs them.
#[test]
fn real_clients() {
    let rig = Rig::new();
    let url = format!("http://127.0.0.1:{}/x", rig.gateway.port());
    let run = |tool: &str, arguments: &[&str]| {
        let output = Command::new(tool).args(arguments).arg(&url).output();
        let output = output.unwrap_or_else(|_| panic!("run ci/testbed once: {tool} is missing"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let written = "\n%{http_version} %{http_code}";
    let curl = run(
        "curl",
        &["-s", "--http2-prior-knowledge", "-d", "abc", "-w", written],
    );
    assert_eq!(curl, "ok\n2 200");
    assert_eq!(rig.backend.request(0).body, b"abc");
    assert_eq!(run("nghttp", &["--header=x-a: 1"]), "ok");
    let load = run("h2load", &["-n", "500", "-c", "5", "-m", "20"]);
    assert!(
        load.contains("500 succeeded, 0 failed, 0 errored"),
        "{load}"
    );
    assert_eq!(rig.count(), 502);
}
