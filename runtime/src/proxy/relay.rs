//! Moves a response body to the client as it arrives.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Core;
use super::buffers::SCRATCH_BYTES;
use super::downstream::{BodyFault, Downstream, Piece, Tail};
use super::incoming::Incoming;
use super::limits::Limits;
use super::upload::{Upload, UploadFault};
use crate::head::{Fields, Span};
use crate::io::Socket;

/// A response body on its way to the client.
pub(super) struct Relay<'a, U> {
    pub(super) upstream: &'a mut U,
    pub(super) upload: &'a mut Upload,
    pub(super) incoming: Incoming,
    /// Limit between two pieces, for event streams and gRPC; else the deadline is a total.
    pub(super) piece_limit: Option<Duration>,
    /// Whether the backend keeps the connection and has sent nothing but its response so far.
    pub(super) clean: bool,
    /// How it ends because of the rest of the request.
    pub(super) ends: Option<Relayed>,
    /// `timeouts` of the route.
    pub(super) limits: Option<&'a Limits>,
}

/// How a relay ended.
#[derive(Debug)]
pub(super) enum Relayed {
    /// All of it. `clean`: the backend has sent nothing else, so its connection may be kept.
    Complete { clean: bool },
    /// The client is gone, or too slow (RT-ERR-17).
    ClientGone,
    /// The backend died, or sent what is no body (RT-ERR-18).
    UpstreamBroke,
    /// The rest of the request is too large, or no body (MW-BODY-2, RT-SMUG): it is broken off at once, as if the
    /// backend had died.
    Refused,
}

impl<U: Socket> Relay<'_, U> {
    /// Sends what was handed over, then the rest of the body. Returns how many body bytes followed.
    pub(super) async fn run<D: Downstream>(
        mut self,
        core: &Core,
        downstream: &mut D,
    ) -> (Relayed, u64) {
        let mut bytes = 0;
        loop {
            if let Some(limits) = self.limits {
                limits.send_piece();
            }
            if poll_fn(|cx| self.poll_sent(cx, core, downstream))
                .await
                .is_err()
            {
                return (Relayed::ClientGone, bytes);
            }
            if self.incoming.is_done() {
                return (Relayed::Complete { clean: self.clean }, bytes);
            }
            if let Some(limits) = self.limits {
                limits.await_piece();
            }
            if self.piece_limit.is_some() {
                downstream.watch().limit(self.piece_limit);
            }
            match poll_fn(|cx| self.poll_piece(cx, core, downstream)).await {
                Ok(piece) => {
                    bytes += piece.data.len() as u64;
                    downstream.push_piece(&core.buffers, piece);
                }
                Err(ended) => return (ended, bytes),
            }
        }
    }

    /// Sends to the client. The upload goes on meanwhile: a client may not read before it has sent.
    fn poll_sent<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
    ) -> Poll<io::Result<()>> {
        let sent = downstream.poll_sent(cx, &core.buffers);
        if sent.is_ready() {
            return sent;
        }
        self.poll_upload(cx, core, downstream);
        let expired = downstream.watch().poll_expired(cx);
        let limited = self.poll_limits(cx);
        match expired.is_ready() || limited.is_ready() {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }

    /// A fault of the upload ends it. No connection is kept then.
    fn poll_upload<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
    ) {
        if !self.upload.is_over() {
            let buffers = &core.buffers;
            match self.upload.poll(cx, buffers, downstream, self.upstream) {
                Poll::Pending | Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(fault)) => {
                    self.upload.fail();
                    self.ends = match fault {
                        // The backend has answered before it stopped reading.
                        UploadFault::Upstream(_) => None,
                        UploadFault::Client(BodyFault::Gone) => Some(Relayed::ClientGone),
                        UploadFault::Client(BodyFault::Malformed(refusal)) => {
                            core.log.refused(&downstream.peer().text, refusal);
                            Some(Relayed::Refused)
                        }
                        UploadFault::TooLarge(_) => Some(Relayed::Refused),
                    };
                }
            }
        }
    }

    fn poll_piece<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
    ) -> Poll<Result<Piece, Relayed>> {
        if let Some(Relayed::Refused) = self.ends {
            return Poll::Ready(Err(Relayed::Refused));
        }
        let mut fields = core.buffers.scratch();
        let read = self
            .upstream
            .poll_read(cx, fields.buffer.space(SCRATCH_BYTES));
        match read {
            Poll::Pending => {
                core.buffers.put_scratch(fields);
                self.poll_others(cx, core, downstream)
            }
            Poll::Ready(Ok(count)) if count > 0 => {
                fields.buffer.advance(count);
                let Ok(taken) = self.incoming.take(fields.buffer.filled_mut()) else {
                    return Poll::Ready(Err(Relayed::UpstreamBroke));
                };
                self.clean &= taken.consumed == count;
                Poll::Ready(Ok(self.piece(fields, taken.data, taken.trailers)))
            }
            // What breaks is no end, nor is a TLS session without a closure alert (RFC 9112 9.8).
            Poll::Ready(Err(_)) => Poll::Ready(Err(Relayed::UpstreamBroke)),
            Poll::Ready(Ok(_)) => match self.incoming.end() {
                Ok(()) => Poll::Ready(Ok(self.piece(fields, 0, Vec::new()))),
                Err(()) => Poll::Ready(Err(Relayed::UpstreamBroke)),
            },
        }
    }

    /// `timeouts` of the route.
    fn poll_limits(&self, cx: &Context<'_>) -> Poll<()> {
        match self.limits {
            None => Poll::Pending,
            Some(limits) => limits.poll_expired(cx),
        }
    }

    fn piece(&self, fields: Box<Fields>, data: usize, trailers: Vec<u8>) -> Piece {
        Piece {
            fields,
            data: Span::new(0, data),
            tail: Tail::of(self.incoming.is_done(), trailers),
        }
    }

    /// While the backend is silent: the rest of the upload, the client, the deadline.
    fn poll_others<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
    ) -> Poll<Result<Piece, Relayed>> {
        let before = self.upload.received();
        self.poll_upload(cx, core, downstream);
        if self.piece_limit.is_some()
            && self.upload.received() > before
            && let Some(limits) = self.limits
        {
            // A piece is one in either direction.
            limits.await_piece();
        }
        // Behind the upload, whose last piece makes looking out for the client ours.
        if downstream.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Relayed::ClientGone));
        }
        if let Some(ends) = self.ends.take() {
            // The backend may wait for ever for the rest of the request.
            return Poll::Ready(Err(ends));
        }
        if self.poll_limits(cx).is_ready() {
            return Poll::Ready(Err(Relayed::UpstreamBroke));
        }
        downstream
            .watch()
            .poll_expired(cx)
            .map(|()| Err(Relayed::ClientGone))
    }
}

/// The error of a connection that ended where it must not.
pub(super) fn unexpected_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed")
}
