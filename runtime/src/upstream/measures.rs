//! What a route does about trouble with its backends, and what all cores have counted for it: requests
//! at once (RT-INFL-1), and tries again (RT-RETRY-2). Routes without the keys have none of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::window::{Counts, Window};
use crate::route::{Resilience, Retry, Timeouts};

/// The time that a budget looks back on.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// Tries again that are always allowed, in each tenth of that (RT-RETRY-2).
const AGAIN_PER_SECOND: u64 = 3;

/// Of one route, for all cores.
#[derive(Debug)]
pub(crate) struct Measures {
    row: &'static Resilience,
    in_flight: AtomicU32,
    /// Requests, and tries again.
    budget: Window,
}

/// A request that a route with `maxInFlight` is busy with, for as long as this lives. Nothing on others.
#[derive(Debug)]
pub(crate) struct Slot<'a>(Option<&'a AtomicU32>);

impl Measures {
    pub(super) fn new(row: &'static Resilience) -> Self {
        Self {
            row,
            in_flight: AtomicU32::new(0),
            budget: Window::new(BUDGET_WINDOW),
        }
    }

    /// One more request; `None`: there are as many as there may be.
    pub(super) fn enter(&self) -> Option<Slot<'_>> {
        let Some(most) = self.row.in_flight_max else {
            return Some(Slot(None));
        };
        let (order, taken) = (Ordering::Relaxed, &self.in_flight);
        let more = |count: u32| (count < most).then(|| count + 1);
        let entered = taken.fetch_update(order, order, more);
        entered.ok().map(|_| Slot(Some(taken)))
    }

    pub(crate) fn timeouts(&self) -> &'static Timeouts {
        &self.row.timeouts
    }

    pub(crate) fn retry(&self) -> Option<&'static Retry> {
        self.row.retry.as_ref()
    }

    /// Whether a backend is not simply the next that can be reached.
    pub(super) fn minds(&self) -> bool {
        self.row.retry.is_some() || self.row.circuit_breaker.is_some()
    }

    /// A request of the route: the budget grows.
    pub(crate) fn count(&self) {
        self.budget.add(Counts { all: 1, some: 0 });
    }

    /// Takes a try again from the budget, if there is one.
    pub(crate) fn afford(&self, retry: &Retry) -> bool {
        let Counts { all, some } = self.budget.sum();
        let share = all * u64::from(retry.budget_millionths);
        let affords =
            (some + 1) * 1_000_000 <= share || self.budget.latest().some < AGAIN_PER_SECOND;
        if affords {
            self.budget.add(Counts { all: 0, some: 1 });
        }
        affords
    }
}

impl Slot<'_> {
    /// Of a route that does not count.
    pub(super) const FREE: Self = Self(None);
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.0 {
            taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRY: Retry = Retry {
        attempts: 2,
        connect: true,
        reset: true,
        timeout: false,
        statuses: &[],
        base_ms: 25,
        max_ms: 1000,
        budget_millionths: 200_000,
    };

    static ROW: Resilience = Resilience {
        in_flight_max: Some(2),
        ..Resilience::NONE
    };

    /// RT-INFL-1
    #[test]
    fn slots() {
        let measures = Measures::new(&ROW);
        let first = measures.enter();
        let second = measures.enter();
        assert!(first.is_some() && second.is_some() && measures.enter().is_none());
        drop(first);
        let third = measures.enter();
        assert!(third.is_some() && measures.enter().is_none());
    }

    /// RT-INFL-1: exact, whichever core asks.
    #[test]
    fn slots_of_many_threads() {
        let measures = Measures::new(&ROW);
        let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        if let Some(_slot) = measures.enter() {
                            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2 && measures.in_flight.into_inner() == 0);
    }

    proptest! {
        /// RT-RETRY-2: never more than the share of the requests, or three a second; and those always.
        #[test]
        fn budget(seconds in prop::collection::vec((0_u64..60, 0_u64..60), 1..40)) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async move {
                let measures = Measures::new(&Resilience::NONE);
                let mut counted = Vec::new();
                for (requests, wishes) in seconds {
                    (0..requests).for_each(|_| measures.count());
                    let mut again = 0;
                    (0..wishes).for_each(|_| again += u64::from(measures.afford(&RETRY)));
                    counted.push((requests, again));
                    let last = || counted.iter().rev().take(10);
                    let all: u64 = last().map(|(requests, _)| requests).sum();
                    let some: u64 = last().map(|(_, again)| again).sum();
                    assert!(again >= wishes.min(3));
                    assert!(again <= 3 || some <= all / 5);
                    if again < wishes {
                        assert!(again >= 3 && some + 1 > all / 5);
                    }
                    tokio::time::advance(Duration::from_secs(1)).await;
                }
            });
        }
    }
}
