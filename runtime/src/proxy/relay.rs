//! Bodies: decoding what comes in, and moving a response body to the client as it arrives.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Core;
use super::buffers::SCRATCH_BYTES;
use super::client::Client;
use super::frame::{Delimiting, Frame};
use super::upload::Upload;
use crate::error::Refusal;
use crate::h1::chunk::Decoder;
use crate::h1::framing::Framing;
use crate::head::Span;
use crate::io::Socket;

/// A body that is being received.
#[derive(Debug)]
pub(super) enum Incoming {
    Chunked(Decoder),
    Close,
    Done,
    Length(u64),
}

/// What a piece of input came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Data bytes, now at the front of the piece.
    pub(super) data: usize,
    /// Bytes of the piece that belong to the body.
    pub(super) consumed: usize,
}

/// A response body on its way to the client.
pub(super) struct Relay<'a, U> {
    pub(super) upstream: &'a mut U,
    pub(super) upload: &'a mut Upload,
    pub(super) incoming: Incoming,
    pub(super) delimiting: Delimiting,
    /// Limit between two pieces, for event streams and gRPC; else the deadline is a total.
    pub(super) piece_limit: Option<Duration>,
    /// Whether the backend keeps the connection and has sent nothing but its response so far.
    pub(super) clean: bool,
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
}

impl Incoming {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Chunked => Self::Chunked(Decoder::default()),
            Framing::Close => Self::Close,
            Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Decodes a piece in place.
    pub(super) fn take(&mut self, bytes: &mut [u8]) -> Result<Taken, Refusal> {
        let all = bytes.len();
        let (taken, done) = match self {
            Self::Done => (0, true),
            Self::Close => (all, false),
            Self::Length(left) => {
                let taken = usize::try_from(*left).map_or(all, |left| left.min(all));
                *left -= taken as u64;
                (taken, *left == 0)
            }
            Self::Chunked(decoder) => {
                let decoded = decoder.decode(bytes)?;
                if decoded.done {
                    *self = Self::Done;
                }
                return Ok(Taken {
                    data: decoded.data,
                    consumed: decoded.consumed,
                });
            }
        };
        if done {
            *self = Self::Done;
        }
        Ok(Taken {
            data: taken,
            consumed: taken,
        })
    }

    /// The backend has closed: the end of a close-delimited body, else a fault.
    fn end(&mut self) -> Result<(), ()> {
        match self {
            Self::Close => {
                *self = Self::Done;
                Ok(())
            }
            Self::Chunked(_) | Self::Done | Self::Length(_) => Err(()),
        }
    }
}

impl<U: Socket> Relay<'_, U> {
    /// Sends `frame`, then the rest of the body. Returns how many body bytes followed the frame.
    pub(super) async fn run<S: Socket>(
        mut self,
        core: &Core,
        client: &mut Client<S>,
        mut frame: Frame,
    ) -> (Relayed, u64) {
        let mut bytes = 0;
        loop {
            if poll_fn(|cx| self.poll_send(cx, core, client, &mut frame))
                .await
                .is_err()
            {
                return (Relayed::ClientGone, bytes);
            }
            frame.recycle(&core.buffers);
            if self.incoming.is_done() {
                return (Relayed::Complete { clean: self.clean }, bytes);
            }
            if self.piece_limit.is_some() {
                client.watch.limit(self.piece_limit);
            }
            match poll_fn(|cx| self.poll_piece(cx, core, client)).await {
                Ok((next, count)) => {
                    bytes += count;
                    frame = next;
                }
                Err(ended) => return (ended, bytes),
            }
        }
    }

    /// Writes to the client. The upload goes on meanwhile: a client may not read before it has sent.
    fn poll_send<S: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        client: &mut Client<S>,
        frame: &mut Frame,
    ) -> Poll<io::Result<()>> {
        let written = frame.poll_write(cx, &mut client.socket);
        if written.is_ready() {
            return written;
        }
        self.poll_upload(cx, core, client);
        client
            .watch
            .poll_expired(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// A fault of the upload shows in the response or at its end; the connection is not kept then.
    fn poll_upload<S: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        client: &mut Client<S>,
    ) {
        if !self.upload.is_done() {
            let client = &mut client.socket;
            let _ = self.upload.poll(cx, &core.buffers, client, self.upstream);
        }
    }

    fn poll_piece<S: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        client: &mut Client<S>,
    ) -> Poll<Result<(Frame, u64), Relayed>> {
        let mut piece = core.buffers.scratch();
        let read = self
            .upstream
            .poll_read(cx, piece.buffer.space(SCRATCH_BYTES));
        match read {
            Poll::Pending => {
                core.buffers.put_scratch(piece);
                self.poll_others(cx, core, client)
            }
            Poll::Ready(Ok(count)) if count > 0 => {
                piece.buffer.advance(count);
                let Ok(taken) = self.incoming.take(piece.buffer.filled_mut()) else {
                    return Poll::Ready(Err(Relayed::UpstreamBroke));
                };
                self.clean &= taken.consumed == count;
                let data = Span::new(0, taken.data);
                Poll::Ready(Ok((self.frame(core, piece, data), taken.data as u64)))
            }
            Poll::Ready(_) => match self.incoming.end() {
                Ok(()) => Poll::Ready(Ok((self.frame(core, piece, Span::default()), 0))),
                Err(()) => Poll::Ready(Err(Relayed::UpstreamBroke)),
            },
        }
    }

    fn frame(&self, core: &Core, piece: Box<crate::head::Fields>, data: Span) -> Frame {
        let last = self.incoming.is_done();
        let lead = core.buffers.wire();
        Frame::with_body(lead, piece, data, self.delimiting, last, &core.buffers)
    }

    /// While the backend is silent: the rest of the upload, the client, the deadline.
    fn poll_others<S: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        client: &mut Client<S>,
    ) -> Poll<Result<(Frame, u64), Relayed>> {
        if self.upload.is_done() && client.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Relayed::ClientGone));
        }
        self.poll_upload(cx, core, client);
        client
            .watch
            .poll_expired(cx)
            .map(|()| Err(Relayed::ClientGone))
    }
}

/// The error of a connection that ended where it must not.
pub(super) fn unexpected_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed")
}
