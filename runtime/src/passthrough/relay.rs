//! Bytes both ways between two sockets until both have ended.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Home, Scratch};
use crate::io::Socket;

/// The drain is over.
pub(super) const STOPS: &str = "the gateway stops";

/// What a relay has moved, and why it ended.
#[derive(Debug, Default)]
pub(super) struct Relayed {
    /// Bytes from the client.
    pub(super) up: u64,
    /// Bytes to the client.
    pub(super) down: u64,
    /// `None`: both sides had said all they had to say.
    pub(super) cut_short: Option<String>,
}

/// One direction. INVARIANT: nothing is read while `unsent` is not empty, and an idle direction owns no
/// buffer.
#[derive(Debug, Default)]
struct Way {
    /// What the receiver has not taken yet.
    unsent: Vec<u8>,
    /// How much of that it has.
    taken: usize,
    bytes: u64,
    /// Whether the sender has said all it has to say.
    ended: bool,
    /// Whether the receiver has been told so.
    told: bool,
}

/// Relays until both sides have ended, one breaks, both are silent for too long, or the gateway's drain is
/// over (RT-PT-2, RT-PT-3, RT-STOP-2).
pub(super) async fn run(
    home: Home,
    scratch: &Scratch,
    client: &mut impl Socket,
    target: &mut impl Socket,
    idle: Duration,
) -> Relayed {
    let (mut up, mut down) = (Way::default(), Way::default());
    let watch = home.clock.watch();
    watch.limit(Some(idle));
    let ended = poll_fn(|cx| {
        let before = (up.bytes, down.bytes);
        {
            let scratch = &mut scratch.borrow_mut();
            let one = up.poll(cx, scratch, client, target);
            let other = down.poll(cx, scratch, target, client);
            match (one, other) {
                (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                    return Poll::Ready(Some(error.to_string()));
                }
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(None),
                (Poll::Pending, _) | (_, Poll::Pending) => {}
            }
        }
        if home.is_ending.get() {
            return Poll::Ready(Some(STOPS.to_owned()));
        }
        if before != (up.bytes, down.bytes) {
            watch.limit(Some(idle));
        }
        let silent = || format!("silent for {idle:?}");
        watch.poll_expired(cx).map(|()| Some(silent()))
    });
    let cut_short = ended.await;
    Relayed {
        up: up.bytes,
        down: down.bytes,
        cut_short,
    }
}

impl Way {
    /// Ready once the sender has ended and the receiver knows.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        from: &mut impl Socket,
        to: &mut impl Socket,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx, to))?;
            if self.told {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                ready!(to.poll_shutdown(cx))?;
                self.told = true;
                continue;
            }
            let count = ready!(from.poll_read(cx, scratch))?;
            let read = scratch.get(..count).unwrap_or_default();
            self.ended = read.is_empty();
            if self.ended {
                continue;
            }
            let taken = match to.poll_write(cx, &[IoSlice::new(read)]) {
                Poll::Ready(taken) => taken?,
                Poll::Pending => 0,
            };
            self.bytes += taken as u64;
            self.unsent
                .extend_from_slice(read.get(taken..).unwrap_or_default());
        }
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>, to: &mut impl Socket) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.unsent.get(self.taken..) {
            let taken = ready!(to.poll_write(cx, &[IoSlice::new(rest)]))?;
            self.taken += taken;
            self.bytes += taken as u64;
        }
        if self.taken > 0 {
            self.unsent = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}
