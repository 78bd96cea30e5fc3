//! Abuse (RT-LIM-3, -4, -6): connections that say almost nothing, and connections that never stop
//! talking. Memory stays within what the limits allow, and others are served meanwhile; how fast is a
//! matter of benchmarks, not of tests.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use goma_tests::http2::{Frames, GET, Http2, block, codes, frame, kinds};
use goma_tests::{Client, wait_until};

use super::Rig;

/// Slow connections at once, if the process may have so many files.
const SLOW_MAX: usize = 10_000;
/// RT-LIM-6, for an idle connection: in KiB.
const KIB_PER_CONNECTION_MAX: usize = 64;
/// Connections of a flood.
const FLOODS: usize = 32;
/// What the gateway may need besides its connections, in KiB.
const SLACK_KIB: usize = 24 * 1024;

/// RT-LIM-4, RT-LIM-6: thousands of clients that send the beginning of a request and no more.
#[test]
fn slow_loris() {
    let rig = Rig::with(
        goma_tests::Backend::ok(),
        &[("GOMA_TIMEOUT_READ_HEADER", "5")],
    );
    let count = SLOW_MAX.min(files_max().saturating_sub(200));
    let before = rig.gateway.memory_kib();
    let mut slow: Vec<Client> = (0..count).map(|_| rig.gateway.connect()).collect();
    for client in &mut slow {
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    }
    for _ in 0..50 {
        assert_eq!(rig.get("/", "").status, 200);
    }
    let grown = rig.gateway.memory_kib().saturating_sub(before);
    assert!(
        grown < count * KIB_PER_CONNECTION_MAX,
        "{grown} KiB for {count} connections"
    );
    wait_until("the slow are answered and closed", || {
        rig.gateway.connections() == 0
    });
    let answer = slow[0].response();
    assert_eq!(answer.status, 408);
    assert!(slow[0].is_closed());
    assert_eq!(rig.get("/", "").status, 200);
}

/// RT-LIM-2, RT-LIM-3: heads, chunk lines and trailers without an end.
#[test]
fn floods() {
    let rig = Rig::new();
    let before = rig.gateway.memory_kib();
    let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let kinds = [
        ("GET / HTTP/1.1\r\nHost: h\r\n".to_owned(), "X: y\r\n", 431),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nX: ".to_owned(),
            "yyyyyyyy",
            431,
        ),
        ("GET /".to_owned(), "aaaaaaaa", 414),
        (format!("{chunked}1;"), "aaaaaaaa", 400),
        (format!("{chunked}1\r\na\r\n0\r\n"), "X: y\r\n", 431),
    ];
    for (begin, more, status) in &kinds {
        let mut floods: Vec<Client> = (0..FLOODS).map(|_| rig.gateway.connect()).collect();
        for flood in &mut floods {
            flood.send(begin);
        }
        let part = more.repeat(8 * 1024 / more.len());
        // A MiB each, or until the gateway has had enough.
        for _ in 0..128 {
            for flood in &mut floods {
                flood.send(&part);
            }
        }
        assert_eq!(rig.get("/", "").status, 200);
        let answer = floods[0].response();
        assert_eq!(answer.status, *status, "{begin:?}");
        drop(floods);
        wait_until("the floods are closed", || rig.gateway.connections() == 0);
    }
    let grown = rig.gateway.memory_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB + FLOODS * 256, "{grown} KiB");
}

/// Whether the gateway has been told to stop sending, and has closed: GOAWAY, or a reset that has overtaken it.
fn is_sent_away(frames: &mut Frames) -> bool {
    let rest = frames.rest();
    let last = rest.iter().rev().find(|frame| frame.kind == kinds::GOAWAY);
    last.is_none_or(|goaway| goaway.code() == codes::ENHANCE_YOUR_CALM)
}

/// What a flood sends for the nth time.
type Piece = fn(u32) -> Vec<u8>;

/// RT-H2-3, -4, -5, RT-LIM-6: floods of HTTP/2 on many connections at once are sent away, others are served meanwhile,
/// and nothing of them stays.
#[test]
fn http2_floods() {
    let rig = Rig::new();
    let mut ordinary = Http2::connect(rig.gateway.port());
    assert_eq!(ordinary.ask("GET", "http://h/").status, 200);
    let before = rig.gateway.memory_kib();
    let floods: [(&str, Piece); 5] = [
        ("rapid reset", |count| {
            let (id, all) = (count * 2 + 3, kinds::END_HEADERS | kinds::END_STREAM);
            let open = frame(kinds::HEADERS, all, id, &block(&GET));
            let reset = frame(kinds::RST_STREAM, 0, id, &codes::CANCEL.to_be_bytes());
            [open, reset].concat()
        }),
        ("CONTINUATION", |count| match count {
            0 => frame(kinds::HEADERS, kinds::END_STREAM, 1, &block(&GET)),
            _ => frame(kinds::CONTINUATION, 0, 1, &block(&[("x-a", "a")])),
        }),
        ("SETTINGS", |_| frame(kinds::SETTINGS, 0, 0, &[])),
        ("PING", |_| frame(kinds::PING, 0, 0, &[0; 8])),
        ("empty DATA", |count| match count {
            0 => frame(kinds::HEADERS, kinds::END_HEADERS, 1, &block(&POST)),
            _ => frame(kinds::DATA, 0, 1, &[]),
        }),
    ];
    for (name, piece) in floods {
        let mut attackers: Vec<Frames> = (0..FLOODS)
            .map(|_| Frames::connect(rig.gateway.port(), &[]))
            .collect();
        for count in 0..1_200 {
            let bytes = piece(count);
            for attacker in &mut attackers {
                attacker.bytes(&bytes);
            }
            if count % 300 == 0 {
                assert_eq!(ordinary.ask("GET", "http://h/").status, 200, "{name}");
            }
        }
        assert!(attackers.iter_mut().all(is_sent_away), "{name}");
        drop(attackers);
        // Only the ordinary client's own.
        wait_until("the floods are closed", || rig.gateway.connections() == 1);
    }
    let grown = rig.gateway.memory_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB + FLOODS * 256, "{grown} KiB");
}

const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "h.test"),
    (":path", "/"),
];

/// The head of a response with this body.
fn head_of(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())
}

/// RT-LIM-6, RT-LISTEN-3: connections whose windows are shut hold little of what is for them, keep nobody else from
/// being served, and lose their streams in time.
#[test]
fn shut_windows() {
    // What the kernel holds of the bodies it has to find first, which takes machines like ours seconds for a GiB.
    const STREAMS: u32 = 8;
    let body = "x".repeat(1 << 20);
    let backend = goma_tests::Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            let body = if request.target() == "/" {
                &*body
            } else {
                "ok"
            };
            connection.send(head_of(body));
            connection.send(body);
        }
    });
    let rig = Rig::with(backend, &[("GOMA_TIMEOUT_WRITE", "15")]).alone();
    let mut ordinary = Http2::connect(rig.gateway.port());
    assert_eq!(ordinary.ask("GET", "http://h/small").status, 200);
    let before = rig.gateway.memory_kib();
    let mut stalled: Vec<Frames> = (0..FLOODS)
        .map(|_| Frames::connect(rig.gateway.port(), &[(4, 0)]))
        .collect();
    for client in &mut stalled {
        for index in 0..STREAMS {
            client.open(index * 2 + 1, &GET, false);
        }
    }
    // On a slow machine the first are over before the last have begun.
    let mut left = Vec::new();
    for client in &mut stalled {
        let (mut begun, mut over) = (0, 0);
        while begun < STREAMS {
            match client.receive().map(|frame| frame.kind) {
                Some(kinds::HEADERS) => begun += 1,
                Some(kinds::RST_STREAM) => over += 1,
                Some(_) => {}
                None => unreachable!("the gateway has closed"),
            }
        }
        left.push(STREAMS - over);
        assert_eq!(ordinary.ask("GET", "http://h/small").status, 200);
    }
    let grown = rig.gateway.memory_kib().saturating_sub(before);
    let streams = FLOODS * STREAMS as usize;
    assert!(
        grown < SLACK_KIB + streams * 256,
        "{grown} KiB for {streams} streams"
    );
    for (client, left) in stalled.iter_mut().zip(left) {
        for _ in 0..left {
            client.next_of(kinds::RST_STREAM);
        }
    }
    assert_eq!(ordinary.ask("GET", "http://h/small").status, 200);
}

/// RT-LIM-6: clients that ask and ask and never read; the backend's answers are not hoarded.
#[test]
fn clients_that_do_not_read() {
    let body = "x".repeat(1 << 20);
    let backend = goma_tests::Backend::script(move |connection| {
        while connection.request().is_some() {
            connection.send(head_of(&body));
            connection.send(&body);
        }
    });
    let rig = Rig::with(backend, &[]).alone();
    assert_eq!(rig.get("/", "").body.len(), 1 << 20);
    let before = rig.gateway.memory_kib();
    let requests = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
    let mut deaf: Vec<Client> = (0..FLOODS).map(|_| rig.gateway.connect()).collect();
    for client in &mut deaf {
        client.send(&requests);
    }
    wait_until("all have asked", || rig.count() > FLOODS);
    assert_eq!(rig.get("/", "").status, 200);
    let grown = rig.gateway.memory_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB + FLOODS * 256, "{grown} KiB");
    drop(deaf);
    wait_until("the deaf are closed", || rig.gateway.connections() == 0);
}

/// How many files this process, and so the gateway that it starts, may have open.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.unwrap().split_whitespace().next().unwrap().to_owned();
    soft.parse().unwrap_or(SLOW_MAX * 2)
}
