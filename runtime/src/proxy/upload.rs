//! The request body on its way to the backend, piece by piece.

use std::io;
use std::task::{Context, Poll, ready};

use super::buffers::{Buffers, SCRATCH_BYTES};
use super::frame::{Delimiting, Frame};
use super::relay::Incoming;
use crate::error::Refusal;
use crate::h1::framing::Framing;
use crate::head::Span;
use crate::io::Socket;

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Upload {
    incoming: Incoming,
    delimiting: Delimiting,
    /// What is being written now; first the head.
    frame: Option<Frame>,
    /// The head's frame once it has been written, for sending it again.
    head: Option<Frame>,
    /// Body bytes taken from the client.
    received: u64,
    limit: Option<u64>,
    /// Bytes after the body: the beginning of the next request.
    following: Vec<u8>,
}

/// Why a body did not arrive.
#[derive(Debug)]
pub(super) enum UploadFault {
    /// The client is gone (RT-ERR-17).
    Client,
    /// The client's chunks are malformed.
    Malformed(Refusal),
    /// Over the limit of `bodyLimit` (MW-BODY-2).
    TooLarge(u64),
    /// The backend does not take it.
    Upstream(io::Error),
}

impl Upload {
    /// A body of which `received` bytes came with the head.
    pub(super) fn new(
        incoming: Incoming,
        framing: Framing,
        received: u64,
        limit: Option<u64>,
    ) -> Self {
        Self {
            incoming,
            delimiting: match framing {
                Framing::Chunked => Delimiting::Chunks,
                Framing::Close | Framing::Length(_) => Delimiting::Plain,
            },
            frame: None,
            head: None,
            received,
            limit,
            following: Vec::new(),
        }
    }

    /// Begins with the frame of the head.
    pub(super) fn start(&mut self, head: Frame) {
        self.frame = Some(head);
    }

    /// Whether everything has been read and written.
    pub(super) fn is_done(&self) -> bool {
        self.frame.is_none() && self.incoming.is_done()
    }

    /// Whether the client has sent all of its body.
    pub(super) fn is_received(&self) -> bool {
        self.incoming.is_done()
    }

    /// Moves what can be moved now. `Ready(Ok)`: the body is complete.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
        client: &mut impl Socket,
        upstream: &mut impl Socket,
    ) -> Poll<Result<(), UploadFault>> {
        loop {
            if let Some(frame) = &mut self.frame {
                ready!(frame.poll_write(cx, upstream)).map_err(UploadFault::Upstream)?;
            }
            if let Some(written) = self.frame.take() {
                match self.head {
                    None => self.head = Some(written),
                    Some(_) => written.recycle(buffers),
                }
            }
            if self.incoming.is_done() {
                return Poll::Ready(Ok(()));
            }
            let mut piece = buffers.scratch();
            let space = piece.buffer.space(SCRATCH_BYTES);
            let count = match client.poll_read(cx, space) {
                Poll::Pending => {
                    buffers.put_scratch(piece);
                    return Poll::Pending;
                }
                Poll::Ready(Err(_) | Ok(0)) => return Poll::Ready(Err(UploadFault::Client)),
                Poll::Ready(Ok(count)) => count,
            };
            piece.buffer.advance(count);
            let taken = self
                .incoming
                .take(piece.buffer.filled_mut())
                .map_err(UploadFault::Malformed)?;
            let following = piece.buffer.filled().get(taken.consumed..);
            self.following
                .extend_from_slice(following.unwrap_or_default());
            self.received += taken.data as u64;
            if let Some(limit) = self.limit.filter(|limit| self.received > *limit) {
                return Poll::Ready(Err(UploadFault::TooLarge(limit)));
            }
            self.frame = Some(Frame::with_body(
                buffers.wire(),
                piece,
                Span::new(0, taken.data),
                self.delimiting,
                self.incoming.is_done(),
                buffers,
            ));
        }
    }

    /// Starts over with the frame of the head, for a request without a body.
    pub(super) fn restart(&mut self) {
        if let Some(mut head) = self.head.take().or_else(|| self.frame.take()) {
            head.rewind();
            self.frame = Some(head);
        }
    }

    /// Gives the buffers back; returns the bytes received after the body.
    pub(super) fn recycle(&mut self, buffers: &Buffers) -> Vec<u8> {
        for frame in [self.frame.take(), self.head.take()].into_iter().flatten() {
            frame.recycle(buffers);
        }
        std::mem::take(&mut self.following)
    }
}
