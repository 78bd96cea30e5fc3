//! Where requests go: the backends of a route, their addresses, and connections to them.
//!
//! Everything here belongs to one core, but for what is known of backends ([`Standing`]).

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::error::UpstreamFault;
use crate::head::Request;
use crate::route::{Policy, Timeouts};

mod balance;
mod canaries;
mod check;
mod circuit;
mod connect;
mod endpoint;
mod handover;
mod limit;
mod link;
mod load;
mod measures;
#[cfg(feature = "dns")]
mod names;
mod need;
mod pool;
mod race;
mod resolved;
#[cfg(feature = "dns")]
mod servers;
#[cfg(feature = "http2-backends")]
mod session;
mod standing;
mod sticky;
#[cfg(feature = "http2-backends")]
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod trust;
mod window;

pub use check::check;
pub use connect::Resolver;
pub use endpoint::Endpoint;
pub use handover::{adopt, notes_of_checks, notes_of_requests};
pub use link::Link;
#[cfg(feature = "dns")]
pub use names::{Names, Tell};
pub use pool::{Connection, Pools};
pub use race::Dial;
pub use resolved::{
    Named, ResolvedBackend, ResolvedBackends, ResolvedUpstream, checked, report, resolve,
};
pub use standing::{Change, Ejection, Standing};

use balance::{Balance, Candidate};
use canaries::Canaries;
use circuit::Circuit;
pub(crate) use circuit::{Pass, Turned};
pub(crate) use load::InFlight;
use load::Load;
pub(crate) use measures::{Measures, Slot};
pub(crate) use need::Need;
use pool::Pool;
use standing::Condition;
use sticky::Sticky;

/// The backends of one route that get requests (RT-LB-1 to -6).
#[derive(Debug)]
pub struct Upstream {
    backends: Box<[Backend]>,
    balance: Balance,
    /// `None`: every backend takes every request.
    canaries: Option<Box<Canaries>>,
    sticky: Option<Arc<Sticky>>,
    /// Whether it counts how busy backends are, and how long they take.
    counts: bool,
    times: bool,
    /// The URL, if the route has only one (MW-GEN-24 `{route.target}`).
    target: Option<&'static str>,
    /// Whether backends have a standing.
    is_watched: bool,
    /// When they are ejected, if at all.
    ejection: Option<Arc<Ejection>>,
    /// Whether there is nothing to be chosen, counted or known (RT-LB-1).
    is_single: bool,
    /// Whether backends have circuits.
    has_circuits: bool,
    /// What the route does about trouble with them, if anything.
    measures: Option<Arc<Measures>>,
}

/// One backend, ready to be connected to.
#[derive(Debug)]
pub struct Backend {
    /// The URL as configured.
    pub text: &'static str,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Idle connections to it.
    pub(crate) pool: Rc<Pool>,
    /// What is known of it; `None`: nothing is asked (RT-LB-1).
    standing: Option<Arc<Standing>>,
    circuit: Option<Arc<Circuit>>,
    /// Longest time to connect to one address (RT-UP-4).
    pub(crate) connect_limit: Option<Duration>,
    load: Rc<Load>,
    place: Place,
}

/// Whether an error says that a backend has not looked at a request (RT-UP-8).
pub(crate) fn is_unprocessed(error: &std::io::Error) -> bool {
    #[cfg(feature = "http2-backends")]
    return stream::is_unprocessed(error);
    #[cfg(not(feature = "http2-backends"))]
    {
        let _ = error;
        false
    }
}

/// What an error of a connection is, before the head of a response was complete.
pub(crate) fn fault_of(error: std::io::Error) -> UpstreamFault {
    #[cfg(feature = "http2-backends")]
    if let Some(detail) = stream::unsayable(&error) {
        return UpstreamFault::Unsayable(detail);
    }
    UpstreamFault::Closed(error)
}

/// Where a backend stands in the list of its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// What a choice among backends may look at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request as filters have left it.
    pub request: &'a Request,
    /// Who it comes from (RT-IP).
    pub client: IpAddr,
    /// The backend that its client has had before (RT-LB-9).
    pub(crate) stuck: Option<Place>,
}

/// Backends in the order in which a request may try them (RT-LB-3, RT-LB-4, RT-UP-9).
#[derive(Debug)]
pub struct InTurn<'a, 'r> {
    upstream: &'a Upstream,
    asked: Asked<'r>,
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
    /// Checks and circuits only: those that are left are all ejected (RT-HEALTH-9).
    Checks,
    /// Nothing speaks against any.
    Nothing,
}

impl Upstream {
    /// The backends of one route, for one core. `offset` differs from core to core.
    #[must_use]
    pub fn new(resolved: &ResolvedUpstream, pools: &Pools, offset: usize) -> Self {
        let all = &*resolved.backends;
        let has_canaries = !resolved.canaries.is_empty();
        // Of canaries an exclusive one gets requests without a share.
        let placed = || all.iter().enumerate();
        let taken = || placed().filter(|(_, backend)| has_canaries || backend.weight > 0);
        let weights = || taken().map(|(_, backend)| backend.weight);
        let is_checked = resolved.route.health_check.is_some();
        let is_watched = all.len() > 1 && (is_checked || resolved.ejection.is_some());
        let timeouts = resolved.route.resilience.map(|row| row.timeouts);
        let connect_ms = timeouts.unwrap_or(Timeouts::USUAL).connect_ms;
        let backend = |(place, resolved): (usize, &ResolvedBackend)| Backend {
            place: Place(place),
            text: resolved.text,
            pool: pools.of(&resolved.endpoint),
            endpoint: resolved.endpoint.clone(),
            standing: is_watched.then(|| Arc::clone(&resolved.standing)),
            circuit: resolved.circuit.clone(),
            connect_limit: connect_ms.map(Duration::from_millis),
            load: Rc::default(),
        };
        let backends: Box<[Backend]> = taken().map(backend).collect();
        let candidates = backends.iter().zip(weights());
        let candidates = candidates.map(|(backend, weight)| Candidate {
            endpoint: backend.text,
            weight,
            load: Rc::clone(&backend.load),
        });
        let policy = match backends.len() {
            0 | 1 => Policy::Shares,
            _ => resolved.route.policy,
        };
        let candidates: Vec<_> = candidates.collect();
        let has_circuits = backends.iter().any(|backend| backend.circuit.is_some());
        Self {
            is_single: all.len() == 1 && backends.len() == 1 && !has_circuits,
            has_circuits,
            measures: resolved.measures.clone(),
            balance: Balance::new(policy, &candidates, has_canaries, offset),
            canaries: has_canaries
                .then(|| Box::new(Canaries::new(&resolved.canaries, weights().collect()))),
            target: match all {
                [only] => Some(only.text),
                _ => None,
            },
            sticky: resolved.sticky.clone().filter(|_| all.len() > 1),
            counts: !matches!(policy, Policy::Random | Policy::Shares),
            times: policy == Policy::P2cEwma,
            backends,
            is_watched,
            ejection: resolved.ejection.clone().filter(|_| is_watched),
        }
    }

    /// Backends in the order in which this request may try them; none that is not available, unless
    /// all are ejected (RT-LB-5, RT-HEALTH-9).
    #[inline]
    pub fn in_turn<'a, 'r>(&'a self, asked: Asked<'r>) -> InTurn<'a, 'r> {
        match self.is_single() {
            true => InTurn {
                upstream: self,
                asked,
                heed: Heed::Nothing,
                next: 0,
                left: 1,
            },
            false => self.in_turn_of_several(asked),
        }
    }

    /// Whether there is nothing to be chosen, counted or known (RT-LB-1).
    #[inline]
    pub(crate) fn is_single(&self) -> bool {
        self.is_single
    }

    #[inline(never)]
    fn in_turn_of_several<'a, 'r>(&'a self, asked: Asked<'r>) -> InTurn<'a, 'r> {
        let heed = self.heed(asked);
        let count = self.backends.len();
        let admits = |index: usize| self.admits(index, heed).is_some();
        let first = match (&self.canaries, heed) {
            _ if asked.stuck.is_some() => self.stay_or_pick(asked, heed),
            (None, Heed::Nothing) => self.balance.pick(count, asked),
            (None, Heed::All | Heed::Checks) => self.balance.pick_among((count, 0), asked, admits),
            (Some(_), _) => self.stay_or_pick(asked, heed),
        };
        InTurn {
            upstream: self,
            asked,
            heed,
            next: first.unwrap_or_default(),
            left: first.map_or(0, |_| count),
        }
    }

    /// RT-LB-9, RT-CANARY-3, RT-CANARY-4: an exclusive canary, the backend of before, or any.
    fn stay_or_pick(&self, asked: Asked<'_>, heed: Heed) -> Option<usize> {
        let canaries = self.canaries.as_deref();
        let admits = |index: usize| self.admits(index, heed).is_some();
        let mut exclusive = canaries.into_iter().flat_map(|all| all.exclusive(asked));
        if let Some(found) = exclusive.find(|index| admits(*index)) {
            return Some(found);
        }
        let shares = |index: usize| {
            canaries.is_none_or(|canaries| canaries.shares(index, asked)) && admits(index)
        };
        let mut backends = self.backends.iter();
        let before = asked
            .stuck
            .and_then(|place| backends.position(|known| known.place == place));
        before.filter(|index| shares(*index)).or_else(|| {
            let pool = canaries.map_or(0, |canaries| canaries.pool(asked));
            self.balance
                .pick_among((self.backends.len(), pool), asked, shares)
        })
    }

    /// Takes the cookie that names the backend of before out of a request (RT-LB-9).
    #[inline]
    pub(crate) fn take_cookie(&self, request: &mut Request) -> Option<Place> {
        self.sticky.as_ref()?.take(request).map(Place)
    }

    /// The cookie that its client gets with the response of a backend, if it has not got it already.
    #[inline]
    pub(crate) fn cookie(
        &self,
        backend: &Backend,
        stuck: Option<Place>,
        tls: bool,
    ) -> Option<String> {
        let sticky = self.sticky.as_ref()?;
        let Place(place) = backend.place;
        match stuck == Some(backend.place) {
            true => None,
            false => sticky.set(place, tls),
        }
    }

    fn heed(&self, asked: Asked<'_>) -> Heed {
        let clear = |backend: &Backend| {
            let standing = backend.standing.as_ref();
            standing.is_none_or(|standing| standing.is_clear())
                && backend.circuit.as_ref().is_none_or(|it| it.is_closed())
        };
        if !(self.is_watched || self.has_circuits) || self.backends.iter().all(clear) {
            return Heed::Nothing;
        }
        let taking = self.backends.iter().enumerate();
        let mut taking = taking.filter(|(index, _)| self.takes(*index, asked));
        match taking.any(|(_, backend)| self.condition(backend) == Condition::Fit) {
            true => Heed::All,
            false => Heed::Checks,
        }
    }

    /// Whether a backend may get the request at all.
    fn takes(&self, index: usize, asked: Asked<'_>) -> bool {
        let canaries = self.canaries.as_ref();
        canaries.is_none_or(|canaries| canaries.takes(index, asked))
    }

    fn condition(&self, backend: &Backend) -> Condition {
        if backend
            .circuit
            .as_ref()
            .is_some_and(|it| it.wait().is_some())
        {
            return Condition::Open;
        }
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
            Heed::Checks => matches!(self.condition(backend), Condition::Ejected | Condition::Fit),
            Heed::Nothing => true,
        };
        admitted.then_some(backend)
    }

    /// The backend is busy with a request for as long as what this gives lives.
    #[inline]
    pub(crate) fn enter(&self, backend: &Backend) -> InFlight {
        match self.counts {
            true => InFlight::begin(&backend.load, self.times),
            false => InFlight::default(),
        }
    }

    /// A backend has answered (RT-HEALTH-7).
    #[inline]
    pub fn responded(&self, backend: &Backend) {
        if let (Some(standing), Some(ejection)) = (&backend.standing, &self.ejection) {
            standing.responded(ejection);
        }
    }

    /// The connection to a backend has failed. If that has it ejected: for how long, and how often it has been
    /// (RT-HEALTH-7).
    pub fn failed(&self, backend: &Backend) -> Option<(Duration, u64)> {
        let standing = backend.standing.as_ref()?;
        let ejection = self.ejection.as_ref()?;
        let times = standing.failed(ejection)?;
        Some((ejection.time(), times))
    }

    /// What the route does about trouble with its backends.
    #[inline]
    pub(crate) fn measures(&self) -> Option<&Measures> {
        self.measures.as_deref()
    }

    /// The same, if tries are not simply what can be reached.
    #[inline]
    pub(crate) fn minds(&self) -> Option<&Measures> {
        self.measures().filter(|measures| measures.minds())
    }

    /// One more request of the route; `None`: there are as many as there may be (RT-INFL-1).
    #[inline]
    pub(crate) fn admit(&self) -> Option<Slot<'_>> {
        match &self.measures {
            None => Some(Slot::FREE),
            Some(measures) => measures.enter(),
        }
    }

    /// How long it is until an open circuit lets a request pass; `None`: none is open (RT-CB-2).
    pub(crate) fn next_trial(&self) -> Option<Duration> {
        let circuits = self.backends.iter().flat_map(|backend| &backend.circuit);
        circuits.filter_map(|circuit| circuit.wait()).min()
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

impl Backend {
    /// Lets a request pass to it, or not (RT-CB-1).
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        match &self.circuit {
            None => Some(Pass::FREE),
            Some(circuit) => circuit.enter(),
        }
    }
}

impl<'a> Iterator for InTurn<'a, '_> {
    type Item = &'a Backend;

    #[inline]
    fn next(&mut self) -> Option<&'a Backend> {
        if self.upstream.is_single() {
            let left = std::mem::take(&mut self.left);
            return self.upstream.backends.first().filter(|_| left > 0);
        }
        self.next_of_several()
    }
}

impl<'a> InTurn<'a, '_> {
    #[inline(never)]
    fn next_of_several(&mut self) -> Option<&'a Backend> {
        while self.left > 0 {
            let index = self.next;
            self.left -= 1;
            self.next = match index + 1 {
                end if end >= self.upstream.backends.len() => 0,
                next => next,
            };
            if let Some(backend) = self.upstream.admits(index, self.heed)
                && self.upstream.takes(index, self.asked)
            {
                return Some(backend);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
