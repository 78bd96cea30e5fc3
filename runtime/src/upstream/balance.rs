//! Which backend a request goes to first. The state is that of one core.

use std::cell::{Cell, RefCell};

/// How the backends of a route share its requests.
#[derive(Debug)]
pub(super) enum Balance {
    /// Round robin: the index that is next (RT-LB-3).
    InTurn(Cell<usize>),
    /// Smooth weighted round robin (RT-LB-4).
    Weighted(RefCell<Vec<Share>>),
}

/// Of one backend.
#[derive(Debug)]
pub(super) struct Share {
    weight: i64,
    /// How far it is behind what its weight gives it, in requests times the sum of all weights. All
    /// credits add up to 0.
    credit: i64,
}

impl Balance {
    /// For backends with these weights, none of them 0. `offset` differs from core to core, so that not
    /// all of them begin with the same backend.
    pub(super) fn new(weights: &[u32], offset: usize) -> Self {
        let mut pairs = weights.windows(2);
        if pairs.all(|pair| matches!(pair, [one, other] if one == other)) {
            return Self::InTurn(Cell::new(offset % weights.len().max(1)));
        }
        let share = |weight: &u32| Share {
            weight: i64::from(*weight),
            credit: 0,
        };
        let shares = weights.iter().map(share).collect();
        let balance = Self::Weighted(RefCell::new(shares));
        for _ in 0..offset {
            balance.pick(weights.len());
        }
        balance
    }

    /// The index of the backend, of `count`.
    pub(super) fn pick(&self, count: usize) -> usize {
        match self {
            Self::InTurn(next) => {
                let picked = next.get();
                next.set(if picked + 1 >= count { 0 } else { picked + 1 });
                picked
            }
            Self::Weighted(shares) => {
                pick_by_weight(&mut shares.borrow_mut(), |_| true).unwrap_or_default()
            }
        }
    }

    /// The same among those that are admitted, whose shares are what they are to one another
    /// (RT-LB-5); `None`: there are none.
    pub(super) fn pick_among(&self, count: usize, admits: impl Fn(usize) -> bool) -> Option<usize> {
        match self {
            Self::InTurn(next) => {
                let from = next.get();
                let picked = (from..count).chain(0..from).find(|index| admits(*index))?;
                next.set(if picked + 1 >= count { 0 } else { picked + 1 });
                Some(picked)
            }
            Self::Weighted(shares) => pick_by_weight(&mut shares.borrow_mut(), admits),
        }
    }
}

/// Everyone gains its weight; the richest is picked and pays for all.
fn pick_by_weight(shares: &mut [Share], admits: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut sum, mut richest) = (0, (i64::MIN, None));
    let admitted = shares.iter_mut().enumerate();
    for (index, share) in admitted.filter(|(index, _)| admits(*index)) {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picks(weights: &[u32], offset: usize, count: usize) -> Vec<usize> {
        let balance = Balance::new(weights, offset);
        (0..count).map(|_| balance.pick(weights.len())).collect()
    }

    /// RT-LB-4: smooth, so that the heaviest does not get all of its share in a row.
    #[test]
    fn weights_are_spread() {
        assert_eq!(picks(&[5, 1, 1], 0, 7), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(picks(&[5, 1, 1], 2, 7), [1, 0, 2, 0, 0, 0, 0]);
        assert_eq!(picks(&[2, 2], 1, 4), [1, 0, 1, 0]);
        assert_eq!(picks(&[7], 3, 2), [0, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// RT-LB-4: exact over every round of as many requests as the weights add up to, and never
        /// further from the exact share than the number of backends, whatever the core.
        #[test]
        fn shares_are_exact(weights in prop::collection::vec(1_u32..200, 1..8), offset in 0_usize..64) {
            let sum: u32 = weights.iter().sum();
            let rounds = picks(&weights, offset, 2 * sum as usize);
            let mut taken = vec![0_u64; weights.len()];
            for (index, picked) in rounds.iter().enumerate() {
                taken[*picked] += 1;
                for (taken, weight) in taken.iter().zip(&weights) {
                    let exact = (index as f64 + 1.0) * f64::from(*weight) / f64::from(sum);
                    prop_assert!((*taken as f64 - exact).abs() <= weights.len() as f64);
                }
            }
            let expected: Vec<_> = weights.iter().map(|weight| 2 * u64::from(*weight)).collect();
            prop_assert_eq!(taken, expected);
        }
    }
}
