//! The one state that all cores read: starting, running, stopping (RT-STOP-1, RT-TAKE-3, RT-OBS-2).
//!
//! Written only by the main thread; the cores look at it when their clock ticks or when asked.

use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by all threads of the process.
#[derive(Debug, Default)]
pub struct Lifecycle(AtomicU8);

/// Phases in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not everything is bound yet.
    Starting,
    /// Serving.
    Running,
    /// A stop was asked for; listeners are still open (`timeouts.drainDelay`).
    Announced,
    /// Another gateway has taken over: requests in flight finish, and idle connections stay until they have
    /// had one more (RT-TAKE-3).
    HandedOver,
    /// Listeners are closed, requests in flight finish.
    Draining,
}

impl Lifecycle {
    /// The phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Running,
            2 => Phase::Announced,
            3 => Phase::HandedOver,
            _ => Phase::Draining,
        }
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        let value = match phase {
            Phase::Starting => 0,
            Phase::Running => 1,
            Phase::Announced => 2,
            Phase::HandedOver => 3,
            Phase::Draining => 4,
        };
        self.0.store(value, Ordering::Relaxed);
    }

    /// Whether it is to end: connections are not kept any more.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.phase() >= Phase::Announced
    }
}
