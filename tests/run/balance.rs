//! Which of several backends gets a request: canaries and policies (RT-CANARY, RT-LB-8), counted at one
//! server, which is the backends by their paths.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use goma_tests::{Backend, Gateway, Process};

use super::Rig;

fn rig() -> Rig {
    Rig::of("balance", Backend::ok(), &[("STICKY", "k")]).alone()
}

/// How many requests each backend has got, checks apart.
fn taken(rig: &Rig) -> BTreeMap<String, usize> {
    let mut taken = BTreeMap::new();
    for request in rig.backend.requests() {
        let first = request.target().split('/').nth(1).unwrap().to_owned();
        if !first.starts_with("up") {
            *taken.entry(first).or_insert(0) += 1;
        }
    }
    taken
}

/// The backend of one more request.
fn asked(rig: &Rig, target: &str, lines: &str) -> String {
    let response = rig.get(target, lines);
    assert_eq!(response.status, 200, "{target} {lines:?}");
    let requests = rig.backend.requests();
    let last = requests
        .iter()
        .rev()
        .find(|request| !request.target().starts_with("/up"));
    last.unwrap().target().split('/').nth(1).unwrap().to_owned()
}

/// Sends so many requests, each client on one connection.
fn load(rig: &Rig, clients: usize, requests: usize, target: impl Fn(usize) -> String + Sync) {
    let gateway = &rig.gateway;
    std::thread::scope(|scope| {
        for client in 0..clients {
            let target = &target;
            scope.spawn(move || {
                let mut connection = gateway.connect();
                for number in 0..requests / clients {
                    let target = target(number * clients + client);
                    connection.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
                    assert_eq!(connection.response().status, 200);
                }
            });
        }
    });
}

/// RT-CANARY-1, -2, -3, -6: who matches an exclusive canary goes there, by priority.
#[test]
fn exclusive_canaries() {
    let rig = rig();
    for (target, lines, backend) in [
        ("/canary", "", "stable"),
        ("/canary", "X-Group: alpha\r\n", "low"),
        ("/canary", "X-Group: Beta\r\n", "stable"),
        ("/canary", "X-Group: gamma\r\nX-Group: beta\r\n", "stable"),
        // Without the header it is not `none`.
        ("/canary", "Cookie: a=b; group=beta\r\n", "high"),
        (
            "/canary",
            "Cookie: group=beta\r\nX-Group: alpha\r\n",
            "high",
        ),
        (
            "/canary",
            "Cookie: group=beta\r\nX-Group: none\r\n",
            "stable",
        ),
        // The client's address fits, but nobody listens there (RT-UP-9).
        ("/canary?gone=1", "X-Group: alpha\r\n", "stable"),
        ("/canary?gone=%31", "Cookie: group=be\r\n", "stable"),
    ] {
        let found = asked(&rig, target, lines);
        assert_eq!(found, backend, "{target} {lines:?}");
    }
}

/// RT-CANARY-3, RT-HEALTH-9: an exclusive canary that is ejected leaves its requests to the others.
#[test]
fn an_ejected_canary() {
    let rig = rig();
    for _ in 0..3 {
        let _ = asked(&rig, "/canary?gone=1", "X-Group: alpha\r\n");
    }
    let line = rig.gateway.line_with(&["Backend ejected", "route=canary"]);
    assert!(line.contains("/gone"), "{line}");
    assert_eq!(asked(&rig, "/canary?gone=1", "X-Group: alpha\r\n"), "low");
}

/// RT-CANARY-4: the share of a canary among those that fit, and nothing of the others.
#[test]
fn the_share_of_a_canary() {
    let rig = rig();
    load(&rig, 8, 10_000, |number| {
        let query = if number % 2 == 0 {
            "?try=new"
        } else {
            "?try=newer"
        };
        format!("/canary{query}")
    });
    let mut shared = 0_usize;
    for request in rig.backend.requests() {
        if request.target().starts_with("/shared") {
            assert!(request.target().ends_with("?try=new"), "{request:?}");
            shared += 1;
        }
    }
    assert!(shared.abs_diff(500) <= 50, "{shared}");
}

/// RT-LB-4: within 1 % over 100,000 requests on all cores.
#[test]
fn weights_over_many_requests() {
    const REQUESTS: usize = 100_000;
    let rig = rig();
    load(&rig, 8, REQUESTS, |_| "/shares".to_owned());
    let taken = taken(&rig);
    for (backend, percent) in [("one", 50), ("two", 30), ("three", 20)] {
        let exact = REQUESTS * percent / 100;
        assert!(taken[backend].abs_diff(exact) <= exact / 100, "{taken:?}");
    }
}

/// RT-LB-8: `random` by weight.
#[test]
fn random() {
    let rig = rig();
    load(&rig, 8, 10_000, |_| "/random".to_owned());
    let taken = taken(&rig);
    // Four standard deviations.
    assert!(taken["one"].abs_diff(7_000) <= 184, "{taken:?}");
}

/// RT-LB-8: `consistentHash` keeps a key where it is, whatever the connection and the core.
#[test]
fn consistent_hash() {
    const KEYS: usize = 200;
    let rig = rig();
    let mut places = BTreeMap::new();
    for round in 0..2 {
        for key in 0..KEYS {
            let backend = asked(&rig, &format!("/hash?key={key}"), "");
            let before = places.insert(key, backend.clone());
            assert!(round == 0 || before == Some(backend), "{key}");
        }
    }
    // Half of a third, which is five standard deviations: the ring depends on the backends' ports.
    let taken = taken(&rig);
    assert!(
        taken.values().all(|count| *count >= 2 * KEYS / 6),
        "{taken:?}"
    );
    // Without a key it is the client's address.
    let first = asked(&rig, "/hash", "");
    assert_eq!(asked(&rig, "/hash?other=1", ""), first);
}

/// RT-LB-8: when a backend leaves, its keys move and no others, which is 1 / n of them.
#[test]
fn a_backend_leaves_the_ring() {
    const KEYS: usize = 600;
    let third = Process::start();
    let env = [("B", &*third.url()), ("STICKY", "k")];
    let rig = Rig::of("balance", Backend::ok(), &env).alone();
    let mut client = rig.gateway.connect();
    let mut places = || -> Vec<Option<String>> {
        let place = |key: usize| {
            let before = rig.count();
            client.send(format!("GET /ring?key={key} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert_eq!(client.response().status, 200);
            // Checks come in between.
            let requests = rig.backend.requests();
            let suffix = format!("/ring?key={key}");
            let mut new = requests.iter().skip(before);
            let found = new.find(|request| request.target().ends_with(&suffix))?;
            Some(found.target().split('/').nth(1)?.to_owned())
        };
        (0..KEYS).map(place).collect()
    };
    let before = places();
    drop(third);
    let after = places();
    let left = before.iter().filter(|place| place.is_none()).count();
    // Four standard deviations.
    assert!(left.abs_diff(KEYS / 3) <= 46, "{left}");
    for (key, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(after.is_some(), "{key}");
        assert!(
            before.is_none() || before == after,
            "{key}: {before:?} {after:?}"
        );
    }
}

/// A server whose backend `slow` or `two` takes its time.
fn slow(path: &'static str, time: Duration) -> Rig {
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            if request.target().starts_with(path) {
                std::thread::sleep(time);
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    Rig::of("balance", backend, &[("STICKY", "k")]).alone()
}

/// RT-LB-8: `leastConn` and `p2cEwma` spare a backend that is slow.
#[test]
fn slow_backends_get_less() {
    for (target, path, quick) in [("/least", "/two", "one"), ("/p2c", "/slow", "fast")] {
        let rig = slow(path, Duration::from_millis(100));
        load(&rig, 16, 3_200, |_| target.to_owned());
        let taken = taken(&rig);
        let share = taken[quick] as f64 / 3_200.0;
        assert!(share > 0.8, "{target} {taken:?}");
    }
}

/// RT-LB-8: with what is in flight balanced by latency², the rates of two go with 1 / latency²: 1 / 17 of the
/// requests for four times the latency. What else takes time here brings both closer together: 47 ms of it would be
/// too much.
#[test]
fn the_share_of_a_slow_backend() {
    const REQUESTS: usize = 2_400;
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            let slow = request.target().starts_with("/slow");
            std::thread::sleep(Duration::from_millis(if slow { 160 } else { 40 }));
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let rig = Rig::of("balance", backend, &[("STICKY", "k")]).alone();
    load(&rig, 48, REQUESTS, |_| "/p2c".to_owned());
    let taken = taken(&rig);
    let share = taken["slow"] as f64 / REQUESTS as f64;
    assert!((0.02..0.15).contains(&share), "{share}");
}

/// RT-LB-9: the first answer sets the cookie, which leads back, in every replica with the same key, and is
/// not the backend's to see; a backend that is gone is replaced, and so is its cookie.
#[test]
fn sticky() {
    let second = Process::start();
    let url = second.url();
    let first = Backend::ok();
    let replica = first.url();
    let env = [("A", &*replica), ("B", &*url), ("STICKY", "k")];
    let others = [
        Gateway::start("balance", &env),
        Gateway::start("balance", &[&env[..2], &[("STICKY", "another")]].concat()),
    ];
    let rig = Rig::of("balance", first, &[("B", &url), ("STICKY", "k")]).alone();
    let ask = |gateway: &Gateway, cookie: &str| {
        let lines = if cookie.is_empty() {
            String::new()
        } else {
            format!("Cookie: a=1; {cookie}\r\n")
        };
        let response = gateway
            .connect()
            .send(format!("GET /sticky HTTP/1.1\r\nHost: h\r\n{lines}\r\n"))
            .response();
        assert_eq!(response.status, 200);
        let text = response.text();
        let backend = if text == "ok" { "one" } else { "two" };
        assert!(!text.contains("node="), "{text}");
        (backend, response.fields("set-cookie"))
    };
    let mut cookies = BTreeMap::new();
    while cookies.len() < 2 {
        let (backend, set) = ask(&rig.gateway, "");
        let [set] = set.as_slice() else {
            panic!("{set:?}");
        };
        let (cookie, attributes) = set.split_once("; ").unwrap();
        assert_eq!(
            attributes,
            "Path=/sticky; Max-Age=3600; HttpOnly; SameSite=Lax"
        );
        cookies.insert(backend, cookie.to_owned());
    }
    for (backend, cookie) in &cookies {
        for gateway in [&rig.gateway, &others[0]] {
            for _ in 0..4 {
                assert_eq!(ask(gateway, cookie), (*backend, Vec::new()));
            }
        }
        // Another key: the value says nothing there.
        assert_eq!(ask(&others[1], cookie).1.len(), 1);
    }
    let requests = rig.backend.requests();
    let mut sticky = requests
        .iter()
        .filter(|request| request.target().starts_with("/one"));
    assert!(sticky.all(|request| {
        let sent = request.fields("cookie");
        sent.is_empty() || sent == ["a=1"]
    }));
    drop(second);
    let (backend, set) = ask(&rig.gateway, &cookies["two"]);
    assert_eq!(backend, "one");
    assert!(set[0].starts_with(&*cookies["one"]), "{set:?}");
}
