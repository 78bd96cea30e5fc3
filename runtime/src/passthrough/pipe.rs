//! Bytes from one socket to another within the kernel (splice(2)), for directions that carry a lot: docs/passthrough.md
//! has what that is worth. Which direction that is, [`super::relay`] knows.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Pipes of a core at once, each of two files: more directions are copied.
const PIPES_MAX: usize = 128;
/// Empty ones that are kept for the next direction.
const KEPT_MAX: usize = 16;
/// As much as a pipe may take at once; by default it has room for 64 KiB.
const TAKEN_BYTES_MAX: usize = 1 << 20;
const NOW: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

/// The pipes of a core.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    free: RefCell<Vec<Pipe>>,
    lent: Cell<usize>,
}

/// One on loan to a direction.
#[derive(Debug)]
pub(super) struct Pipe {
    into: OwnedFd,
    from: OwnedFd,
    /// Bytes in it.
    pub(super) filled: usize,
}

impl Pipes {
    /// One that is empty, if there is any.
    pub(super) fn take(&self) -> Option<Pipe> {
        if self.lent.get() >= PIPES_MAX {
            return None;
        }
        let free = self.free.borrow_mut().pop();
        let pipe = free.or_else(|| Pipe::new().ok())?;
        self.lent.set(self.lent.get() + 1);
        Some(pipe)
    }

    /// Takes it back; what is still in it is lost.
    pub(super) fn put(&self, pipe: Pipe) {
        self.lent.set(self.lent.get().saturating_sub(1));
        let mut free = self.free.borrow_mut();
        if pipe.filled == 0 && free.len() < KEPT_MAX {
            free.push(pipe);
        }
    }

    /// Whether so many are on loan that none is to be held in silence.
    pub(super) fn are_scarce(&self) -> bool {
        self.lent.get() > PIPES_MAX / 2
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self {
            into,
            from,
            filled: 0,
        })
    }

    /// Fills it, which must be empty: so only the socket can have it wait. 0: the sender has ended.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(socket.poll_read_ready(cx))?;
            let moved = socket.try_io(Interest::READABLE, || {
                move_bytes(socket, &self.into, TAKEN_BYTES_MAX)
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                moved => {
                    self.filled += moved.as_ref().copied().unwrap_or_default();
                    return Poll::Ready(moved);
                }
            }
        }
    }

    /// Empties it as far as the receiver takes it; how much that was.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(socket.poll_write_ready(cx))?;
            let moved = socket.try_io(Interest::WRITABLE, || {
                move_bytes(&self.from, socket, self.filled)
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                moved => {
                    self.filled -= moved.as_ref().copied().unwrap_or_default().min(self.filled);
                    return Poll::Ready(moved);
                }
            }
        }
    }
}

fn move_bytes(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    loop {
        match splice(&from, None, &to, None, most, NOW) {
            Err(rustix::io::Errno::INTR) => {}
            moved => return Ok(moved?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_may_be() {
        let pipes = Pipes::default();
        let mut lent: Vec<_> = std::iter::from_fn(|| pipes.take()).collect();
        assert_eq!(lent.len(), PIPES_MAX);
        assert!(pipes.are_scarce());
        // What is in it belongs to a connection that is over.
        let mut full = lent.pop().unwrap();
        full.filled = 1;
        pipes.put(full);
        assert!(pipes.free.borrow().is_empty());
        lent.into_iter().for_each(|pipe| pipes.put(pipe));
        assert_eq!((pipes.free.borrow().len(), pipes.lent.get()), (KEPT_MAX, 0));
    }
}
