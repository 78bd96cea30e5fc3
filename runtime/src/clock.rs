//! Time for one core: a coarse clock, and deadlines that are compared instead of registered.
//!
//! A request registers no timer. Each connection owns one [`Watch`]; the core's ticker looks over all
//! of them every [`TICK`] and wakes those whose deadline has passed or that must notice a drain.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// How often deadlines are looked at; a deadline is met at most this much late.
pub const TICK: Duration = Duration::from_millis(50);

const NEVER: u64 = u64::MAX;

/// The clock of one core.
#[derive(Debug)]
pub struct Clock {
    epoch: Instant,
    /// Milliseconds since `epoch`, as of the last tick.
    now_ms: Cell<u64>,
    watches: RefCell<Vec<Rc<State>>>,
    /// The second that `date` is for, and its text for a `Date` field.
    date: RefCell<(u64, String)>,
}

/// A point in time, for measuring how long something took.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Instant);

/// One connection's deadline. At most one task waits on it at a time.
#[derive(Debug)]
pub struct Watch {
    state: Rc<State>,
    clock: Rc<Clock>,
}

/// Whether a wait has gone on for long enough to spend effort on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lingering {
    No,
    /// The next tick makes it `Yes` and wakes the task.
    Asked,
    Yes,
}

#[derive(Debug)]
struct State {
    deadline_ms: Cell<u64>,
    /// When the request began.
    started_ms: Cell<u64>,
    lingering: Cell<Lingering>,
    /// Place in `Clock::watches`.
    place: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Moment {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// The time since this moment.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            epoch: Instant::now(),
            now_ms: Cell::new(0),
            watches: RefCell::default(),
            date: RefCell::default(),
        })
    }

    /// The present time as a `Date` field has it (RFC 9110 §5.6.7), at most one tick old.
    pub fn with_http_date(&self, apply: impl FnOnce(&[u8])) {
        let mut date = self.date.borrow_mut();
        if date.1.is_empty() {
            *date = http_date();
        }
        apply(date.1.as_bytes());
    }

    /// Milliseconds since this clock began, up to [`TICK`] old.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// A new watch without a deadline.
    #[must_use]
    pub fn watch(self: &Rc<Self>) -> Watch {
        let mut watches = self.watches.borrow_mut();
        let state = Rc::new(State {
            started_ms: Cell::new(self.now_ms()),
            deadline_ms: Cell::new(NEVER),
            lingering: Cell::new(Lingering::No),
            place: Cell::new(watches.len()),
            waker: RefCell::default(),
        });
        watches.push(Rc::clone(&state));
        Watch {
            state,
            clock: Rc::clone(self),
        }
    }

    /// Advances the clock and wakes whoever is late; `wake_all` also wakes everybody else.
    pub fn tick(&self, wake_all: bool) {
        let now = self.advance();
        if self.date.borrow().0 != unix_time().as_secs() {
            *self.date.borrow_mut() = http_date();
        }
        for state in self.watches.borrow().iter() {
            let asked = state.lingering.get() == Lingering::Asked;
            if asked {
                state.lingering.set(Lingering::Yes);
            }
            if (wake_all || asked || state.deadline_ms.get() <= now)
                && let Some(waker) = state.waker.borrow_mut().take()
            {
                waker.wake();
            }
        }
    }

    /// Ends every wait that there is now, as if its deadline had passed.
    pub fn end_waits(&self) {
        for state in self.watches.borrow().iter() {
            state.deadline_ms.set(0);
        }
        self.tick(true);
    }

    fn advance(&self) -> u64 {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(NEVER - 1);
        self.now_ms.set(now);
        now
    }
}

impl Watch {
    /// Sets the deadline to `limit` from now; `None` means no deadline.
    pub fn limit(&self, limit: Option<Duration>) {
        let deadline = limit.map_or(NEVER, |limit| self.deadline_of(limit));
        self.state.deadline_ms.set(deadline);
        self.state.lingering.set(Lingering::No);
    }

    /// Whether the task has waited over a tick since [`Watch::limit`]; asking makes the next tick
    /// wake it. Most waits are over before that, and what they do not ask for costs them nothing.
    #[must_use]
    pub fn lingers(&self) -> bool {
        let lingering = &self.state.lingering;
        if lingering.get() == Lingering::No {
            lingering.set(Lingering::Asked);
        }
        lingering.get() == Lingering::Yes
    }

    /// Has the next tick wake the task again, after [`Watch::lingers`] was true.
    pub fn linger_again(&self) {
        self.state.lingering.set(Lingering::Asked);
    }

    /// Takes note that what [`Watch::limit_since_begun`] counts from begins now; at first that is when
    /// the watch was made.
    pub fn begin(&self) {
        self.state.started_ms.set(self.clock.now_ms());
    }

    /// Brings the deadline forward to `limit` after [`Watch::begin`], unless it is earlier already.
    pub fn limit_since_begun(&self, limit: Duration) {
        let deadline = deadline_from(self.state.started_ms.get(), limit);
        let earlier = self.state.deadline_ms.get().min(deadline);
        self.state.deadline_ms.set(earlier);
    }

    /// Sets the deadline to this point of [`Clock::now_ms`].
    pub fn limit_until(&self, deadline_ms: u64) {
        self.state.deadline_ms.set(deadline_ms);
    }

    /// The point of [`Clock::now_ms`] that [`Watch::limit`] would set for this limit.
    #[must_use]
    pub fn deadline_of(&self, limit: Duration) -> u64 {
        deadline_from(self.clock.now_ms(), limit)
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.state.deadline_ms.get() <= self.clock.now_ms()
    }

    /// Ready once the deadline has passed; else the task is woken by a later tick.
    pub fn poll_expired(&self, cx: &Context<'_>) -> Poll<()> {
        if self.expired() {
            return Poll::Ready(());
        }
        let mut waker = self.state.waker.borrow_mut();
        match &*waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            Some(_) | None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watches = self.clock.watches.borrow_mut();
        let place = self.state.place.get();
        if place < watches.len() {
            watches.swap_remove(place);
        }
        if let Some(moved) = watches.get(place) {
            moved.place.set(place);
        }
    }
}

/// Never early, although the clock may be a tick late.
fn deadline_from(start_ms: u64, limit: Duration) -> u64 {
    let limit = limit.saturating_add(TICK);
    let limit_ms = limit.as_secs().saturating_mul(1000);
    start_ms.saturating_add(limit_ms.saturating_add(u64::from(limit.subsec_millis())))
}

fn http_date() -> (u64, String) {
    let now = SystemTime::now();
    (unix_time().as_secs(), httpdate::fmt_http_date(now))
}

/// Seconds and nanoseconds since 1970-01-01 UTC.
#[must_use]
pub fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_wakes_its_task_and_no_earlier() {
        let clock = Clock::new();
        let watch = clock.watch();
        watch.limit(Some(Duration::from_secs(2)));
        let waiting = poll_fn(|cx| watch.poll_expired(cx));
        tokio::pin!(waiting);
        for _ in 0..40 {
            tokio::time::advance(TICK).await;
            clock.tick(false);
            assert!(futures_pending(&mut waiting).await);
        }
        tokio::time::advance(TICK * 2).await;
        clock.tick(false);
        waiting.await;
    }

    /// RT-LISTEN-3: a limit that counts from an earlier moment brings a deadline forward only.
    #[tokio::test(start_paused = true)]
    async fn limits_since_a_beginning() {
        let clock = Clock::new();
        let watch = clock.watch();
        let pass = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            clock.tick(false);
        };
        pass(100).await;
        watch.begin();
        pass(8).await;
        watch.limit(Some(Duration::from_secs(60)));
        watch.limit_since_begun(Duration::from_secs(10));
        pass(1).await;
        assert!(!watch.expired());
        pass(2).await;
        assert!(watch.expired());
        watch.limit(Some(Duration::from_secs(1)));
        watch.limit_since_begun(Duration::from_secs(600));
        pass(2).await;
        assert!(watch.expired());
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_watches_leave_the_others_in_place() {
        let clock = Clock::new();
        let watches: Vec<_> = (0..5).map(|_| clock.watch()).collect();
        for (index, watch) in watches.into_iter().enumerate() {
            if index == 3 {
                watch.limit(Some(Duration::ZERO));
                assert_eq!(clock.watches.borrow().len(), 2);
            }
        }
        assert!(clock.watches.borrow().is_empty());
    }

    async fn futures_pending(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
    }
}
