//! How busy a backend is, as one core sees it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::Moment;

/// How fast older latencies are forgotten.
const MEMORY: Duration = Duration::from_secs(2);

/// Of one backend of one route, on one core.
#[derive(Debug, Default)]
pub(super) struct Load {
    in_flight: Cell<u32>,
    /// Smoothed, in seconds, and when it was last measured.
    latency: Cell<Option<(f64, Moment)>>,
}

/// A request that a backend is busy with, for as long as this lives. Nothing, if nobody asks how busy
/// backends are.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Option<(Rc<Load>, Option<Moment>)>);

impl Load {
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// In seconds. Unknown counts as nothing: such a backend is tried, and with several under way it
    /// costs what they say once they are answered.
    pub(super) fn latency(&self) -> f64 {
        match self.latency.get() {
            Some((latency, _)) => latency,
            None if self.in_flight() > 0 => UNKNOWN_SECS,
            None => 0.0,
        }
    }

    fn observe(&self, elapsed: Duration) {
        let elapsed = elapsed.as_secs_f64();
        let smoothed = match self.latency.get() {
            None => elapsed,
            Some((before, at)) => {
                let age = at.elapsed().as_secs_f64() / MEMORY.as_secs_f64();
                let kept = (-age).exp();
                before * kept + elapsed * (1.0 - kept)
            }
        };
        self.latency.set(Some((smoothed, Moment::now())));
    }
}

/// What a backend is taken to need that has not answered yet.
const UNKNOWN_SECS: f64 = 1.0;

impl InFlight {
    /// One more; `timed`: its latency is of interest.
    pub(super) fn begin(load: &Rc<Load>, timed: bool) -> Self {
        load.in_flight.set(load.in_flight.get() + 1);
        Self(Some((Rc::clone(load), timed.then(Moment::now))))
    }

    /// The response has begun.
    pub(crate) fn answered(&mut self) {
        if let Some((load, begun)) = &mut self.0
            && let Some(begun) = begun.take()
        {
            load.observe(begun.elapsed());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some((load, _)) = &self.0 {
            load.in_flight.set(load.in_flight.get().saturating_sub(1));
        }
    }
}
