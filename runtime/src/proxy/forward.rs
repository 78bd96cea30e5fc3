//! From the chain to a response head: which backend is tried, and whether another one after it (RT-UP-9,
//! RT-ERR). How one try goes is known to [`super::attempt`].

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::Core;
use super::attempt::send;
use super::downstream::{BodyFault, Downstream};
use super::limits::Limits;
pub(super) use super::open::Open;
use super::tries;
use crate::chain::Exchange;
use crate::error::{Refusal, RefusalReason, UpstreamFault};
use crate::h1::framing::Framing;
use crate::h2::connect::WEBSOCKET;
use crate::head::Span;
use crate::upstream::{Asked, Backend, Connection, Need, Upstream};

/// What of a request's body came with its head.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) framing: Framing,
    /// `Content-Length` for the backend, unless it gets chunks.
    pub(super) content_length: Option<u64>,
    /// Decoded data in the request's arena.
    pub(super) prefix: Span,
    pub(super) expects_continue: bool,
    /// Trailer fields, if all of the body is here.
    pub(super) trailers: Vec<u8>,
}

/// Why there is no response head.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client is gone (RT-ERR-17).
    ClientGone,
    /// The client's body is malformed or too slow.
    Refused(Refusal),
    /// The client's body is over `bodyLimit`.
    TooLarge(u64),
    /// Too much is under way, or circuits are open: try again after this time (RT-ERR-20).
    Busy(Duration),
    /// No backend is available (RT-ERR-13).
    Unavailable,
    /// The backend failed.
    Upstream(UpstreamFault),
}

impl From<BodyFault> for Failure {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::Gone => Self::ClientGone,
            BodyFault::Malformed(refusal) => Self::Refused(refusal),
        }
    }
}

/// Sends the request to the first backend that can be reached (RT-UP-9); its response is in `open` then.
pub(super) async fn forward<'a, D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    body: &Body,
    upstream: &'a Upstream,
    open: &mut Open,
) -> Result<&'a Backend, Failure> {
    if downstream.is_cancelled() {
        // RT-H2-3: what is cancelled in the breath that asks for it costs no backend anything.
        return Err(Failure::ClientGone);
    }
    if let Some(measures) = upstream.minds() {
        // Boxed: what others do not use takes no room in their futures.
        let with = (upstream, measures);
        return Box::pin(tries::forward(core, downstream, exchange, body, with, open)).await;
    }
    let mut failure = None;
    let asked = Asked {
        request: &exchange.request,
        client: exchange.client,
        stuck: open.stuck,
    };
    for backend in upstream.in_turn(asked) {
        if !upstream.is_single() {
            open.in_flight = upstream.enter(backend);
        }
        let connection = match backend.pool.take(need(exchange)) {
            Some(connection) => connection,
            None => match connect(
                core,
                downstream,
                exchange,
                backend,
                open.limits.as_deref_mut(),
            )
            .await?
            {
                Ok(connection) => connection,
                Err(fault) => {
                    if fault.is_of_connection() {
                        note_failure(core, exchange, upstream, backend);
                    }
                    failure = Some(fault);
                    continue;
                }
            },
        };
        let sent =
            send::<false, D>(core, downstream, exchange, body, backend, connection, open).await;
        match sent {
            Ok(()) => {
                if !upstream.is_single() {
                    note_response(exchange, upstream, backend, open);
                }
                return Ok(backend);
            }
            Err(found) => {
                let goes_on = weigh(core, exchange, upstream, backend, &found);
                match found {
                    Failure::Upstream(fault) if goes_on && is_repeatable(exchange, body) => {
                        // The kept connection was dead and there is no new one (RT-UP-9).
                        open.upload.recycle(&core.buffers);
                        failure = Some(fault);
                    }
                    found => return Err(found),
                }
            }
        }
    }
    Err(failure.map_or(Failure::Unavailable, Failure::Upstream))
}

/// RT-HEALTH-7, RT-LB-9
#[inline(never)]
pub(super) fn note_response(
    exchange: &Exchange,
    upstream: &Upstream,
    backend: &Backend,
    open: &mut Open,
) {
    upstream.responded(backend);
    open.in_flight.answered();
    open.cookie = upstream.cookie(backend, open.stuck, exchange.secure);
}

/// What a failure says about the backend; whether nothing has been sent.
#[cold]
pub(super) fn weigh(
    core: &Core,
    exchange: &Exchange,
    upstream: &Upstream,
    backend: &Backend,
    failure: &Failure,
) -> bool {
    let Failure::Upstream(fault) = failure else {
        return false;
    };
    if fault.is_of_connection() {
        note_failure(core, exchange, upstream, backend);
    }
    fault.is_before_sending()
}

/// RT-HEALTH-7
#[cold]
fn note_failure(core: &Core, exchange: &Exchange, upstream: &Upstream, backend: &Backend) {
    if let Some(ejected) = upstream.failed(backend) {
        let route = exchange.route.name;
        core.log.backend_ejected(route, backend.text, ejected);
    }
}

/// A new connection, unless the client goes away first (RT-UP-7).
pub(super) async fn connect<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    backend: &Backend,
    mut limits: Option<&mut Limits>,
) -> Result<Result<Connection, UpstreamFault>, Failure> {
    // Boxed: most requests find a kept connection, and tasks are not to hold room for what they do not do.
    let mut connecting = Box::pin(backend.connect(&core.resolver, need(exchange)));
    let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Ready(connected) => Poll::Ready(Ok(connected)),
        Poll::Pending => {
            let gone = downstream.poll_gone(cx).is_ready();
            // Also asks for the ticks by which a client on HTTP/1.1 is looked at.
            let _ = downstream.watch().poll_expired(cx);
            match (gone, &mut limits) {
                (true, _) => Poll::Ready(Err(Failure::ClientGone)),
                (false, Some(limits)) => {
                    let expired = limits.poll_head(cx, false);
                    expired.map(|fault| Err(Failure::Upstream(fault)))
                }
                (false, None) => Poll::Pending,
            }
        }
    });
    Ok(connected
        .await?
        .inspect_err(|fault| core.log.fault(exchange, fault)))
}

/// What the connection must be good for.
pub(super) fn need(exchange: &Exchange) -> Need {
    match exchange.request.bytes(exchange.upgrade) {
        b"" => Need::Response,
        protocol if protocol.eq_ignore_ascii_case(WEBSOCKET.as_bytes()) => Need::WebSocket,
        _ => Need::Switch,
    }
}

/// Whether sending the request again does no harm (RT-UP-8).
pub(super) fn is_repeatable(exchange: &Exchange, body: &Body) -> bool {
    body.framing.is_empty() && exchange.request.kind().is_idempotent()
}

/// RT-LISTEN-3
pub(super) fn slow_body() -> Refusal {
    let detail = "the request body took too long";
    Refusal::new(408, RefusalReason::Timeout, detail)
}
