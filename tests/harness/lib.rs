//! End-to-end harness: real gateways built by the real `goma`, a raw client, a scripted backend.
//!
//! Everything waits on conditions with a deadline; nothing sleeps for a fixed time.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a harness fails the test it serves by panicking"
)]

pub mod backend;
pub mod build;
pub mod client;
pub mod dns;
#[path = "../duel/mod.rs"]
pub mod duel;
pub mod faults;
pub mod gateway;
pub mod http2;
pub mod load;
pub mod page;
pub mod peer;
pub mod process;
pub mod script;
pub mod takeover;
pub mod tls;
pub mod twin;

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub use backend::{Backend, Connection};
pub use client::{Client, Response};
pub use gateway::Gateway;
pub use load::Load;
pub use process::Process;
pub use twin::Twin;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Established connections of clients at a port, as the kernel counts them.
#[must_use]
pub fn connections(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let local = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let open = table.lines().filter(|line| {
        let mut columns = line.split_whitespace().skip(1);
        columns.next() == Some(&local) && columns.nth(1) == Some(ESTABLISHED)
    });
    open.count()
}

/// Ports of a process: those behind one at which it listens itself, which keeps other processes from all of them. They
/// are below those that the system chooses.
const PORTS: u16 = 20;

/// A port that nobody has just now, on no address, and that nobody else takes before a server does that takes none of
/// the system's choice.
///
/// # Panics
/// If none is free.
#[must_use]
pub fn free_port() -> u16 {
    static OWN: OnceLock<TcpListener> = OnceLock::new();
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = OWN.get_or_init(own_ports).local_addr().unwrap().port();
    let ports = std::iter::repeat_with(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        first + 1 + next % (PORTS - 1)
    });
    let is_free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    ports.take(usize::from(PORTS)).find(is_free).unwrap()
}

fn own_ports() -> TcpListener {
    const FIRST: u16 = 10_000;
    const PROCESSES: u16 = 1_000;
    let nth = u16::try_from(std::process::id() % u32::from(PROCESSES)).unwrap();
    let places = (0..PROCESSES).map(|other| (nth + other) % PROCESSES);
    let listen = |place| TcpListener::bind(("0.0.0.0", FIRST + place * PORTS)).ok();
    places.into_iter().find_map(listen).unwrap()
}

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not within [`PATIENCE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What something came to that takes at least so long. That it does not take much longer is not said by a clock,
/// which a busy machine would make wrong, but by what came: an answer that only this limit gives.
///
/// # Panics
/// If it came earlier.
#[track_caller]
pub fn after<T>(least_ms: u64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let came = work();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(least_ms), "{took:?}");
    came
}
