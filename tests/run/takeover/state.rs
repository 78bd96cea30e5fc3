//! What a gateway that takes over knows of backends (RT-TAKE-5, RT-HEALTH-4).

use goma_tests::{Backend, Gateway, Process, wait_until};

use super::Line;

const EJECTED: &str = "WARN Backend ejected after repeated connection failures";

fn lines(gateway: &Gateway, texts: &[&str]) -> usize {
    let lines = gateway.lines();
    let fits = |line: &&String| texts.iter().all(|text| line.contains(text));
    lines.iter().filter(fits).count()
}

fn get(gateway: &Gateway, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: ops.test\r\n\r\n");
    gateway.connect().send(request).response().status
}

/// A failed check: no request comes to the backend, and nobody is told again.
#[test]
fn a_backend_that_is_down() {
    let (backend, second) = (Backend::ok(), Process::start());
    let env = [
        ("A", &*backend.url()),
        ("B", &*second.url()),
        ("STICKY", "k"),
    ];
    let line = Line::new("balance", "down", &env);
    let first = line.next();
    let endpoint = format!("endpoint=http://{}/base/", second.kill());
    let down = ["ERROR Backend is down", "route=checked", &*endpoint];
    let _ = first.line_with(&down);
    let next = line.after(&first);
    for _ in 0..10 {
        assert_eq!(get(&next, "/checked"), 200);
    }
    assert_eq!(lines(&next, &["Proxy error", "route=checked"]), 0);
    assert_eq!(lines(&next, &down), 0);
    let page = "GET /healthz/routes HTTP/1.1\r\nHost: ops.test\r\n\r\n";
    let page = next.connect().send(page).response().text();
    let row = page.split("checked - [1]").nth(1).unwrap();
    assert!(row.starts_with("\",\"status\":\"unhealthy\""), "{page}");
}

/// Failures in a row are counted on: two here and one there eject.
#[test]
fn a_backend_that_fails() {
    let (backend, second) = (Backend::ok(), Process::start());
    let env = [
        ("A", &*backend.url()),
        ("B", &*second.url()),
        ("STICKY", "k"),
    ];
    let line = Line::new("balance", "ejected", &env);
    let first = line.next();
    second.kill();
    let failed = ["Proxy error", "route=pair"];
    let mut asked = 0;
    while lines(&first, &failed) < 2 {
        assert_eq!(get(&first, "/pair"), 200);
        asked += 1;
        wait_until("the request is in the log", || {
            lines(&first, &["Proxied request", "route=pair"]) == asked
        });
    }
    let next = line.after(&first);
    wait_until("it is ejected", || {
        assert_eq!(get(&next, "/pair"), 200);
        lines(&next, &[EJECTED, "route=pair"]) == 1
    });
    wait_until("its failures are in the log", || {
        lines(&first, &failed) + lines(&next, &failed) == 3
    });
}

fn failing() -> Backend {
    Backend::script(|connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
        }
    })
}

/// An open circuit stays open, and what a closed one has counted counts.
#[test]
fn circuits() {
    let (backend, second) = (failing(), failing());
    let env = [
        ("A", &*backend.url()),
        ("B", &*second.url()),
        ("STICKY", "k"),
    ];
    let line = Line::new("balance", "circuits", &env);
    let first = line.next();
    wait_until("the circuits are open", || get(&first, "/circuits") == 503);
    for _ in 0..3 {
        assert_eq!(get(&first, "/circuit"), 500);
    }
    let served = || {
        let served = |backend| super::super::served(backend, "/circuits").len();
        served(&backend) + served(&second)
    };
    let before = served();
    let next = line.after(&first);
    assert_eq!(get(&next, "/circuit"), 500);
    let _ = next.line_with(&["WARN Circuit opened", "route=circuit "]);
    assert_eq!(lines(&first, &["Circuit opened", "route=circuit "]), 0);
    for _ in 0..6 {
        assert_eq!(get(&next, "/circuits"), 503);
    }
    assert_eq!(served(), before, "until an hour is over");
}
