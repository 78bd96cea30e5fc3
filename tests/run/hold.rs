//! Bodies that are held back: the vectors of `bodyLimit` with `buffer` (middlewares.md 5.6), on both
//! protocols.

use std::sync::Mutex;
use std::sync::mpsc;

use super::Rig;
use super::http2::{post, stream};
use goma_tests::http2::{Frames, block, kinds};
use goma_tests::{Backend, Client, wait_until};

/// A backend that records a request as soon as its head is there, and a gateway before it.
fn rig(env: &[(&str, &str)]) -> Rig {
    let backend = Backend::script(|connection| {
        while let Some(head) = connection.read_head() {
            connection.record(head.clone());
            let length = goma_tests::client::fields(&head, "content-length");
            let length = length.first().and_then(|length| length.parse().ok());
            let length: usize = length.unwrap_or_default();
            let mut body = Vec::new();
            while body.len() < length {
                if connection.peek().is_none() {
                    return;
                }
                body.extend(connection.taken());
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    Rig::with(backend, env)
}

impl Rig {
    /// A POST whose body has begun and has not ended.
    fn begun(&self, lines: &str, body: &str) -> Client {
        let mut client = self.gateway.connect();
        client.send(format!(
            "POST /m/held HTTP/1.1\r\nHost: h\r\n{lines}Expect: 100-continue\r\n\r\n"
        ));
        assert_eq!(client.head().lines().next(), Some("HTTP/1.1 100 Continue"));
        client.send(body);
        client
    }

    /// Nothing has reached the backend, and it does work.
    fn backend_is_idle(&self) {
        assert_eq!(self.count(), 0);
        assert_eq!(self.get("/", "").status, 200);
        assert_eq!(self.backend.request(0).target(), "/");
    }
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// MW-GEN-14, RT-SEM-1: the backend hears of the request once all of it is there.
#[test]
fn a_body_is_read_before_the_backend_is_asked() {
    let rig = rig(&[]);
    let mut client = rig.begun("Content-Length: 5\r\n", "abc");
    rig.backend_is_idle();
    client.send("de");
    assert_eq!(client.response().status, 200);
    let request = rig.backend.request(1);
    assert_eq!(request.fields("content-length"), ["5"]);
    assert!(request.fields("expect").is_empty());
    // The connection goes on.
    client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(rig.backend.request(2).target(), "/next");
}

/// MW-GEN-14, MW-BODY-1: bytes and length as they would be unbuffered; of chunks the length is known
/// now.
#[test]
fn bodies_arrive_whole() {
    let rig = Rig::new();
    let ask = |lines: &str, pieces: &[&str]| {
        let before = rig.count();
        let mut client = rig.gateway.connect();
        client.send(format!("POST /m/held HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        for piece in pieces {
            client.send(piece);
        }
        assert_eq!(client.response().status, 200, "{lines}");
        rig.backend.request(before)
    };
    let full = "a".repeat(1024);
    let (first, second) = full.split_at(500);
    let sent = ask("Content-Length: 1024\r\n", &[first, second]);
    assert_eq!(sent.fields("content-length"), ["1024"]);
    assert_eq!(sent.body, full.as_bytes());
    let chunks = [
        &format!("1f4\r\n{first}\r\n"),
        "20c\r\n",
        second,
        "\r\n0\r\n\r\n",
    ];
    let sent = ask(CHUNKED, &chunks);
    assert_eq!(sent.fields("content-length"), ["1024"]);
    assert!(sent.fields("transfer-encoding").is_empty());
    assert_eq!(sent.body, full.as_bytes());
    let sent = ask(CHUNKED, &["0\r\n\r\n"]);
    assert_eq!(
        (sent.fields("content-length"), sent.body),
        (vec!["0".to_owned()], vec![])
    );
    // Trailers need chunks.
    let sent = ask(
        CHUNKED,
        &["3\r\nabc\r\n2\r\nde", "\r\n0\r\nX-Sum: 7\r\n\r\n"],
    );
    assert!(sent.fields("content-length").is_empty());
    assert_eq!(
        String::from_utf8_lossy(&sent.body),
        "5\r\nabcde\r\n0\r\nX-Sum: 7\r\n\r\n"
    );
    let sent = ask("", &[]);
    assert!(sent.fields("content-length").is_empty() && sent.body.is_empty());
}

/// MW-BODY-1, MW-BODY-2: too large is 413, and the backend never hears of it.
#[test]
fn too_large_without_the_backend() {
    let rig = rig(&[]);
    let refused = "Request body too large (limit 1024 bytes)\n";
    let announced = rig.ask(
        "POST /m/held HTTP/1.1\r\nHost: h\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(
        (announced.status, announced.text().as_str()),
        (413, refused)
    );
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    let mut client = rig.begun(CHUNKED, &chunk);
    client.send("1\r\na");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (413, refused));
    assert_eq!(response.fields("connection"), ["close"]);
    // At once with the head.
    let whole = format!("POST /m/held HTTP/1.1\r\nHost: h\r\n{CHUNKED}\r\n{chunk}{chunk}0\r\n\r\n");
    assert_eq!(rig.ask(&whole).status, 413);
    rig.backend_is_idle();
}

/// MW-INT-5: one held body for all; the smallest limit applies.
#[test]
fn one_body_for_two() {
    let rig = rig(&[]);
    let send = |length: usize| {
        let body = "a".repeat(length);
        let lines = format!("POST /m/held/twice HTTP/1.1\r\nHost: h\r\n{CHUNKED}");
        rig.ask(&format!("{lines}\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"))
    };
    assert_eq!(send(1025).status, 413);
    assert_eq!(rig.count(), 0);
    assert_eq!(send(1024).status, 200);
}

/// MW-GEN-7: what comes behind sees a request whose body is there, so its refusal keeps the connection.
#[test]
fn a_later_refusal_keeps_the_connection() {
    let rig = rig(&[]);
    let mut client = rig.gateway.connect();
    client.send("POST /m/held/closed HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    client.send("cde");
    assert_eq!(client.response().status, 403);
    rig.backend_is_idle();
    client.send("GET /m/held HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

/// RT-LISTEN-3, RT-ERR-17: neither a slow client nor one that goes reaches the backend.
#[test]
fn bodies_that_do_not_come() {
    let rig = rig(&[("GOMA_TIMEOUT_READ", "1")]);
    let mut slow = rig.begun("Content-Length: 5\r\n", "ab");
    assert_eq!(slow.response().status, 408);
    assert!(slow.is_closed());
    drop(rig.begun(CHUNKED, "2\r\nab\r\n"));
    let _ = rig.gateway.line_with(&["status=499", "route=m-held"]);
    let mut malformed = rig.begun(CHUNKED, "x\r\n");
    assert_eq!(malformed.response().status, 400);
    rig.backend_is_idle();
}

/// MW-GEN-14: memory is bounded by the limit, and given back once the backend has answered.
#[test]
fn memory_is_given_back() {
    const MIB: usize = 1024;
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let backend = Backend::script(move |connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
            let _ = released.lock().unwrap().recv();
            connection.send("k");
        }
    });
    let rig = Rig::with(backend, &[]);
    let before = rig.gateway.memory_kib();
    let mut client = rig.gateway.connect();
    let body = vec![b'a'; 32 * MIB * 1024];
    let (last, most) = body.split_last().unwrap();
    let target = "/m/held/large";
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(most);
    wait_until("the body is held", || {
        rig.gateway.memory_kib() >= before + 31 * MIB
    });
    assert_eq!(rig.count(), 0);
    client.send([*last]);
    assert!(client.head().starts_with("HTTP/1.1 200"));
    wait_until("the body is given back", || {
        rig.gateway.memory_kib() < before + 8 * MIB
    });
    assert_eq!(rig.backend.request(0).body.len(), body.len());
    release.send(()).unwrap();
    assert_eq!(client.exactly(2), b"ok");
}

/// MW-GEN-14, MW-BODY-1, RT-H2-1: the same over HTTP/2.
#[test]
fn over_http2() {
    let rig = Rig::new();
    let mut client = rig.http2();
    let fits = client.send(post("http://h.test/m/held", vec![b'a'; 1024]), None);
    assert_eq!(fits.unwrap().status, 200);
    let sent = rig.backend.request(0);
    assert_eq!(sent.fields("content-length"), ["1024"]);
    assert_eq!(sent.body.len(), 1024);
    let large = client.send(post("http://h.test/m/held", vec![b'a'; 1025]), None);
    assert_eq!(large.unwrap().status, 413);
    assert_eq!(rig.count(), 1);
    let mut frames = rig.frames();
    open(&mut frames, 1);
    frames.send(kinds::DATA, 0, 1, b"abc");
    frames.send(kinds::DATA, 0, 1, b"de");
    let end = kinds::END_STREAM | kinds::END_HEADERS;
    frames.send(kinds::HEADERS, end, 1, &block(&[("x-sum", "7")]));
    stream(&mut frames, 1);
    let sent = rig.backend.request(1);
    assert_eq!(
        String::from_utf8_lossy(&sent.body),
        "5\r\nabcde\r\n0\r\nx-sum: 7\r\n\r\n"
    );
    // A stream that is reset leaves nothing behind, and the connection lives on.
    open(&mut frames, 3);
    frames.send(kinds::DATA, 0, 3, b"abc");
    frames.send(kinds::RST_STREAM, 0, 3, &8_u32.to_be_bytes());
    let _ = rig.gateway.line_with(&["status=499", "route=m-held"]);
    open(&mut frames, 5);
    frames.send(kinds::DATA, 0, 5, &[b'a'; 1024]);
    frames.send(kinds::DATA, 1, 5, b"");
    assert!(stream(&mut frames, 5).last().unwrap().ends_stream());
    assert_eq!(rig.backend.request(2).fields("content-length"), ["1024"]);
}

/// A POST without a length.
fn open(frames: &mut Frames, id: u32) {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "h.test"),
        (":path", "/m/held"),
    ];
    frames.open(id, &fields, true);
}
