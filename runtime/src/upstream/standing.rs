//! What is known of one backend of one route: what the last check found, and how requests fared
//! (RT-HEALTH).
//!
//! The one thing about backends that cores share. A request reads one word of each backend of its
//! route; whoever learns that something has changed writes it, which no request does on a backend
//! that is well.

#[expect(clippy::disallowed_types, reason = "no request takes it")]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;
use crate::gateway::PassiveHealthCheck;

/// The last check failed.
const DOWN: u64 = 1 << 63;
/// Below it: until when it is ejected, in milliseconds of [`Ejection::now_ms`]; 0: never was. Once that
/// time is over, the backend is on probation.
const UNTIL_BITS: u32 = 40;
const UNTIL: u64 = (1 << UNTIL_BITS) - 1;
/// From there up to [`DOWN`]: failures in a row.
const FAILS: u64 = !(DOWN | UNTIL);
const ONE_FAIL: u64 = 1 << UNTIL_BITS;
/// The most failures in a row that are told apart.
const FAILS_MAX: u64 = FAILS >> UNTIL_BITS;

/// When backends are ejected (RT-HEALTH-7).
#[derive(Debug)]
pub struct Ejection {
    fails: u64,
    time: Duration,
    epoch: Moment,
}

/// Of one backend of one route, for all cores (RT-HEALTH-4).
#[derive(Debug, Default)]
pub struct Standing {
    /// 0: nothing speaks against the backend.
    word: AtomicU64,
    /// How often it has been ejected.
    ejections: AtomicU64,
    /// How often checks have found it down that was up.
    outages: AtomicU64,
    /// Why the last check failed. Only checks and `/healthz/routes` take the lock.
    #[expect(clippy::disallowed_types, reason = "no request takes it")]
    cause: Mutex<Option<String>>,
}

/// What a request makes of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The last check failed.
    Down,
    /// Requests failed in a row, not long ago.
    Ejected,
    /// It gets requests.
    Fit,
    /// Its circuit is open (RT-CB).
    Open,
}

/// What requests have left behind, for a gateway that takes over (RT-TAKE-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) in_a_row: u64,
    /// How long the backend is ejected yet; zero: it is on probation; `None`: neither.
    pub(super) left: Option<Duration>,
}

/// What a check changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was up. How often that has happened, this time included.
    Down(u64),
    /// It was down.
    Up,
}

impl Ejection {
    /// As the specification has it.
    #[must_use]
    pub fn new(passive: &PassiveHealthCheck) -> Self {
        Self {
            fails: u64::from(passive.fails_max).clamp(1, FAILS_MAX),
            time: Duration::from_millis(passive.eject_ms),
            epoch: Moment::now(),
        }
    }

    /// How long a backend is ejected.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Equal rules have equal texts.
    pub(super) fn rule(&self) -> String {
        format!("{} {:?}", self.fails, self.time)
    }

    fn now_ms(&self) -> u64 {
        1 + milliseconds(self.epoch.elapsed())
    }
}

/// Within [`UNTIL`]: 34 years.
fn milliseconds(duration: Duration) -> u64 {
    let whole = u64::try_from(duration.as_millis()).unwrap_or(UNTIL);
    whole.min(UNTIL)
}

impl Standing {
    /// Whether nothing speaks against the backend: the usual case, one load.
    pub(super) fn is_clear(&self) -> bool {
        self.word.load(Ordering::Relaxed) == 0
    }

    pub(super) fn condition(&self, ejection: Option<&Ejection>) -> Condition {
        let word = self.word.load(Ordering::Relaxed);
        if word & DOWN != 0 {
            return Condition::Down;
        }
        match ejection {
            Some(ejection) if is_ejected(word, ejection) => Condition::Ejected,
            Some(_) | None => Condition::Fit,
        }
    }

    /// A response came (RT-HEALTH-7, -8): the failures before it count no more. It does not end an
    /// ejection, which may have been decided after its request was sent.
    pub(super) fn responded(&self, ejection: &Ejection) {
        if self.is_clear() {
            return;
        }
        self.change(|word| {
            let settled = word & !DOWN == 0 || is_ejected(word, ejection);
            (!settled).then_some(word & DOWN)
        });
    }

    /// A connection failed. If that has the backend ejected: how often it has been, this time included.
    pub(super) fn failed(&self, ejection: &Ejection) -> Option<u64> {
        let mut ejects = false;
        self.change(|word| {
            ejects = false;
            if is_ejected(word, ejection) {
                return None;
            }
            let fails = ((word & FAILS) >> UNTIL_BITS) + 1;
            let on_probation = word & UNTIL != 0;
            if fails < ejection.fails && !on_probation {
                return Some(word + ONE_FAIL);
            }
            ejects = true;
            let until = ejection
                .now_ms()
                .saturating_add(milliseconds(ejection.time));
            Some((word & DOWN) | until.min(UNTIL))
        });
        ejects.then(|| one_more(&self.ejections))
    }

    /// What requests have left behind, if anything.
    pub(super) fn failures(&self, ejection: &Ejection) -> Option<Failures> {
        let word = self.word.load(Ordering::Relaxed) & !DOWN;
        let until = word & UNTIL;
        let left = || Duration::from_millis(until.saturating_sub(ejection.now_ms()));
        (word != 0).then(|| Failures {
            in_a_row: (word & FAILS) >> UNTIL_BITS,
            left: (until != 0).then(left),
        })
    }

    /// Takes over what [`Standing::failures`] said elsewhere.
    pub(super) fn remember(&self, failures: &Failures, ejection: &Ejection) {
        // An ejection is never longer than one that begins now.
        let left = failures.left.map(|left| left.min(ejection.time));
        let until = left.map_or(0, |left| {
            ejection.now_ms().saturating_add(milliseconds(left))
        });
        let fails = failures.in_a_row.min(ejection.fails) << UNTIL_BITS;
        self.change(|word| Some((word & DOWN) | (fails & FAILS) | until.min(UNTIL)));
    }

    /// A check has ended (RT-HEALTH-2); `cause`: why it failed.
    pub fn checked(&self, cause: Option<String>) -> Option<Change> {
        let down = if cause.is_some() { DOWN } else { 0 };
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        let before = self.change(|word| Some((word & !DOWN) | down));
        match (before & DOWN != 0, down != 0) {
            (false, true) => Some(Change::Down(one_more(&self.outages))),
            (true, false) => Some(Change::Up),
            (true, true) | (false, false) => None,
        }
    }

    /// Why the last check failed, if it did.
    pub(super) fn cause(&self) -> Option<String> {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.clone()
    }

    /// What was there before.
    fn change(&self, next: impl FnMut(u64) -> Option<u64>) -> u64 {
        let changed = self
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        changed.unwrap_or_else(|unchanged| unchanged)
    }
}

/// Counts; the count with it.
fn one_more(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::Relaxed) + 1
}

fn is_ejected(word: u64, ejection: &Ejection) -> bool {
    let until = word & UNTIL;
    until != 0 && ejection.now_ms() < until
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn ejection(fails_max: u32) -> Ejection {
        Ejection::new(&PassiveHealthCheck {
            fails_max,
            eject_ms: 10_000,
        })
    }

    /// RT-HEALTH-7
    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_eject() {
        let (standing, ejection) = (Standing::default(), ejection(3));
        let condition = || standing.condition(Some(&ejection));
        let fails = || standing.failed(&ejection).is_some();
        assert!(!fails() && !fails());
        standing.responded(&ejection);
        assert!(standing.is_clear());
        assert!(!fails() && !fails());
        assert_eq!(condition(), Condition::Fit);
        assert_eq!(standing.failed(&ejection), Some(1));
        assert_eq!(condition(), Condition::Ejected);
        // What was under way counts neither for nor against it.
        assert!(!fails());
        standing.responded(&ejection);
        assert_eq!(condition(), Condition::Ejected);
        wait(9_999).await;
        assert_eq!(condition(), Condition::Ejected);
        wait(1).await;
        assert_eq!(condition(), Condition::Fit);
    }

    /// RT-HEALTH-8
    #[tokio::test(start_paused = true)]
    async fn probation() {
        let (standing, ejection) = (Standing::default(), ejection(2));
        for _ in 0..2 {
            standing.failed(&ejection);
        }
        wait(10_000).await;
        assert_eq!(standing.failed(&ejection), Some(2));
        wait(10_000).await;
        standing.responded(&ejection);
        assert!(standing.is_clear());
        assert_eq!(standing.failed(&ejection), None);
    }

    /// RT-TAKE-5: what one gateway knows goes on in the next, whose time began elsewhere.
    #[tokio::test(start_paused = true)]
    async fn goes_on_elsewhere() {
        let (standing, before) = (Standing::default(), ejection(2));
        assert_eq!(standing.failures(&before), None);
        standing.failed(&before);
        wait(70).await;
        let (next, now) = (Standing::default(), ejection(2));
        next.checked(Some("a".to_owned()));
        next.remember(&standing.failures(&before).unwrap(), &now);
        assert_eq!(next.condition(Some(&now)), Condition::Down);
        next.checked(None);
        assert_eq!(next.condition(Some(&now)), Condition::Fit);
        assert!(next.failed(&now).is_some(), "the second failure in a row");
        standing.failed(&before);
        wait(4000).await;
        let (next, now) = (Standing::default(), ejection(2));
        next.remember(&standing.failures(&before).unwrap(), &now);
        wait(5999).await;
        assert_eq!(next.condition(Some(&now)), Condition::Ejected);
        wait(1).await;
        assert_eq!(next.condition(Some(&now)), Condition::Fit);
        let (last, now) = (Standing::default(), ejection(2));
        last.remember(&standing.failures(&before).unwrap(), &now);
        assert_eq!(last.condition(Some(&now)), Condition::Fit);
        assert!(last.failed(&now).is_some(), "on probation");
        let absurd = Failures {
            in_a_row: u64::MAX,
            left: Some(Duration::MAX),
        };
        last.remember(&absurd, &now);
        wait(10_000).await;
        assert_eq!(last.condition(Some(&now)), Condition::Fit);
    }

    /// RT-HEALTH-2: checks and requests do not overwrite each other.
    #[tokio::test(start_paused = true)]
    async fn checks() {
        let (standing, ejection) = (Standing::default(), ejection(1));
        assert_eq!(standing.checked(None), None);
        assert_eq!(
            standing.checked(Some("a".to_owned())),
            Some(Change::Down(1))
        );
        assert_eq!(standing.checked(Some("b".to_owned())), None);
        assert_eq!(standing.cause().as_deref(), Some("b"));
        assert_eq!(standing.failed(&ejection), Some(1));
        assert_eq!(standing.condition(Some(&ejection)), Condition::Down);
        assert_eq!(standing.checked(None), Some(Change::Up));
        assert_eq!(standing.cause(), None);
        assert_eq!(standing.condition(Some(&ejection)), Condition::Ejected);
        assert_eq!(standing.condition(None), Condition::Fit);
        wait(10_000).await;
        assert_eq!(
            standing.checked(Some("c".to_owned())),
            Some(Change::Down(2))
        );
        standing.responded(&ejection);
        assert_eq!(standing.condition(Some(&ejection)), Condition::Down);
    }
}
