//! Faults by name: what a backend does wrong when a path asks for it, and what the client and the log
//! must say then. For `tests/run/faults.rs`, which asserts, and `ci/soak`, which goes on for millions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Backend, Client, Connection, Gateway};

/// What goes wrong with a request, and what the client and the log must say then.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The segment of the path that asks for it.
    pub name: &'static str,
    /// What the client meets.
    pub client: Ending,
    /// The status in the log.
    pub logged: u16,
}

/// How a request ends for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
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
pub const FAULTS: [Fault; 16] = [
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

/// A backend that does what each path asks for, and how many requests it is busy with.
#[must_use]
pub fn backend() -> (Backend, Arc<AtomicI64>) {
    let busy = Arc::new(AtomicI64::new(0));
    let counted = Arc::clone(&busy);
    let backend = Backend::script(move |connection| {
        while let Some(head) = connection.read_head() {
            counted.fetch_add(1, Ordering::SeqCst);
            let goes_on = answer(connection, head.split(' ').nth(1).unwrap());
            counted.fetch_sub(1, Ordering::SeqCst);
            if !goes_on {
                connection.close();
                return;
            }
        }
    });
    (backend, busy)
}

/// Sends so many requests, each with a fault by chance, over a kept connection where it is kept.
///
/// # Panics
/// If a request ends in another way than its fault says, or with another's body.
pub fn run_client(gateway: &Gateway, seed: u64, requests: u64) {
    let mut random = seed * 0x9e37_79b9 + 1;
    let mut client = gateway.connect();
    for number in 0..requests {
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
            connection.send(format!("{chunked}{chunk}"));
            let _ = connection.read();
            return false;
        }
        _ => {}
    }
    true
}
