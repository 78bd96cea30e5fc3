//! Where requests go: the backends of a route, their addresses, and connections to them.
//!
//! Everything here belongs to one core, but for what is known of backends ([`Standing`]).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::values::scalar::Url;

mod balance;
mod check;
mod connect;
mod pool;
mod resolved;
mod standing;

pub use check::check;
pub use connect::Resolver;
pub use pool::{Connection, Pools};
pub use resolved::{ResolvedBackend, ResolvedBackends, ResolvedUpstream, checked, report, resolve};
pub use standing::{Change, Ejection, Standing};

use balance::Balance;
use pool::Pool;
use standing::Condition;

/// The backends of one route that get requests (RT-LB-1 to -6).
#[derive(Debug)]
pub struct Upstream {
    backends: Vec<Backend>,
    balance: Balance,
    /// The URL, if the route has only one (MW-GEN-24 `{route.target}`).
    target: Option<&'static str>,
    /// Whether backends have a standing.
    is_watched: bool,
    /// When they are ejected, if at all.
    ejection: Option<Arc<Ejection>>,
}

/// One backend, ready to be connected to.
#[derive(Debug)]
pub struct Backend {
    /// The URL as configured.
    pub text: &'static str,
    /// The URL, taken apart.
    pub url: Url,
    /// Idle connections to its authority.
    pub(crate) pool: Rc<Pool>,
    /// What is known of it; `None`: nothing is asked (RT-LB-1).
    standing: Option<Arc<Standing>>,
}

/// Backends in the order in which a request may try them (RT-LB-3, RT-LB-4, RT-UP-9).
#[derive(Debug)]
pub struct InTurn<'a> {
    upstream: &'a Upstream,
    heed: Heed,
    next: usize,
    /// How many have not been looked at.
    left: usize,
}

/// What of the standing of backends counts for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heed {
    /// All of it: some backend is fit.
    All,
    /// Checks only: those that are left are all ejected (RT-HEALTH-9).
    Checks,
    /// Nothing speaks against any.
    Nothing,
}

impl Upstream {
    /// The backends of one route, for one core. `offset` differs from core to core.
    #[must_use]
    pub fn new(resolved: &ResolvedUpstream, pools: &Pools, offset: usize) -> Self {
        let all = resolved.backends.as_slice();
        let shared = || all.iter().filter(|backend| backend.weight > 0);
        let weights: Vec<u32> = shared().map(|backend| backend.weight).collect();
        let is_checked = resolved.route.health_check.is_some();
        let is_watched = all.len() > 1 && (is_checked || resolved.ejection.is_some());
        let backend = |resolved: &ResolvedBackend| Backend {
            text: resolved.text,
            pool: pools.of(&resolved.url.host, resolved.url.port),
            url: resolved.url.clone(),
            standing: is_watched.then(|| Arc::clone(&resolved.standing)),
        };
        Self {
            balance: Balance::new(&weights, offset),
            target: match all {
                [only] => Some(only.text),
                _ => None,
            },
            backends: shared().map(backend).collect(),
            is_watched,
            ejection: resolved.ejection.clone().filter(|_| is_watched),
        }
    }

    /// Backends in the order in which this request may try them; none that is not available, unless
    /// all are ejected (RT-LB-5, RT-HEALTH-9).
    pub fn in_turn(&self) -> InTurn<'_> {
        let heed = self.heed();
        let count = self.backends.len();
        let first = match heed {
            Heed::Nothing => Some(self.balance.pick(count)),
            Heed::All | Heed::Checks => {
                let admits = |index| self.admits(index, heed).is_some();
                self.balance.pick_among(count, admits)
            }
        };
        InTurn {
            upstream: self,
            heed,
            next: first.unwrap_or_default(),
            left: first.map_or(0, |_| count),
        }
    }

    fn heed(&self) -> Heed {
        let clear = |backend: &Backend| {
            let standing = backend.standing.as_ref();
            standing.is_none_or(|standing| standing.is_clear())
        };
        if !self.is_watched || self.backends.iter().all(clear) {
            return Heed::Nothing;
        }
        let mut conditions = self.backends.iter().map(|backend| self.condition(backend));
        match conditions.any(|condition| condition == Condition::Fit) {
            true => Heed::All,
            false => Heed::Checks,
        }
    }

    fn condition(&self, backend: &Backend) -> Condition {
        let standing = backend.standing.as_ref();
        standing.map_or(Condition::Fit, |standing| {
            standing.condition(self.ejection.as_deref())
        })
    }

    /// The backend, if it may be tried.
    fn admits(&self, index: usize, heed: Heed) -> Option<&Backend> {
        let backend = self.backends.get(index)?;
        let admitted = match heed {
            Heed::All => self.condition(backend) == Condition::Fit,
            Heed::Checks => self.condition(backend) != Condition::Down,
            Heed::Nothing => true,
        };
        admitted.then_some(backend)
    }

    /// A backend has answered (RT-HEALTH-7).
    #[inline]
    pub fn responded(&self, backend: &Backend) {
        if let (Some(standing), Some(ejection)) = (&backend.standing, &self.ejection) {
            standing.responded(ejection);
        }
    }

    /// The connection to a backend has failed. If that has it ejected: for how long (RT-HEALTH-7).
    pub fn failed(&self, backend: &Backend) -> Option<Duration> {
        let standing = backend.standing.as_ref()?;
        let ejection = self.ejection.as_ref()?;
        standing.failed(ejection).then(|| ejection.time())
    }

    /// Whether no backend ever gets requests (RT-LB-5).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.backends.is_empty()
    }

    /// The only backend's URL; `None` with several (MW-GEN-24 `{route.target}`).
    #[must_use]
    pub fn target(&self) -> Option<&'static str> {
        self.target
    }
}

impl<'a> Iterator for InTurn<'a> {
    type Item = &'a Backend;

    fn next(&mut self) -> Option<&'a Backend> {
        while self.left > 0 {
            let index = self.next;
            self.left -= 1;
            self.next = match index + 1 {
                end if end >= self.upstream.backends.len() => 0,
                next => next,
            };
            if let Some(backend) = self.upstream.admits(index, self.heed) {
                return Some(backend);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
