//! How many connections there are to a backend in the whole process (`maxConnsPerHost`, RT-UP-5). Asked only
//! when a connection is made or ends: a request on a kept one touches nothing that cores share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit of one authority and TLS identity.
#[derive(Debug)]
pub(super) struct Limit {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// One connection of a limit; `None`: there is no limit.
pub(super) type Permit = Option<OwnedSemaphorePermit>;

/// Counts one that waits for as long as it does.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Limit);

impl Limit {
    /// A limit of so many connections, at least one.
    pub(super) fn new(connections: usize) -> Self {
        let places = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// A place, if there is one now.
    pub(super) fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place, first come, first served over all cores.
    pub(super) async fn enter(&self) -> Permit {
        // Never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Says to other cores that somebody waits.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Whether anybody waits, on whatever core: then no connection is kept idle.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting() > 0
    }

    /// How many wait, on all cores.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
