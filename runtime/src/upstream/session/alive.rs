//! Whether the other end of a session is still there: a backend that has vanished without a word answers no PING.
//!
//! Servers take frequent PINGs for abuse: those of gRPC close a connection after the third within five minutes in
//! which they have nothing to say. So one is sent only while a request waits, after a while of silence, and again
//! only after a longer one.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Shared;

/// How often it is looked whether anything has come.
const TICK: Duration = Duration::from_secs(1);
/// Silence, in ticks, before the first PING (RT-UP-4).
const SILENCE: u32 = 30;
/// More silence before the next.
const MORE_SILENCE: u32 = 5 * 60;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(15);

/// A byte stream that notes that something has come.
pub(super) struct Heard<T> {
    pub(super) socket: T,
    pub(super) heard: Rc<Cell<bool>>,
}

/// Ends when the other end does not answer. Whoever asks for the SETTINGS gets a PING at once.
pub(super) async fn until_silent(mut pings: PingPong, heard: &Cell<bool>, session: &Shared) {
    let (mut silent, mut bound) = (0_u32, SILENCE);
    loop {
        let asked = tokio::select! {
            () = tokio::time::sleep(TICK) => false,
            () = session.settings.asked.notified() => true,
        };
        if heard.take() {
            (silent, bound) = (0, SILENCE);
        }
        silent = silent.saturating_add(1);
        if !asked && (silent < bound || session.open.get() == 0) {
            continue;
        }
        match tokio::time::timeout(LIMIT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => session.settings.arrive(),
            // It is over already.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
        // The answer is no sign of a life of its own.
        heard.set(false);
        (silent, bound) = (0, MORE_SILENCE);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, space);
        if read.is_ready() {
            self.heard.set(true);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::Session;
    use super::*;
    use crate::clock::Moment;
    use crate::io::Socket as _;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    /// How long a request waits on a session whose other end does this, at most ten minutes.
    async fn waits(other_end: impl AsyncFnOnce(DuplexStream)) -> Option<Duration> {
        let (own, other) = duplex(64 * 1024);
        let session = Session::begin((own, None), false, None, None)
            .await
            .unwrap();
        let begun = Moment::now();
        let mut stream = session.stream().unwrap();
        let asking = async {
            let slices = [IoSlice::new(REQUEST)];
            std::future::poll_fn(|cx| stream.poll_write(cx, &slices))
                .await
                .unwrap();
            std::future::poll_fn(|cx| stream.poll_flush(cx))
                .await
                .unwrap();
            let mut space = [0; 16];
            std::future::poll_fn(|cx| stream.poll_read(cx, &mut space)).await
        };
        let asking = tokio::time::timeout(Duration::from_mins(10), asking);
        let waited = tokio::select! {
            waited = asking => waited,
            () = other_end(other) => unreachable!(),
        };
        waited.is_ok().then(|| begun.elapsed())
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, test);
    }

    /// RT-UP-4: a backend that has vanished is noticed.
    #[test]
    fn one_that_has_vanished() {
        run(async {
            let waited = waits(async |mut other| {
                let mut sink = [0; 1024];
                while other.read(&mut sink).await.is_ok_and(|count| count > 0) {}
            });
            let waited = waited.await.unwrap().as_secs();
            assert!((40..=60).contains(&waited), "{waited}");
        });
    }

    /// A backend that takes its time answers PINGs, and gets no more of them than gRPC's servers put up with.
    #[test]
    fn one_that_takes_its_time() {
        run(async {
            let pings = Cell::new(0);
            let waited = waits(async |mut other| {
                let (mut received, mut space) = (Vec::new(), [0; 1024]);
                // SETTINGS, and their acknowledgement.
                other
                    .write_all(b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0")
                    .await
                    .unwrap();
                loop {
                    let count = other.read(&mut space).await.unwrap();
                    received.extend_from_slice(&space[..count]);
                    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
                    let mut rest = received.get(preface..).unwrap_or_default();
                    let mut answered = 0;
                    while let Some((head, after)) = rest.split_at_checked(9) {
                        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                        let Some((data, after)) = after.split_at_checked(length) else {
                            break;
                        };
                        if head[3] == 6 {
                            answered += 1;
                            if answered > pings.get() {
                                pings.set(answered);
                                let pong = [b"\0\0\x08\x06\x01\0\0\0\0", data].concat();
                                other.write_all(&pong).await.unwrap();
                            }
                        }
                        rest = after;
                    }
                }
            });
            assert_eq!(waited.await, None);
            assert!((2..=3).contains(&pings.get()), "{}", pings.get());
        });
    }
}
