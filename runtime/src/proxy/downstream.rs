//! The narrow trait between an exchange and the protocol that its client speaks.
//!
//! An exchange reads decoded body pieces and hands over heads and pieces; how they are delimited, and
//! which connection or stream they travel on, is known only to the implementation: [`super::client`]
//! for HTTP/1.1, [`super::http2`] for HTTP/2. The exchange is compiled once per implementation, so that
//! the trait costs nothing.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};

use super::Core;
use super::buffers::Buffers;
use super::forwarding::ForwardingFields;
use crate::clock::Watch;
use crate::error::Refusal;
use crate::head::{Fields, Response, Span, Version};

/// The client's side of one exchange.
///
/// Output is handed over with the `push` methods and then driven by [`Downstream::poll_sent`]:
/// INVARIANT: nothing is pushed before everything pushed earlier has been sent, so at most one
/// head and one piece are in hand.
pub(super) trait Downstream {
    /// Who the client is.
    fn peer(&self) -> &Peer;

    /// The deadline of the exchange. Its limits are set by the exchange.
    fn watch(&self) -> &Watch;

    /// Whether all of the request's body has been received.
    fn is_received(&self) -> bool;

    /// The next piece of the request's body, decoded. Not to be asked for after its end.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<Piece, BodyFault>>;

    /// Ready once the client has gone or has cancelled the request (RT-UP-7). Pending where the
    /// protocol cannot tell, as while a body is outstanding on HTTP/1.1.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether the client is known to have cancelled the request already. Asks nobody.
    fn is_cancelled(&mut self) -> bool;

    /// Hands over `100 Continue` (RT-SEM-1).
    fn push_continue(&mut self, buffers: &Buffers);

    /// Hands over an interim response (RT-SEM-2).
    fn push_interim(&mut self, buffers: &Buffers, response: &Response);

    /// Hands over the whole of a response of the gateway's own.
    fn push_answer(&mut self, buffers: &Buffers, response: &Response, terms: Terms, body: &[u8]);

    /// Hands over a backend's response: its head, and `data` of the head's arena as the first piece
    /// of its body, behind which comes `tail`.
    fn push_response(
        &mut self,
        buffers: &Buffers,
        response: Response,
        terms: Terms,
        data: Span,
        tail: Tail,
    );

    /// After `101`: what was handed over was the last of HTTP. From now on [`Downstream::poll_body`]
    /// gives bytes as they come, and pieces are sent as they are (RT-WS-1).
    fn become_tunnel(&mut self);

    /// Whether any of the final response has been handed over.
    fn has_begun(&self) -> bool;

    /// Hands over another piece of the body.
    fn push_piece(&mut self, buffers: &Buffers, piece: Piece);

    /// Sends what was handed over; ready when the next piece may come.
    fn poll_sent(&mut self, cx: &mut Context<'_>, buffers: &Buffers) -> Poll<io::Result<()>>;
}

/// A client, as far as it is the same for all its requests.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    /// `address` as text, for the log.
    pub(super) text: String,
    /// Whether it is a proxy that may say who the client is (RT-IP-2).
    pub(super) trusted: bool,
    /// Whether the connection is TLS.
    pub(super) secure: bool,
    /// The forwarding fields of every request of this connection.
    pub(super) forwarding: ForwardingFields,
}

/// A piece of a body: `data` of the bytes of `fields`.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) fields: Box<Fields>,
    pub(super) data: Span,
    pub(super) tail: Tail,
}

/// What comes after a piece.
#[derive(Debug)]
pub(super) enum Tail {
    /// The body ends here.
    End,
    /// Another piece.
    More,
    /// The body ends with these trailer fields, each ended by CRLF (RT-SEM-4).
    Trailers(Vec<u8>),
}

/// Why there is no next piece of a request's body.
#[derive(Debug)]
pub(super) enum BodyFault {
    /// The client is gone (RT-ERR-17).
    Gone,
    /// The body is malformed.
    Malformed(Refusal),
}

/// What the head of a final response says about body and connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) announced: Announced,
    /// The version of the request.
    pub(super) version: Version,
    /// Whether the client may send another request on its connection.
    pub(super) keep: bool,
}

/// How the body of a response is delimited for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// By the end of the connection (HTTP/1.0 only).
    Close,
    /// By the protocol's own means: chunks, or DATA frames.
    Framed,
    Length(u64),
    /// No body, and no field besides the response's own that says so.
    Nothing,
    /// Another protocol, which the response's own fields name.
    Tunnel,
}

/// What becomes of the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// The next request may come.
    Keep,
    /// Closed after an answer that the client should be able to read.
    Close,
    /// Closed at once.
    Abort,
}

impl Peer {
    /// The peer of a connection; `secure`: over TLS.
    pub(super) fn new(core: &Core, address: IpAddr, secure: bool) -> Self {
        let address = address.to_canonical();
        let text = address.to_string();
        let proxies = core.settings.proxies.as_ref();
        let scheme = if secure { "https" } else { "http" };
        Self {
            address,
            forwarding: ForwardingFields::new(&text, scheme),
            text,
            trusted: proxies.is_some_and(|proxies| proxies.trusts(address)),
            secure,
        }
    }
}

impl Piece {
    /// Whether nothing follows.
    pub(super) fn is_last(&self) -> bool {
        match self.tail {
            Tail::End | Tail::Trailers(_) => true,
            Tail::More => false,
        }
    }
}

impl Tail {
    /// The tail of a piece; `end`: nothing follows but these trailers.
    pub(super) fn of(end: bool, trailers: Vec<u8>) -> Self {
        match (end, trailers.is_empty()) {
            (false, _) => Self::More,
            (true, true) => Self::End,
            (true, false) => Self::Trailers(trailers),
        }
    }
}

/// Sends what was handed over, before the deadline.
pub(super) async fn sent<D: Downstream>(core: &Core, downstream: &mut D) -> io::Result<()> {
    poll_fn(|cx| match downstream.poll_sent(cx, &core.buffers) {
        Poll::Pending => downstream
            .watch()
            .poll_expired(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into())),
        Poll::Ready(sent) => Poll::Ready(sent),
    })
    .await
}
