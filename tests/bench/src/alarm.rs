//! A clock that wakes a poll to the microsecond: its own time limit is of whole milliseconds.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Wakes once for every time that it is set.
pub struct Alarm(OwnedFd);

impl Alarm {
    /// What its events are known by.
    pub const TOKEN: Token = Token(usize::MAX);

    /// One that wakes this poll.
    pub fn new(poll: &Poll) -> io::Result<Self> {
        let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let number = clock.as_raw_fd();
        let registry = poll.registry();
        registry.register(&mut SourceFd(&number), Self::TOKEN, Interest::READABLE)?;
        Ok(Self(clock))
    }

    /// Has it wake in so much time, and not when it was to wake before.
    pub fn set(&self, time: Duration) -> io::Result<()> {
        // Zero would never wake.
        let time = time.max(Duration::from_nanos(1));
        let value = Timespec::try_from(time).map_err(io::Error::other)?;
        let never = Timespec::default();
        let once = Itimerspec {
            it_interval: never,
            it_value: value,
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}
