//! An HTTP/2 connection to a backend, shared by the requests of one core (RT-UP-3).

use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use super::limit::Permit;
use super::pool::Pool;
use super::stream::{Stream, io_error};

mod alive;

use alive::Heard;

/// Streams at once, whatever the backend allows: more get another connection.
const STREAMS_MAX: u32 = 256;
/// Streams before the backend has said how many it allows.
const STREAMS_FIRST: usize = 100;
/// What a backend may send on one stream before it is read.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What it may send on all of them, 16 MiB: clients that do not read take nothing from the others.
const CONNECTION_WINDOW_BYTES: u32 = STREAMS_MAX * STREAM_WINDOW_BYTES;
/// What the `h2` crate may spend on the frames of data that has not been read, beside the data: it counts 256
/// bytes less the frame's own for each. Four streams of frames of one byte, or all of them with events of 50.
const FRAMES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Unsent bytes of a stream that the `h2` crate keeps.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Largest head of a response (RT-UP-10).
const RESPONSE_HEAD_BYTES_MAX: u32 = 256 * 1024;

/// A session. Dropped, it ends with its last stream.
pub(super) struct Session {
    send: SendRequest<Bytes>,
    secure: bool,
    /// Streams that are open.
    open: Rc<Cell<usize>>,
    pool: Weak<Pool>,
    /// Where it goes.
    #[cfg_attr(not(feature = "dns"), expect(dead_code, reason = "only names move"))]
    address: Option<IpAddr>,
    /// Whether it is to take no more streams.
    retired: Rc<Cell<bool>>,
    /// When the last of them ended, or it began.
    pub(super) idle_since_ms: Rc<Cell<u64>>,
}

/// Counts a stream for as long as it lives.
pub(super) struct Place {
    open: Rc<Cell<usize>>,
    idle_since_ms: Rc<Cell<u64>>,
    retired: Rc<Cell<bool>>,
    pool: Weak<Pool>,
}

impl Place {
    /// No more streams on this session: its backend may have vanished without a word.
    pub(super) fn retire(&self) {
        self.retired.set(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
        if let Some(pool) = self.pool.upgrade() {
            self.idle_since_ms.set(pool.now_ms());
            pool.stream_ended();
        }
    }
}

impl Session {
    /// Begins a session on a new connection, which `permit` counts.
    ///
    /// # Errors
    /// The connection breaks at once.
    pub(super) async fn begin(
        (socket, address): (
            impl AsyncRead + AsyncWrite + Unpin + 'static,
            Option<IpAddr>,
        ),
        secure: bool,
        permit: Permit,
        pool: Option<Weak<Pool>>,
    ) -> io::Result<Self> {
        let pool = pool.unwrap_or_default();
        let heard: Rc<Cell<bool>> = Rc::default();
        let handshake = Builder::new()
            .enable_push(false)
            .initial_max_send_streams(STREAMS_FIRST)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .data_frame_budget(FRAMES_BYTES_MAX)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .max_header_list_size(RESPONSE_HEAD_BYTES_MAX)
            .handshake(Heard {
                socket,
                heard: Rc::clone(&heard),
            });
        let (send, mut connection) = handshake.await.map_err(io_error)?;
        let open: Rc<Cell<usize>> = Rc::default();
        // Nobody else has asked for it.
        let pings = connection.ping_pong();
        let streams = Rc::clone(&open);
        tokio::task::spawn_local(async move {
            let vanished = async {
                match pings {
                    Some(pings) => alive::until_silent(pings, heard, streams).await,
                    None => std::future::pending().await,
                }
            };
            // What breaks it is said to its streams.
            tokio::select! {
                _ = connection => {}
                () = vanished => {}
            }
            drop(permit);
        });
        let now_ms = pool.upgrade().map_or(0, |pool| pool.now_ms());
        Ok(Self {
            send,
            secure,
            open,
            pool,
            address,
            retired: Rc::default(),
            idle_since_ms: Rc::new(Cell::new(now_ms)),
        })
    }

    /// Another stream; `None`: there are as many as may be. Its session must not be over.
    pub(super) fn stream(&self) -> Option<Stream> {
        let open = self.open.get();
        if open
            >= self
                .send
                .current_max_send_streams()
                .min(STREAMS_MAX as usize)
        {
            return None;
        }
        self.open.set(open + 1);
        let place = Place {
            open: Rc::clone(&self.open),
            idle_since_ms: Rc::clone(&self.idle_since_ms),
            retired: Rc::clone(&self.retired),
            pool: self.pool.clone(),
        };
        Some(Stream::new(self.send.clone(), place, self.secure))
    }

    /// Whether it takes no more streams: the backend has said so (GOAWAY), has gone, or has not answered.
    pub(super) fn is_over(&mut self) -> bool {
        if self.retired.get() {
            return true;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        matches!(self.send.poll_ready(cx), Poll::Ready(Err(_)))
    }

    /// Takes no more streams if its address is one of those that are left.
    #[cfg(feature = "dns")]
    pub(super) fn leave(&self, is_left: impl Fn(IpAddr) -> bool) {
        if self.address.is_some_and(is_left) {
            self.retired.set(true);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.get() == 0
    }

    /// How many streams are open.
    pub(super) fn open(&self) -> usize {
        self.open.get()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
