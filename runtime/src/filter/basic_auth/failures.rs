//! Addresses that have failed too often (MW-BASIC-8).
//!
//! One table per middleware for the whole process: a table per core would allow a multiple of what the
//! rule says. Only middlewares that set `maxFailures` have one.

#![expect(
    clippy::disallowed_types,
    reason = "a limit over all cores; taken for a look-up, by requests of routes that ask for it"
)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::unix_time;

/// Addresses that are remembered; beyond it the one that failed longest ago is forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// `maxFailures`, `failureWindow`, `lockDuration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Failures of one address; more than 0.
    pub failures: u32,
    /// Over which they count, in milliseconds.
    pub window_ms: u64,
    /// How long an address is refused, in milliseconds.
    pub lock_ms: u64,
}

/// The route and the client. The route's name is one text of the generated code.
type Key = (&'static str, IpAddr);

/// What is known of an address.
#[derive(Debug, Default)]
struct Record {
    /// When it failed, oldest first; at most as many as the limit.
    failed: Vec<Duration>,
    locked_until: Option<Duration>,
}

/// The failures of one middleware.
#[derive(Debug)]
pub(super) struct Failures {
    limit: Limit,
    records: Mutex<HashMap<Key, Record>>,
}

/// One table per middleware, told apart by the place of its rule.
static TABLES: Mutex<Vec<(usize, Arc<Failures>)>> = Mutex::new(Vec::new());

impl Failures {
    /// The table of a middleware, which all cores share.
    pub(super) fn of(rule: usize, limit: Limit) -> Arc<Self> {
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = tables.iter().find(|(known, _)| *known == rule) {
            return Arc::clone(table);
        }
        let table = Arc::new(Self {
            limit,
            records: Mutex::default(),
        });
        tables.push((rule, Arc::clone(&table)));
        table
    }

    /// How long an address is still refused.
    pub(super) fn locked(&self, key: Key) -> Option<Duration> {
        self.locked_at(key, unix_time())
    }

    /// Notes a failure.
    pub(super) fn note(&self, key: Key) {
        self.note_at(key, unix_time());
    }

    fn locked_at(&self, key: Key, now: Duration) -> Option<Duration> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let until = records.get(&key)?.locked_until?;
        let left = until.checked_sub(now).filter(|left| !left.is_zero());
        if left.is_none() {
            records.remove(&key);
        }
        left
    }

    fn note_at(&self, key: Key, now: Duration) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= ADDRESSES_MAX && !records.contains_key(&key) {
            self.make_room(&mut records, now);
        }
        let record = records.entry(key).or_default();
        let window = Duration::from_millis(self.limit.window_ms);
        record.failed.retain(|failed| *failed + window > now);
        record.failed.push(now);
        if record.failed.len() >= self.limit.failures as usize {
            record.failed.clear();
            record.locked_until = Some(now + Duration::from_millis(self.limit.lock_ms));
        }
    }

    /// Forgets what no longer counts, or else whoever failed longest ago.
    fn make_room(&self, records: &mut HashMap<Key, Record>, now: Duration) {
        let window = Duration::from_millis(self.limit.window_ms);
        let last = |record: &Record| {
            let failed = record.failed.last().map(|failed| *failed + window);
            record.locked_until.max(failed).unwrap_or_default()
        };
        records.retain(|_, record| last(record) > now);
        if records.len() >= ADDRESSES_MAX {
            let oldest = records.iter().min_by_key(|(_, record)| last(record));
            if let Some(key) = oldest.map(|(key, _)| *key) {
                records.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        failures: 3,
        window_ms: 60_000,
        lock_ms: 300_000,
    };

    fn key(last: u8) -> Key {
        ("t", IpAddr::from([192, 0, 2, last]))
    }

    /// MW-BASIC-8
    #[test]
    fn failures_within_the_window_lock_an_address() {
        let failures = Failures::of(1, LIMIT);
        let at = Duration::from_secs;
        for second in [0, 59, 61] {
            failures.note_at(key(1), at(second));
        }
        assert_eq!(
            failures.locked_at(key(1), at(61)),
            None,
            "the first is too old"
        );
        failures.note_at(key(1), at(62));
        assert_eq!(failures.locked_at(key(1), at(62)), Some(at(300)));
        assert_eq!(failures.locked_at(key(1), at(361)), Some(at(1)));
        assert_eq!(failures.locked_at(key(2), at(62)), None);
        assert_eq!(
            failures.locked_at(("u", key(1).1), at(62)),
            None,
            "another route"
        );
        assert_eq!(failures.locked_at(key(1), at(362)), None);
        failures.note_at(key(1), at(363));
        assert_eq!(failures.locked_at(key(1), at(363)), None, "it begins anew");
        assert!(Arc::ptr_eq(&failures, &Failures::of(1, LIMIT)));
    }

    /// The table is bounded; whoever failed longest ago goes.
    #[test]
    fn addresses_are_bounded() {
        let failures = Failures::of(2, LIMIT);
        for count in 0..=ADDRESSES_MAX as u32 {
            let address = IpAddr::from(count.to_be_bytes());
            failures.note_at(("t", address), Duration::from_millis(u64::from(count)));
        }
        let records = failures.records.lock().unwrap();
        assert_eq!(records.len(), ADDRESSES_MAX);
        assert!(!records.contains_key(&("t", IpAddr::from([0, 0, 0, 0]))));
    }
}
