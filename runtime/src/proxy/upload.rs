//! The request body on its way to the backend, piece by piece.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::buffers::Buffers;
use super::downstream::{BodyFault, Downstream, Piece, Tail};
use super::forward::Body;
use super::frame::{Delimiting, Frame};
use super::replay::{REPLAY_BYTES_MAX, Replay};
use crate::chain::Held;
use crate::h1::framing::Framing;
use crate::h1::trailers;
use crate::head::{Buffer, Span};
use crate::io::Socket;

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Upload {
    /// Whether the client has sent all of its body.
    complete: bool,
    delimiting: Delimiting,
    /// Trailer fields that do not pass (MW-GEN-12).
    hidden: Option<Rc<[&'static str]>>,
    /// All of the body, if it was held back; it goes behind the head.
    held: Option<Piece>,
    /// What is being written now; first the head.
    frame: Option<Frame>,
    /// The head's frame once it has been written, for sending it again.
    head: Option<Frame>,
    /// Whether a piece of the body has been taken from the client.
    moved: bool,
    /// Body bytes taken from the client.
    received: u64,
    limit: Option<u64>,
    deadline: Deadline,
    /// Whether a part of the body is missing for good.
    failed: bool,
    /// What another try needs; `None`: there is none.
    replay: Option<Box<Replay>>,
}

/// What becomes of the exchange's deadline while a body is sent (RT-LISTEN-3).
#[derive(Debug)]
enum Deadline {
    /// It is left as it is.
    Left,
    /// It is this one once the body is complete.
    Then(u64),
    /// It is renewed. Boxed: most bodies are no streams.
    Renewed(Box<Renewal>),
}

/// How long after a piece the deadline is.
#[derive(Debug)]
struct Renewal {
    piece: Option<Duration>,
    last: Option<Duration>,
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
    /// A body of which a part came with the head; `complete`: which is all of it. If it is not, the
    /// exchange has the deadline once the body is complete.
    #[inline]
    pub(super) fn new(
        body: &Body,
        held: Option<Held>,
        hidden: Option<Rc<[&'static str]>>,
        complete: bool,
        limit: Option<u64>,
        deadline_ms: u64,
    ) -> Self {
        Self {
            complete,
            delimiting: match body.framing {
                Framing::Chunked => Delimiting::Chunks,
                Framing::Close | Framing::Length(_) => Delimiting::Plain,
            },
            hidden,
            held: held.and_then(|held| piece(held, body)),
            frame: None,
            head: None,
            moved: false,
            received: body.prefix.len() as u64,
            limit,
            deadline: match complete {
                true => Deadline::Left,
                false => Deadline::Then(deadline_ms),
            },
            failed: false,
            replay: None,
        }
    }

    /// Begins with the head, and the body that was held back.
    pub(super) fn start(&mut self, head: Buffer, buffers: &Buffers) {
        if self.replay.is_some() {
            return self.start_try(head, buffers);
        }
        self.frame = Some(match self.held.take() {
            Some(piece) => Frame::with_piece(head, piece, self.delimiting, buffers),
            None => Frame::head(head),
        });
    }

    /// Whether all of the body came with the head and is written with it.
    pub(super) fn is_in_head(&self) -> bool {
        match &self.replay {
            Some(replay) => replay.in_head,
            None => self.complete && self.held.is_none(),
        }
    }

    /// Keeps what is sent, for other tries (RT-RETRY-1).
    pub(super) fn keep(&mut self) {
        self.replay = Some(Box::new(Replay::new(self.is_in_head())));
    }

    /// Whether it can be sent again, of a body that is kept or that there is not.
    pub(super) fn is_replayable(&self) -> bool {
        self.replay.as_ref().is_none_or(|replay| replay.is_whole())
    }

    /// There is no other try: nothing is kept any more.
    pub(super) fn forget(&mut self) {
        self.replay = None;
    }

    /// Whether an earlier try has begun.
    pub(super) fn is_again(&self) -> bool {
        self.replay.as_ref().is_some_and(|replay| replay.is_begun())
    }

    /// A body that is held back, or what an earlier try has sent, goes behind the head.
    #[inline(never)]
    fn start_try(&mut self, mut head: Buffer, buffers: &Buffers) {
        let Some(replay) = &mut self.replay else {
            return;
        };
        self.frame = Some(match self.held.take() {
            Some(piece) if piece.data.len() as u64 <= REPLAY_BYTES_MAX => {
                let received = piece.data.len() as u64;
                let lead = buffers.wire();
                let body = Frame::with_piece(lead, piece, self.delimiting, buffers);
                replay.keep(&body, received);
                if replay.is_whole() {
                    body.recycle(buffers);
                    replay.begin(&mut head);
                    Frame::head(head)
                } else {
                    // Its trailers are too large for that.
                    body.behind(head, buffers)
                }
            }
            Some(piece) => {
                replay.give_up();
                Frame::with_piece(head, piece, self.delimiting, buffers)
            }
            None => {
                replay.begin(&mut head);
                Frame::head(head)
            }
        });
    }

    /// Whether everything has been read and written.
    pub(super) fn is_done(&self) -> bool {
        self.frame.is_none() && self.complete
    }

    /// Limits each piece, and what comes after the last, instead of the whole.
    pub(super) fn renew_deadline(&mut self, piece: Option<Duration>, last: Option<Duration>) {
        self.deadline = Deadline::Renewed(Box::new(Renewal { piece, last }));
    }

    /// Whether each piece is limited, not the whole.
    pub(super) fn renews_deadline(&self) -> bool {
        matches!(self.deadline, Deadline::Renewed(..))
    }

    /// Gives the body up: no more of it is read or written.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// Whether there is anything left to do.
    pub(super) fn is_over(&self) -> bool {
        self.failed || self.is_done()
    }

    /// Whether the backend has got nothing at all.
    pub(super) fn is_unsent(&self) -> bool {
        self.head.is_none() && self.frame.as_ref().is_some_and(Frame::is_unsent)
    }

    /// Whether all that has been taken from the client is in the frame of the head.
    pub(super) fn is_head_only(&self) -> bool {
        !self.moved
    }

    /// Body bytes taken from the client.
    pub(super) fn received(&self) -> u64 {
        self.received
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
            let piece = self.without_hidden(piece);
            self.moved = true;
            self.received += piece.data.len() as u64;
            if let Some(limit) = self.limit.filter(|limit| self.received > *limit) {
                return Poll::Ready(Err(UploadFault::TooLarge(limit)));
            }
            self.complete = piece.is_last();
            match &self.deadline {
                Deadline::Then(until) if self.complete => downstream.watch().limit_until(*until),
                Deadline::Renewed(renewal) if self.complete => {
                    downstream.watch().limit(renewal.last);
                }
                Deadline::Renewed(renewal) => downstream.watch().limit(renewal.piece),
                Deadline::Left | Deadline::Then(_) => {}
            }
            let lead = buffers.wire();
            let frame = Frame::with_piece(lead, piece, self.delimiting, buffers);
            if let Some(replay) = &mut self.replay {
                replay.keep(&frame, self.received);
            }
            self.frame = Some(frame);
        }
    }

    fn without_hidden(&self, piece: Piece) -> Piece {
        let Piece { fields, data, tail } = piece;
        let tail = match (tail, &self.hidden) {
            (Tail::Trailers(mut lines), Some(hidden)) => {
                trailers::hide(&mut lines, hidden);
                Tail::of(true, lines)
            }
            (tail, _) => tail,
        };
        Piece { fields, data, tail }
    }

    /// Starts over with the frame of the head, for a request of which nothing else has been sent.
    pub(super) fn restart(&mut self) {
        if let Some(mut head) = self.head.take().or_else(|| self.frame.take()) {
            head.rewind();
            self.frame = Some(head);
        }
    }

    /// Gives the buffers back.
    pub(super) fn recycle(&mut self, buffers: &Buffers) {
        if let Some(frame) = self.frame.take() {
            frame.recycle(buffers);
        }
        if let Some(head) = self.head.take() {
            head.recycle(buffers);
        }
    }
}

/// A body in a buffer of its own; any other is a part of the head's frame.
fn piece(held: Held, body: &Body) -> Option<Piece> {
    match held {
        Held::Arena(_) => None,
        Held::Own(fields) => Some(Piece {
            data: Span::new(0, fields.buffer.len()),
            fields,
            tail: Tail::of(true, body.trailers.clone()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-RETRY-1: a body that was held back goes behind the head, whether or not it can be kept for another try.
    #[test]
    fn a_held_body_with_trailers() {
        for size in [10, 140_000] {
            let mut fields = crate::head::Fields::new(Buffer::default());
            fields.buffer.push(&[b'x'; 5000]);
            let trailers = format!("X-Sum: {}\r\n", "1".repeat(size));
            let body = Body {
                framing: Framing::Chunked,
                content_length: None,
                prefix: Span::default(),
                expects_continue: false,
                trailers: trailers.clone().into_bytes(),
            };
            let held = Some(Held::Own(fields));
            let mut upload = Upload::new(&body, held, None, true, None, 0);
            let buffers = Buffers::default();
            upload.keep();
            let mut head = Buffer::default();
            head.push(b"HEAD\r\n\r\n");
            upload.start(head, &buffers);
            let mut written = Buffer::default();
            upload.frame.as_ref().unwrap().copy_to(&mut written);
            let data = "x".repeat(5000);
            let expected = format!("HEAD\r\n\r\n1388\r\n{data}\r\n0\r\n{trailers}\r\n");
            assert_eq!(written.filled(), expected.as_bytes(), "{size}");
            assert_eq!(upload.is_replayable(), size == 10);
        }
    }
}
