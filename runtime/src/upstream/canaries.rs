//! Which backends a request may go to, if some have requests of their own (RT-CANARY).

use super::Asked;
use crate::route::PreparedCanary;

/// The canaries among the backends of a route.
#[derive(Debug)]
pub(super) struct Canaries {
    /// By backend; `None`: it is stable.
    by_backend: Vec<Option<PreparedCanary>>,
    /// Exclusive ones, the first that fits wins.
    exclusive: Vec<usize>,
    weights: Vec<u32>,
}

impl Canaries {
    /// `weights` has one for each backend.
    pub(super) fn new(prepared: &[PreparedCanary], weights: Vec<u32>) -> Self {
        let mut by_backend = vec![None; weights.len()];
        let mut exclusive = Vec::new();
        for item in prepared {
            let canary = item.canary();
            if let Some(place) = by_backend.get_mut(canary.backend) {
                *place = Some(item.clone());
            }
            if canary.exclusive {
                exclusive.push((std::cmp::Reverse(canary.priority), canary.backend));
            }
        }
        exclusive.sort_unstable();
        Self {
            by_backend,
            exclusive: exclusive.into_iter().map(|(_, index)| index).collect(),
            weights,
        }
    }

    /// Exclusive canaries that the request fits, in order (RT-CANARY-3).
    pub(super) fn exclusive(&self, asked: Asked<'_>) -> impl Iterator<Item = usize> {
        let all = self.exclusive.iter().copied();
        all.filter(move |index| self.fits(*index, asked))
    }

    /// Which canaries share the request, as far as a word can tell them apart.
    pub(super) fn pool(&self, asked: Asked<'_>) -> u64 {
        let canaries = self.by_backend.iter().enumerate();
        let sharing =
            canaries.filter(|(index, canary)| canary.is_some() && self.shares(*index, asked));
        sharing.fold(0, |pool, (index, _)| pool ^ (1 << (index % 64)))
    }

    /// Whether a backend is among those that share the request by weight (RT-CANARY-4).
    pub(super) fn shares(&self, index: usize, asked: Asked<'_>) -> bool {
        let weight = self.weights.get(index).copied();
        let canary = self.canary(index);
        weight.is_some_and(|weight| weight > 0)
            && canary.is_none_or(|canary| {
                !canary.canary().exclusive && canary.fits(asked.request, asked.client)
            })
    }

    /// Whether the request may go there at all.
    pub(super) fn takes(&self, index: usize, asked: Asked<'_>) -> bool {
        let exclusive = |canary: &PreparedCanary| canary.canary().exclusive;
        match self.canary(index) {
            Some(canary) if exclusive(canary) => canary.fits(asked.request, asked.client),
            Some(_) | None => self.shares(index, asked),
        }
    }

    fn fits(&self, index: usize, asked: Asked<'_>) -> bool {
        let canary = self.canary(index);
        canary.is_some_and(|canary| canary.fits(asked.request, asked.client))
    }

    fn canary(&self, index: usize) -> Option<&PreparedCanary> {
        self.by_backend.get(index)?.as_ref()
    }
}
