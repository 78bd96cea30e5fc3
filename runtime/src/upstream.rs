//! Where requests go: the backends of a route, their addresses, and connections to them.
//!
//! Everything here belongs to one core; nothing is shared between cores.

use std::cell::Cell;
use std::rc::Rc;

use crate::gateway::StartError;
use crate::route::Route;
use crate::values::scalar::{self, Url};
use crate::values::{Environment, Value};

mod connect;
mod pool;

pub use connect::Resolver;
pub use pool::{Connection, Pools};

use pool::Pool;

/// The backends of one route (RT-LB-1, RT-LB-3).
#[derive(Debug)]
pub struct Upstream {
    backends: Vec<Backend>,
    /// Round robin: the next backend's index.
    next: Cell<usize>,
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

/// The URL of every backend of every route, in row order. Found once for all cores.
pub type ResolvedBackends = Vec<Vec<(&'static str, Url)>>;

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
            let backends = route.backends.iter();
            backends
                .map(|backend| resolve_one(&backend.endpoint, environment))
                .collect()
        })
        .collect()
}

fn resolve_one(
    value: &Value,
    environment: &Environment,
) -> Result<(&'static str, Url), StartError> {
    let url = value.read(environment, scalar::url)?;
    if !connect::is_reachable_without_dns(&url.host) && !connect::CAN_RESOLVE {
        let text = "names a host, but this gateway was built for addresses only";
        return Err(value.fault("bad-url", text));
    }
    let text = value.resolve(environment)?;
    // Lives as long as the process: tokens and log lines borrow it.
    Ok((text.leak(), url))
}

impl Upstream {
    /// The backends of one route, for one core. `offset` differs from core to core.
    #[must_use]
    pub fn new(backends: &[(&'static str, Url)], pools: &Pools, offset: usize) -> Self {
        let backends: Vec<Backend> = backends
            .iter()
            .map(|(text, url)| Backend {
                text,
                pool: pools.of(&url.host, url.port),
                url: url.clone(),
            })
            .collect();
        Self {
            next: Cell::new(offset % backends.len().max(1)),
            backends,
        }
    }

    /// Backends in the order in which this request may try them (RT-LB-3, RT-UP-9).
    pub fn in_turn(&self) -> impl Iterator<Item = &Backend> {
        let first = self.next.get();
        let count = self.backends.len();
        self.next
            .set(if first + 1 >= count { 0 } else { first + 1 });
        let (before, after) = self.backends.split_at(first.min(count));
        after.iter().chain(before)
    }

    /// The only backend's URL; `None` with several (MW-GEN-24 `{route.target}`).
    #[must_use]
    pub fn target(&self) -> Option<&'static str> {
        match self.backends.as_slice() {
            [only] => Some(only.text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// RT-LB-3
    #[test]
    fn round_robin_in_list_order_from_the_core_s_own_offset() {
        let pools = Pools::new(Clock::new(), 1);
        let backends: Vec<_> = ["http://a", "http://b", "http://c"]
            .map(|text| (text, scalar::url(text).unwrap()))
            .to_vec();
        let upstream = Upstream::new(&backends, &pools, 4);
        let order = |upstream: &Upstream| {
            let texts: Vec<_> = upstream.in_turn().map(|backend| backend.text).collect();
            texts.join(" ")
        };
        assert_eq!(order(&upstream), "http://b http://c http://a");
        assert_eq!(order(&upstream), "http://c http://a http://b");
        assert_eq!(order(&upstream), "http://a http://b http://c");
    }
}
