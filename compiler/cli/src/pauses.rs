//! Waiting for something that others do: looking again after a pause, until the time is over or a signal comes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long a pause is.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Looks at what changes, a tick apart, until the time is over.
pub(crate) struct Pauses {
    deadline: Instant,
    interrupt: Signal,
    terminate: Signal,
}

impl Pauses {
    /// From now on SIGINT and SIGTERM end a pause, and nothing else.
    pub(crate) fn new(wait: Duration) -> anyhow::Result<Self> {
        let caught = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            deadline: Instant::now() + wait,
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
        })
    }

    /// Gives what comes next its own time.
    pub(crate) fn again(&mut self, wait: Duration) {
        self.deadline = Instant::now() + wait;
    }

    /// Waits for the next look; whether there is time for one.
    ///
    /// # Errors
    /// A signal came.
    pub(crate) async fn next(&mut self) -> anyhow::Result<bool> {
        tokio::select! {
            _ = self.interrupt.recv() => bail!("interrupted"),
            _ = self.terminate.recv() => bail!("terminated"),
            () = tokio::time::sleep(TICK) => Ok(Instant::now() < self.deadline),
        }
    }
}
