//! One request to a backend: connect, send, wait for the response head (RT-UP, RT-ERR).

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use super::Core;
use super::buffers::SCRATCH_BYTES;
use super::downstream::{BodyFault, Downstream, Peer, sent};
use super::forwarding;
pub(super) use super::open::Open;
use super::relay::unexpected_end;
use super::upload::{Upload, UploadFault};
use crate::chain::Exchange;
use crate::error::{CONNECT, Refusal, RefusalReason, UpstreamFault};
use crate::h1::framing::Framing;
use crate::h1::response::{self, Parsed, ResponseHead};
use crate::h1::write;
use crate::h2::connect;
use crate::head::{Buffer, Fields, Method, Span, Version};
use crate::io::Socket;
use crate::upstream::{Asked, Backend, Connection, Upstream};

/// Largest head of a response (RT-UP-10).
const RESPONSE_HEAD_BYTES_MAX: usize = 256 * 1024;

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
        let connection = match backend.pool.take() {
            Some(connection) => connection,
            None => match connect(core, downstream, exchange, backend).await? {
                Ok(connection) => connection,
                Err(fault) => {
                    note_failure(core, exchange, upstream, backend);
                    failure = Some(fault);
                    continue;
                }
            },
        };
        match send(core, downstream, exchange, body, backend, connection, open).await {
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
fn note_response(exchange: &Exchange, upstream: &Upstream, backend: &Backend, open: &mut Open) {
    upstream.responded(backend);
    open.in_flight.answered();
    open.cookie = upstream.cookie(backend, open.stuck, exchange.secure);
}

/// What a failure says about the backend; whether nothing has been sent.
#[cold]
fn weigh(
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
    if let Some(time) = upstream.failed(backend) {
        let route = exchange.route.name;
        core.log.backend_ejected(route, backend.text, time);
    }
}

/// A new connection, unless the client goes away first (RT-UP-7).
async fn connect<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    backend: &Backend,
) -> Result<Result<Connection, UpstreamFault>, Failure> {
    let mut connecting = pin!(core.resolver.connect(&backend.url));
    let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Ready(connected) => Poll::Ready(Ok(connected)),
        Poll::Pending => {
            let gone = downstream.poll_gone(cx).is_ready();
            // Also asks for the ticks by which a client on HTTP/1.1 is looked at.
            let _ = downstream.watch().poll_expired(cx);
            match gone {
                true => Poll::Ready(Err(Failure::ClientGone)),
                false => Poll::Pending,
            }
        }
    });
    Ok(connected.await?.map_err(|source| {
        let fault = if source.kind() == io::ErrorKind::TimedOut {
            UpstreamFault::Timeout { what: CONNECT }
        } else {
            UpstreamFault::Connect {
                endpoint: backend.url.authority.clone(),
                source,
            }
        };
        core.log.fault(exchange, &fault);
        fault
    }))
}

async fn send<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    body: &Body,
    backend: &Backend,
    mut connection: Connection,
    open: &mut Open,
) -> Result<(), Failure> {
    let Open {
        upload, response, ..
    } = open;
    if body.expects_continue && !upload.is_received() {
        // RT-SEM-1: the chain is through and the body is wanted now.
        downstream.push_continue(&core.buffers);
        let sent = sent(core, downstream).await;
        sent.map_err(|_| Failure::ClientGone)?;
    }
    let peer = downstream.peer();
    let head = write_head(core, peer, exchange, body, upload.is_in_head(), backend);
    upload.start(head, &core.buffers);
    let repeatable = is_repeatable(exchange, body);
    let bodiless = exchange.request.kind() == Method::Head;
    let mut received = None;
    let mut answered = false;
    loop {
        let socket = &mut connection.socket;
        let failure = match await_head(
            core,
            downstream,
            socket,
            upload,
            &mut received,
            response,
            bodiless,
        )
        .await
        {
            Ok(()) => {
                if let Some(interim) = response.take_if(|head| !is_final(exchange, head)) {
                    answered = true;
                    received = pass_interim(core, downstream, exchange, interim).await?;
                    continue;
                }
                response
                    .as_ref()
                    .map_or(Ok(()), |head| check_handshake(exchange, head))?;
                if upload.is_done() {
                    // What was held back has done its duty.
                    upload.recycle(&core.buffers);
                }
                open.connection = Some(connection);
                return Ok(());
            }
            Err(failure) => failure,
        };
        let died = matches!(failure, Failure::Upstream(UpstreamFault::Closed(_)));
        let harmless = repeatable || upload.is_unsent();
        let silent = !answered && received.is_none();
        if !(died && connection.reused && harmless && silent) {
            upload.recycle(&core.buffers);
            if let Some(fields) = received {
                core.buffers.put_scratch(fields);
            }
            return Err(failure);
        }
        // RT-UP-8: a kept connection may die at any time; once more on a new one.
        let connected = connect(core, downstream, exchange, backend).await?;
        connection = connected.map_err(Failure::Upstream)?;
        upload.restart();
    }
}

/// Whether sending the request again does no harm (RT-UP-8).
fn is_repeatable(exchange: &Exchange, body: &Body) -> bool {
    body.framing.is_empty() && exchange.request.kind().is_idempotent()
}

/// Whether a response ends the wait for one: 101 does so if it was asked for (RT-SEM-2).
fn is_final(exchange: &Exchange, response: &ResponseHead) -> bool {
    match response.head.status() {
        101 => !exchange.upgrade.is_empty() && !response.upgrade.is_empty(),
        status => status >= 200,
    }
}

/// RT-WS-5
fn check_handshake(exchange: &Exchange, response: &ResponseHead) -> Result<(), Failure> {
    if !exchange.is_stream_handshake() {
        return Ok(());
    }
    let head = &response.head;
    let protocol = head.fields.buffer.at(response.upgrade);
    connect::check(&exchange.request.fields, head, protocol)
        .map_err(|detail| Failure::Upstream(UpstreamFault::Malformed(detail)))
}

/// Drives upload and response until there is a head in `response`, final or interim.
async fn await_head<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    upstream: &mut impl Socket,
    upload: &mut Upload,
    received: &mut Option<Box<Fields>>,
    response: &mut Option<ResponseHead>,
    bodiless: bool,
) -> Result<(), Failure> {
    poll_fn(|cx| {
        let mut broken = None;
        if !upload.is_done() {
            match upload.poll(cx, &core.buffers, downstream, upstream) {
                Poll::Pending | Poll::Ready(Ok(())) => {}
                // The backend may have answered before it stopped reading.
                Poll::Ready(Err(UploadFault::Upstream(error))) => broken = Some(error),
                Poll::Ready(Err(UploadFault::Client(fault))) => {
                    return Poll::Ready(Err(fault.into()));
                }
                Poll::Ready(Err(UploadFault::TooLarge(limit))) => {
                    return Poll::Ready(Err(Failure::TooLarge(limit)));
                }
            }
        }
        if let Poll::Ready(read) = poll_response(cx, core, upstream, received, bodiless) {
            return Poll::Ready(match read {
                Ok(head) => {
                    *response = Some(head);
                    Ok(())
                }
                Err(fault) => Err(Failure::Upstream(fault)),
            });
        }
        if let Some(error) = broken {
            return Poll::Ready(Err(Failure::Upstream(UpstreamFault::Closed(error))));
        }
        if downstream.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        let watch = downstream.watch();
        watch.poll_expired(cx).map(|()| Err(expired(upload)))
    })
    .await
}

/// RT-LISTEN-3 for a slow body, RT-ERR-16 for a slow backend.
fn expired(upload: &Upload) -> Failure {
    if upload.is_received() {
        return Failure::Upstream(UpstreamFault::Timeout { what: "response" });
    }
    Failure::Refused(slow_body())
}

/// RT-LISTEN-3
pub(super) fn slow_body() -> Refusal {
    let detail = "the request body took too long";
    Refusal::new(408, RefusalReason::Timeout, detail)
}

fn poll_response(
    cx: &mut Context<'_>,
    core: &Core,
    upstream: &mut impl Socket,
    received: &mut Option<Box<Fields>>,
    bodiless: bool,
) -> Poll<Result<ResponseHead, UpstreamFault>> {
    loop {
        let mut fields = received.take().unwrap_or_else(|| core.buffers.scratch());
        if !fields.buffer.is_empty() {
            match response::parse(fields, bodiless) {
                Parsed::Complete(response) if response.head_length > RESPONSE_HEAD_BYTES_MAX => {
                    core.buffers.put_scratch(response.head.fields);
                    return Poll::Ready(Err(UpstreamFault::Malformed("head too large")));
                }
                Parsed::Complete(response) => return Poll::Ready(Ok(response)),
                Parsed::Malformed(fields, detail) => {
                    core.buffers.put_scratch(fields);
                    return Poll::Ready(Err(UpstreamFault::Malformed(detail)));
                }
                Parsed::Partial(partial) => fields = partial,
            }
            if fields.buffer.len() >= RESPONSE_HEAD_BYTES_MAX {
                core.buffers.put_scratch(fields);
                return Poll::Ready(Err(UpstreamFault::Malformed("head too large")));
            }
        }
        fields.buffer.reserve(1);
        match upstream.poll_read(cx, fields.buffer.space(SCRATCH_BYTES)) {
            Poll::Ready(Ok(count)) if count > 0 => {
                fields.buffer.advance(count);
                *received = Some(fields);
            }
            Poll::Ready(ended) => {
                // What has come stays, as a sign that something has (RT-UP-8).
                if fields.buffer.is_empty() {
                    core.buffers.put_scratch(fields);
                } else {
                    *received = Some(fields);
                }
                let error = ended.err().unwrap_or_else(unexpected_end);
                return Poll::Ready(Err(UpstreamFault::Closed(error)));
            }
            Poll::Pending => {
                if fields.buffer.is_empty() {
                    core.buffers.put_scratch(fields);
                } else {
                    *received = Some(fields);
                }
                return Poll::Pending;
            }
        }
    }
}

/// RT-SEM-2: 1xx responses other than 100 are passed on at once; what follows stays received.
async fn pass_interim<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    interim: ResponseHead,
) -> Result<Option<Box<Fields>>, Failure> {
    let status = interim.head.status();
    if status == 101 {
        let detail = "101 without a request to switch protocols";
        return Err(Failure::Upstream(UpstreamFault::Malformed(detail)));
    }
    if status != 100 && exchange.request.version() != Version::Http10 {
        downstream.push_interim(&core.buffers, &interim.head);
        let sent = sent(core, downstream).await;
        sent.map_err(|_| Failure::ClientGone)?;
    }
    let following = interim
        .head
        .fields
        .buffer
        .filled()
        .get(interim.head_length..);
    let mut rest = core.buffers.scratch();
    rest.buffer.push(following.unwrap_or_default());
    core.buffers.put_scratch(interim.head.fields);
    if rest.buffer.is_empty() {
        core.buffers.put_scratch(rest);
        return Ok(None);
    }
    Ok(Some(rest))
}

/// The request as the backend gets it, with the part of the body that is here already; `complete`:
/// which is all of it.
fn write_head(
    core: &Core,
    peer: &Peer,
    exchange: &Exchange,
    body: &Body,
    complete: bool,
    backend: &Backend,
) -> Buffer {
    let request = &exchange.request;
    let mut out = core.buffers.wire();
    write_target(&mut out, exchange, &backend.url.path);
    out.push(b" HTTP/1.1\r\n");
    forwarding::write_fields(&mut out, exchange, &backend.url.authority, peer);
    if !exchange.upgrade.is_empty() {
        write::field(&mut out, b"Connection", b"Upgrade");
        write::field(&mut out, b"Upgrade", request.bytes(exchange.upgrade));
    }
    match body.framing {
        Framing::Chunked => write::field(&mut out, b"Transfer-Encoding", b"chunked"),
        Framing::Close | Framing::Length(_) => {
            if let Some(length) = body.content_length {
                write::content_length(&mut out, length);
            }
        }
    }
    out.push(b"\r\n");
    let chunked = body.framing == Framing::Chunked;
    if !body.prefix.is_empty() {
        if chunked {
            write::chunk_line(&mut out, body.prefix.len());
        }
        out.push(request.fields.buffer.at(body.prefix));
        if chunked {
            out.push(b"\r\n");
        }
    }
    if chunked && complete {
        out.push(b"0\r\n");
        out.push(&body.trailers);
        out.push(b"\r\n");
    }
    out
}

/// Method and target; the path of the backend's URL comes first (RT-UP-2). Untouched ones lie behind
/// one another and are copied as one.
fn write_target(out: &mut Buffer, exchange: &Exchange, prefix: &str) {
    let request = &exchange.request;
    let path = exchange.upstream_path.unwrap_or(request.path);
    let method = request.method;
    if method.end() + 1 == path.start() && prefix.is_empty() {
        out.push(request.bytes(method.through(path, 0)));
    } else {
        out.push(request.bytes(method));
        out.push(b" ");
        out.push(prefix.as_bytes());
        out.push(request.bytes(path));
    }
    if !request.query.is_empty() {
        out.push(request.bytes(request.query));
    }
}
