//! The request body on its way to the backend, piece by piece.

use std::io;
use std::task::{Context, Poll, ready};

use super::buffers::Buffers;
use super::downstream::{BodyFault, Downstream};
use super::forward::Body;
use super::frame::{Delimiting, Frame};
use crate::h1::framing::Framing;
use crate::io::Socket;

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Upload {
    /// Whether the client has sent all of its body.
    complete: bool,
    delimiting: Delimiting,
    /// What is being written now; first the head.
    frame: Option<Frame>,
    /// The head's frame once it has been written, for sending it again.
    head: Option<Frame>,
    /// Body bytes taken from the client.
    received: u64,
    limit: Option<u64>,
}

/// Why a body did not arrive.
#[derive(Debug)]
pub(super) enum UploadFault {
    /// It did not come from the client.
    Client(BodyFault),
    /// Over the limit of `bodyLimit` (MW-BODY-2).
    TooLarge(u64),
    /// The backend does not take it.
    Upstream(io::Error),
}

impl Upload {
    /// A body of which a part came with the head; `complete`: which is all of it.
    pub(super) fn new(body: &Body, complete: bool, limit: Option<u64>) -> Self {
        Self {
            complete,
            delimiting: match body.framing {
                Framing::Chunked => Delimiting::Chunks,
                Framing::Close | Framing::Length(_) => Delimiting::Plain,
            },
            frame: None,
            head: None,
            received: body.prefix.len() as u64,
            limit,
        }
    }

    /// Begins with the frame of the head.
    pub(super) fn start(&mut self, head: Frame) {
        self.frame = Some(head);
    }

    /// Whether everything has been read and written.
    pub(super) fn is_done(&self) -> bool {
        self.frame.is_none() && self.complete
    }

    /// Whether the client has sent all of its body.
    pub(super) fn is_received(&self) -> bool {
        self.complete
    }

    /// Moves what can be moved now. `Ready(Ok)`: the body is complete.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
        downstream: &mut impl Downstream,
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
            if self.complete {
                return Poll::Ready(Ok(()));
            }
            let piece = ready!(downstream.poll_body(cx, buffers)).map_err(UploadFault::Client)?;
            self.received += piece.data.len() as u64;
            if let Some(limit) = self.limit.filter(|limit| self.received > *limit) {
                return Poll::Ready(Err(UploadFault::TooLarge(limit)));
            }
            self.complete = piece.is_last();
            let lead = buffers.wire();
            self.frame = Some(Frame::with_piece(lead, piece, self.delimiting, buffers));
        }
    }

    /// Starts over with the frame of the head, for a request without a body.
    pub(super) fn restart(&mut self) {
        if let Some(mut head) = self.head.take().or_else(|| self.frame.take()) {
            head.rewind();
            self.frame = Some(head);
        }
    }

    /// Gives the buffers back.
    pub(super) fn recycle(&mut self, buffers: &Buffers) {
        for frame in [self.frame.take(), self.head.take()].into_iter().flatten() {
            frame.recycle(buffers);
        }
    }
}
