//! HTTP/2 connections: the `h2` crate driven over a [`wire::Wire`], a task of the core for each stream.
//!
//! The connection's task accepts streams, writes what they have handed over, and knows when the
//! connection has to end. What a stream does is an exchange like any other ([`stream`]).

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Reason, RecvStream, server};

use super::Core;
use super::client::linger;
use super::downstream::Peer;
use crate::clock::Watch;
use crate::h2::guard::Bounds;
use crate::head::Fields;
use crate::io::Socket;
use crate::lifecycle::Phase;

mod payload;
mod stream;
mod wire;
mod workers;

use payload::Payload;
use stream::Accepted;
use wire::Wire;

pub use workers::Workers;

/// What a stream may send before it is read: the protocol's default.
const STREAM_WINDOW_BYTES: u32 = 65_535;
/// Largest frame (RT-H2-1).
const FRAME_BYTES_MAX: u32 = 16_384;
/// The crate is allowed lists of fields this many times as large as `limits.maxHeaderBytes`, because what is over
/// its limit it cuts off, without a word where the list is of trailers; those over ours are refused by [`head`]
/// (RT-LIM-2). Encoded, no block is over four times (RT-H2-4), which a field that is not in HPACK's table exceeds by
/// eight fifths at most: so of a list that the crate cuts, more is left than the limit allows.
const LIST_FACTOR: usize = 8;
/// HPACK's table (RT-H2-1).
const HEADER_TABLE_BYTES: u32 = 4_096;
/// Most that the streams of a connection may send together before any is read.
const CONNECTION_WINDOW_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// How long a client has to close a connection that it was told to leave, with no stream open.
const LEAVING: Duration = Duration::from_secs(2);

/// What the streams of a connection share.
pub(super) struct Connected {
    peer: Peer,
    /// Streams whose exchange is not over.
    open: Cell<usize>,
}

/// Counts a stream for as long as its exchange lasts, even if its task panics.
struct OpenStream(Rc<Connected>);

/// What the connection waits for, apart from frames; each has its own deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// The rest of a header block (RT-LISTEN-3, `timeouts.header`).
    Block(u64),
    /// A new stream (`timeouts.idle`).
    Idle,
    /// The same as `Leaving` after a takeover: the drain ends it (RT-TAKE-3).
    HandedOver,
    /// The client's end of a connection that is being left.
    Leaving,
    /// Exchanges, which have deadlines of their own.
    Streams,
    /// A client that does not read; it had read this much (`timeouts.write`).
    Write(u64),
}

/// One connection.
struct Driver<S: Socket> {
    core: &'static Core,
    connection: server::Connection<Wire<S>, Payload>,
    wire: Wire<S>,
    watch: Watch,
    waiting: Option<Waiting>,
    connected: Rc<Connected>,
    /// Streams accepted so far.
    served: u32,
    /// Whether the client has been told to leave.
    leaving: bool,
    /// Whether the connection ends because of what the client does.
    expelled: bool,
}

impl OpenStream {
    fn new(connected: &Rc<Connected>) -> Self {
        connected.open.set(connected.open.get() + 1);
        Self(Rc::clone(connected))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// Serves a connection whose client has sent the preface, which `received` begins with.
pub(super) async fn serve<S: Socket + 'static>(
    core: &'static Core,
    socket: S,
    watch: Watch,
    peer: Peer,
    received: Box<Fields>,
) {
    let bounds = Bounds {
        block_bytes_max: core.limits.header_bytes_max * 4,
        resets_max: core.streams.resets_max,
    };
    let wire = Wire::new(core, socket, received, bounds);
    // The preface is there and what is written is only gathered: this does not wait.
    let mut handshake = pin!(builder(core).handshake(wire.clone()));
    let connection = poll_fn(|cx| match handshake.as_mut().poll(cx) {
        Poll::Ready(connection) => Poll::Ready(connection.ok()),
        Poll::Pending => Poll::Ready(None),
    });
    let Some(connection) = connection.await else {
        return;
    };
    let mut driver = Driver {
        core,
        connection,
        wire: wire.clone(),
        watch,
        waiting: None,
        connected: Rc::new(Connected {
            peer,
            open: Cell::new(0),
        }),
        served: 0,
        leaving: false,
        expelled: false,
    };
    poll_fn(|cx| driver.poll(cx)).await;
    let Driver {
        connection,
        wire: shared,
        watch,
        expelled,
        ..
    } = driver;
    drop((connection, shared));
    // What it still sends is thrown away, so that closing does not destroy the GOAWAY on its way.
    if let Some(mut socket) = wire.into_socket().filter(|_| expelled) {
        linger(core, &mut socket, &watch).await;
    }
}

fn builder(core: &Core) -> server::Builder {
    let limits = &core.limits;
    let streams_max = core.streams.streams_max;
    let window = STREAM_WINDOW_BYTES.saturating_mul(streams_max.max(1));
    let list_bytes_max = limits.header_bytes_max.saturating_mul(LIST_FACTOR);
    let list_bytes_max = u32::try_from(list_bytes_max).unwrap_or(u32::MAX);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(streams_max)
        .max_header_list_size(list_bytes_max)
        .max_frame_size(FRAME_BYTES_MAX)
        .header_table_size(HEADER_TABLE_BYTES)
        .initial_window_size(STREAM_WINDOW_BYTES)
        // RT-WS-5
        .enable_connect_protocol()
        // Streams that nobody reads do not keep the others from sending.
        .initial_connection_window_size(window.min(CONNECTION_WINDOW_BYTES_MAX))
        // RT-H2-3 decides, in `guard`.
        .max_pending_accept_reset_streams(core.streams.resets_max)
        // The same for streams whose faults are the client's.
        .max_local_error_reset_streams(Some(core.streams.resets_max));
    builder
}

impl<S: Socket + 'static> Driver<S> {
    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    let left = self.accept(request, respond);
                    if left || self.has_more() {
                        continue;
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.expelled |= !error.is_io();
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if self.poll_expel() || self.poll_leave() {
                continue;
            }
            let drained = self.wire.state().poll_drain(cx);
            if let Poll::Ready(Err(_)) = drained {
                return Poll::Ready(());
            }
            if !self.poll_waiting(cx) {
                return Poll::Pending;
            }
            match self.waiting {
                Some(Waiting::Idle) => self.leave(),
                Some(Waiting::Block(_)) => self.expel("the header section took too long"),
                // Only the end of the drain does this: the streams have a moment to say so.
                Some(Waiting::Streams) => self.watch.limit(None),
                Some(Waiting::HandedOver | Waiting::Leaving | Waiting::Write(_)) | None => {
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Has a task run a stream. Whether the client was told that it is the last one (RT-LIM-8).
    fn accept(
        &mut self,
        request: http::Request<RecvStream>,
        respond: server::SendResponse<Payload>,
    ) -> bool {
        self.served = self.served.saturating_add(1);
        let connected = Rc::clone(&self.connected);
        let open = OpenStream::new(&connected);
        let accepted = Accepted {
            connected,
            request,
            respond,
            open,
        };
        self.core.workers.run(self.core, accepted);
        let is_last = self.served >= self.core.requests_per_connection_max && !self.leaving;
        if is_last {
            self.leave();
        }
        is_last
    }

    /// Whether a stream may wait to be accepted. If not, the connection has been polled already, and polling
    /// it once more would find nothing.
    fn has_more(&self) -> bool {
        self.wire.state().blocks() > u64::from(self.served)
    }

    /// Whether the client has just been sent away for what it does (RT-H2-3, -4, -5).
    fn poll_expel(&mut self) -> bool {
        let abuse = self.wire.state().abuse();
        match abuse {
            Some(abuse) if !self.expelled => {
                self.expel(abuse.as_str());
                true
            }
            Some(_) | None => false,
        }
    }

    /// Whether the client has just been told to leave because the gateway stops (RT-STOP-1).
    fn poll_leave(&mut self) -> bool {
        let leave = self.core.lifecycle.is_stopping() && !self.leaving;
        if leave {
            self.leave();
        }
        leave
    }

    fn expel(&mut self, detail: &str) {
        self.expelled = true;
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        self.core.log.expelled(&self.connected.peer.text, detail);
    }

    fn leave(&mut self) {
        self.leaving = true;
        self.connection.graceful_shutdown();
    }

    /// Whether what the connection waits for has taken too long.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> bool {
        let settings = &self.core.settings;
        let state = self.wire.state();
        let (waiting, limit) = if let Some(written) = state.stalled_at() {
            (Waiting::Write(written), settings.write_timeout)
        } else if self.expelled {
            (Waiting::Leaving, Some(LEAVING))
        } else if let Some(block) = state.open_block() {
            (Waiting::Block(block), Some(settings.header_timeout))
        } else if self.connected.open.get() > 0 {
            (Waiting::Streams, None)
        } else if self.leaving && self.core.lifecycle.phase() == Phase::HandedOver {
            (Waiting::HandedOver, None)
        } else if self.leaving {
            (Waiting::Leaving, Some(LEAVING))
        } else {
            (Waiting::Idle, settings.idle_timeout)
        };
        drop(state);
        if self.waiting != Some(waiting) {
            self.waiting = Some(waiting);
            self.watch.limit(limit);
        }
        self.watch.poll_expired(cx).is_ready()
    }
}
