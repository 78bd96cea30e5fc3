//! The byte stream under the `h2` crate: what it writes is gathered, what it reads is counted.
//!
//! The crate writes every DATA frame on its own; gathered, all that comes of one turn of the
//! connection leaves in one call (PERF.md). An idle connection owns no buffer here.

use std::cell::{RefCell, RefMut};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::h2::guard::{Abuse, Bounds, Guard};
use crate::h2::settings;
use crate::head::{Buffer, Fields};
use crate::io::Socket;
use crate::proxy::Core;

/// Bytes gathered before they are written although the turn is not over.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// A wire, as the `h2` crate and the connection's task share it.
pub(super) struct Wire<S>(Rc<RefCell<State<S>>>);

/// The bytes on their way.
pub(super) struct State<S> {
    core: &'static Core,
    socket: S,
    /// Received before it was known that this is HTTP/2, and how much of it has been read.
    received: Option<(Box<Fields>, usize)>,
    guard: Guard,
    abuse: Option<Abuse>,
    outgoing: Option<Buffer>,
    /// Bytes of `outgoing` that have been written.
    written: usize,
    /// Bytes written since the beginning.
    progress: u64,
}

impl<S> Clone for Wire<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: Socket> Wire<S> {
    /// A wire over a socket, of which `received` has been read already.
    pub(super) fn new(
        core: &'static Core,
        socket: S,
        received: Box<Fields>,
        bounds: Bounds,
    ) -> Self {
        Self(Rc::new(RefCell::new(State {
            core,
            socket,
            received: Some((received, 0)),
            guard: Guard::new(bounds),
            abuse: None,
            outgoing: None,
            written: 0,
            progress: 0,
        })))
    }

    /// The state. INVARIANT: never held across a call into the `h2` crate.
    pub(super) fn state(&self) -> RefMut<'_, State<S>> {
        self.0.borrow_mut()
    }

    /// The socket, once nobody else has the wire.
    pub(super) fn into_socket(self) -> Option<S> {
        let state = Rc::into_inner(self.0)?.into_inner();
        Some(state.socket)
    }
}

impl<S: Socket> State<S> {
    /// Why the client is to be sent away, once. Nothing more is read from it.
    pub(super) fn abuse(&self) -> Option<Abuse> {
        self.abuse
    }

    /// The header block that has begun and not ended.
    pub(super) fn open_block(&self) -> Option<u64> {
        self.guard.open_block()
    }

    /// Header blocks received: one for each stream, and one for the trailers of some.
    pub(super) fn blocks(&self) -> u64 {
        self.guard.blocks()
    }

    /// How far writing has come, if not all has been written.
    pub(super) fn stalled_at(&self) -> Option<u64> {
        self.outgoing.as_ref().map(|_| self.progress)
    }

    /// Writes all that was gathered.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outgoing) = &self.outgoing else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let rest = outgoing.filled().get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                ready!(self.socket.poll_flush(cx))?;
                break;
            }
            match ready!(self.socket.poll_write(cx, &[IoSlice::new(rest)]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    self.written += count;
                    self.progress += count as u64;
                }
            }
        }
        self.written = 0;
        if let Some(written) = self.outgoing.take() {
            self.core.buffers.put_wire(written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_gather(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gathered = self.outgoing.as_ref().map_or(0, Buffer::len);
        if gathered >= GATHERED_BYTES_MAX {
            ready!(self.poll_drain(cx))?;
        }
        let buffer = self
            .outgoing
            .get_or_insert_with(|| self.core.buffers.wire());
        let before = buffer.len();
        for slice in slices {
            let space = GATHERED_BYTES_MAX - buffer.len().min(GATHERED_BYTES_MAX);
            buffer.push(slice.get(..space).unwrap_or(slice));
        }
        let after = buffer.len();
        if before == 0 && self.progress == 0 {
            let limit = self.core.limits.header_bytes_max;
            settings::announce(
                buffer.filled_mut(),
                u32::try_from(limit).unwrap_or(u32::MAX),
            );
        }
        Poll::Ready(Ok(after - before))
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.abuse.is_some() {
            // The connection's task sends the client away right after this.
            return Poll::Pending;
        }
        let before = space.filled().len();
        if let Some((received, read)) = &mut self.received {
            let rest = received.buffer.filled().get(*read..).unwrap_or_default();
            let count = rest.len().min(space.remaining());
            space.put_slice(rest.get(..count).unwrap_or_default());
            *read += count;
            if count == rest.len()
                && let Some((received, _)) = self.received.take()
            {
                self.core.buffers.put_head(received);
            }
        } else {
            // By way of a buffer of the core: filling all of the space with zeros first, which tokio asks
            // for, costs more than copying what comes.
            let mut scratch = self.core.buffers.scratch();
            let limit = space.remaining();
            let read = self.socket.poll_read(cx, scratch.buffer.space(limit));
            if let Poll::Ready(Ok(count)) = read {
                scratch.buffer.advance(count);
                space.put_slice(scratch.buffer.filled());
            }
            self.core.buffers.put_scratch(scratch);
            ready!(read)?;
        }
        let new = space.filled().get(before..).unwrap_or_default();
        if let Err(abuse) = self.guard.see(new, self.core.clock.now_ms()) {
            self.abuse = Some(abuse);
            space.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.state().poll_receive(cx, space)
    }
}

impl<S: Socket> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.state().poll_gather(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state().poll_gather(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The connection's task writes once the turn is over.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        ready!(state.poll_drain(cx))?;
        state.socket.poll_shutdown(cx)
    }
}
