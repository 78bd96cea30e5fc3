//! An HTTP/2 connection to a backend, shared by the requests of one core (RT-UP-3).

use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

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
    shared: Rc<Shared>,
}

/// What a session has in common with its streams.
struct Shared {
    /// Streams that are open.
    open: Cell<usize>,
    pool: Weak<Pool>,
    /// Where it goes.
    #[cfg_attr(not(feature = "dns"), expect(dead_code, reason = "only names move"))]
    address: Option<IpAddr>,
    /// Whether it is to take no more streams.
    retired: Cell<bool>,
    /// When the last of them ended, or it began.
    idle_since_ms: Cell<u64>,
    settings: Settings,
}

/// Whether the backend's SETTINGS have come. Only who has to know asks, by a PING of [`alive`]: its answer comes
/// behind them, which are the first that a server sends (RFC 9113 §3.4).
#[derive(Default)]
struct Settings {
    asked: Notify,
    known: Cell<bool>,
    came: Notify,
}

impl Settings {
    /// They are known, or there will be none.
    fn arrive(&self) {
        self.known.set(true);
        self.came.notify_waiters();
    }
}

/// Counts a stream for as long as it lives.
pub(super) struct Place(Rc<Shared>);

/// The SETTINGS of a session on their way.
pub(super) struct Awaited(Rc<Shared>);

impl Place {
    /// No more streams on this session: its backend may have vanished without a word.
    pub(super) fn retire(&self) {
        self.0.retired.set(true);
    }

    pub(super) fn settings(&self) -> Awaited {
        Awaited(Rc::clone(&self.0))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(shared) = self;
        shared.open.set(shared.open.get() - 1);
        if let Some(pool) = shared.pool.upgrade() {
            shared.idle_since_ms.set(pool.now_ms());
            pool.stream_ended();
        }
    }
}

impl Awaited {
    /// Waits until they are known, or the session is over.
    pub(super) async fn come(self) {
        let Self(shared) = self;
        let settings = &shared.settings;
        let came = settings.came.notified();
        if settings.known.get() {
            return;
        }
        settings.asked.notify_one();
        came.await;
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
        let now_ms = pool.upgrade().map_or(0, |pool| pool.now_ms());
        let shared = Rc::new(Shared {
            open: Cell::default(),
            pool,
            address,
            retired: Cell::default(),
            idle_since_ms: Cell::new(now_ms),
            settings: Settings::default(),
        });
        // Nobody else has asked for it.
        let pings = connection.ping_pong();
        let of_task = Rc::clone(&shared);
        tokio::task::spawn_local(async move {
            let vanished = async {
                match pings {
                    Some(pings) => alive::until_silent(pings, &heard, &of_task).await,
                    None => std::future::pending().await,
                }
            };
            // What breaks it is said to its streams.
            tokio::select! {
                _ = connection => {}
                () = vanished => {}
            }
            of_task.settings.arrive();
            drop(permit);
        });
        Ok(Self {
            send,
            secure,
            shared,
        })
    }

    /// Another stream; `None`: there are as many as may be. Its session must not be over.
    pub(super) fn stream(&self) -> Option<Stream> {
        let open = self.open();
        if open
            >= self
                .send
                .current_max_send_streams()
                .min(STREAMS_MAX as usize)
        {
            return None;
        }
        self.shared.open.set(open + 1);
        let place = Place(Rc::clone(&self.shared));
        Some(Stream::new(self.send.clone(), place, self.secure))
    }

    /// Whether it takes no more streams: the backend has said so (GOAWAY), has gone, or has not answered.
    pub(super) fn is_over(&mut self) -> bool {
        if self.shared.retired.get() {
            return true;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        matches!(self.send.poll_ready(cx), Poll::Ready(Err(_)))
    }

    /// Takes no more streams if its address is one of those that are left.
    #[cfg(feature = "dns")]
    pub(super) fn leave(&self, is_left: impl Fn(IpAddr) -> bool) {
        if self.shared.address.is_some_and(is_left) {
            self.shared.retired.set(true);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open() == 0
    }

    /// How many streams are open.
    pub(super) fn open(&self) -> usize {
        self.shared.open.get()
    }

    pub(super) fn idle_since_ms(&self) -> u64 {
        self.shared.idle_since_ms.get()
    }

    /// Whether its streams may become WebSockets, as far as is known (RFC 8441 §3).
    pub(super) fn takes_websockets(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled()
    }

    /// Its SETTINGS, if it is not known yet that they have come.
    pub(super) fn unknown_settings(&self) -> Option<Awaited> {
        let known = self.shared.settings.known.get() || self.takes_websockets();
        (!known).then(|| Awaited(Rc::clone(&self.shared)))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}
