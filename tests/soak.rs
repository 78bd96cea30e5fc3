//! The faults of `tests/run/faults.rs` for as many requests as are asked for, and what the gateway holds
//! meanwhile: memory and connections. Called by `ci/soak`, which writes the result to docs/security.md.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a tool of the tests: whatever goes wrong ends it"
)]

use std::sync::atomic::Ordering;
use std::time::Instant;

use goma_tests::{Gateway, faults, page, wait_until};

const CLIENTS: u64 = 8;
/// The run is cut into so many parts; memory is looked at after each.
const PARTS: u64 = 20;
/// How much more memory the end may take than the end of the first part, in KiB.
const GROWTH_KIB_MAX: usize = 2 * 1024;

fn main() {
    let requests: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let (backend, busy) = faults::backend();
    let gateway = Gateway::start("main", &[("A", &backend.url())]);
    let begun = Instant::now();
    let mut memory = Vec::new();
    for part in 0..PARTS {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let gateway = &gateway;
                let seed = part * CLIENTS + client;
                let share = requests / PARTS / CLIENTS;
                scope.spawn(move || faults::run_client(gateway, seed, share));
            }
        });
        wait_until("no client connection is left", || {
            gateway.connections() == 0
        });
        wait_until("the backend has nothing to do", || {
            busy.load(Ordering::SeqCst) == 0
        });
        memory.push(gateway.memory_kib());
        eprintln!(
            "part {} of {PARTS}: {} KiB",
            part + 1,
            memory[memory.len() - 1]
        );
    }
    let (first, last) = (memory[0], memory[memory.len() - 1]);
    assert!(last < first + GROWTH_KIB_MAX, "{memory:?}");
    let sent = requests / PARTS / CLIENTS * PARTS * CLIENTS;
    let text = format!(
        "{sent} requests in {:.0} s by {CLIENTS} clients, with {} kinds of faults by chance: every one \
         answered as its fault calls for, none with another's body, no connection left over after any of \
         {PARTS} parts. Resident memory: {first} KiB after the first part, {last} KiB after the last, \
         {} KiB at most.\n",
        begun.elapsed().as_secs_f64(),
        faults::FAULTS.len(),
        memory.iter().max().unwrap(),
    );
    page::write("docs/security.md", "ci/soak", &text);
}
