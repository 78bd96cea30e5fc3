//! The head of a request as its backend gets it.

use super::Core;
use super::downstream::Peer;
use super::forward::Body;
use super::forwarding;
use crate::chain::Exchange;
use crate::h1::framing::Framing;
use crate::h1::write;
use crate::head::Buffer;
use crate::upstream::Backend;

/// The request as the backend gets it, with the part of the body that is here already; `complete`:
/// which is all of it.
pub(super) fn write_head(
    core: &Core,
    peer: &Peer,
    exchange: &Exchange,
    body: &Body,
    complete: bool,
    backend: &Backend,
) -> Buffer {
    let request = &exchange.request;
    let mut out = core.buffers.wire();
    write_target(&mut out, exchange, &backend.endpoint.url.path);
    out.push(b" HTTP/1.1\r\n");
    forwarding::write_fields(&mut out, exchange, &backend.endpoint.url.authority, peer);
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
