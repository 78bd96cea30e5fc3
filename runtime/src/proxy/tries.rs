//! Tries of a request on routes with `retry` or `circuitBreaker` (RT-RETRY, RT-CB): which backends its
//! request gets to, one after the other, and which result its client gets. Other routes never come here.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Core;
use super::attempt::send;
use super::downstream::Downstream;
use super::forward::{Body, Failure, Open, connect, is_repeatable, need, note_response, weigh};
use super::incoming::Incoming;
use crate::chain::Exchange;
use crate::clock;
use crate::error::{CONNECT, HANDSHAKE, RESPONSE_HEADER, SETTINGS, UpstreamFault};
use crate::head::Method;
use crate::route::Retry;
use crate::upstream::{Asked, Backend, InTurn, Measures, Pass, Turned, Upstream};

/// The backends of one request, in the order in which it tries them.
struct Tries<'a, 'r> {
    upstream: &'a Upstream,
    asked: Asked<'r>,
    turn: InTurn<'a, 'r>,
    last: Option<&'a Backend>,
    made: u32,
}

/// What a try came to, if that is up to the backend.
enum Outcome {
    /// A response with this status.
    Answered(u16),
    Failed(UpstreamFault),
}

/// As `forward::forward`, for routes that mind what becomes of a try.
pub(super) async fn forward<'a, D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    body: &Body,
    (upstream, measures): (&'a Upstream, &'a Measures),
    open: &mut Open,
) -> Result<&'a Backend, Failure> {
    let retry = measures.retry();
    if retry.is_some() {
        measures.count();
        if !body.framing.is_empty() {
            open.upload.keep();
        }
    }
    let asked = Asked {
        request: &exchange.request,
        client: exchange.client,
        stuck: open.stuck,
    };
    let mut tries = Tries {
        upstream,
        asked,
        turn: upstream.in_turn(asked),
        last: None,
        made: 0,
    };
    let Some(mut next) = tries.next(false) else {
        return Err(match upstream.next_trial() {
            Some(wait) => Failure::Busy(wait),
            None => Failure::Unavailable,
        });
    };
    loop {
        let (backend, pass) = next;
        tries.made += 1;
        tries.last = Some(backend);
        open.in_flight = upstream.enter(backend);
        let mut sent = false;
        let with = (backend, &mut sent);
        let tried = try_once(core, downstream, exchange, body, with, open).await;
        if let Err(failure) = &tried {
            weigh(core, exchange, upstream, backend, failure);
        } else {
            note_response(exchange, upstream, backend, open);
        }
        let outcome = Outcome::of(tried, open)?;
        if let Some(good) = outcome.speaks() {
            settle(core, exchange, backend, pass, good);
        }
        let goes_on = match retry {
            Some(retry) => tries.made < retry.attempts && outcome.calls_for(retry, exchange, open),
            // RT-UP-9
            None => outcome.is_before_sending() && (!sent || is_repeatable(exchange, body)),
        };
        let another = match goes_on {
            true => tries.next(retry.is_some()),
            false => None,
        };
        let Some(another) = another else {
            return outcome.passed_on(backend, open);
        };
        let mut time = Duration::ZERO;
        if let Some(retry) = retry {
            let same = std::ptr::eq(another.0, backend);
            time = pause_of(core, retry, tries.made, open, same);
            let in_time = open.limits.as_ref().is_none_or(|limits| limits.leave(time));
            // The budget is asked last: what it gives is spent.
            if !in_time || !measures.afford(retry) {
                return outcome.passed_on(backend, open);
            }
        }
        discard(core, exchange, backend, outcome, open);
        pause(downstream, time).await?;
        next = another;
    }
}

impl<'a> Tries<'a, '_> {
    /// The next backend whose circuit lets a request pass; `again`: also one that has had it.
    fn next(&mut self, again: bool) -> Option<(&'a Backend, Pass<'a>)> {
        let fit = |backend: &'a Backend| Some((backend, backend.pass()?));
        if let Some(next) = self.turn.find_map(fit) {
            return Some(next);
        }
        if !again || self.made == 0 {
            return None;
        }
        self.turn = self.upstream.in_turn(self.asked);
        let last = self.last;
        let is_last = |backend: &&Backend| last.is_some_and(|last| std::ptr::eq(last, *backend));
        let mut passed_over = None;
        for backend in self.turn.by_ref() {
            if is_last(&backend) {
                passed_over = Some(backend);
            } else if let Some(next) = fit(backend) {
                return Some(next);
            }
        }
        passed_over.and_then(fit)
    }
}

impl Outcome {
    /// `Err`: nothing that another backend could do better.
    fn of(tried: Result<(), Failure>, open: &Open) -> Result<Self, Failure> {
        match tried {
            Ok(()) => Ok(Self::Answered(open.status())),
            Err(Failure::Upstream(fault)) => Ok(Self::Failed(fault)),
            Err(failure) => Err(failure),
        }
    }

    /// Whether there may be another try after it (RT-RETRY-1).
    fn calls_for(&self, retry: &Retry, exchange: &Exchange, open: &Open) -> bool {
        self.is_among(retry)
            && (self.is_before_sending() || may_repeat(exchange))
            && open.upload.is_replayable()
            && !open.answered
    }

    /// Whether it speaks for the backend or against it (RT-CB-1); `None`: it got nothing of the request.
    fn speaks(&self) -> Option<bool> {
        match self {
            Self::Answered(status) => Some(*status < 500),
            Self::Failed(UpstreamFault::Crowded | UpstreamFault::Unsayable(_)) => None,
            Self::Failed(_) => Some(false),
        }
    }

    fn is_before_sending(&self) -> bool {
        matches!(self, Self::Failed(fault) if fault.is_before_sending())
    }

    /// Whether it is a cause of `retry.on`.
    fn is_among(&self, retry: &Retry) -> bool {
        match self {
            Self::Answered(status) => *status >= 200 && retry.statuses.contains(status),
            Self::Failed(UpstreamFault::Connect { .. } | UpstreamFault::Handshake { .. }) => {
                retry.connect
            }
            Self::Failed(UpstreamFault::Timeout { what }) => match *what {
                CONNECT | HANDSHAKE | SETTINGS => retry.connect || retry.timeout,
                what => what == RESPONSE_HEADER && retry.timeout,
            },
            Self::Failed(UpstreamFault::Closed(_)) => retry.reset,
            Self::Failed(
                UpstreamFault::Crowded | UpstreamFault::Malformed(_) | UpstreamFault::Unsayable(_),
            ) => false,
        }
    }

    /// What the client gets.
    fn passed_on<'b>(self, backend: &'b Backend, open: &mut Open) -> Result<&'b Backend, Failure> {
        open.upload.forget();
        match self {
            Self::Answered(_) => Ok(backend),
            Self::Failed(fault) => Err(Failure::Upstream(fault)),
        }
    }
}

/// RT-RETRY-1: methods that may be sent twice.
fn may_repeat(exchange: &Exchange) -> bool {
    match exchange.request.kind() {
        Method::Delete | Method::Get | Method::Head | Method::Options | Method::Put => true,
        Method::Connect | Method::Other | Method::Trace => false,
    }
}

/// `sent`: whether there was a connection for it.
async fn try_once<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    body: &Body,
    (backend, sent): (&Backend, &mut bool),
    open: &mut Open,
) -> Result<(), Failure> {
    if let Some(limits) = &mut open.limits {
        limits.again();
    }
    let connection = match backend.pool.take(need(exchange)) {
        Some(connection) => connection,
        None => {
            let limits = open.limits.as_deref_mut();
            let connected = connect(core, downstream, exchange, backend, limits).await?;
            connected.map_err(Failure::Upstream)?
        }
    };
    *sent = true;
    send::<true, D>(core, downstream, exchange, body, backend, connection, open).await
}

/// Tells the circuit of a backend, and the log what that has changed.
fn settle(core: &Core, exchange: &Exchange, backend: &Backend, pass: Pass<'_>, good: bool) {
    let route = exchange.route.name;
    match pass.settle(good) {
        Some(Turned::Closed) => core.log.circuit_closed(route, backend.text),
        Some(Turned::Open(time)) => core.log.circuit_opened(route, backend.text, time),
        None => {}
    }
}

/// Nobody gets this result. A connection on which nothing is left to be read is kept.
fn discard(core: &Core, exchange: &Exchange, backend: &Backend, outcome: Outcome, open: &mut Open) {
    match outcome {
        // Logged when it happened.
        Outcome::Failed(fault) if fault.is_before_sending() => {}
        Outcome::Failed(fault) => core.log.fault(exchange, &fault),
        Outcome::Answered(_) => {}
    }
    let connection = open.connection.take();
    if let Some(mut response) = open.response.take() {
        let received = response.head.fields.buffer.len();
        let mut incoming = Incoming::new(response.framing, &core.limits);
        let buffer = &mut response.head.fields.buffer;
        let first = buffer.filled_mut().get_mut(response.head_length..received);
        let taken = incoming.take(first.unwrap_or_default());
        let length = received - response.head_length;
        let is_whole = taken.is_ok_and(|taken| taken.consumed == length) && incoming.is_done();
        if let Some(connection) = connection
            && is_whole
            && response.keep_alive
            && open.upload.is_done()
        {
            backend.pool.put(connection);
        }
        core.buffers.put_scratch(response.head.fields);
    }
    open.upload.recycle(&core.buffers);
}

/// RT-RETRY-2: by chance up to a bound that doubles; `same`: the backend that has just failed is the next,
/// and may have said when.
fn pause_of(core: &Core, retry: &Retry, made: u32, open: &Open, same: bool) -> Duration {
    let doubled = retry
        .base_ms
        .saturating_mul(1 << made.saturating_sub(1).min(32));
    let most = doubled.min(retry.max_ms);
    let chosen = Duration::from_millis(core.random.borrow_mut().u64(0..=most));
    let wanted = open
        .response
        .as_ref()
        .filter(|_| same)
        .and_then(|response| {
            let field = response.head.fields.get("retry-after")?;
            retry_after(field, clock::unix_time())
        });
    let wanted = wanted.unwrap_or_default();
    chosen.max(wanted.min(Duration::from_millis(retry.max_ms)))
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(field: &[u8], now: Duration) -> Option<Duration> {
    let text = std::str::from_utf8(field).ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(now))
}

/// Waits, unless the client goes away or its time is over.
async fn pause<D: Downstream>(downstream: &mut D, time: Duration) -> Result<(), Failure> {
    if time.is_zero() {
        return Ok(());
    }
    let mut over = pin!(tokio::time::sleep(time));
    poll_fn(|cx| {
        if over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if downstream.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        let expired = downstream.watch().poll_expired(cx);
        expired.map(|()| {
            Err(Failure::Upstream(UpstreamFault::Timeout {
                what: "response",
            }))
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-RETRY-2
    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let now = Duration::from_secs(784_111_777);
        let seconds = |field: &str| retry_after(field.as_bytes(), now).map(|time| time.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:27 GMT"), Some(0));
        for broken in ["", "-1", "1.5", "soon", "99999999999"] {
            assert_eq!(seconds(broken), None, "{broken}");
        }
    }
}
