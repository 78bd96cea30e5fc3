//! The load of `ci/bench`: a closed loop over keep-alive connections, each with one request under
//! way, for a time or for a number of requests; or over WebSockets, each with one message under way. One
//! thread, edge-triggered epoll.
//!
//! Several targets take turns of a part of a second: what else the machine does meanwhile hits all alike.
//!
//! It also reads the measured processes' clocks and memory, because only here the edges of the
//! window are known exactly. What the numbers mean is for `ci/bench` to say; this prints them.
#![allow(
    clippy::print_stdout,
    reason = "the result is one line of JSON on stdout"
)]

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use goma_bench::alarm::Alarm;
use goma_bench::connection::Connection;
use goma_bench::options::{Options, Until};
use goma_bench::requests::Requests;
use goma_bench::usage::Usage;
use mio::{Events, Poll};

/// How long a target has the machine for itself.
const TURN: Duration = Duration::from_millis(200);
/// How long the answers to what was sent in a turn may take after it.
const SETTLE: Duration = Duration::from_secs(10);
/// The time is looked at least this often.
const TICK: Duration = Duration::from_millis(50);
/// Bytes one read takes at most: the largest answer and its head in one go.
const READ_BYTES: usize = 256 * 1024;
/// After this many errors the run is worthless.
const ERRORS_MAX: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let targets = options.targets.iter();
    let mut loads = targets
        .map(|(target, pid)| Load::connect(&options, *target, *pid))
        .collect::<Result<Vec<_>, _>>()?;
    match options.until {
        Until::Requests(count) => {
            for load in &mut loads {
                load.begin()?;
                load.turn(Duration::MAX, count)?;
                load.end()?;
            }
        }
        Until::Time { warmup, window } => take_turns(&mut loads, warmup, window)?,
    }
    let lines: Vec<String> = loads.iter_mut().map(Load::summary).collect();
    println!("[{}]", lines.join(","));
    Ok(())
}

/// So much time for each, in turns whose order changes.
fn take_turns(
    loads: &mut [Load<'_>],
    warmup: Duration,
    window: Duration,
) -> Result<(), Box<dyn Error>> {
    for load in &mut *loads {
        load.turn(warmup, u64::MAX)?;
    }
    for load in &mut *loads {
        load.begin()?;
    }
    let mut left = window;
    while !left.is_zero() {
        let turn = left.min(TURN);
        for load in &mut *loads {
            load.turn(turn, u64::MAX)?;
        }
        loads.rotate_left(1);
        left -= turn;
    }
    loads.sort_by_key(|load| load.place);
    for load in loads {
        load.end()?;
    }
    Ok(())
}

/// The load of one target.
struct Load<'a> {
    options: &'a Options,
    target: SocketAddr,
    /// Among the targets.
    place: usize,
    pid: Option<u32>,
    poll: Poll,
    /// For requests that are not due yet.
    alarm: Alarm,
    connections: Vec<Connection>,
    /// Connections without a request under way.
    idle: Vec<usize>,
    /// Paced requests sent in this turn, and since when.
    paced: (u64, Instant),
    requests: Requests,
    scratch: Vec<u8>,
    /// Requests that may still be sent in this turn.
    left: u64,
    /// Nanoseconds of every answer since the window began.
    latencies: Vec<u64>,
    /// How long the turns of the window were.
    elapsed: Duration,
    /// At the begin of the window, then in it.
    usage: Usage,
    errors: u64,
    /// What the last few errors were, for the message that gives up.
    last_error: String,
}

impl<'a> Load<'a> {
    fn connect(
        options: &'a Options,
        target: SocketAddr,
        pid: Option<u32>,
    ) -> Result<Self, Box<dyn Error>> {
        let poll = Poll::new()?;
        let connections = (0..options.connections)
            .map(|place| Connection::open(options, target, &poll, place))
            .collect::<io::Result<Vec<_>>>()?;
        let mut targets = options.targets.iter();
        Ok(Self {
            options,
            target,
            place: targets.position(|(own, _)| *own == target).unwrap_or(0),
            pid,
            alarm: Alarm::new(&poll)?,
            poll,
            idle: (0..connections.len()).collect(),
            connections,
            paced: (0, Instant::now()),
            requests: Requests::new(options, target),
            scratch: vec![0; READ_BYTES],
            left: 0,
            latencies: Vec::with_capacity(1 << 20),
            elapsed: Duration::ZERO,
            usage: Usage::default(),
            errors: 0,
            last_error: String::new(),
        })
    }

    /// From here on it counts.
    fn begin(&mut self) -> io::Result<()> {
        self.latencies.clear();
        self.errors = 0;
        self.elapsed = Duration::ZERO;
        self.usage = Usage::of(self.pid)?;
        Ok(())
    }

    /// To here.
    fn end(&mut self) -> io::Result<()> {
        let now = Usage::of(self.pid)?;
        self.usage.ticks = now.ticks.saturating_sub(self.usage.ticks);
        self.usage.rss_kib = now.rss_kib;
        Ok(())
    }

    /// Keeps every connection busy until `time` is over or `requests_max` are sent; then waits for the answers.
    fn turn(&mut self, time: Duration, requests_max: u64) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        let begin = Instant::now();
        self.left = requests_max;
        self.paced = (0, begin);
        loop {
            let elapsed = begin.elapsed();
            if elapsed >= time {
                self.left = 0;
            }
            self.send_due()?;
            if self.left == 0 && self.idle.len() == self.connections.len() {
                self.elapsed += elapsed;
                return Ok(());
            }
            if elapsed.saturating_sub(time) > SETTLE {
                return Err(format!("no answer within {SETTLE:?}").into());
            }
            match self.poll.poll(&mut events, Some(TICK)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            for event in &events {
                if event.token() != Alarm::TOKEN {
                    self.advance(event.token().0)?;
                }
            }
            if self.errors > ERRORS_MAX {
                return Err(format!(
                    "more than {ERRORS_MAX} errors; the last: {}",
                    self.last_error
                )
                .into());
            }
        }
    }

    /// Sends what is due, as far as there are idle connections; without pace something always is. What waits for
    /// a connection counts from when it was due.
    fn send_due(&mut self) -> io::Result<()> {
        while self.left > 0
            && let Some(place) = self.idle.last().copied()
        {
            let now = Instant::now();
            let due = match self.options.rate {
                None => now,
                Some(rate) => self.paced.1 + Duration::from_secs_f64(self.paced.0 as f64 / rate),
            };
            if due > now {
                self.alarm.set(due - now)?;
                break;
            }
            self.idle.pop();
            self.paced.0 += 1;
            self.send(place, due)?;
        }
        Ok(())
    }

    fn send(&mut self, place: usize, counted_from: Instant) -> io::Result<()> {
        self.left = self.left.saturating_sub(1);
        match self.connections.get_mut(place) {
            None => Ok(()),
            Some(connection) => connection.send(self.requests.upcoming(), counted_from),
        }
    }

    fn advance(&mut self, place: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(place) else {
            return Ok(());
        };
        let outcome = match connection.receive(&mut self.scratch, self.options) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let now = Instant::now();
                let nanoseconds = now.duration_since(connection.sent_at).as_nanos();
                self.latencies
                    .push(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
                if self.options.rate.is_none() && self.left > 0 {
                    self.send(place, now)
                } else {
                    self.idle.push(place);
                    Ok(())
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.errors += 1;
            self.last_error = error.to_string();
            let new = Connection::open(self.options, self.target, &self.poll, place)?;
            if let Some(connection) = self.connections.get_mut(place) {
                *connection = new;
            }
            if !self.idle.contains(&place) {
                self.idle.push(place);
            }
        }
        Ok(())
    }

    fn summary(&mut self) -> String {
        self.latencies.sort_unstable();
        let Usage { ticks, rss_kib } = self.usage;
        format!(
            "{{\"requests\":{},\"errors\":{},\"seconds\":{:.6},\"p50_us\":{:.1},\"p99_us\":{:.1},\
             \"cpu_ticks\":{ticks},\"rss_kib\":{rss_kib}}}",
            self.latencies.len(),
            self.errors,
            self.elapsed.as_secs_f64(),
            percentile_us(&self.latencies, 50),
            percentile_us(&self.latencies, 99),
        )
    }
}

/// The `percent`-th percentile of sorted nanoseconds, in microseconds.
fn percentile_us(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let sorted: Vec<u64> = (1..=100).map(|value| value * 1000).collect();
        assert_eq!(percentile_us(&sorted, 50), 50.0);
        assert_eq!(percentile_us(&sorted, 99), 99.0);
        assert_eq!(percentile_us(&[], 99), 0.0);
    }
}
