//! After `101`: bytes both ways until one side ends (RT-WS). What ends an HTTP/2 stream is said by how its
//! stream ends (RFC 8441 §5): END_STREAM after the backend's last byte, else RST_STREAM.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Core;
use super::buffers::SCRATCH_BYTES;
use super::downstream::{Downstream, Piece, Tail, sent};
use super::frame::{Delimiting, Frame};
use crate::h2::connect::WEBSOCKET;
use crate::head::Span;
use crate::io::Socket;

/// How long a tunnel may be silent both ways (RT-WS-3), unless its route has `timeouts.idle`.
const IDLE: Duration = Duration::from_secs(3600);

/// How long a WebSocket may be silent whose client has ended: it has no half that could go on, and a backend that
/// does not notice is not waited for.
const CLOSING: Duration = Duration::from_secs(5);

/// Most pieces that move one way before the other way has its turn.
const PIECES: usize = 8;

/// Bytes of both directions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tunnelled {
    /// From the client.
    pub(super) up: u64,
    /// To the client.
    pub(super) down: u64,
}

/// A tunnel on its way. INVARIANT: at most one piece is in hand per direction.
#[derive(Default)]
struct Tunnel {
    /// How long it may be silent.
    idle: Duration,
    /// And how long once the client has ended.
    closing: Duration,
    bytes: Tunnelled,
    /// What the backend is to get next.
    frame: Option<Frame>,
    /// Whether the backend has said all it had to say.
    complete: bool,
    /// Whether the client sends nothing more.
    client_ended: bool,
    /// Whether the backend has been told so.
    shut_down: bool,
}

/// What an attempt to move bytes one way came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Moved,
    Over,
    Waiting,
}

/// Moves bytes until the backend ends, a side breaks, nobody says anything, or the gateway's drain is
/// over. A client that ends its sending half still gets what the backend has to say. `protocol`: what it is now.
pub(super) async fn run<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    upstream: &mut impl Socket,
    idle: Option<Duration>,
    protocol: &[u8],
) -> Tunnelled {
    let idle = idle.unwrap_or(IDLE);
    let is_websocket = protocol.eq_ignore_ascii_case(WEBSOCKET.as_bytes());
    let mut tunnel = Tunnel {
        idle,
        closing: if is_websocket {
            CLOSING.min(idle)
        } else {
            idle
        },
        ..Tunnel::default()
    };
    downstream.watch().limit(Some(tunnel.idle));
    poll_fn(|cx| tunnel.poll(cx, core, downstream, upstream)).await;
    if let Some(frame) = tunnel.frame.take() {
        frame.recycle(&core.buffers);
    }
    if tunnel.complete {
        let fields = core.buffers.scratch();
        let (data, tail) = (Span::default(), Tail::End);
        downstream.push_piece(&core.buffers, Piece { fields, data, tail });
        downstream.watch().limit(core.settings.write_timeout);
        // A client that does not take it has lost it.
        let _ = sent(core, downstream).await;
    }
    tunnel.bytes
}

/// Takes the step until it has to wait, or the other direction must have its turn; whether anything moved.
fn pieces(mut step: impl FnMut() -> Step) -> (Step, bool) {
    for taken in 0..PIECES {
        match step() {
            Step::Moved => {}
            other => return (other, taken > 0),
        }
    }
    (Step::Moved, true)
}

impl Tunnel {
    fn poll<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
        upstream: &mut impl Socket,
    ) -> Poll<()> {
        loop {
            let (up, moved_up) = pieces(|| self.poll_up(cx, core, downstream, upstream));
            let (down, moved_down) = pieces(|| self.poll_down(cx, core, downstream, upstream));
            if up == Step::Over || down == Step::Over || core.is_ending.get() {
                return Poll::Ready(());
            }
            if moved_up || moved_down {
                let limit = if self.client_ended {
                    self.closing
                } else {
                    self.idle
                };
                downstream.watch().limit(Some(limit));
            }
            if up == Step::Waiting && down == Step::Waiting {
                // While the backend does not read, nobody reads from the client either (RT-UP-7).
                if self.frame.is_some() && downstream.poll_gone(cx).is_ready() {
                    return Poll::Ready(());
                }
                return downstream.watch().poll_expired(cx);
            }
        }
    }

    fn poll_up<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
        upstream: &mut impl Socket,
    ) -> Step {
        if let Some(frame) = &mut self.frame {
            match frame.poll_write(cx, upstream) {
                Poll::Pending => return Step::Waiting,
                Poll::Ready(Err(_)) => return Step::Over,
                Poll::Ready(Ok(())) => {}
            }
        }
        if let Some(written) = self.frame.take() {
            written.recycle(&core.buffers);
        }
        if self.client_ended {
            if !self.shut_down {
                self.shut_down = upstream.poll_shutdown(cx).is_ready();
            }
            return Step::Waiting;
        }
        match downstream.poll_body(cx, &core.buffers) {
            Poll::Pending => Step::Waiting,
            Poll::Ready(Err(_)) => Step::Over,
            Poll::Ready(Ok(piece)) => {
                self.bytes.up += piece.data.len() as u64;
                self.client_ended = piece.is_last();
                let lead = core.buffers.wire();
                let frame = Frame::with_piece(lead, piece, Delimiting::Plain, &core.buffers);
                self.frame = Some(frame);
                Step::Moved
            }
        }
    }

    fn poll_down<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        downstream: &mut D,
        upstream: &mut impl Socket,
    ) -> Step {
        match downstream.poll_sent(cx, &core.buffers) {
            Poll::Pending => return Step::Waiting,
            Poll::Ready(Err(_)) => return Step::Over,
            Poll::Ready(Ok(())) => {}
        }
        let mut fields = core.buffers.scratch();
        let space = fields.buffer.space(SCRATCH_BYTES);
        match upstream.poll_read(cx, space) {
            Poll::Ready(Ok(count)) if count > 0 => {
                fields.buffer.advance(count);
                self.bytes.down += count as u64;
                let piece = Piece {
                    fields,
                    data: Span::new(0, count),
                    tail: Tail::More,
                };
                downstream.push_piece(&core.buffers, piece);
                Step::Moved
            }
            Poll::Ready(ended) => {
                core.buffers.put_scratch(fields);
                self.complete = ended.is_ok();
                Step::Over
            }
            Poll::Pending => {
                core.buffers.put_scratch(fields);
                Step::Waiting
            }
        }
    }
}
