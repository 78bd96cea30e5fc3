//! Abuse (RT-LIM-3, -4, -6): connections that say almost nothing, and connections that never stop
//! talking. Memory stays within what the limits allow, and others are served meanwhile; how fast is a
//! matter of benchmarks, not of tests.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

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

/// RT-LIM-6: clients that ask and ask and never read; the backend's answers are not hoarded.
#[test]
fn clients_that_do_not_read() {
    let backend = goma_tests::Backend::script(|connection| {
        let body = "x".repeat(1 << 20);
        while connection.request().is_some() {
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
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
