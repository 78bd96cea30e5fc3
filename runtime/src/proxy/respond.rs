//! Responses to the client: the response half of the chain, the gateway's own fields, the head.

use super::Core;
use super::client::{Client, Persistence};
use super::forward::Open;
use super::frame::{Delimiting, Frame};
use super::relay::{Incoming, Relay, Relayed};
use super::upload::Upload;
use crate::answer::Answer;
use crate::chain::{Chain, Exchange};
use crate::error::UpstreamFault;
use crate::h1::framing::Framing;
use crate::h1::response::ResponseHead;
use crate::h1::write;
use crate::head::{Buffer, Known, Method, Response, Span, Version};
use crate::io::Socket;
use crate::upstream::Backend;

/// What the client got.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) status: u16,
    /// Body bytes.
    pub(super) bytes: u64,
    pub(super) persistence: Persistence,
    pub(super) backend: Option<&'static str>,
    /// The response broke off in its body (RT-ERR-18).
    pub(super) aborted: bool,
    /// Bytes received after the request's body.
    pub(super) following: Vec<u8>,
}

/// How the body of a response is delimited for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announced {
    Chunks,
    /// By the end of the connection (HTTP/1.0 only).
    Close,
    Length(u64),
    /// No body and no field that says so (204, and HEAD without a length).
    Nothing,
}

impl Sent {
    /// RT-ERR-17
    pub(super) fn client_gone() -> Self {
        Self {
            status: 499,
            bytes: 0,
            persistence: Persistence::Abort,
            backend: None,
            aborted: false,
            following: Vec::new(),
        }
    }
}

/// Sends an answer of the gateway's own through the response half of the chain (MW-GEN-7).
pub(super) async fn answer<S: Socket>(
    core: &Core,
    client: &mut Client<S>,
    exchange: &Exchange,
    chain: Option<&dyn Chain>,
    answer: Answer,
    keep: bool,
) -> Sent {
    let (mut response, body) = answer.render(Some(&exchange.request.fields));
    finish(core, exchange, chain, &mut response);
    send_own(core, client, exchange, &response, &body, keep).await
}

/// Sends a preflight's answer, which gets only the gateway's fields besides its own (MW-GEN-7).
pub(super) async fn preflight<S: Socket>(
    core: &Core,
    client: &mut Client<S>,
    exchange: &Exchange,
    mut response: Response,
    keep: bool,
) -> Sent {
    finish(core, exchange, None, &mut response);
    send_own(core, client, exchange, &response, b"", keep).await
}

async fn send_own<S: Socket>(
    core: &Core,
    client: &mut Client<S>,
    exchange: &Exchange,
    response: &Response,
    body: &[u8],
    keep: bool,
) -> Sent {
    let keep = keep && !core.lifecycle.is_stopping();
    let mut lead = core.buffers.wire();
    // The length is among the answer's own fields.
    write_head(&mut lead, exchange, response, Announced::Nothing, keep);
    let bodiless = exchange.request.kind() == Method::Head || response.status() == 204;
    let body = if bodiless { b"" } else { body };
    lead.push(body);
    let mut frame = Frame::head(lead);
    let sent = client.send(&mut frame).await;
    frame.recycle(&core.buffers);
    Sent {
        status: response.status(),
        bytes: body.len() as u64,
        persistence: match (sent, keep) {
            (Ok(()), true) => Persistence::Keep,
            (Ok(()), false) => Persistence::Close,
            (Err(_), _) => Persistence::Abort,
        },
        backend: None,
        aborted: false,
        following: Vec::new(),
    }
}

/// Passes a backend's response on.
pub(super) async fn pass<S: Socket>(
    core: &Core,
    client: &mut Client<S>,
    exchange: &Exchange,
    chain: Option<&dyn Chain>,
    (mut response, backend): (ResponseHead, &Backend),
    open: &mut Open,
    keep_alive: bool,
) -> Sent {
    let received = response.head.fields.buffer.len();
    let head_length = response.head_length;
    let mut incoming = Incoming::new(response.framing);
    let buffer = &mut response.head.fields.buffer;
    let first = buffer.filled_mut().get_mut(head_length..received);
    let Ok(taken) = incoming.take(first.unwrap_or_default()) else {
        let fault = UpstreamFault::Malformed("chunks");
        core.log.fault(exchange, &fault);
        let refused = Answer::of(fault.status());
        return answer(core, client, exchange, chain, refused, false).await;
    };
    let Some(mut connection) = open.connection.take() else {
        return Sent::client_gone();
    };
    let data = Span::new(head_length, head_length + taken.data);
    finish(core, exchange, chain, &mut response.head);

    let announced = announced(exchange, &response);
    let keep = keep_alive && announced != Announced::Close && !core.lifecycle.is_stopping();
    let status = response.head.status();
    let piece_limit = core.settings.write_timeout;
    let mut lead = core.buffers.wire();
    write_head(&mut lead, exchange, &response.head, announced, keep);
    let delimiting = match announced {
        Announced::Chunks => Delimiting::Chunks,
        Announced::Close | Announced::Length(_) | Announced::Nothing => Delimiting::Plain,
    };
    let relay = Relay {
        upstream: &mut connection.socket,
        upload: &mut open.upload,
        delimiting,
        piece_limit: piece_limit.filter(|_| is_endless(&response.head)),
        clean: taken.consumed == received - head_length && response.keep_alive,
        incoming,
    };
    let body = response.head.fields;
    let last = relay.incoming.is_done();
    let frame = Frame::with_body(lead, body, data, delimiting, last, &core.buffers);
    let (relayed, bytes) = relay.run(core, client, frame).await;
    if open.upload.is_done() && matches!(relayed, Relayed::Complete { clean: true }) {
        backend.pool.put(connection);
    }
    conclude(
        core,
        &mut open.upload,
        relayed,
        keep,
        Sent {
            status,
            bytes: taken.data as u64 + bytes,
            backend: Some(backend.text),
            ..Sent::client_gone()
        },
    )
}

/// After a response: what becomes of the client's connection.
fn conclude(core: &Core, upload: &mut Upload, relayed: Relayed, keep: bool, sent: Sent) -> Sent {
    let uploaded = upload.is_done();
    let following = upload.recycle(&core.buffers);
    let (status, persistence) = match relayed {
        Relayed::Complete { .. } if keep && uploaded => (sent.status, Persistence::Keep),
        Relayed::Complete { .. } => (sent.status, Persistence::Close),
        Relayed::ClientGone => (499, Persistence::Abort),
        Relayed::UpstreamBroke => (sent.status, Persistence::Abort),
    };
    Sent {
        status,
        persistence,
        aborted: matches!(relayed, Relayed::UpstreamBroke),
        following,
        ..sent
    }
}

/// RT-SEM-3, RT-SEM-7
fn announced(exchange: &Exchange, response: &ResponseHead) -> Announced {
    let status = response.head.status();
    if status == 204 {
        return Announced::Nothing;
    }
    if exchange.request.kind() == Method::Head || status == 304 {
        return response
            .content_length
            .map_or(Announced::Nothing, Announced::Length);
    }
    match (response.framing, exchange.request.version()) {
        (Framing::Length(length), _) => Announced::Length(length),
        (Framing::Chunked | Framing::Close, Version::Http11) => Announced::Chunks,
        (Framing::Chunked | Framing::Close, Version::Http10) => Announced::Close,
    }
}

/// RT-LISTEN-3: streams whose limits are between two pieces.
fn is_endless(response: &Response) -> bool {
    let media_type = response
        .fields
        .known(Known::ContentType)
        .unwrap_or_default();
    media_type.starts_with(b"text/event-stream") || media_type.starts_with(b"application/grpc")
}

/// The response half: filters in reverse, the gateway's fields (RT-HDR-9), then policies.
fn finish(core: &Core, exchange: &Exchange, chain: Option<&dyn Chain>, response: &mut Response) {
    if let Some(chain) = chain {
        chain.response(exchange, response);
    }
    let fields = &mut response.fields;
    if fields.known_span(Known::Date).is_none() {
        core.clock
            .with_http_date(|date| fields.append("Date", date));
    }
    fields.append("Proxied-By", b"Goma Gateway");
    fields.append("X-Goma-Request-ID", exchange.request.bytes(exchange.id));
    if let Some(chain) = chain {
        chain.apply_policies(exchange, response);
    }
}

fn write_head(
    lead: &mut Buffer,
    exchange: &Exchange,
    response: &Response,
    announced: Announced,
    keep: bool,
) {
    let phrase = response.fields.buffer.at(response.reason);
    write::status_line(lead, response.status(), phrase);
    response.fields.write(lead, |_| true);
    match announced {
        Announced::Chunks => write::field(lead, b"Transfer-Encoding", b"chunked"),
        Announced::Length(length) => write::content_length(lead, length),
        Announced::Close | Announced::Nothing => {}
    }
    match (keep, exchange.request.version()) {
        (false, _) => write::field(lead, b"Connection", b"close"),
        (true, Version::Http10) => write::field(lead, b"Connection", b"keep-alive"),
        (true, Version::Http11) => {}
    }
    lead.push(b"\r\n");
}
