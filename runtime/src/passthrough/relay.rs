//! Bytes both ways between two sockets until both have ended.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;

use super::pipe::{Pipe, Pipes};
use super::{Home, Space};
use crate::io::Socket as _;

/// Reads in a row that fill the buffer before a direction gets a pipe: it carries more than a copy is cheap for.
const FULL_READS: u32 = 2;
/// Pieces from here down are better copied: a pipe does not pay for them.
const SMALL_BYTES: usize = 8 * 1024;

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

/// One direction. INVARIANT: nothing is read while `unsent` or the pipe is not empty, and an idle direction owns no
/// buffer.
#[derive(Debug)]
struct Way<'a> {
    pipes: &'a Pipes,
    /// Takes what comes past the buffer, while much comes.
    pipe: Option<Pipe>,
    /// Reads in a row that have filled the buffer.
    full_reads: u32,
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
    space: &Space,
    client: &mut TcpStream,
    target: &mut TcpStream,
    idle: Duration,
) -> Relayed {
    let (mut up, mut down) = (Way::new(&space.pipes), Way::new(&space.pipes));
    let watch = home.clock.watch();
    watch.limit(Some(idle));
    let ended = poll_fn(|cx| {
        let before = (up.bytes, down.bytes);
        {
            let scratch = &mut space.scratch.borrow_mut();
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

impl<'a> Way<'a> {
    fn new(pipes: &'a Pipes) -> Self {
        Self {
            pipes,
            pipe: None,
            full_reads: 0,
            unsent: Vec::new(),
            taken: 0,
            bytes: 0,
            ended: false,
            told: false,
        }
    }

    /// Ready once the sender has ended and the receiver knows.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        from: &mut TcpStream,
        to: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx, to))?;
            ready!(self.poll_pipe(cx, from, to))?;
            if self.told {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                ready!(to.poll_shutdown(cx))?;
                self.told = true;
                continue;
            }
            let count = ready!(from.poll_read(cx, scratch))?;
            self.full_reads = if count == scratch.len() {
                self.full_reads + 1
            } else {
                0
            };
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
            if self.full_reads >= FULL_READS {
                self.full_reads = 0;
                self.pipe = self.pipes.take();
            }
        }
    }

    fn give_back(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            self.pipes.put(pipe);
        }
    }

    /// Moves bytes through the pipe, if there is one, until it is given back.
    fn poll_pipe(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
    ) -> Poll<io::Result<()>> {
        let mut is_over = self.ended;
        while let Some(pipe) = &mut self.pipe {
            if pipe.filled > 0 {
                self.bytes += ready!(pipe.poll_drain(cx, to))? as u64;
            } else if is_over {
                self.give_back();
            } else {
                match pipe.poll_fill(cx, from) {
                    Poll::Pending if self.pipes.are_scarce() => {
                        self.give_back();
                        return Poll::Pending;
                    }
                    filled => {
                        let filled = ready!(filled)?;
                        self.ended = filled == 0;
                        is_over = filled <= SMALL_BYTES;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>, to: &mut TcpStream) -> Poll<io::Result<()>> {
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

impl Drop for Way<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
