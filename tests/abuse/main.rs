//! Floods of every kind against one gateway, and what its ordinary clients notice; and what those of nginx and
//! HAProxy do. Called by `ci/abuse`, which writes the result to docs/security.md. Each flood has a test of its
//! own in tests/run (RT-LIM-4, RT-LIM-2, RT-H2-3 to -5); here they come in numbers.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a tool of the tests: whatever goes wrong ends it"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use goma_tests::http2::{GET, block, frame, kinds};
use goma_tests::peer::{Peer, version};
use goma_tests::{Backend, Client, Gateway, connections, page, wait_until};

/// Others that are attacked in the same ways.
const PEERS: [&str; 2] = ["nginx", "HAProxy"];
/// Connections that send a byte a second.
const SLOW_CONNECTIONS: usize = 10_000;
/// How long their attack goes on at least: until `timeouts.header` has closed them.
const SLOW_WINDOW: Duration = Duration::from_secs(20);
/// Files that the processes need besides.
const OTHER_FILES: usize = 500;
/// Connections of every other flood, each replaced when the gateway closes it.
const ATTACKERS: usize = 4;
/// Pause between two requests of an ordinary client.
const PACE: Duration = Duration::from_millis(2);
/// Memory that a connection may take whose head has begun, in KiB: nothing else may leave more behind.
const SLOW_KIB_MAX: usize = 16;

/// What a flood sends on one connection until that is closed.
struct Flood {
    name: &'static str,
    /// What bounds it.
    bound: &'static str,
    first: Vec<u8>,
    /// Sent over and over, with the number of the repetition.
    again: fn(u32) -> Vec<u8>,
}

/// Who is attacked.
struct Target<'a> {
    /// Ports that take HTTP/1.1 and HTTP/2.
    http1: u16,
    http2: u16,
    /// Its memory is told, if it is ours.
    gateway: Option<&'a Gateway>,
}

/// What one attack came to.
struct Outcome {
    attack: String,
    bound: &'static str,
    before: Noticed,
    during: Noticed,
    /// Before and during it, in KiB.
    memory: [usize; 2],
    /// Connections that were closed on the attacker.
    closed: u64,
}

/// How long ordinary clients waited.
struct Noticed {
    kept: Vec<Duration>,
    new: Vec<Duration>,
}

/// Ends an attack when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Target<'_> {
    fn memory_kib(&self) -> usize {
        self.gateway.map_or(0, Gateway::memory_kib)
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn main() {
    let seconds: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let window = Duration::from_secs(seconds);
    let backend = Backend::ok();
    let gateway = Gateway::start(
        "bench",
        &[("BACKEND", &backend.url()), ("LOG_LEVEL", "info")],
    );
    let idle = gateway.memory_kib();
    let ours = Target {
        http1: gateway.port(),
        http2: gateway.port(),
        gateway: Some(&gateway),
    };
    let ours = attacks(&ours, window);
    let after = gateway.memory_kib();
    let theirs = PEERS.map(|name| {
        eprintln!("{name}:");
        let work = format!("abuse/{name}");
        let peer = Peer::start(name, "tests/abuse/peers", &work, backend.port());
        let target = Target {
            http1: peer.port,
            http2: peer.http2,
            gateway: None,
        };
        attacks(&target, window)
    });
    write(seconds, idle, after, &ours, &theirs);
    let most = idle + SLOW_CONNECTIONS * SLOW_KIB_MAX;
    assert!(after < most, "{idle} KiB, then {after} KiB");
}

/// All of them, one after the other.
fn attacks(target: &Target<'_>, window: Duration) -> Vec<Outcome> {
    let mut outcomes = vec![slow_loris(target, window)];
    outcomes.extend(floods().iter().map(|flood| attack(target, window, flood)));
    outcomes
}

fn floods() -> Vec<Flood> {
    let preface = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(kinds::SETTINGS, 0, 0, &[]),
    ]
    .concat();
    let unfinished = frame(kinds::HEADERS, kinds::END_STREAM, 1, &block(&GET));
    vec![
        Flood {
            name: "header section without end, HTTP/1.1",
            bound: "64 KiB, 128 fields: 431",
            first: b"GET / HTTP/1.1\r\nHost: h.test\r\n".to_vec(),
            again: |count| format!("X-{count}: {}\r\n", "a".repeat(100)).into_bytes(),
        },
        Flood {
            name: "rapid reset",
            bound: "200 resets in 10 s: GOAWAY",
            first: preface.clone(),
            again: |count| {
                let id = count * 2 + 1;
                let all = kinds::END_HEADERS | kinds::END_STREAM;
                let open = frame(kinds::HEADERS, all, id, &block(&GET));
                [open, frame(kinds::RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat()
            },
        },
        Flood {
            name: "CONTINUATION",
            bound: "16 frames, 256 KiB: GOAWAY",
            first: [preface.clone(), unfinished].concat(),
            again: |count| {
                let field = block(&[(&format!("x-{count}"), "a")]);
                frame(kinds::CONTINUATION, 0, 1, &field)
            },
        },
        Flood {
            name: "SETTINGS",
            bound: "999 in a minute: GOAWAY",
            first: preface.clone(),
            again: |_| frame(kinds::SETTINGS, 0, 0, &[]),
        },
        Flood {
            name: "PING",
            bound: "999 in a minute: GOAWAY",
            first: preface,
            again: |count| frame(kinds::PING, 0, 0, &u64::from(count).to_be_bytes()),
        },
    ]
}

/// Runs an attack between two measurements of the ordinary clients.
fn observed(
    target: &Target<'_>,
    window: Duration,
    (attack, bound): (String, &'static str),
    attacker: impl Fn(&AtomicBool, &AtomicU64) + Sync,
) -> Outcome {
    eprintln!("{attack}");
    let before = ordinary(target, window);
    let memory_before = target.memory_kib();
    let (over, closed) = (AtomicBool::new(false), AtomicU64::new(0));
    let (during, memory) = std::thread::scope(|scope| {
        scope.spawn(|| attacker(&over, &closed));
        // Also if an ordinary client gives up: the attack ends with this block.
        let _ends = Ends(&over);
        let during = ordinary(target, window);
        (during, target.memory_kib())
    });
    wait_until("no client connection is left", || {
        connections(target.http1) + connections(target.http2) == 0
    });
    Outcome {
        attack,
        bound,
        before,
        during,
        memory: [memory_before, memory],
        closed: closed.into_inner(),
    }
}

/// Requests on one connection, and requests on new ones, one after the other each.
fn ordinary(target: &Target<'_>, window: Duration) -> Noticed {
    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h.test\r\n\r\n";
    let ask = |client: &mut Client| {
        let response = client.send(REQUEST).response();
        assert_eq!(response.status, 200, "an ordinary client was refused");
        response.field("connection").as_deref() == Some("close")
    };
    let timed = |keeps: bool| {
        let (begun, mut times) = (Instant::now(), Vec::new());
        let mut kept = None;
        while begun.elapsed() < window {
            let asked = Instant::now();
            let client = kept.take();
            let mut client = client.unwrap_or_else(|| Client::connect(target.http1));
            let closes = ask(&mut client);
            times.push(asked.elapsed());
            kept = Some(client).filter(|_| keeps && !closes);
            std::thread::sleep(PACE);
        }
        times
    };
    std::thread::scope(|scope| {
        let kept = scope.spawn(|| timed(true));
        let new = timed(false);
        Noticed {
            kept: kept.join().unwrap(),
            new,
        }
    })
}

/// Heads that come byte by byte, on more connections than any ordinary site has.
fn slow_loris(target: &Target<'_>, window: Duration) -> Outcome {
    let files = fs::read_to_string("/proc/self/limits").unwrap();
    let files = files
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: usize = files
        .unwrap()
        .split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap();
    let count = SLOW_CONNECTIONS.min(files - OTHER_FILES);
    let name = format!("slow loris, {count} connections, a byte a second each");
    let bound = "`timeouts.header`, 10 s: 408";
    let window = window.max(SLOW_WINDOW);
    observed(target, window, (name, bound), |over, closed| {
        let mut connections: Vec<_> = (0..count).map(|_| connected(target.http1)).collect();
        let head = b"GET / HTTP/1.1\r\nHost: h.test\r\nX-Slow: "
            .iter()
            .chain([b'a'; 64 * 1024].iter());
        for byte in head {
            for connection in &mut connections {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if connection.write_all(&[*byte]).is_err() {
                    closed.fetch_add(1, Ordering::SeqCst);
                    *connection = connected(target.http1);
                }
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    })
}

fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a flood on a few connections as fast as they take it.
fn attack(target: &Target<'_>, window: Duration, flood: &Flood) -> Outcome {
    let port = match flood.first.starts_with(b"PRI ") {
        true => target.http2,
        false => target.http1,
    };
    let what = (
        format!("{}, {ATTACKERS} connections at a time", flood.name),
        flood.bound,
    );
    observed(target, window, what, |over, closed| {
        std::thread::scope(|scope| {
            for _ in 0..ATTACKERS {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        send(connected(port), flood, over);
                        closed.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
    })
}

/// Sends until the gateway has closed. What it says is read, so that it can go on.
fn send(mut stream: TcpStream, flood: &Flood, over: &AtomicBool) {
    let mut answers = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || while answers.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {});
        let mut sent = stream.write_all(&flood.first);
        for count in 0.. {
            if sent.is_err() || over.load(Ordering::SeqCst) {
                break;
            }
            sent = stream.write_all(&(flood.again)(count));
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
}

fn p99(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = sorted.len() * 99 / 100;
    format!("{:.1}", sorted[at].as_secs_f64() * 1e3)
}

fn write(seconds: u64, idle: usize, after: usize, ours: &[Outcome], theirs: &[Vec<Outcome>]) {
    let peers = PEERS.map(|name| format!("{name} {}", version(name)));
    let mut text = format!(
        "{seconds} seconds of each, {slow} of the slow loris, on a shared machine of {} cores that gateway, \
         backend, attacker and ordinary clients have in common; so the times say more about the cores than about \
         the gateway, and those of other proxies under the same attacks stand beside them: what ordinary clients \
         wait for at the 99th percentile, in ms. One of them keeps its connection, one opens one for each request. \
         All got every answer. Bounds as they are unless configured; a slow connection has two seconds more to \
         read its 408 before it counts as closed. Resident memory: {idle} KiB at the start, {after} KiB at the \
         end.\n\n\
         | attack | bound | kept / new, before | during | {} | RSS before (KiB) | during | connections closed |\n\
         |---|---|---|---|{}---|---|---|\n",
        std::thread::available_parallelism().unwrap(),
        peers
            .map(|peer| format!("{peer}, before | during"))
            .join(" | "),
        "---|---|".repeat(PEERS.len()),
        slow = SLOW_WINDOW.as_secs().max(seconds),
    );
    for (index, outcome) in ours.iter().enumerate() {
        let at_peers = theirs.iter().map(|outcomes| times(&outcomes[index]));
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            outcome.attack,
            outcome.bound,
            times(outcome),
            at_peers.collect::<Vec<_>>().join(" | "),
            outcome.memory[0],
            outcome.memory[1],
            outcome.closed,
        ));
    }
    page::write("docs/security.md", "ci/abuse", &text);
}

/// The cells of what ordinary clients noticed.
fn times(outcome: &Outcome) -> String {
    let cell = |noticed: &Noticed| format!("{} / {}", p99(&noticed.kept), p99(&noticed.new));
    format!("{} | {}", cell(&outcome.before), cell(&outcome.during))
}
