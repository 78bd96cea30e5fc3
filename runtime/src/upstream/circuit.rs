//! The circuit of one backend of one route (RT-CB): closed while it answers, open while it fails, and in
//! between a few trials. All cores share it; only routes with a `circuitBreaker` have any.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::window::{Counts, Window};
use crate::clock::Moment;
use crate::route::CircuitBreaker;

/// The state is one word: phase, period, and what the phase needs.
const PHASE_SHIFT: u32 = 62;
/// Requests are let pass.
const CLOSED: u64 = 0;
/// None is, until a time in milliseconds.
const OPEN: u64 = 1;
/// Trials: how many have been let pass, how many were good.
const TRYING: u64 = 2;
/// Every change of the phase begins another period, so that a trial of an earlier one does not count.
const PERIOD_SHIFT: u32 = 48;
const PERIOD_MAX: u64 = (1 << 14) - 1;
const REST: u64 = (1 << PERIOD_SHIFT) - 1;
const COUNT_BITS: u32 = 24;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const ONE_LET_PASS: u64 = 1 << COUNT_BITS;

/// Of one backend of one route.
#[derive(Debug)]
pub(crate) struct Circuit {
    rule: CircuitBreaker,
    state: AtomicU64,
    window: Window,
    epoch: Moment,
}

/// A request that a circuit has let pass, until it is known how it went.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    /// `None`: the backend has no circuit, or all is said.
    circuit: Option<&'a Circuit>,
    /// The period that it is a trial of.
    trial: Option<u64>,
}

/// What the end of a request has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Closed,
    /// For this time.
    Open(Duration),
}

/// What it was like, for a gateway that takes over (RT-TAKE-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recalled {
    /// With the parts of the window.
    Closed(Vec<(u64, Counts)>),
    /// For so long yet; then, or if it is no time at all, it tries.
    Open(Duration),
}

impl Circuit {
    pub(super) fn new(rule: CircuitBreaker) -> Self {
        Self {
            rule,
            state: AtomicU64::new(0),
            window: Window::new(Duration::from_millis(rule.window_ms)),
            epoch: Moment::now(),
        }
    }

    /// The usual case: one load.
    pub(super) fn is_closed(&self) -> bool {
        phase(self.state.load(Ordering::Relaxed)) == CLOSED
    }

    /// How long it lets nothing pass; `None`: it does now. While trials are under way, nobody knows how
    /// long they take, so it is no time at all.
    pub(super) fn wait(&self) -> Option<Duration> {
        let state = self.state.load(Ordering::Relaxed);
        match phase(state) {
            OPEN => {
                let left = (state & REST).saturating_sub(self.now_ms());
                Some(Duration::from_millis(left)).filter(|left| !left.is_zero())
            }
            TRYING => (self.let_pass(state)).is_none().then_some(Duration::ZERO),
            _ => None,
        }
    }

    /// Lets a request pass, or not.
    pub(super) fn enter(&self) -> Option<Pass<'_>> {
        if self.is_closed() {
            return Some(self.pass(None));
        }
        let entered = self
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                match phase(state) {
                    OPEN if (state & REST) > self.now_ms() => None,
                    OPEN => Some(next_period(state, TRYING, ONE_LET_PASS)),
                    TRYING => self.let_pass(state),
                    _ => Some(state),
                }
            });
        // What is let pass is a trial of the period that it has entered, or has begun.
        let before = entered.ok()?;
        Some(self.pass(match phase(before) {
            OPEN => Some((period(before) + 1) & PERIOD_MAX),
            TRYING => Some(period(before)),
            _ => None,
        }))
    }

    fn pass(&self, trial: Option<u64>) -> Pass<'_> {
        Pass {
            circuit: Some(self),
            trial,
        }
    }

    /// The state with another trial; `None`: there are enough.
    fn let_pass(&self, state: u64) -> Option<u64> {
        let let_pass = (state >> COUNT_BITS) & COUNT_MAX;
        (let_pass < self.trials()).then(|| state + ONE_LET_PASS)
    }

    fn trials(&self) -> u64 {
        u64::from(self.rule.trials).clamp(1, COUNT_MAX)
    }

    fn settle(&self, trial: Option<u64>, good: bool) -> Option<Turned> {
        match trial {
            None => self.count(good),
            Some(trial) => self.judge(trial, good),
        }
    }

    /// A request of a closed circuit.
    fn count(&self, good: bool) -> Option<Turned> {
        self.window.add(Counts {
            all: 1,
            some: u64::from(!good),
        });
        let Counts { all, some } = self.window.sum();
        let fails = some * 1_000_000 >= all * u64::from(self.rule.failure_millionths);
        if all < u64::from(self.rule.requests_min) || !fails {
            return None;
        }
        self.change(|state| (phase(state) == CLOSED).then(|| self.opened(state)))
            .map(|_| self.open_turn())
    }

    /// A trial.
    fn judge(&self, trial: u64, good: bool) -> Option<Turned> {
        let before = self.change(|state| {
            if phase(state) != TRYING || period(state) != trial {
                return None;
            }
            let enough = (state & COUNT_MAX) + 1 >= self.trials();
            Some(match (good, enough) {
                (false, _) => self.opened(state),
                (true, false) => state + 1,
                (true, true) => {
                    self.window.clear();
                    next_period(state, CLOSED, 0)
                }
            })
        })?;
        let enough = (before & COUNT_MAX) + 1 >= self.trials();
        match (good, enough) {
            (false, _) => Some(self.open_turn()),
            (true, true) => Some(Turned::Closed),
            (true, false) => None,
        }
    }

    /// A trial of which nothing will be known may be made again.
    fn give_back(&self, trial: u64) {
        self.change(|state| {
            let same = phase(state) == TRYING && period(state) == trial;
            same.then(|| state.saturating_sub(ONE_LET_PASS))
        });
    }

    /// Equal rules have equal texts.
    pub(super) fn rule(&self) -> String {
        format!("{:?}", self.rule)
    }

    /// What it is like; `None`: as if it were new. What becomes of trials that are under way, the next one
    /// will not learn: it makes its own.
    pub(super) fn recall(&self) -> Option<Recalled> {
        let state = self.state.load(Ordering::Relaxed);
        match phase(state) {
            OPEN => {
                let left = (state & REST).saturating_sub(self.now_ms());
                Some(Recalled::Open(Duration::from_millis(left)))
            }
            TRYING => Some(Recalled::Open(Duration::ZERO)),
            _ => Some(self.window.parts())
                .filter(|parts| !parts.is_empty())
                .map(Recalled::Closed),
        }
    }

    /// Takes over what [`Circuit::recall`] said elsewhere.
    pub(super) fn remember(&self, recalled: &Recalled) {
        match recalled {
            Recalled::Closed(parts) => self.window.remember(parts),
            Recalled::Open(left) => {
                let left = u64::try_from(left.as_millis()).unwrap_or(REST);
                let until = self.now_ms().saturating_add(left.min(self.rule.open_ms));
                self.change(|state| Some(next_period(state, OPEN, until.min(REST))));
            }
        }
    }

    fn open_turn(&self) -> Turned {
        Turned::Open(Duration::from_millis(self.rule.open_ms))
    }

    fn opened(&self, state: u64) -> u64 {
        let until = self.now_ms().saturating_add(self.rule.open_ms);
        next_period(state, OPEN, until.min(REST))
    }

    /// What was there before; `None`: it has not changed.
    fn change(&self, next: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
        let order = Ordering::Relaxed;
        self.state.fetch_update(order, order, next).ok()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(REST)
    }
}

fn phase(state: u64) -> u64 {
    state >> PHASE_SHIFT
}

fn period(state: u64) -> u64 {
    (state >> PERIOD_SHIFT) & PERIOD_MAX
}

fn next_period(state: u64, phase: u64, rest: u64) -> u64 {
    let period = (period(state) + 1) & PERIOD_MAX;
    (phase << PHASE_SHIFT) | (period << PERIOD_SHIFT) | rest
}

impl Pass<'_> {
    /// Of a backend without a circuit.
    pub(super) const FREE: Self = Self {
        circuit: None,
        trial: None,
    };

    /// How the request went.
    pub(crate) fn settle(mut self, good: bool) -> Option<Turned> {
        self.circuit.take()?.settle(self.trial, good)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let (Some(circuit), Some(trial)) = (self.circuit, self.trial) {
            circuit.give_back(trial);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: CircuitBreaker = CircuitBreaker {
        failure_millionths: 500_000,
        requests_min: 4,
        window_ms: 10_000,
        open_ms: 2000,
        trials: 2,
    };
    const OPENED: Option<Turned> = Some(Turned::Open(Duration::from_millis(2000)));

    async fn pass_ms(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    fn after(circuit: &Circuit, good: bool) -> Option<Turned> {
        circuit.enter().unwrap().settle(good)
    }

    /// RT-CB-1: too few requests decide nothing, nor does too small a share.
    #[tokio::test(start_paused = true)]
    async fn opens_by_share() {
        let circuit = Circuit::new(RULE);
        for good in [false, false, true] {
            assert_eq!(after(&circuit, good), None);
        }
        assert_eq!(after(&circuit, true), OPENED);
        assert!(circuit.enter().is_none());
        let circuit = Circuit::new(RULE);
        for good in [true, true, true, false, false] {
            assert_eq!(after(&circuit, good), None);
        }
        assert_eq!(after(&circuit, false), OPENED);
    }

    /// RT-TAKE-5
    #[tokio::test(start_paused = true)]
    async fn goes_on_elsewhere() {
        let (circuit, next) = (Circuit::new(RULE), Circuit::new(RULE));
        assert_eq!(circuit.recall(), None);
        for _ in 0..3 {
            after(&circuit, false);
        }
        next.remember(&circuit.recall().unwrap());
        assert_eq!(after(&next, false), OPENED);
        pass_ms(500).await;
        let other = Circuit::new(RULE);
        other.remember(&next.recall().unwrap());
        assert_eq!(other.wait(), Some(Duration::from_millis(1500)));
        pass_ms(1500).await;
        let trial = other.enter().unwrap();
        let last = Circuit::new(RULE);
        last.remember(&other.recall().unwrap());
        assert_eq!(after(&last, true), None);
        assert_eq!(after(&last, true), Some(Turned::Closed));
        drop(trial);
        last.remember(&Recalled::Open(Duration::MAX));
        assert_eq!(last.wait(), Some(Duration::from_millis(2000)));
    }

    /// RT-CB-1: what is older than the window does not count.
    #[tokio::test(start_paused = true)]
    async fn forgets() {
        let circuit = Circuit::new(RULE);
        for _ in 0..3 {
            assert_eq!(after(&circuit, false), None);
        }
        pass_ms(10_000).await;
        for _ in 0..3 {
            assert_eq!(after(&circuit, false), None);
        }
        assert_eq!(after(&circuit, false), OPENED);
    }

    /// RT-CB-1, RT-CB-2: open, then trials; one bad one opens it again, all good ones close it.
    #[tokio::test(start_paused = true)]
    async fn trials() {
        let circuit = Circuit::new(RULE);
        for _ in 0..4 {
            after(&circuit, false);
        }
        pass_ms(500).await;
        assert!(circuit.enter().is_none());
        assert_eq!(circuit.wait(), Some(Duration::from_millis(1500)));
        pass_ms(1500).await;
        assert_eq!(circuit.wait(), None);
        let (first, second) = (circuit.enter().unwrap(), circuit.enter().unwrap());
        // Two are under way: no third.
        assert!(circuit.enter().is_none());
        assert_eq!(circuit.wait(), Some(Duration::ZERO));
        assert_eq!(first.settle(true), None);
        assert_eq!(second.settle(false), OPENED);
        pass_ms(2000).await;
        // One whose client leaves is given back.
        drop(circuit.enter().unwrap());
        let (first, second) = (circuit.enter().unwrap(), circuit.enter().unwrap());
        assert_eq!(first.settle(true), None);
        assert_eq!(second.settle(true), Some(Turned::Closed));
        assert!(circuit.is_closed());
        // What was before is forgotten.
        assert_eq!(after(&circuit, false), None);
    }

    /// A trial of an earlier time does not count.
    #[tokio::test(start_paused = true)]
    async fn late_trials() {
        let circuit = Circuit::new(RULE);
        let early = circuit.enter().unwrap();
        for _ in 0..4 {
            after(&circuit, false);
        }
        assert_eq!(early.settle(true), None);
        pass_ms(2000).await;
        let (late, bad) = (circuit.enter().unwrap(), circuit.enter().unwrap());
        assert_eq!(bad.settle(false), OPENED);
        pass_ms(2000).await;
        let now = circuit.enter().unwrap();
        assert_eq!(late.settle(false), None);
        assert_eq!(now.settle(true), None);
        assert_eq!(after(&circuit, true), Some(Turned::Closed));
    }

    proptest! {
        /// RT-CB-1: never more than so many trials at once, and none before its time.
        #[test]
        fn bounds(steps in prop::collection::vec((0_u64..1500, any::<bool>(), any::<bool>()), 1..80)) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async move {
                let circuit = Circuit::new(RULE);
                let mut held = Vec::new();
                for (pause, good, settles) in steps {
                    pass_ms(pause).await;
                    let wait = circuit.wait();
                    let entered = circuit.enter();
                    assert_eq!(entered.is_none(), wait.is_some());
                    held.extend(entered);
                    let trials = held.iter().filter(|pass: &&Pass<'_>| pass.trial == Some(period(circuit.state.load(Ordering::Relaxed))));
                    if phase(circuit.state.load(Ordering::Relaxed)) == TRYING {
                        assert!(trials.count() <= 2);
                    }
                    if settles && let Some(pass) = held.pop() {
                        let _ = pass.settle(good);
                    }
                }
            });
        }
    }
}
