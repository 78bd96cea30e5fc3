//! Consistent hashing (RT-LB-8): every backend scores every key, the highest score wins (rendezvous
//! hashing). So a backend that leaves takes only its own keys along, and needs no table.

use super::{Share, admitted};
use crate::route::Source;
use crate::upstream::Asked;

/// How much busier than the mean of its weight a backend may be.
const BUSY_MAX: f64 = 1.25;

/// The hash of what a request is known by; without it, of its client.
pub(super) fn key(source: Source, asked: Asked<'_>) -> u64 {
    let (request, client) = (asked.request, asked.client);
    let value = source.read(request, client);
    match value.or_else(|| Source::Ip.read(request, client)) {
        Some(value) => of(&value),
        None => 0,
    }
}

/// FNV-1a, then mixed: replicas agree on it, whatever built them.
pub(super) fn of(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = bytes.iter().fold(BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    });
    mixed(hash)
}

/// The finalizer of SplitMix64.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The highest score among those that are not too busy.
pub(super) fn pick(
    key: u64,
    hashes: &[u64],
    shares: &[Share],
    admits: impl Fn(usize) -> bool,
) -> Option<usize> {
    let (mut flight, mut weights) = (1, 0);
    for (_, share) in admitted(shares, &admits) {
        flight += share.in_flight();
        weights += share.weight;
    }
    let most = BUSY_MAX * flight as f64 / weights as f64;
    let mut best = (f64::NEG_INFINITY, None);
    for (index, share) in admitted(shares, &admits) {
        let room = (most * share.weight as f64).ceil();
        if share.in_flight() as f64 >= room {
            continue;
        }
        let hash = hashes.get(index).copied().unwrap_or_default();
        let score = score(mixed(key ^ hash), share.weight);
        if score > best.0 {
            best = (score, Some(index));
        }
    }
    best.1
}

/// Highest with a chance of weight / sum of weights.
fn score(hash: u64, weight: i64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    let drawn = ((hash >> 11) as f64 + 0.5) / STEPS;
    -(weight as f64) / drawn.ln()
}
