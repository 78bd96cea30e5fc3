//! How many connections there may be to a backend, and who waits for one (RT-UP-5): tests/specs/tls.yaml.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use goma_tests::{Backend, wait_until};

use super::Rig;

/// RT-UP-5, 6.3 `maxConnsPerHost`: never more connections than there may be, over all cores; what has to wait
/// is answered.
#[test]
fn connections_within_the_limit() {
    const LIMIT: usize = 2;
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, seen) = (Arc::clone(&open), Arc::clone(&most));
    let backend = Backend::script(move |connection| {
        while connection.request().is_some() {
            let now = counted.fetch_add(1, Ordering::SeqCst) + 1;
            seen.fetch_max(now, Ordering::SeqCst);
            wait_until("there are as many as may be", || {
                seen.load(Ordering::SeqCst) >= LIMIT
            });
            counted.fetch_sub(1, Ordering::SeqCst);
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let url = backend.url();
    let rig = Rig::of("tls", backend, &[("ANY", &url), ("CA", "")]).alone();
    let gateway = &rig.gateway;
    for _ in 0..5 {
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    let mut client = gateway.connect();
                    client.send("GET /any HTTP/1.1\r\nHost: h\r\n\r\n");
                    assert_eq!(client.response().status, 200);
                });
            }
        });
    }
    assert_eq!(rig.count(), 60);
    assert_eq!(most.load(Ordering::SeqCst), LIMIT);
}

/// RT-UP-8, RT-UP-5: who sends a request once more does not wait for the place of the connection that has died.
#[test]
fn a_dead_connection_has_no_place() {
    const LIMIT: usize = 2;
    let arrived = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&arrived);
    let backend = Backend::script(move |connection| {
        // In pairs: so each connection is used once, and both have a request when they die.
        for at in 0..2 {
            if connection.request().is_none() {
                return;
            }
            let nth = counted.fetch_add(1, Ordering::SeqCst);
            wait_until("both have a request", || {
                counted.load(Ordering::SeqCst) >= (nth / LIMIT + 1) * LIMIT
            });
            if at == 0 || nth >= 2 * LIMIT {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        }
    });
    let url = backend.url();
    let rig = Rig::of("tls", backend, &[("ANY", &url), ("CA", "")]).alone();
    let mut clients = [(); LIMIT].map(|()| rig.gateway.connect());
    for _ in 0..2 {
        for client in &mut clients {
            client.send("GET /any HTTP/1.1\r\nHost: h\r\n\r\n");
        }
        for client in &mut clients {
            assert_eq!(client.response().status, 200);
        }
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 3 * LIMIT);
}

/// RFC 9112 §9.3, RT-UP-5: a connection that has ended with its response is nobody's who waits.
#[test]
fn what_has_ended_is_not_handed_on() {
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n\r\nok");
    });
    let url = backend.url();
    let rig = Rig::of("tls", backend, &[("ANY", &url), ("CA", "")]).alone();
    let gateway = &rig.gateway;
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                client.send("POST /any HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
                assert_eq!(client.response().status, 200);
            });
        }
    });
}

/// RT-UP-5, RT-ERR-20, RT-ERR-16, 6.3 `responseHeaderTimeout`: who waits in vain for a connection gets 503, who
/// waits in vain for a response 504.
#[test]
fn who_waits_in_vain() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            if request.head.starts_with("GET /any/begun ") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
            }
        }
    });
    let url = backend.url();
    let rig = Rig::of("tls", backend, &[("ANY", &url), ("CA", "")]).alone();
    assert_eq!(rig.get("/any/silent", "").status, 504);
    let line = rig.gateway.line_with(&["Proxy error", "route=any"]);
    assert!(line.contains("response header timed out"), "{line}");
    let begun = [(); 2].map(|()| {
        let mut client = rig.gateway.connect();
        client.send("GET /any/begun HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 200 "));
        client
    });
    let response = rig.get("/any/begun", "");
    assert_eq!(response.status, 503);
    assert_eq!(response.fields("retry-after"), ["1"]);
    drop(begun);
    wait_until("there is room again", || {
        let mut client = rig.gateway.connect();
        client.send("GET /any/begun HTTP/1.1\r\nHost: h\r\n\r\n");
        client.head().starts_with("HTTP/1.1 200 ")
    });
}
