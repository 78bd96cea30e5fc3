//! `circuitBreaker` of a route (RT-CB).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use goma_tests::http2::Http2;
use goma_tests::{Backend, wait_until};

use super::{Rig, served};

/// A backend that answers with the status that is set.
fn with_status() -> (Backend, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let said = Arc::clone(&status);
    let backend = Backend::script(move |connection| {
        while connection.request().is_some() {
            let status = said.load(Ordering::SeqCst);
            connection.send(format!(
                "HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok"
            ));
        }
    });
    (backend, status)
}

fn rig(backend: Backend, second: &str) -> Rig {
    let env = [("STICKY", "k"), ("B", second)];
    Rig::of("balance", backend, &env).alone()
}

/// RT-CB-1, RT-CB-2, RT-ERR-20: a single target obeys its circuit, for all cores and protocols; a bad trial
/// opens it again, good ones close it.
#[test]
fn of_a_single_target() {
    let (backend, status) = with_status();
    let rig = rig(backend, "http://127.0.0.1:1");
    for _ in 0..2 {
        assert_eq!(rig.get("/circuit", "").status, 200);
    }
    status.store(500, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(rig.get("/circuit", "").status, 500);
    }
    let line = rig
        .gateway
        .line_with(&["WARN Circuit opened", "route=circuit"]);
    assert!(line.contains("open_for=3.00s"), "{line}");
    let seconds = ["1", "2", "3"];
    for _ in 0..6 {
        let refused = rig.get("/circuit", "");
        assert_eq!(refused.status, 503);
        assert!(seconds.contains(&refused.fields("retry-after").concat().as_str()));
    }
    let refused = Http2::connect(rig.gateway.port()).ask("GET", "http://h/circuit");
    assert_eq!(refused.status, 503);
    assert!(seconds.contains(&refused.field("retry-after").unwrap()));
    assert_eq!(served(&rig.backend, "/circuit").len(), 4);
    // The first trial is bad.
    wait_until("a trial is made", || rig.get("/circuit", "").status == 500);
    assert_eq!(served(&rig.backend, "/circuit").len(), 5);
    assert_eq!(rig.get("/circuit", "").status, 503);
    status.store(200, Ordering::SeqCst);
    wait_until("a trial is made", || rig.get("/circuit", "").status == 200);
    assert_eq!(rig.get("/circuit", "").status, 200);
    let _ = rig
        .gateway
        .line_with(&["INFO Circuit closed", "route=circuit"]);
    assert_eq!(served(&rig.backend, "/circuit").len(), 7);
    // Forgotten, so that one failure changes nothing.
    status.store(500, Ordering::SeqCst);
    assert_eq!(rig.get("/circuit", "").status, 500);
    status.store(200, Ordering::SeqCst);
    assert_eq!(rig.get("/circuit", "").status, 200);
}

/// RT-CB-1, RT-LB-5: the other backend gets everything; with both open the answer is 503.
#[test]
fn of_one_of_two() {
    let ((first, one), (second, two)) = (with_status(), with_status());
    let rig = rig(first, &second.url());
    one.store(503, Ordering::SeqCst);
    wait_until("its circuit is open", || {
        rig.get("/circuits", "");
        rig.gateway
            .lines()
            .iter()
            .any(|line| line.contains("Circuit opened"))
    });
    let before = served(&rig.backend, "/circuit").len();
    for _ in 0..10 {
        assert_eq!(rig.get("/circuits", "").status, 200);
    }
    assert_eq!(served(&rig.backend, "/circuit").len(), before);
    two.store(502, Ordering::SeqCst);
    wait_until("both are open", || rig.get("/circuits", "").status == 503);
    let refused = rig.get("/circuits", "");
    let seconds: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&seconds), "{seconds}");
    assert_eq!(served(&rig.backend, "/circuit").len(), before);
}

/// RT-CB-1, RT-UP-9: failed connects count; the request itself goes to the other backend.
#[test]
fn failed_connects() {
    let rig = rig(Backend::ok(), "http://127.0.0.1:1");
    wait_until("the circuit is open", || {
        assert_eq!(rig.get("/circuits", "").status, 200);
        let opened =
            |line: &String| line.contains("Circuit opened") && line.contains("127.0.0.1:1");
        rig.gateway.lines().iter().any(opened)
    });
}
