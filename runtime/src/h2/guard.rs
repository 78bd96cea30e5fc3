//! Counts what a client sends for nothing (RT-H2-3, -4, -5).
//!
//! It sees the byte stream before the `h2` crate does and reads only the nine bytes in front of each
//! frame, because the crate counts less than the rules ask for. Costs a few instructions per frame.

use std::collections::VecDeque;

use super::PREFACE;

const HEADER_BYTES: usize = 9;
/// Frames that ask for work and bring none, between two that do (RT-H2-5).
const IDLE_FRAMES_MAX: u32 = 1_000;
/// They count together only within this time: a connection that lives for days may send its PINGs.
const IDLE_WINDOW_MS: u64 = 60_000;
/// CONTINUATION frames of one header block (RT-H2-4).
const CONTINUATIONS_MAX: u32 = 16;
/// The time over which resets are counted (RT-H2-3).
const RESET_WINDOW_MS: u64 = 10_000;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What a client may do before it is sent away.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Encoded bytes of one header block: four times `limits.maxHeaderBytes`.
    pub block_bytes_max: usize,
    /// Streams cancelled in ten seconds: `limits.http2.maxResets`.
    pub resets_max: usize,
}

/// Why a client is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abuse {
    /// A header block that does not end (RT-H2-4).
    Continuation,
    /// Frames without work (RT-H2-5).
    Idle,
    /// Streams opened and cancelled (RT-H2-3).
    Resets,
}

/// The state between two pieces of the byte stream.
#[derive(Debug)]
pub struct Guard {
    bounds: Bounds,
    /// Bytes to pass over before the next frame header.
    skip: usize,
    /// The frame header so far.
    header: [u8; HEADER_BYTES],
    have: usize,
    /// The header block that has begun and not ended.
    block: Option<Block>,
    /// Header blocks seen.
    blocks: u64,
    idle: u32,
    idle_since_ms: u64,
    /// When the last streams were cancelled, oldest first.
    resets: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    bytes: usize,
    continuations: u32,
    /// The frame that is coming in is its last.
    is_last: bool,
}

impl Abuse {
    /// For the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continuation => "header block too large",
            Self::Idle => "too many frames without a request",
            Self::Resets => "too many cancelled streams",
        }
    }
}

impl Guard {
    /// A guard over a stream that begins with the preface.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            skip: PREFACE.len(),
            header: [0; HEADER_BYTES],
            have: 0,
            block: None,
            blocks: 0,
            idle: 0,
            idle_since_ms: 0,
            resets: VecDeque::new(),
        }
    }

    /// Looks at the next piece of the stream.
    ///
    /// # Errors
    /// The client is to be sent away with ENHANCE_YOUR_CALM.
    pub fn see(&mut self, mut bytes: &[u8], now_ms: u64) -> Result<(), Abuse> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                self.end_block();
                continue;
            }
            let wanted = (HEADER_BYTES - self.have).min(bytes.len());
            let (part, rest) = bytes.split_at(wanted);
            if let Some(space) = self.header.get_mut(self.have..self.have + wanted) {
                space.copy_from_slice(part);
            }
            self.have += wanted;
            bytes = rest;
            if self.have == HEADER_BYTES {
                self.have = 0;
                self.frame(now_ms)?;
                self.end_block();
            }
        }
        Ok(())
    }

    /// The number of the header block that has begun and not ended.
    #[must_use]
    pub fn open_block(&self) -> Option<u64> {
        self.block.map(|_| self.blocks)
    }

    /// Header blocks that have begun.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    fn frame(&mut self, now_ms: u64) -> Result<(), Abuse> {
        let [high, middle, low, kind, flags, ..] = self.header;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.skip = length;
        match kind {
            DATA if length > 0 => self.idle = 0,
            DATA | PRIORITY | SETTINGS | PING => return self.idle(now_ms),
            HEADERS => {
                self.idle = 0;
                self.blocks += 1;
                self.block = Some(Block {
                    bytes: 0,
                    continuations: 0,
                    is_last: false,
                });
                return self.block_part(length, flags);
            }
            CONTINUATION => {
                if let Some(block) = &mut self.block {
                    block.continuations += 1;
                }
                return self.block_part(length, flags);
            }
            RST_STREAM => return self.reset(now_ms),
            _ => {}
        }
        Ok(())
    }

    fn block_part(&mut self, length: usize, flags: u8) -> Result<(), Abuse> {
        if let Some(block) = &mut self.block {
            block.bytes += length;
            block.is_last = flags & END_HEADERS != 0;
            if block.bytes > self.bounds.block_bytes_max || block.continuations > CONTINUATIONS_MAX
            {
                return Err(Abuse::Continuation);
            }
        }
        Ok(())
    }

    /// A block has ended with its last byte, not with the header of its last frame.
    fn end_block(&mut self) {
        if self.skip == 0 && self.block.is_some_and(|block| block.is_last) {
            self.block = None;
        }
    }

    fn idle(&mut self, now_ms: u64) -> Result<(), Abuse> {
        if self.idle == 0 || now_ms.saturating_sub(self.idle_since_ms) > IDLE_WINDOW_MS {
            self.idle = 0;
            self.idle_since_ms = now_ms;
        }
        self.idle += 1;
        if self.idle >= IDLE_FRAMES_MAX {
            return Err(Abuse::Idle);
        }
        Ok(())
    }

    fn reset(&mut self, now_ms: u64) -> Result<(), Abuse> {
        let begin = now_ms.saturating_sub(RESET_WINDOW_MS);
        while self.resets.front().is_some_and(|at| *at < begin) {
            self.resets.pop_front();
        }
        self.resets.push_back(now_ms);
        if self.resets.len() > self.bounds.resets_max {
            return Err(Abuse::Resets);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [_, high, middle, low] = u32::try_from(length).unwrap().to_be_bytes();
        let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER_BYTES + length, 0xff);
        frame
    }

    fn guard() -> Guard {
        let mut guard = Guard::new(Bounds {
            block_bytes_max: 1_000,
            resets_max: 200,
        });
        guard.see(PREFACE, 0).unwrap();
        guard
    }

    fn first_refused(kind: u8, flags: u8, length: usize) -> Option<(usize, Abuse)> {
        let mut guard = guard();
        (1..3_000).find_map(|count| {
            let seen = guard.see(&frame(kind, flags, length), 0);
            Some((count, seen.err()?))
        })
    }

    /// RT-H2-5
    #[test]
    fn frames_without_work() {
        for (kind, length) in [(PING, 8), (SETTINGS, 0), (PRIORITY, 5), (DATA, 0)] {
            assert_eq!(first_refused(kind, 0, length), Some((1_000, Abuse::Idle)));
        }
        assert_eq!(first_refused(DATA, 0, 1), None);
        let mut guard = guard();
        for _ in 0..5 {
            for _ in 0..999 {
                guard.see(&frame(PING, 0, 8), 0).unwrap();
            }
            guard.see(&frame(HEADERS, END_HEADERS, 3), 0).unwrap();
        }
        for minute in 0..5 {
            for _ in 0..999 {
                guard.see(&frame(PING, 0, 8), minute * 60_001).unwrap();
            }
        }
    }

    /// RT-H2-3
    #[test]
    fn cancelled_streams() {
        assert_eq!(first_refused(RST_STREAM, 0, 4), Some((201, Abuse::Resets)));
        let mut guard = guard();
        for count in 0..2_000_u64 {
            guard.see(&frame(RST_STREAM, 0, 4), count * 51).unwrap();
        }
    }

    /// RT-H2-4
    #[test]
    fn header_blocks_that_do_not_end() {
        let mut many = guard();
        many.see(&frame(HEADERS, 0, 1), 0).unwrap();
        for _ in 0..16 {
            many.see(&frame(CONTINUATION, 0, 1), 0).unwrap();
        }
        assert!(many.open_block().is_some());
        let refused = many.see(&frame(CONTINUATION, END_HEADERS, 1), 0);
        assert_eq!(refused, Err(Abuse::Continuation));

        let mut large = guard();
        large.see(&frame(HEADERS, 0, 600), 0).unwrap();
        let refused = large.see(&frame(CONTINUATION, END_HEADERS, 401), 0);
        assert_eq!(refused, Err(Abuse::Continuation));

        let mut ended = guard();
        ended.see(&frame(HEADERS, 0, 600), 0).unwrap();
        ended
            .see(&frame(CONTINUATION, END_HEADERS, 400), 0)
            .unwrap();
        assert_eq!(ended.open_block(), None);
    }

    /// RT-LISTEN-3: a block is open until its last byte is here.
    #[test]
    fn a_block_lasts_as_long_as_its_bytes() {
        let mut dripping = guard();
        let frame = frame(HEADERS, END_HEADERS, 3);
        let (last, before) = frame.split_last().unwrap();
        for byte in before.chunks(1) {
            dripping.see(byte, 0).unwrap();
        }
        assert!(dripping.open_block().is_some());
        dripping.see(&[*last], 0).unwrap();
        assert_eq!(dripping.open_block(), None);

        let mut empty = guard();
        empty
            .see(&super::tests::frame(HEADERS, END_HEADERS, 0), 0)
            .unwrap();
        assert_eq!(empty.open_block(), None);
    }

    proptest! {
        /// Any split of the byte stream gives the same result.
        #[test]
        fn splits_do_not_matter(
            frames in proptest::collection::vec((0_u8..12, any::<u8>(), 0_usize..60), 0..40),
            cut in 1_usize..30,
        ) {
            let mut stream = PREFACE.to_vec();
            for (kind, flags, length) in frames {
                stream.extend(frame(kind, flags, length));
            }
            let bounds = Bounds { block_bytes_max: 100, resets_max: 3 };
            let whole = Guard::new(bounds).see(&stream, 0);
            let mut split = Guard::new(bounds);
            let parts = stream.chunks(cut).try_for_each(|part| split.see(part, 0));
            prop_assert_eq!(whole, parts);
        }
    }
}
