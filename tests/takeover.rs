//! Gateways that replace each other under constant load (`harness/takeover.rs`). Called by `ci/takeover`, which
//! writes the result to docs/operation.md.

#![allow(
    clippy::unwrap_used,
    reason = "a tool of the tests: whatever goes wrong ends it"
)]

use std::time::Duration;

use goma_tests::page;
use goma_tests::takeover::{RATE, WEBSOCKETS, run};

fn main() {
    let seconds: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let outcome = run(Duration::from_secs(seconds));
    let text = format!(
        "{} requests in {:.0} s (at most {RATE} a second, half of them on new connections), while {} overlays were applied \
         and {} gateways took over: 0 failed, 0 connections refused or reset, {:.0} ms the slowest. Of \
         {WEBSOCKETS} WebSockets opened before, all answered in each of {} rounds, and ended with the drain of \
         their gateway, {:.0} s after it was replaced.\n",
        outcome.requests,
        outcome.length.as_secs_f64(),
        outcome.overlays,
        outcome.takeovers,
        outcome.slowest.as_secs_f64() * 1000.0,
        outcome.rounds,
        outcome.lived.as_secs_f64(),
    );
    page::write("docs/operation.md", "ci/takeover", &text);
}
