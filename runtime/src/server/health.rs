//! Active checks of backends: one task each on the thread that waits for signals, so that they cost
//! requests nothing (RT-HEALTH-1 to -6).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::log::AccessLog;
use crate::route::HealthCheck;
use crate::upstream::{self, Change, ResolvedBackend, ResolvedBackends, Resolver};

/// Checks at once, of all routes: each holds a socket. More wait for their turn.
const CHECKS_MAX: usize = 256;

/// What all checks need.
struct Office {
    log: Rc<AccessLog>,
    resolver: Resolver,
    places: Semaphore,
}

/// Starts all checks, on the runtime that it is called from; they end with it.
pub(super) fn start(upstreams: &Arc<ResolvedBackends>, log: &Rc<AccessLog>) {
    let office = Rc::new(Office {
        log: Rc::clone(log),
        resolver: Resolver::default(),
        places: Semaphore::new(CHECKS_MAX),
    });
    for upstream in upstream::checked(upstreams) {
        let Some(check) = upstream.route.health_check else {
            continue;
        };
        let route = upstream.route;
        for backend in &upstream.backends {
            let (office, backend) = (Rc::clone(&office), backend.clone());
            tokio::task::spawn_local(async move {
                office.keep_checking(route.name, &backend, check).await;
            });
        }
    }
}

impl Office {
    /// One after the other, the first at once (RT-HEALTH-3).
    async fn keep_checking(&self, route: &str, backend: &ResolvedBackend, check: HealthCheck) {
        let mut interval = tokio::time::interval(Duration::from_millis(check.interval_ms));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let Ok(_place) = self.places.acquire().await else {
                return;
            };
            let outcome = upstream::check(&self.resolver, &backend.endpoint, &check).await;
            let cause = outcome.err();
            match backend.standing.checked(cause.clone()) {
                Some(Change::Down) => {
                    let cause = cause.unwrap_or_default();
                    self.log.backend_down(route, backend.text, &cause);
                }
                Some(Change::Up) => self.log.backend_up(route, backend.text),
                None => continue,
            }
            self.log.flush();
        }
    }
}
