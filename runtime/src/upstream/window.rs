//! Counts of the last while, in a fixed number of buckets that all cores share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// The window moves by one of them at a time.
const BUCKETS: u64 = 10;
/// A bucket: which span of time it is of, how many requests, how many of some kind. All of it wraps or
/// saturates: a million requests in a tenth of a window stand for more.
const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const SPAN_MAX: u64 = (1 << 24) - 1;

/// Requests of the last while, and how many of them are of a kind.
#[derive(Debug)]
pub(super) struct Window {
    epoch: Moment,
    width_ms: u64,
    /// 0: never used.
    buckets: [AtomicU64; BUCKETS as usize],
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) all: u64,
    pub(super) some: u64,
}

impl Window {
    /// Over this time, or a tenth of it less.
    pub(super) fn new(length: Duration) -> Self {
        let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self {
            epoch: Moment::now(),
            width_ms: (length_ms / BUCKETS).max(1),
            buckets: Default::default(),
        }
    }

    /// Counts these now.
    pub(super) fn add(&self, more: Counts) {
        let span = self.span();
        let Some(bucket) = self.bucket(span) else {
            return;
        };
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let before = counts(word, span, 1).unwrap_or_default();
            let full = before.all + more.all > COUNT_MAX || before.some + more.some > COUNT_MAX;
            let next = if full { before } else { before.plus(more) };
            Some((span << (2 * COUNT_BITS)) | (next.all << COUNT_BITS) | next.some)
        });
    }

    /// Of the whole window.
    pub(super) fn sum(&self) -> Counts {
        let span = self.span();
        let words = self.buckets.iter().map(|it| it.load(Ordering::Relaxed));
        let young = words.filter_map(|word| counts(word, span, BUCKETS));
        young.fold(Counts::default(), Counts::plus)
    }

    /// What it holds, with the age of each part in tenths of the window (RT-TAKE-5).
    pub(super) fn parts(&self) -> Vec<(u64, Counts)> {
        let span = self.span();
        let words = self.buckets.iter().map(|it| it.load(Ordering::Relaxed));
        let parts = words.filter_map(|word| Some((age(word, span), counts(word, span, BUCKETS)?)));
        parts.filter(|(_, counts)| counts.all > 0).collect()
    }

    /// Takes over what [`Window::parts`] said elsewhere.
    pub(super) fn remember(&self, parts: &[(u64, Counts)]) {
        let now = self.span();
        self.clear();
        for (age, Counts { all, some }) in parts.iter().filter(|(age, _)| *age < BUCKETS) {
            let span = now.saturating_sub(*age);
            if let Some(bucket) = self.bucket(span) {
                let (all, some) = ((*all).min(COUNT_MAX), (*some).min(COUNT_MAX));
                let word = (span << (2 * COUNT_BITS)) | (all << COUNT_BITS) | some;
                bucket.store(word, Ordering::Relaxed);
            }
        }
    }

    /// Of the last tenth of it, which is not over.
    pub(super) fn latest(&self) -> Counts {
        let span = self.span();
        let bucket = self.bucket(span);
        let word = bucket.map_or(0, |bucket| bucket.load(Ordering::Relaxed));
        counts(word, span, 1).unwrap_or_default()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    /// Which tenth of a window it is now; for a long time so many that all of the window comes after 0.
    fn span(&self) -> u64 {
        let elapsed = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        (elapsed / self.width_ms + BUCKETS) & SPAN_MAX
    }

    fn bucket(&self, span: u64) -> Option<&AtomicU64> {
        let index = usize::try_from(span % BUCKETS).unwrap_or_default();
        self.buckets.get(index)
    }
}

/// How many spans of time ago a bucket was the latest.
fn age(word: u64, now: u64) -> u64 {
    let span = word >> (2 * COUNT_BITS);
    now.wrapping_sub(span) & SPAN_MAX
}

/// What a bucket holds, if it is one of the last so many up to `now`.
fn counts(word: u64, now: u64, last: u64) -> Option<Counts> {
    (word != 0 && age(word, now) < last).then_some(Counts {
        all: (word >> COUNT_BITS) & COUNT_MAX,
        some: word & COUNT_MAX,
    })
}

impl Counts {
    fn plus(self, more: Self) -> Self {
        Self {
            all: self.all + more.all,
            some: self.some + more.some,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Counts = Counts { all: 1, some: 1 };

    proptest! {
        /// RT-CB-1, RT-RETRY-2: against a list of all times; what lies at the edge may count or not.
        #[test]
        fn agrees_with_a_list(steps in prop::collection::vec((0_u64..700, any::<bool>()), 1..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async move {
                let window = Window::new(Duration::from_secs(1));
                let (mut now, mut seen) = (0, Vec::new());
                for (pause, some) in steps {
                    tokio::time::advance(Duration::from_millis(pause)).await;
                    now += pause;
                    window.add(Counts { all: 1, some: u64::from(some) });
                    seen.push((now, some));
                    let within = |age: u64| seen.iter().filter(move |(at, _)| at + age > now);
                    let sum = window.sum();
                    assert!(sum.all >= within(900).count() as u64);
                    assert!(sum.all <= within(1000).count() as u64);
                    assert!(sum.some <= within(1000).filter(|(_, some)| *some).count() as u64);
                    assert!(window.latest().all >= 1);
                }
            });
        }
    }

    /// RT-TAKE-5
    #[tokio::test(start_paused = true)]
    async fn goes_on_elsewhere() {
        let pass = |ms| tokio::time::advance(Duration::from_millis(ms));
        let window = Window::new(Duration::from_secs(1));
        for _ in 0..7 {
            window.add(ONE);
            pass(100).await;
        }
        let next = Window::new(Duration::from_secs(1));
        let parts = window.parts();
        next.remember(&parts);
        assert_eq!(next.sum(), window.sum());
        let ages = |window: &Window| {
            let mut ages: Vec<_> = window.parts().iter().map(|(age, _)| *age).collect();
            ages.sort_unstable();
            ages
        };
        assert_eq!(ages(&next), [1, 2, 3, 4, 5, 6, 7]);
        pass(500).await;
        assert_eq!(ages(&next), [6, 7, 8, 9]);
        let absurd = [
            (0, ONE),
            (u64::MAX, ONE),
            (
                9,
                Counts {
                    all: u64::MAX,
                    some: u64::MAX,
                },
            ),
        ];
        next.remember(&absurd);
        assert_eq!(next.sum().all, 1 + COUNT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn full_buckets_keep_what_they_have() {
        let window = Window::new(Duration::from_secs(10));
        window.add(Counts {
            all: COUNT_MAX,
            some: 7,
        });
        window.add(ONE);
        let counted = window.sum();
        assert_eq!((counted.all, counted.some), (COUNT_MAX, 7));
        window.clear();
        assert_eq!(window.sum(), Counts::default());
    }
}
