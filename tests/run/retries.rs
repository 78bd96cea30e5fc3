//! `retry` of a route (RT-RETRY), against scripted backends and real processes that are killed and frozen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use goma_tests::backend::Recorded;
use goma_tests::http2::Http2;
use goma_tests::{Backend, Connection, Process, after, wait_until};

use super::{Rig, served};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nX-Node: first\r\nContent-Length: 4\r\n\r\nbusy";

fn rig(backend: Backend, env: &[(&str, &str)]) -> Rig {
    let env = [&[("STICKY", "k"), ("WRITE", "5")], env].concat();
    Rig::of("balance", backend, &env).alone()
}

/// How many requests of the route `again` a backend has got.
fn asked(backend: &Backend) -> usize {
    served(backend, "/again").len()
}

/// What the first backend may do to a request that is tried again.
fn failing(connection: &mut Connection) {
    while let Some(head) = connection.read_head() {
        connection.record(head.clone());
        match head.split(' ').nth(1).unwrap() {
            "/again/reset" => {
                connection.reset_at_end();
                return;
            }
            "/again/in-head" => {
                connection.send("HTTP/1.1 200 OK\r\nContent-Le");
                connection.reset_at_end();
                return;
            }
            "/again/early" => {
                connection.send(format!(
                    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{BUSY}"
                ));
            }
            "/again/never" => while connection.read().is_some() {},
            "/again/large" => {
                connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 5000000\r\n\r\n");
                connection.send(vec![b'x'; 5_000_000]);
            }
            "/again/404" => connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            "/again/garbage" => {
                connection.send("SSH-2.0-OpenSSH\r\n\r\n");
                return;
            }
            _ => connection.send(BUSY),
        }
    }
}

/// RT-RETRY-1: each cause is tried again at the other backend, over both protocols; what is no cause is
/// passed on.
#[test]
fn causes() {
    let second = Backend::ok();
    let rig = rig(Backend::script(failing), &[("B", &second.url())]);
    let mut client = Http2::connect(rig.gateway.port());
    for target in ["503", "reset", "in-head", "never", "large"] {
        let target = format!("/again/{target}");
        let before = asked(&rig.backend);
        // It may be ejected, or the other one's turn.
        wait_until("the first backend fails", || {
            assert_eq!(rig.get(&target, "").text(), "ok", "{target}");
            let answer = client.ask("GET", &format!("http://h{target}"));
            assert_eq!(answer.text(), "ok", "{target}");
            asked(&rig.backend) > before + 1
        });
    }
    // An interim response has been passed on: it is this backend that answers.
    wait_until("the first backend answers", || {
        let answer = client.ask("GET", "http://h/again/early");
        assert!([200, 503].contains(&answer.status), "{}", answer.status);
        answer.status == 503
    });
    for (target, status) in [("/again/404", 404), ("/again/garbage", 502)] {
        wait_until("the first backend fails", || {
            let found = rig.get(target, "").status;
            assert!(found == 200 || found == status, "{target}: {found}");
            found == status
        });
    }
}

/// RT-RETRY-1, RT-UP-8: nothing that may have had an effect is sent twice; a failed connect sends nothing.
#[test]
fn methods_that_are_not_idempotent() {
    let second = Backend::ok();
    let rig = rig(Backend::script(failing), &[("B", &second.url())]);
    let mut busy = 0;
    for number in 0..8 {
        let mut client = rig.gateway.connect();
        client.send("POST /again HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        busy += usize::from(client.response().status == 503);
        assert_eq!(asked(&rig.backend) + asked(&second), number + 1);
    }
    assert!(busy > 0 && busy == asked(&rig.backend));
    // Nobody listens at the other one: a body goes with the request.
    let alone = rig_alone();
    for number in 0..4 {
        let mut client = alone.gateway.connect();
        client.send("POST /again HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.response().status, 200);
        assert_eq!(served(&alone.backend, "/again")[number].body, b"abc");
    }
}

fn rig_alone() -> Rig {
    rig(Backend::ok(), &[])
}

/// The second backend's record of a request that the first has refused.
fn replayed(lines: &str, pieces: &[&[u8]]) -> (u16, Option<Recorded>) {
    let second = Backend::ok();
    let first = Backend::script(|connection| {
        while connection.request().is_some() {
            connection.send(BUSY);
        }
    });
    let rig = rig(first, &[("B", &second.url())]);
    let mut found = None;
    wait_until("the first backend is asked first", || {
        let (before, seen) = (asked(&rig.backend), asked(&second));
        let mut client = rig.gateway.connect();
        client.send(format!("PUT /again HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        for piece in pieces {
            client.send(piece);
            // A piece of its own.
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut status = client.response().status;
        if status == 100 {
            status = client.response().status;
        }
        if asked(&rig.backend) > before {
            found = Some((status, served(&second, "/again").get(seen).cloned()));
        }
        found.is_some()
    });
    found.unwrap()
}

/// RT-RETRY-1: a body is sent again, whole, whether it came with its head, in pieces, or in chunks; not one
/// over 64 KiB.
#[test]
fn bodies() {
    let (status, again) = replayed("Content-Length: 6\r\n", &[b"abcdef"]);
    assert_eq!((status, again.unwrap().body), (200, b"abcdef".to_vec()));
    let (status, again) = replayed("Content-Length: 6\r\n", &[b"ab", b"cd", b"ef"]);
    assert_eq!((status, again.unwrap().body), (200, b"abcdef".to_vec()));
    let chunks: &[&[u8]] = &[
        b"2\r\nab\r\n",
        b"3\r\ncde\r\n",
        b"1\r\nf\r\n0\r\nX-Sum: 1\r\n\r\n",
    ];
    let (status, again) = replayed("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", chunks);
    let body = again.unwrap().body;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        b"2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\nX-Sum: 1\r\n\r\n"
    );
    let expects = "Expect: 100-continue\r\nContent-Length: 3\r\n";
    let (status, again) = replayed(expects, &[b"abc"]);
    assert_eq!((status, again.unwrap().body), (200, b"abc".to_vec()));
    let most = vec![b'x'; 64 * 1024];
    let (status, again) = replayed(
        "Content-Length: 65536\r\n",
        &[&most[..40_000], &most[40_000..]],
    );
    assert_eq!((status, again.unwrap().body.len()), (200, most.len()));
    let (status, again) = replayed("Content-Length: 65537\r\n", &[&most, b"x"]);
    assert!(status == 503 && again.is_none());
}

/// RT-RETRY-2: the last result is passed on as it is; both backends have been asked, three times in all.
#[test]
fn the_last_result() {
    let second = Backend::answering(
        "HTTP/1.1 503 Service Unavailable\r\nX-Node: second\r\nContent-Length: 5\r\n\r\nBusy!",
    );
    let rig = rig(Backend::script(failing), &[("B", &second.url())]);
    let answer = rig.get("/again", "");
    assert_eq!(answer.status, 503);
    let node = answer.field("x-node").unwrap();
    assert_eq!(
        answer.text(),
        if node == "first" { "busy" } else { "Busy!" }
    );
    let counts = [asked(&rig.backend), asked(&second)];
    assert!(counts == [1, 2] || counts == [2, 1], "{counts:?}");
}

/// RT-RETRY-2: without a share, three tries again a second; then results are passed on at once.
#[test]
fn the_budget() {
    let rig = rig(Backend::script(failing), &[]);
    let begun = Instant::now();
    for _ in 0..40 {
        assert_eq!(rig.get("/alone", "").status, 503);
    }
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    let again = served(&rig.backend, "/alone").len() - 40;
    assert!((3..=3 * (seconds + 2)).contains(&again), "{again}");
}

/// RT-RETRY-2: the backend says when, up to `backoff.max`; never beyond `timeouts.request`.
#[test]
fn retry_after() {
    let counted = AtomicUsize::new(0);
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            if request.target().starts_with("/up") {
                connection.send(OK);
                continue;
            }
            let number = counted.fetch_add(1, Ordering::SeqCst);
            match number % 2 {
                0 => connection
                    .send("HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"),
                _ => connection.send(OK),
            }
        }
    });
    let rig = rig(backend, &[]);
    assert_eq!(after(300, || rig.get("/alone", "").status), 200);
    // The pause would be longer than the request may take.
    let answer = rig.get("/late", "");
    assert_eq!(
        (answer.status, answer.fields("retry-after")),
        (503, vec!["120".to_owned()])
    );
    assert_eq!(served(&rig.backend, "/alone").len(), 2);
    assert_eq!(served(&rig.backend, "/late").len(), 1);
}

/// RT-RETRY-3: where `connect` is no cause, nobody else is asked; a dead kept connection is replaced all the
/// same.
#[test]
fn without_a_cause() {
    // Each connection takes a second request and dies without an answer.
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send(OK);
        connection.request();
        connection.close();
    });
    let rig = rig(backend, &[]);
    let mut client = rig.gateway.connect();
    for _ in 0..2 {
        client.send("GET /alone HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
    let met = served(&rig.backend, "/alone");
    let met: Vec<_> = met.iter().map(|request| request.connection).collect();
    assert!(
        met.len() == 3 && met[0] == met[1] && met[1] != met[2],
        "{met:?}"
    );
    wait_until("the request meets who is not there", || {
        let status = rig.get("/choosy", "").status;
        assert!(status == 200 || status == 502, "{status}");
        status == 502
    });
}

/// RT-RETRY-1: a process is killed under load, another one is frozen: no idempotent request fails.
#[test]
fn killed_and_frozen_under_load() {
    let (first, second) = (Process::start(), Process::start());
    let gateway = goma_tests::Gateway::start(
        "balance",
        &[("STICKY", "k"), ("A", &first.url()), ("B", &second.url())],
    );
    let stops = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    // It outlives the clients: the other one may be passed over to the end.
    let _first = std::thread::scope(|scope| {
        for client in 0..6 {
            let (gateway, stops, done) = (&gateway, &stops, &done);
            scope.spawn(move || {
                let mut h1 = gateway.connect();
                let mut h2 = Http2::connect(gateway.port());
                while !stops.load(Ordering::SeqCst) {
                    let status = match client % 2 {
                        0 => {
                            h1.send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
                            h1.response().status
                        }
                        _ => h2.ask("GET", "http://h/again").status,
                    };
                    assert_eq!(status, 200);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let wait_for_more = |more: usize| {
            let before = done.load(Ordering::SeqCst);
            let begun = Instant::now();
            while done.load(Ordering::SeqCst) < before + more && begun.elapsed().as_secs() < 20 {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        wait_for_more(300);
        let address = first.kill();
        wait_for_more(300);
        let backend = format!("backend=http://{address}");
        let served = || {
            let lines = gateway.lines();
            lines.iter().filter(|line| line.contains(&backend)).count()
        };
        let before = served();
        let first = Process::start_at(&address);
        // Until then it may be passed over, and there would be nobody else.
        wait_until("the first one serves again", || served() >= before + 300);
        second.freeze();
        wait_for_more(60);
        second.thaw();
        wait_for_more(300);
        stops.store(true, Ordering::SeqCst);
        first
    });
    assert!(done.load(Ordering::SeqCst) > 1000);
}
