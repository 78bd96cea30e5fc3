//! Active checks of backends: one task each on the thread that waits for signals, so that they cost
//! requests nothing (RT-HEALTH-1 to -6).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::log::AccessLog;
use crate::overlay::Live;
use crate::route::HealthCheck;
use crate::upstream::{self, Change, ResolvedBackend, Resolver, Standing};

/// Checks at once, of all routes: each holds a socket. More wait for their turn.
const CHECKS_MAX: usize = 256;

/// What all checks need.
struct Office {
    log: Rc<AccessLog>,
    resolver: Resolver,
    places: Semaphore,
}

/// First checks that have not ended.
#[derive(Default)]
struct Round {
    left: Cell<usize>,
    changed: Notify,
}

/// One of them, until it has.
struct First(Rc<Round>);

/// All checks, on the runtime that they were started from; they end with it.
pub(super) struct Checks {
    office: Rc<Office>,
    running: RefCell<BTreeMap<Checked, (Arc<Standing>, AbortHandle)>>,
    round: Rc<Round>,
}

/// Row and endpoint.
type Checked = (usize, &'static str);

impl Checks {
    pub(super) fn new(log: &Rc<AccessLog>, resolver: Resolver) -> Self {
        Self {
            office: Rc::new(Office {
                log: Rc::clone(log),
                resolver,
                places: Semaphore::new(CHECKS_MAX),
            }),
            running: RefCell::default(),
            round: Rc::default(),
        }
    }

    /// Waits until every backend has been checked once (RT-TAKE-2).
    pub(super) async fn first_round(&self) {
        while self.round.left.get() > 0 {
            self.round.changed.notified().await;
        }
    }

    /// Checks what is to be checked now; what was checked before goes on (RT-HEALTH-4).
    pub(super) fn follow(&self, live: &Live) {
        let mut before = self.running.take();
        let mut running = BTreeMap::new();
        let checked = upstream::checked(&live.backends);
        for (row, upstream) in checked.filter(|(row, _)| live.is_enabled(*row)) {
            let Some(check) = upstream.route.health_check else {
                continue;
            };
            for backend in &upstream.backends {
                let known = before.remove(&(row, backend.text));
                let same = known.filter(|(standing, _)| Arc::ptr_eq(standing, &backend.standing));
                let task = match same {
                    Some((_, task)) => task,
                    None => self.start(upstream.route.name, backend, check),
                };
                let entry = (Arc::clone(&backend.standing), task);
                running.insert((row, backend.text), entry);
            }
        }
        before.values().for_each(|(_, task)| task.abort());
        self.running.replace(running);
    }

    fn start(
        &self,
        route: &'static str,
        backend: &ResolvedBackend,
        check: HealthCheck,
    ) -> AbortHandle {
        let (office, backend) = (Rc::clone(&self.office), backend.clone());
        let first = First::of(&self.round);
        let task = tokio::task::spawn_local(async move {
            office.keep_checking(route, &backend, check, first).await;
        });
        task.abort_handle()
    }
}

impl First {
    fn of(round: &Rc<Round>) -> Self {
        round.left.set(round.left.get() + 1);
        Self(Rc::clone(round))
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let Self(round) = self;
        round.left.set(round.left.get().saturating_sub(1));
        round.changed.notify_one();
    }
}

impl Office {
    /// One after the other, the first at once (RT-HEALTH-3).
    async fn keep_checking(
        &self,
        route: &str,
        backend: &ResolvedBackend,
        check: HealthCheck,
        first: First,
    ) {
        let mut first = Some(first);
        let mut interval = tokio::time::interval(Duration::from_millis(check.interval_ms));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let Ok(_place) = self.places.acquire().await else {
                return;
            };
            let outcome = upstream::check(&self.resolver, &backend.endpoint, &check).await;
            let cause = outcome.err();
            let change = backend.standing.checked(cause.clone());
            drop(first.take());
            match change {
                Some(Change::Down(outages)) => {
                    let cause = cause.unwrap_or_default();
                    let endpoint = backend.text;
                    self.log.backend_down(route, endpoint, &cause, outages);
                }
                Some(Change::Up) => self.log.backend_up(route, backend.text),
                None => continue,
            }
            self.log.flush();
        }
    }
}
