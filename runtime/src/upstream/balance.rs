//! Which backend a request goes to first. The state is that of one core.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Asked;
use super::load::Load;
use crate::route::{Policy, Source};

mod hash;
mod random;

/// How the backends of a route share its requests.
#[derive(Debug)]
pub(super) struct Balance {
    kind: Kind,
    /// By the set of backends that may have a request: each set has its own turns, so that one kind of
    /// request does not take those of another. Most routes have one set.
    pools: RefCell<Vec<Pool>>,
}

/// The most sets that have their own turns; more use those of the first.
const POOLS_MAX: usize = 32;

/// The backends as one set of them is shared.
#[derive(Debug)]
struct Pool {
    id: u64,
    shares: Vec<Share>,
}

#[derive(Debug)]
enum Kind {
    /// By the hash of a value, unless that backend is too busy (RT-LB-8).
    Hash {
        source: Source,
        /// Of each backend, by its endpoint: the same in all replicas.
        hashes: Vec<u64>,
    },
    /// Round robin: the index that is next (RT-LB-3).
    InTurn(Cell<usize>),
    /// Fewest requests in flight by weight; among equals by weight (RT-LB-8).
    LeastConn,
    /// The cheaper of two by chance (RT-LB-8).
    P2cEwma(RefCell<fastrand::Rng>),
    /// By chance (RT-LB-8).
    Random(RefCell<fastrand::Rng>),
    /// Smooth weighted round robin (RT-LB-4).
    Weighted,
}

/// Of one backend.
#[derive(Clone, Debug)]
struct Share {
    /// 0: it is never picked.
    weight: i64,
    /// How far it is behind what its weight gives it, in requests times the sum of all weights. All
    /// credits add up to 0.
    credit: i64,
    load: Rc<Load>,
}

/// A backend to be balanced.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) endpoint: &'a str,
    pub(super) weight: u32,
    pub(super) load: Rc<Load>,
}

impl Balance {
    /// `mixed`: some requests may not go to all of them. `offset` differs from core to core, so that not
    /// all of them begin with the same backend.
    pub(super) fn new(
        policy: Policy,
        candidates: &[Candidate<'_>],
        mixed: bool,
        offset: usize,
    ) -> Self {
        let mut pairs = candidates.windows(2);
        let equal = pairs.all(|pair| matches!(pair, [one, other] if one.weight == other.weight));
        let random = || RefCell::new(fastrand::Rng::new());
        let kind = match policy {
            Policy::ConsistentHash(source) => Kind::Hash {
                source,
                hashes: candidates
                    .iter()
                    .map(|candidate| hash::of(candidate.endpoint.as_bytes()))
                    .collect(),
            },
            Policy::LeastConn => Kind::LeastConn,
            Policy::P2cEwma => Kind::P2cEwma(random()),
            Policy::Random => Kind::Random(random()),
            Policy::Shares if equal && !mixed => {
                Kind::InTurn(Cell::new(offset % candidates.len().max(1)))
            }
            Policy::Shares => Kind::Weighted,
        };
        let share = |candidate: &Candidate<'_>| Share {
            weight: i64::from(candidate.weight),
            credit: 0,
            load: Rc::clone(&candidate.load),
        };
        let mut shares: Vec<_> = candidates.iter().map(share).collect();
        for _ in 0..offset {
            let _ = pick_by_weight(&mut shares, |_, _| true);
        }
        Self {
            kind,
            pools: RefCell::new(vec![Pool { id: 0, shares }]),
        }
    }

    /// The index of the backend, of `count`; all are admitted.
    pub(super) fn pick(&self, count: usize, asked: Asked<'_>) -> Option<usize> {
        match &self.kind {
            Kind::InTurn(next) => {
                let picked = next.get();
                next.set(if picked + 1 >= count { 0 } else { picked + 1 });
                Some(picked)
            }
            Kind::Hash { .. }
            | Kind::LeastConn
            | Kind::P2cEwma(_)
            | Kind::Random(_)
            | Kind::Weighted => self.pick_among((count, 0), asked, |_| true),
        }
    }

    /// The same among those that are admitted, whose shares are what they are to one another
    /// (RT-LB-5); `None`: there are none. `pool`: which set of them may have the request at all.
    pub(super) fn pick_among(
        &self,
        (count, pool): (usize, u64),
        asked: Asked<'_>,
        admits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut pools = self.pools.borrow_mut();
        let shares = shares_of(&mut pools, pool)?;
        match &self.kind {
            Kind::Hash { source, hashes } => {
                let key = hash::key(*source, asked);
                hash::pick(key, hashes, shares, admits)
            }
            Kind::InTurn(next) => {
                let from = next.get();
                let picked = (from..count).chain(0..from).find(|index| admits(*index))?;
                next.set(if picked + 1 >= count { 0 } else { picked + 1 });
                Some(picked)
            }
            Kind::LeastConn => {
                let (flight, weight) = least_busy(shares, &admits)?;
                pick_by_weight(shares, |index, share| {
                    admits(index) && share.in_flight() * weight == flight * share.weight
                })
            }
            Kind::P2cEwma(random) => random::cheaper(&mut random.borrow_mut(), shares, admits),
            Kind::Random(random) => random::draw(&mut random.borrow_mut(), shares, admits),
            Kind::Weighted => pick_by_weight(shares, |index, _| admits(index)),
        }
    }
}

/// The turns of a set.
fn shares_of(pools: &mut Vec<Pool>, id: u64) -> Option<&mut [Share]> {
    let known = pools.iter().position(|pool| pool.id == id);
    let place = match known {
        Some(place) => place,
        None if pools.len() >= POOLS_MAX => 0,
        None => {
            let mut shares = pools.first()?.shares.clone();
            shares.iter_mut().for_each(|share| share.credit = 0);
            pools.push(Pool { id, shares });
            pools.len() - 1
        }
    };
    pools.get_mut(place).map(|pool| pool.shares.as_mut_slice())
}

impl Share {
    fn in_flight(&self) -> i64 {
        i64::from(self.load.in_flight())
    }
}

/// Those of the shares that may be picked, with their indexes.
fn admitted(
    shares: &[Share],
    admits: impl Fn(usize) -> bool,
) -> impl Iterator<Item = (usize, &Share)> {
    let shares = shares.iter().enumerate();
    shares.filter(move |(index, share)| share.weight > 0 && admits(*index))
}

/// Requests in flight and weight of the one with the fewest by weight.
fn least_busy(shares: &[Share], admits: impl Fn(usize) -> bool) -> Option<(i64, i64)> {
    let all = admitted(shares, admits).map(|(_, share)| (share.in_flight(), share.weight));
    all.reduce(|least, other| {
        let less = other.0 * least.1 < least.0 * other.1;
        if less { other } else { least }
    })
}

/// Everyone gains its weight; the richest is picked and pays for all.
fn pick_by_weight(shares: &mut [Share], admits: impl Fn(usize, &Share) -> bool) -> Option<usize> {
    let (mut sum, mut richest) = (0, (i64::MIN, None));
    let all = shares.iter_mut().enumerate();
    for (index, share) in all.filter(|(index, share)| share.weight > 0 && admits(*index, share)) {
        sum += share.weight;
        share.credit += share.weight;
        if share.credit > richest.0 {
            richest = (share.credit, Some(index));
        }
    }
    let (_, picked) = richest;
    if let Some(share) = shares.get_mut(picked?) {
        share.credit -= sum;
    }
    picked
}

#[cfg(test)]
mod tests;
