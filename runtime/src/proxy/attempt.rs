//! One try: a request on one connection, until the head of its response is here (RT-UP-8, RT-SEM-1, RT-SEM-2).

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::Core;
use super::buffers::SCRATCH_BYTES;
use super::downstream::{Downstream, sent};
use super::forward::{Body, Failure, Open, connect, is_repeatable, slow_body};
use super::outgoing::write_head;
use super::relay::unexpected_end;
use super::upload::{Upload, UploadFault};
use crate::chain::Exchange;
use crate::error::UpstreamFault;
use crate::h1::response::{self, Parsed, ResponseHead};
use crate::h2::connect as handshake;
use crate::head::{Fields, Method, Version};
use crate::io::Socket;
use crate::upstream::{Backend, Connection, fault_of, is_unprocessed};

/// Largest head of a response (RT-UP-10).
const RESPONSE_HEAD_BYTES_MAX: usize = 256 * 1024;
/// Sends a request on a connection; its response is in `open` then. `OF_SEVERAL`: it is one of the tries of
/// [`super::tries`], which get a copy of their own, so that the other one, with a single caller, is inlined
/// there.
pub(super) async fn send<const OF_SEVERAL: bool, D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    body: &Body,
    backend: &Backend,
    mut connection: Connection,
    open: &mut Open,
) -> Result<(), Failure> {
    if body.expects_continue && !open.upload.is_received() && !open.upload.is_again() {
        // RT-SEM-1: the chain is through and the body is wanted now.
        downstream.push_continue(&core.buffers);
        let sent = sent(core, downstream).await;
        sent.map_err(|_| Failure::ClientGone)?;
    }
    let peer = downstream.peer();
    let complete = open.upload.is_in_head();
    let head = write_head(core, peer, exchange, body, complete, backend);
    open.upload.start(head, &core.buffers);
    let repeatable = is_repeatable(exchange, body);
    let bodiless = exchange.request.kind() == Method::Head;
    let mut received = None;
    let mut answered = false;
    let mut repeated = false;
    loop {
        if exchange.request.version() == Version::Http2 {
            connection.socket.pass_trailers();
        }
        let socket = &mut connection.socket;
        let awaited = await_head(core, downstream, socket, open, &mut received, bodiless);
        let failure = match awaited.await {
            Ok(()) => {
                if let Some(interim) = open.response.take_if(|head| !is_final(exchange, head)) {
                    answered = true;
                    received =
                        pass_interim(core, downstream, exchange, interim, &mut open.answered)
                            .await?;
                    continue;
                }
                open.response
                    .as_ref()
                    .map_or(Ok(()), |head| check_handshake(exchange, head))?;
                if open.upload.is_done() {
                    // What was held back has done its duty.
                    open.upload.recycle(&core.buffers);
                }
                open.connection = Some(connection);
                return Ok(());
            }
            Err(failure) => failure,
        };
        let silent = !answered && received.is_none();
        let upload = &mut open.upload;
        let again = match &failure {
            Failure::Upstream(UpstreamFault::Closed(error)) if silent && !repeated => {
                let harmless = repeatable || upload.is_unsent();
                (connection.reused && harmless)
                    || (is_unprocessed(error) && (repeatable || upload.is_head_only()))
            }
            _ => false,
        };
        if !again {
            if matches!(&failure, Failure::Upstream(UpstreamFault::Timeout { .. })) {
                connection.retire();
            }
            upload.recycle(&core.buffers);
            if let Some(fields) = received {
                core.buffers.put_scratch(fields);
            }
            return Err(failure);
        }
        // RT-UP-8: a kept connection may die at any time; once more on a new one, which gets its place.
        drop(connection);
        let limits = open.limits.as_deref_mut();
        let connected = connect(core, downstream, exchange, backend, limits).await?;
        connection = connected.map_err(Failure::Upstream)?;
        repeated = true;
        open.upload.restart();
    }
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
    handshake::check(&exchange.request.fields, head, protocol)
        .map_err(|detail| Failure::Upstream(UpstreamFault::Malformed(detail)))
}

/// Drives upload and response until there is a head in `response`, final or interim.
async fn await_head<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    upstream: &mut impl Socket,
    open: &mut Open,
    received: &mut Option<Box<Fields>>,
    bodiless: bool,
) -> Result<(), Failure> {
    let Open {
        upload,
        response,
        limits,
        ..
    } = open;
    // Right after the request there is no response yet: the first look takes no buffer.
    let mut looked = received.is_some();
    let mut stopped = false;
    let awaited = poll_fn(|cx| {
        if !upload.is_done() {
            match upload.poll(cx, &core.buffers, downstream, upstream) {
                Poll::Pending | Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(UploadFault::Upstream(error))) => {
                    stopped = true;
                    return Poll::Ready(Err(Failure::Upstream(fault_of(error))));
                }
                Poll::Ready(Err(UploadFault::Client(fault))) => {
                    return Poll::Ready(Err(fault.into()));
                }
                Poll::Ready(Err(UploadFault::TooLarge(limit))) => {
                    return Poll::Ready(Err(Failure::TooLarge(limit)));
                }
            }
        }
        let is_here = std::mem::replace(&mut looked, true) || upstream.poll_readable(cx).is_ready();
        if is_here && let Poll::Ready(read) = poll_response(cx, core, upstream, received, bodiless)
        {
            return Poll::Ready(match read {
                Ok(head) => {
                    *response = Some(head);
                    Ok(())
                }
                Err(fault) => Err(Failure::Upstream(fault)),
            });
        }
        if downstream.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        if let Some(limits) = limits
            && let Poll::Ready(fault) = limits.poll_head(cx, upload.is_done())
        {
            return Poll::Ready(Err(match upload.is_received() {
                true => Failure::Upstream(fault),
                false => Failure::Refused(slow_body()),
            }));
        }
        let watch = downstream.watch();
        watch.poll_expired(cx).map(|()| Err(expired(upload)))
    })
    .await;
    match awaited {
        // Boxed: rare, and no request is to hold room for it.
        Err(failure) if stopped => {
            let read = read_on(core, downstream, upstream, received, bodiless, failure);
            *response = Some(Box::pin(read).await?);
            Ok(())
        }
        awaited => awaited,
    }
}

/// The backend takes no more of the request. It may have answered before that, and what it has sent is still to be
/// read, even behind a reset (RT-STREAM-5). Only if that ends without a head, the failure stands.
async fn read_on<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    upstream: &mut impl Socket,
    received: &mut Option<Box<Fields>>,
    bodiless: bool,
    failure: Failure,
) -> Result<ResponseHead, Failure> {
    let read = poll_fn(|cx| {
        if let Poll::Ready(read) = poll_response(cx, core, upstream, received, bodiless) {
            return Poll::Ready(Ok(Some(read)));
        }
        if downstream.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        downstream.watch().poll_expired(cx).map(|()| Ok(None))
    });
    match read.await? {
        Some(Ok(head)) => Ok(head),
        Some(Err(UpstreamFault::Closed(_))) | None => Err(failure),
        Some(Err(fault)) => Err(Failure::Upstream(fault)),
    }
}

/// RT-LISTEN-3 for a slow body, RT-ERR-16 for a slow backend.
fn expired(upload: &Upload) -> Failure {
    if upload.is_received() {
        return Failure::Upstream(UpstreamFault::Timeout { what: "response" });
    }
    Failure::Refused(slow_body())
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
    passed: &mut bool,
) -> Result<Option<Box<Fields>>, Failure> {
    let status = interim.head.status();
    if status == 101 {
        let detail = "101 without a request to switch protocols";
        return Err(Failure::Upstream(UpstreamFault::Malformed(detail)));
    }
    if status != 100 && exchange.request.version() != Version::Http10 {
        *passed = true;
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
