//! Policies that leave it to chance: `random`, and the better of two (RT-LB-8).

use super::{Share, admitted};

/// One by its weight.
pub(super) fn draw(
    random: &mut fastrand::Rng,
    shares: &[Share],
    admits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let sum: i64 = admitted(shares, &admits)
        .map(|(_, share)| share.weight)
        .sum();
    if sum <= 0 {
        return None;
    }
    let mut drawn = random.i64(0..sum);
    let mut all = admitted(shares, &admits);
    let found = all.find(|(_, share)| {
        drawn -= share.weight;
        drawn < 0
    });
    found.map(|(index, _)| index)
}

/// Two at random, of which the one that costs less: what is in flight, times how long that takes.
pub(super) fn cheaper(
    random: &mut fastrand::Rng,
    shares: &[Share],
    admits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let count = admitted(shares, &admits).count();
    let first = match count {
        0 => return None,
        1 => 0,
        _ => random.usize(0..count),
    };
    // Of the others.
    let second = match count {
        1 => 0,
        _ => (first + random.usize(1..count)) % count,
    };
    let at = |place: usize| admitted(shares, &admits).nth(place);
    let ((one, share), (two, other)) = (at(first)?, at(second)?);
    let cheaper = other.cost() < share.cost();
    Some(if cheaper { two } else { one })
}

impl Share {
    /// Of one more request.
    fn cost(&self) -> f64 {
        (self.in_flight() + 1) as f64 * self.load.latency() / self.weight as f64
    }
}
