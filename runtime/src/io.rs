//! The narrow trait between the engine and the sockets.
//!
//! Separate so that an io_uring driver can replace epoll without the engine noticing. No HTTP here.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::coop;

/// How long accepting pauses when the process is out of file descriptors or memory (RT-LIM-5).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The next connection of a listener, however long it takes.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if concerns_one_connection(&error) => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Errors of a connection that has ended before it was accepted; all others need a pause.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// What a socket's buffer has room for, unless the peer has long stopped reading.
const SMALL_BYTES: usize = 8 * 1024;

/// A connected, ordered byte stream that never blocks.
pub trait Socket: Unpin {
    /// Reads once into `space`. `Ok(0)` is the end of the stream (for a non-empty `space`).
    ///
    /// # Errors
    /// Those of the operating system, except `WouldBlock`.
    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Waits until there may be something to read, for which no buffer is needed yet. Ready at once where
    /// only a read can tell.
    ///
    /// # Errors
    /// Those of the operating system.
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Looks whether the peer has sent something, without consuming it. `Ok(0)`: it has closed.
    ///
    /// Costs no system call while the kernel has reported nothing new.
    ///
    /// # Errors
    /// Those of the operating system, except `WouldBlock`.
    fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Whether the kernel has reported nothing since the last read: no bytes, no close. Costs no
    /// system call then.
    fn is_quiet(&mut self) -> bool;

    /// Whether the connection has broken. Asks the system, which costs a call.
    fn has_failed(&self) -> bool;

    /// Whether the peer sends nothing behind what is there to be read, as far as the kernel has reported. Costs no
    /// system call.
    fn has_ended(&mut self) -> bool {
        false
    }

    /// Writes once from the slices, in order; returns how many bytes were taken.
    ///
    /// # Errors
    /// Those of the operating system, except `WouldBlock`.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Hands on what the stream itself still holds of what was written. Most streams hold nothing.
    ///
    /// # Errors
    /// Those of the operating system, except `WouldBlock`.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the sending half.
    ///
    /// # Errors
    /// Those of the operating system, except `WouldBlock`.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// A socket of the system; `$peek` looks at a byte without taking it.
macro_rules! socket {
    ($stream:ty, $peek:path) => {
        impl Socket for $stream {
            fn poll_read(
                &mut self,
                cx: &mut Context<'_>,
                space: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                loop {
                    // The kernel is asked first here too. A read that succeeds counts as progress, so that a peer
                    // that always has more cannot keep the thread for itself.
                    let budget = ready!(coop::poll_proceed(cx));
                    let mut count = 0;
                    let read = self.try_io(Interest::READABLE, || {
                        (count, _) = rustix::net::recv(&*self, &mut *space, RecvFlags::empty())?;
                        // A short read has emptied the socket. Readiness is forgotten, as `AsyncRead` does it,
                        // which saves the call that would answer EAGAIN (PERF.md).
                        if count > 0 && count < space.len() {
                            return Err(io::ErrorKind::WouldBlock.into());
                        }
                        Ok(())
                    });
                    match read {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock && count == 0 => {
                            drop(budget);
                            ready!(self.poll_read_ready(cx))?;
                        }
                        Err(error) if count == 0 => return Poll::Ready(Err(error)),
                        _ => {
                            budget.made_progress();
                            return Poll::Ready(Ok(count));
                        }
                    }
                }
            }

            fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_read_ready(cx)
            }

            fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
                $peek(self, cx)
            }

            fn is_quiet(&mut self) -> bool {
                let read = self.try_read(&mut [0]);
                read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }

            fn has_failed(&self) -> bool {
                !matches!(self.take_error(), Ok(None))
            }

            #[cold]
            #[inline(never)]
            fn has_ended(&mut self) -> bool {
                let ready = std::pin::pin!(self.ready(Interest::READABLE));
                let ready = ready.poll(&mut Context::from_waker(Waker::noop()));
                matches!(ready, Poll::Ready(Ok(ready)) if ready.is_read_closed())
            }

            fn poll_write(
                &mut self,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match slices {
                    // There is room, so ask the kernel, not the reactor. A large write that is taken in part is
                    // left to `AsyncWrite`, which then forgets readiness and so saves the call that would
                    // answer EAGAIN.
                    [only] if only.len() <= SMALL_BYTES => loop {
                        match self.try_io(Interest::WRITABLE, || send(&*self, only)) {
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                                ready!(self.poll_write_ready(cx))?;
                            }
                            written => return Poll::Ready(written),
                        }
                    },
                    [only] => AsyncWrite::poll_write(Pin::new(self), cx, only),
                    several => AsyncWrite::poll_write_vectored(Pin::new(self), cx, several),
                }
            }

            #[inline]
            fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(Pin::new(self), cx)
            }
        }
    };
}

/// What `write` does, but not through libc, which prepares for the thread being cancelled meanwhile, and undoes it
/// after. For the same reason `recv` above.
fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

socket!(TcpStream, peek);

fn peek(stream: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    stream.poll_peek(cx, &mut ReadBuf::new(&mut [0]))
}

#[cfg(feature = "unix-sockets")]
socket!(tokio::net::UnixStream, peek_local);

#[cfg(feature = "unix-sockets")]
fn peek_local(stream: &tokio::net::UnixStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    let mut look = || socket2::SockRef::from(stream).peek(&mut byte);
    loop {
        ready!(stream.poll_read_ready(cx))?;
        match stream.try_io(Interest::READABLE, &mut look) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return Poll::Ready(peeked),
        }
    }
}
