//! Whether the other end of a session is still there: a backend that has vanished without a word answers no PING.
//!
//! Servers take frequent PINGs for abuse: those of gRPC close a connection after the third within five minutes in
//! which they have nothing to say. So one is sent only while a request waits, after a while of silence, and again
//! only after a longer one.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
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
        if asked && session.settings.known.get() {
            continue;
        }
        if heard.take() {
            (silent, bound) = (0, SILENCE);
        }
        silent = silent.saturating_add(1);
        if !asked && (silent < bound || session.open.get() == 0) {
            continue;
        }
        // One at a time: the same one is waited for.
        let mut pong = pin!(pings.ping(Ping::opaque()));
        loop {
            match tokio::time::timeout(LIMIT, pong.as_mut()).await {
                Ok(Ok(_)) => break,
                // It is over already.
                Ok(Err(_)) => std::future::pending().await,
                // It is busy. What has come is behind its SETTINGS.
                Err(_) if heard.take() => session.settings.arrive(),
                Err(_) => return,
            }
        }
        session.settings.arrive();
        silent = 0;
        if !asked {
            // The answer is no sign of a life of its own.
            heard.set(false);
            bound = MORE_SILENCE;
        }
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

    /// How long a request waits on a session whose other end does this, at most ten minutes; `asks`: for the
    /// SETTINGS, too.
    async fn waits(asks: bool, other_end: impl AsyncFnOnce(DuplexStream)) -> Option<Duration> {
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
            if asks {
                session.unknown_settings().unwrap().come().await;
            }
            let mut space = [0; 16];
            std::future::poll_fn(|cx| stream.poll_read(cx, &mut space)).await
        };
        let asking = tokio::time::timeout(Duration::from_mins(10), asking);
        let waited = tokio::select! {
            // The other end sees it too when the session ends.
            biased;
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
            let waited = waits(false, async |mut other| {
                let mut sink = [0; 1024];
                while other.read(&mut sink).await.is_ok_and(|count| count > 0) {}
            });
            let waited = waited.await.unwrap().as_secs();
            assert!((40..=60).contains(&waited), "{waited}");
        });
    }

    /// Sends SETTINGS, and does so with the data of each PING, of which it is the so manieth.
    async fn gets_pings(
        mut other: DuplexStream,
        mut with: impl AsyncFnMut(&mut DuplexStream, usize, &[u8]),
    ) {
        let (mut received, mut space) = (Vec::new(), [0; 1024]);
        // And their acknowledgement.
        other
            .write_all(b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0")
            .await
            .unwrap();
        let mut done = 0;
        loop {
            let count = other.read(&mut space).await.unwrap();
            if count == 0 {
                return std::future::pending().await;
            }
            received.extend_from_slice(&space[..count]);
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
            let mut rest = received.get(preface..).unwrap_or_default();
            let mut number = 0;
            while let Some((head, after)) = rest.split_at_checked(9) {
                let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                let Some((data, after)) = after.split_at_checked(length) else {
                    break;
                };
                if head[3] == 6 {
                    number += 1;
                    if number > done {
                        done = number;
                        with(&mut other, number, data).await;
                    }
                }
                rest = after;
            }
        }
    }

    async fn answer(other: &mut DuplexStream, data: &[u8]) {
        let pong = [b"\0\0\x08\x06\x01\0\0\0\0", data].concat();
        other.write_all(&pong).await.unwrap();
    }

    /// A backend that takes its time answers PINGs, and gets no more of them than gRPC's servers put up with.
    #[test]
    fn one_that_takes_its_time() {
        run(async {
            let pings = Cell::new(0);
            let waited = waits(false, async |other| {
                gets_pings(other, async |other, number, data| {
                    pings.set(number);
                    answer(other, data).await;
                })
                .await;
            });
            assert_eq!(waited.await, None);
            assert!((2..=3).contains(&pings.get()), "{}", pings.get());
        });
    }

    /// RT-UP-4: that a WebSocket asks for the SETTINGS makes nobody notice later that a backend has vanished.
    #[test]
    fn one_that_has_vanished_after_its_settings() {
        run(async {
            let waited = waits(true, async |other| {
                gets_pings(other, async |other, number, data| {
                    if number == 1 {
                        answer(other, data).await;
                    }
                })
                .await;
            });
            let waited = waited.await.unwrap().as_secs();
            assert!((40..=60).contains(&waited), "{waited}");
        });
    }

    /// One that sends something else before its answer is there; that it has vanished then is still noticed.
    #[test]
    fn one_that_answers_late() {
        run(async {
            let pings = Cell::new(0);
            let waited = waits(false, async |other| {
                gets_pings(other, async |other, number, data| {
                    pings.set(number);
                    if number == 1 {
                        for _ in 0..5 {
                            tokio::time::sleep(LIMIT * 2 / 3).await;
                            // WINDOW_UPDATE
                            let more = b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01";
                            other.write_all(more).await.unwrap();
                        }
                        answer(other, data).await;
                    }
                })
                .await;
            });
            let waited = waited.await.unwrap().as_secs();
            assert_eq!(pings.get(), 2);
            let expected = 30 + 50 + 300 + 15;
            assert!((expected - 5..expected + 15).contains(&waited), "{waited}");
        });
    }
}
