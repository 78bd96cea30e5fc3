//! Faults under load (RT-ERR-14 to -18, RT-UP-7, -8): backends and clients that fail at every point,
//! many at once. No request hangs, none gets another's answer, each leaves the right line in the log,
//! and in the end no connection is left over. `ci/soak` does the same for millions of requests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use goma_tests::faults::{self, Ending, FAULTS};
use goma_tests::{Gateway, wait_until};

use super::Rig;

/// Client threads.
const CLIENTS: u64 = 8;
/// Requests of each.
const REQUESTS: u64 = 400;

/// RT-ERR-14, -15, -17, -18, RT-UP-8: all of them at once, on kept connections.
#[test]
fn every_fault_under_load() {
    let (backend, busy) = faults::backend();
    let rig = Rig::with(backend, &[]);
    std::thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let gateway = &rig.gateway;
            scope.spawn(move || faults::run_client(gateway, seed, REQUESTS));
        }
    });
    wait_until("the backend has nothing to do", || {
        busy.load(Ordering::SeqCst) == 0
    });
    wait_until("no client connection is left", || {
        rig.gateway.connections() == 0
    });
    check_log(&rig.gateway);
    assert_eq!(rig.get("/faults/length/last", "").text(), "last");
}

/// RT-ERR-17: a client that leaves within its request head or body leaves nothing behind.
#[test]
fn clients_leave_at_every_byte() {
    let rig = Rig::new();
    let request = "POST /left HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdef";
    for end in 0..request.len() {
        rig.gateway.connect().send(&request[..end]);
    }
    wait_until("no client connection is left", || {
        rig.gateway.connections() == 0
    });
    assert_eq!(rig.get("/", "").status, 200);
    let cut = rig
        .backend
        .requests()
        .into_iter()
        .filter(|request| request.target() == "/left");
    assert_eq!(cut.count(), 0, "half a body is no request");
}

/// Every request has one line, with the status that its fault calls for.
fn check_log(gateway: &Gateway) {
    let expected = usize::try_from(CLIENTS * REQUESTS).unwrap();
    let lines = || -> Vec<String> {
        let lines = gateway.lines();
        let of_faults = lines
            .into_iter()
            .filter(|line| line.contains("url=/faults/"));
        of_faults.collect()
    };
    wait_until("every request is logged", || lines().len() >= expected);
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    let lines = lines();
    assert_eq!(lines.len(), expected);
    for line in lines {
        let name = line
            .split("url=/faults/")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let fault = FAULTS
            .iter()
            .find(|fault| Some(fault.name) == name)
            .unwrap();
        let status = line
            .split("status=")
            .nth(1)
            .and_then(|rest| rest.get(..3))
            .unwrap();
        if status != fault.logged.to_string() {
            *wrong
                .entry(format!("{}: {status}", fault.name))
                .or_default() += 1;
        }
        let aborted = line.contains("aborted=true");
        assert_eq!(aborted, fault.client == Ending::CutShort, "{line}");
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
