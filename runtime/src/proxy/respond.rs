//! Responses to the client: the response half of the chain, the gateway's own fields, the head.

use super::downstream::{Announced, Downstream, Persistence, Tail, Terms, sent};
use super::forward::Open;
use super::incoming::Incoming;
use super::relay::{Relay, Relayed};
use super::tunnel;
use super::upload::Upload;
use super::{Core, deadlines, debug};
use crate::answer::Answer;
use crate::chain::{Chain, Exchange};
use crate::error::UpstreamFault;
use crate::h1::framing::Framing;
use crate::h1::response::ResponseHead;
use crate::h2::connect::is_success;
use crate::head::{Known, Method, Response, Span, Version};
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
    /// Bytes that a tunnel took from the client; `None`: there was none.
    pub(super) tunnelled: Option<u64>,
}

impl Sent {
    /// What was begun with this status ends before its end.
    pub(super) fn broken_off(status: u16) -> Self {
        Self {
            status,
            aborted: true,
            ..Self::client_gone()
        }
    }

    /// RT-ERR-17
    pub(super) fn client_gone() -> Self {
        Self {
            status: 499,
            bytes: 0,
            persistence: Persistence::Abort,
            backend: None,
            aborted: false,
            tunnelled: None,
        }
    }
}

/// Sends an answer of the gateway's own through the response half of the chain (MW-GEN-7).
pub(super) async fn answer<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    chain: Option<&dyn Chain>,
    answer: Answer,
    keep: bool,
) -> Sent {
    let answer = match exchange.is_stream_handshake() && is_success(answer.status()) {
        // RT-WS-5: to its client, success would say that the tunnel is there.
        true => Answer::of(501),
        false => answer,
    };
    let (mut response, mut body) = answer.render(Some(exchange.received()));
    if let Some(replaced) = finish(core, exchange, chain, &mut response) {
        body = replaced;
    }
    send_own(core, downstream, exchange, &response, &body, keep).await
}

/// Sends a preflight's answer, which gets only the gateway's fields besides its own (MW-GEN-7).
pub(super) async fn preflight<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    mut response: Response,
    keep: bool,
) -> Sent {
    let _ = finish(core, exchange, None, &mut response);
    send_own(core, downstream, exchange, &response, b"", keep).await
}

async fn send_own<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    response: &Response,
    body: &[u8],
    keep: bool,
) -> Sent {
    let keep = keep && !core.lifecycle.is_stopping();
    let terms = Terms {
        // The length is among the answer's own fields.
        announced: Announced::Nothing,
        version: exchange.request.version(),
        keep,
    };
    let bodiless =
        exchange.request.kind() == Method::Head || matches!(response.status(), 204 | 205 | 304);
    let body = if bodiless { b"" } else { body };
    downstream.push_answer(&core.buffers, response, terms, body);
    if sent(core, downstream).await.is_err() {
        return Sent::client_gone();
    }
    Sent {
        status: response.status(),
        bytes: body.len() as u64,
        persistence: match keep {
            true => Persistence::Keep,
            false => Persistence::Close,
        },
        backend: None,
        aborted: false,
        tunnelled: None,
    }
}

/// Passes a backend's response on.
pub(super) async fn pass<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    chain: Option<&dyn Chain>,
    backend: &Backend,
    open: &mut Open,
    keep_alive: bool,
) -> Sent {
    let Some(mut response) = open.response.take() else {
        return Sent::client_gone();
    };
    let received = response.head.fields.buffer.len();
    let head_length = response.head_length;
    let mut incoming = Incoming::new(response.framing, &core.limits);
    let buffer = &mut response.head.fields.buffer;
    let first = buffer.filled_mut().get_mut(head_length..received);
    let Ok(taken) = incoming.take(first.unwrap_or_default()) else {
        let fault = UpstreamFault::Malformed("chunks");
        core.log.fault(exchange, &fault);
        let refused = Answer::of(fault.status());
        return answer(core, downstream, exchange, chain, refused, false).await;
    };
    let Some(mut connection) = open.connection.take() else {
        return Sent::client_gone();
    };
    open.stick(&mut response.head);
    let clean = taken.consumed == received - head_length && response.keep_alive;
    if let Some(body) = finish(core, exchange, chain, &mut response.head) {
        // MW-EI-5: the backend's body is not read. If it is here already, the connection stays.
        open.connection = Some(connection).filter(|_| clean && incoming.is_done());
        let new = (response.head, body);
        return replace(core, downstream, exchange, new, backend, open, keep_alive).await;
    }
    let data = Span::new(head_length, head_length + taken.data);

    let announced = announced(exchange, &response, connection.socket.length());
    // An early response: whether the rest of the request will come is not known yet.
    let keep = keep_alive
        && announced != Announced::Close
        && downstream.is_received()
        && !core.lifecycle.is_stopping();
    let status = response.head.status();
    let piece_limit = deadlines::between_pieces(core, &response.head.fields, open);
    let relay = Relay {
        upstream: &mut connection.socket,
        upload: &mut open.upload,
        piece_limit,
        ends: None,
        limits: open.limits.as_deref(),
        clean,
        incoming,
    };
    let terms = Terms {
        announced,
        version: exchange.request.version(),
        keep,
    };
    let tail = Tail::of(relay.incoming.is_done(), taken.trailers);
    downstream.push_response(&core.buffers, response.head, terms, data, tail);
    let (relayed, bytes) = relay.run(core, downstream).await;
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

/// Sends a backend's response with another body (MW-EI-1); a connection that is still there is kept.
async fn replace<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    (response, body): (Response, Vec<u8>),
    backend: &Backend,
    open: &mut Open,
    keep_alive: bool,
) -> Sent {
    let uploaded = open.upload.is_done();
    if let Some(connection) = open.connection.take()
        && uploaded
    {
        backend.pool.put(connection);
    }
    open.upload.recycle(&core.buffers);
    let keep = keep_alive && uploaded && downstream.is_received();
    let sent = send_own(core, downstream, exchange, &response, &body, keep).await;
    core.buffers.put_scratch(response.fields);
    Sent {
        backend: Some(backend.text),
        ..sent
    }
}

/// After a response: what becomes of the client's connection.
fn conclude(core: &Core, upload: &mut Upload, relayed: Relayed, keep: bool, sent: Sent) -> Sent {
    upload.recycle(&core.buffers);
    let (status, persistence) = match relayed {
        Relayed::Complete { .. } if keep => (sent.status, Persistence::Keep),
        Relayed::Complete { .. } => (sent.status, Persistence::Close),
        Relayed::ClientGone => (499, Persistence::Abort),
        Relayed::UpstreamBroke | Relayed::Refused => (sent.status, Persistence::Abort),
    };
    Sent {
        status,
        persistence,
        aborted: matches!(relayed, Relayed::UpstreamBroke | Relayed::Refused),
        ..sent
    }
}

/// Passes a `101` on and the bytes after it, both ways (RT-WS-1).
pub(super) async fn tunnel<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &Exchange,
    chain: Option<&dyn Chain>,
    backend: &Backend,
    open: &mut Open,
) -> Sent {
    open.upload.recycle(&core.buffers);
    let (Some(mut connection), Some(mut response)) = (open.connection.take(), open.response.take())
    else {
        return Sent::client_gone();
    };
    let received = response.head.fields.buffer.len();
    let data = Span::new(response.head_length, received);
    open.stick(&mut response.head);
    // RT-HDR-9: the gateway's own fields are not on a 101.
    if let Some(chain) = chain {
        chain.response(exchange, &mut response.head);
        // No error, so its body is nobody's to replace.
        let _ = chain.leave(exchange, &mut response.head);
    }
    let fields = &mut response.head.fields;
    let protocol = fields.buffer.at(response.upgrade).to_vec();
    fields.append("Connection", b"Upgrade");
    fields.append("Upgrade", &protocol);
    let terms = Terms {
        announced: Announced::Tunnel,
        version: exchange.request.version(),
        keep: false,
    };
    downstream.push_response(&core.buffers, response.head, terms, data, Tail::More);
    downstream.become_tunnel();
    let (socket, idle) = (&mut connection.socket, open.idle());
    let bytes = tunnel::run(core, downstream, socket, idle, &protocol).await;
    Sent {
        status: 101,
        bytes: data.len() as u64 + bytes.down,
        backend: Some(backend.text),
        persistence: Persistence::Close,
        tunnelled: Some(bytes.up),
        ..Sent::client_gone()
    }
}

/// RT-SEM-3, RT-SEM-4, RT-SEM-7; `length`: that of a body in chunks, which HTTP/2 has beside trailers.
fn announced(exchange: &Exchange, response: &ResponseHead, length: Option<u64>) -> Announced {
    let status = response.head.status();
    if status == 204 {
        return Announced::Nothing;
    }
    if status == 205 {
        return Announced::Length(0);
    }
    if exchange.request.kind() == Method::Head || status == 304 {
        return response
            .content_length
            .map_or(Announced::Nothing, Announced::Length);
    }
    match (response.framing, exchange.request.version()) {
        (Framing::Length(length), _) => Announced::Length(length),
        (Framing::Chunked | Framing::Close, Version::Http2) => {
            length.map_or(Announced::Framed, Announced::Length)
        }
        (Framing::Chunked | Framing::Close, Version::Http11) => Announced::Framed,
        (Framing::Chunked | Framing::Close, Version::Http10) => Announced::Close,
    }
}

/// The response half: filters in reverse, the gateway's fields (RT-HDR-9), then the recorder, which
/// may replace the body; a new one's length is among the fields.
fn finish(
    core: &Core,
    exchange: &Exchange,
    chain: Option<&dyn Chain>,
    response: &mut Response,
) -> Option<Vec<u8>> {
    if let Some(chain) = chain {
        chain.response(exchange, response);
    }
    let fields = &mut response.fields;
    if fields.known_span(Known::Date).is_none() {
        core.clock
            .with_http_date(|date| fields.append("Date", date));
    }
    fields.append("Proxied-By", b"Goma Gateway");
    let id = exchange.request.bytes(exchange.id);
    match exchange.id_fields {
        None => fields.append("X-Goma-Request-ID", id),
        Some(names) => fields.set(names.response, id),
    }
    let body = chain.and_then(|chain| chain.leave(exchange, response));
    if let Some(body) = &body {
        let mut digits = itoa::Buffer::new();
        let length = digits.format(body.len());
        response.fields.append("Content-Length", length.as_bytes());
    }
    if core.settings.debug {
        debug::responded(exchange, response);
    }
    body
}
