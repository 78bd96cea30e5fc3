//! Faults under load (RT-ERR-14 to -18, RT-UP-7, -8): backends and clients that fail at every point,
//! many at once. No request hangs, none gets another's answer, each leaves the right line in the log,
//! and in the end no connection is left over. `ci/soak` does the same for millions of requests.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use goma_tests::{Backend, Client, Connection, Gateway, wait_until};

use super::Rig;

/// Client threads.
const CLIENTS: u64 = 8;
/// Requests of each.
const REQUESTS: u64 = 400;

/// What goes wrong with a request, and what the client and the log must say then.
#[derive(Clone, Copy, Debug)]
struct Fault {
    name: &'static str,
    client: Ending,
    /// The status in the log.
    logged: u16,
}

/// How a request ends for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// This status, with the request's own id as body if it is 200.
    Status(u16),
    /// 200, then less than was announced.
    CutShort,
    /// The client leaves once it has sent its request.
    Leaves,
    /// The client leaves after the head of the response.
    LeavesLate,
}

const fn fault(name: &'static str, client: Ending, logged: u16) -> Fault {
    Fault {
        name,
        client,
        logged,
    }
}

/// Of each kind. `late` closes a connection that it seemed to keep: a GET is then sent again.
const FAULTS: [Fault; 16] = [
    fault("length", Ending::Status(200), 200),
    fault("chunks", Ending::Status(200), 200),
    fault("to-end", Ending::Status(200), 200),
    fault("late", Ending::Status(200), 200),
    fault("two", Ending::Status(200), 200),
    fault("interim", Ending::Status(200), 200),
    fault("early", Ending::Status(200), 200),
    fault("closes", Ending::Status(502), 502),
    fault("in-head", Ending::Status(502), 502),
    fault("garbage", Ending::Status(502), 502),
    fault("framing", Ending::Status(502), 502),
    fault("in-body", Ending::CutShort, 200),
    fault("in-chunk", Ending::CutShort, 200),
    fault("bad-chunk", Ending::Status(502), 502),
    fault("never", Ending::Leaves, 499),
    fault("slow-body", Ending::LeavesLate, 499),
];

/// RT-ERR-14, -15, -17, -18, RT-UP-8: all of them at once, on kept connections.
#[test]
fn every_fault_under_load() {
    let busy = Arc::new(AtomicI64::new(0));
    let counted = Arc::clone(&busy);
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            counted.fetch_add(1, Ordering::SeqCst);
            let goes_on = answer(connection, request.target());
            counted.fetch_sub(1, Ordering::SeqCst);
            if !goes_on {
                connection.close();
                return;
            }
        }
    });
    let rig = Rig::with(backend, &[]);
    std::thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let gateway = &rig.gateway;
            scope.spawn(move || run_client(gateway, seed));
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

fn run_client(gateway: &Gateway, seed: u64) {
    let mut random = seed * 0x9e37_79b9 + 1;
    let mut client = gateway.connect();
    for number in 0..REQUESTS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let fault = FAULTS[usize::try_from(random % FAULTS.len() as u64).unwrap()];
        let id = format!("{seed}-{number}");
        if !ask(&mut client, fault, &id) {
            client = gateway.connect();
        }
    }
}

/// One request; whether its connection can be used again.
fn ask(client: &mut Client, fault: Fault, id: &str) -> bool {
    let name = fault.name;
    client.send(format!(
        "GET /faults/{name}/{id} HTTP/1.1\r\nHost: h\r\n\r\n"
    ));
    match fault.client {
        Ending::Status(status) => {
            let mut response = client.response();
            while response.status < 200 {
                response = client.response();
            }
            assert_eq!(response.status, status, "{name} {id}");
            if status == 200 {
                assert_eq!(response.text(), id, "{name}");
            }
            response.field("connection").as_deref() != Some("close")
        }
        Ending::CutShort => {
            assert!(client.head().starts_with("HTTP/1.1 200"), "{name} {id}");
            let body = String::from_utf8(client.to_end()).unwrap();
            assert!(
                body.contains(id) && !body.contains("\r\n0\r\n"),
                "{name} {id}: {body:?}"
            );
            false
        }
        Ending::LeavesLate => {
            assert!(client.head().starts_with("HTTP/1.1 200"), "{name} {id}");
            false
        }
        Ending::Leaves => false,
    }
}

/// What the backend does; whether it keeps the connection.
fn answer(connection: &mut Connection, target: &str) -> bool {
    let mut parts = target.split('/').skip(2);
    let (name, id) = (parts.next().unwrap(), parts.next().unwrap());
    let whole = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{id}",
        id.len()
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{id}\r\n", id.len());
    match name {
        "length" | "early" => connection.send(whole),
        "late" => {
            connection.send(whole);
            return false;
        }
        "chunks" => connection.send(format!("{chunked}{chunk}0\r\n\r\n")),
        "to-end" => {
            connection.send(format!("HTTP/1.1 200 OK\r\n\r\n{id}"));
            return false;
        }
        "two" => connection.send(format!(
            "{whole}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )),
        "interim" => connection.send(format!(
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{whole}"
        )),
        "closes" => return false,
        "in-head" => {
            connection.send("HTTP/1.1 200 OK\r\nContent-Le");
            return false;
        }
        "garbage" => {
            connection.send("\x16\x03\x01 this is not HTTP\r\n\r\n");
            return false;
        }
        "framing" => {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
            return false;
        }
        "in-body" => {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{id}"));
            return false;
        }
        "in-chunk" => {
            connection.send(format!("{chunked}{chunk}ff\r\nhalf"));
            return false;
        }
        "bad-chunk" => {
            connection.send(format!("{chunked}{chunk}x\r\n"));
            return false;
        }
        // The client leaves; the gateway then ends this connection.
        "never" => {
            let _ = connection.read();
            return false;
        }
        "slow-body" => {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{id}"));
            let _ = connection.read();
            return false;
        }
        _ => {}
    }
    true
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
