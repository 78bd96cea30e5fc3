//! The tasks that streams run in. Each takes one stream after the other, of any connection of its core:
//! what a stream needs while it lasts is large, and allocating it anew costs as much as a short exchange.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::payload::Gauge;
use super::stream::{self, Accepted};
use crate::proxy::Core;

/// Tasks that wait for a stream, at most. More may run; those that find no place end with their stream.
const IDLE_MAX: usize = 64;

/// The tasks of a core that wait for a stream, the last one first: what it used is in the caches.
#[derive(Default)]
pub struct Workers {
    idle: RefCell<Vec<Rc<Seat>>>,
}

/// Where a task finds its next stream.
#[derive(Default)]
struct Seat {
    accepted: Cell<Option<Accepted>>,
    waker: Cell<Option<Waker>>,
}

impl Workers {
    /// Has a task run a stream.
    pub(super) fn run(&self, core: &'static Core, accepted: Accepted) {
        let idle = self.idle.borrow_mut().pop();
        let seat = idle.unwrap_or_else(|| {
            let seat = Rc::<Seat>::default();
            // Boxed, because tokio moves the future of a task several times, and this one is large.
            tokio::task::spawn_local(Box::pin(work(core, Rc::clone(&seat))));
            seat
        });
        seat.accepted.set(Some(accepted));
        if let Some(waker) = seat.waker.take() {
            waker.wake();
        }
    }

    /// Makes a task one that waits, unless there are enough.
    fn wait(&self, seat: &Rc<Seat>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let waits = idle.len() < IDLE_MAX;
        if waits {
            idle.push(Rc::clone(seat));
        }
        waits
    }
}

impl Seat {
    fn poll_accepted(&self, cx: &Context<'_>) -> Poll<Accepted> {
        match self.accepted.take() {
            Some(accepted) => Poll::Ready(accepted),
            None => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

async fn work(core: &'static Core, seat: Rc<Seat>) {
    let watch = core.clock.watch();
    let mut gauge = Rc::<Gauge>::default();
    loop {
        let accepted = poll_fn(|cx| seat.poll_accepted(cx)).await;
        stream::run(core, &watch, &mut gauge, accepted).await;
        if !core.workers.wait(&seat) {
            return;
        }
    }
}
