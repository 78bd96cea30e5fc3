//! Where requests go: the backends of a route, their addresses, and connections to them.
//!
//! Everything here belongs to one core; nothing is shared between cores.

use std::rc::Rc;

use crate::gateway::StartError;
use crate::route::Route;
use crate::values::scalar::{self, Url};
use crate::values::{Environment, Value};

mod balance;
mod connect;
mod pool;

pub use connect::Resolver;
pub use pool::{Connection, Pools};

use balance::Balance;
use pool::Pool;

/// The backends of one route that get requests (RT-LB-1 to -4).
#[derive(Debug)]
pub struct Upstream {
    backends: Vec<Backend>,
    balance: Balance,
    /// The URL, if the route has only one (MW-GEN-24 `{route.target}`).
    target: Option<&'static str>,
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
}

/// A backend as its route has it.
#[derive(Clone, Debug)]
pub struct ResolvedBackend {
    /// The URL as configured.
    pub text: &'static str,
    /// The URL, taken apart.
    pub url: Url,
    /// Its share among those of its route; 0: none.
    pub weight: u32,
}

/// Every backend of every route, in row order. Found once for all cores.
pub type ResolvedBackends = Vec<Vec<ResolvedBackend>>;

/// Looks up all backends.
///
/// # Errors
/// The first URL that cannot be used (RT-START-1).
pub fn resolve(
    blocks: &'static [&'static [Route]],
    environment: &Environment,
) -> Result<ResolvedBackends, StartError> {
    let routes = blocks.iter().copied().flatten();
    routes
        .map(|route| {
            // In turn is with equal shares.
            let weights = route.weights.iter().copied().chain(std::iter::repeat(1));
            let backends = route.backends.iter().zip(weights);
            backends
                .map(|(backend, weight)| resolve_one(&backend.endpoint, weight, environment))
                .collect()
        })
        .collect()
}

fn resolve_one(
    value: &Value,
    weight: u32,
    environment: &Environment,
) -> Result<ResolvedBackend, StartError> {
    let url = value.read(environment, scalar::url)?;
    if !connect::is_reachable_without_dns(&url.host) && !connect::CAN_RESOLVE {
        let text = "names a host, but this gateway was built for addresses only";
        return Err(value.fault("bad-url", text));
    }
    let text = value.resolve(environment)?;
    Ok(ResolvedBackend {
        // Lives as long as the process: tokens and log lines borrow it.
        text: text.leak(),
        url,
        weight,
    })
}

impl Upstream {
    /// The backends of one route, for one core. `offset` differs from core to core.
    #[must_use]
    pub fn new(backends: &[ResolvedBackend], pools: &Pools, offset: usize) -> Self {
        let shared = || backends.iter().filter(|backend| backend.weight > 0);
        let weights: Vec<u32> = shared().map(|backend| backend.weight).collect();
        let backend = |resolved: &ResolvedBackend| Backend {
            text: resolved.text,
            pool: pools.of(&resolved.url.host, resolved.url.port),
            url: resolved.url.clone(),
        };
        Self {
            balance: Balance::new(&weights, offset),
            target: match backends {
                [only] => Some(only.text),
                _ => None,
            },
            backends: shared().map(backend).collect(),
        }
    }

    /// Backends in the order in which this request may try them (RT-LB-3, RT-LB-4, RT-UP-9).
    pub fn in_turn(&self) -> impl Iterator<Item = &Backend> {
        let count = self.backends.len();
        let first = self.balance.pick(count);
        let (before, after) = self.backends.split_at(first.min(count));
        after.iter().chain(before)
    }

    /// Whether no backend gets requests (RT-LB-5).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn upstream(weighted: &[(&'static str, u32)], offset: usize) -> Upstream {
        let pools = Pools::new(Clock::new(), 1);
        let backends: Vec<_> = weighted
            .iter()
            .map(|(text, weight)| ResolvedBackend {
                text,
                url: scalar::url(text).unwrap(),
                weight: *weight,
            })
            .collect();
        Upstream::new(&backends, &pools, offset)
    }

    fn order(upstream: &Upstream) -> String {
        let texts: Vec<_> = upstream.in_turn().map(|backend| backend.text).collect();
        texts.join(" ")
    }

    /// RT-LB-3
    #[test]
    fn round_robin_in_list_order_from_the_core_s_own_offset() {
        let upstream = upstream(&[("http://a", 1), ("http://b", 1), ("http://c", 1)], 4);
        assert_eq!(order(&upstream), "http://b http://c http://a");
        assert_eq!(order(&upstream), "http://c http://a http://b");
        assert_eq!(order(&upstream), "http://a http://b http://c");
    }

    /// RT-LB-4, RT-LB-5, RT-UP-9: what has no share is not tried either.
    #[test]
    fn a_weight_of_zero_gets_nothing() {
        let some = upstream(&[("http://a", 2), ("http://b", 0), ("http://c", 1)], 0);
        assert_eq!(order(&some), "http://a http://c");
        assert_eq!(order(&some), "http://c http://a");
        assert_eq!(some.target(), None);
        let none = upstream(&[("http://a", 0), ("http://b", 0)], 3);
        assert!(none.is_empty() && order(&none).is_empty());
    }

    /// RT-LB-4: over all cores, each share is within 1 % of weight / sum.
    #[test]
    fn shares_hold_across_cores() {
        const REQUESTS: usize = 100_000;
        let weighted = [("http://a", 70), ("http://b", 25), ("http://c", 5)];
        let cores: Vec<_> = (0..16).map(|core| upstream(&weighted, core)).collect();
        let mut taken = std::collections::BTreeMap::new();
        for (request, core) in (0..REQUESTS).zip(cores.iter().cycle()) {
            // Cores do not get equally many.
            let core = if request % 7 == 0 { &cores[0] } else { core };
            let first = core.in_turn().next().unwrap().text;
            *taken.entry(first).or_insert(0_usize) += 1;
        }
        for (text, weight) in weighted {
            let exact = REQUESTS * weight as usize / 100;
            assert!(taken[text].abs_diff(exact) <= exact / 100, "{taken:?}");
        }
    }
}
