//! A request's body that may be sent again (RT-RETRY-1): what went behind the head is kept while it is
//! streamed, up to a bound. Beyond that there is no other try, and nothing is kept.

use super::frame::Frame;
use crate::head::Buffer;

/// Body bytes that can be sent again.
pub(super) const REPLAY_BYTES_MAX: u64 = 64 * 1024;
/// The same with what delimits them: pieces of a byte would make much of it.
const WIRE_BYTES_MAX: usize = 128 * 1024;

/// What has been sent behind a head.
#[derive(Debug)]
pub(super) struct Replay {
    wire: Buffer,
    /// Whether the body came with its head.
    pub(super) in_head: bool,
    /// Whether there has been a try.
    is_begun: bool,
    /// Whether a part is missing.
    is_over: bool,
}

impl Replay {
    /// `in_head`: of a body that is a part of the head.
    pub(super) fn new(in_head: bool) -> Self {
        Self {
            wire: Buffer::default(),
            in_head,
            is_begun: false,
            is_over: false,
        }
    }

    /// Whether there has been a try.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Begins a try: what was sent behind the head before is sent behind this one.
    pub(super) fn begin(&mut self, head: &mut Buffer) {
        self.is_begun = true;
        head.push(self.wire.filled());
    }

    /// Keeps a frame of the body; `received`: data bytes, this one's included.
    pub(super) fn keep(&mut self, frame: &Frame, received: u64) {
        let fits = received <= REPLAY_BYTES_MAX;
        if self.is_over || !fits || self.wire.len() + frame.len() > WIRE_BYTES_MAX {
            return self.give_up();
        }
        frame.copy_to(&mut self.wire);
    }

    /// There is no other try: nothing is kept any more.
    pub(super) fn give_up(&mut self) {
        self.is_over = true;
        self.wire = Buffer::default();
    }

    /// Whether another try gets all of it.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_over
    }
}
