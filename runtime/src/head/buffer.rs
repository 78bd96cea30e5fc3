//! A byte buffer that is read into, and appended to, without ever being cleared to zero again.

use std::ops::Range;

/// A range of a [`Buffer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

/// Bytes `0..filled` are valid; the rest is space to read into.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl Span {
    /// The range `start..end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        // INVARIANT: buffers are bounded far below 4 GiB (Buffer::reserve callers), so this is exact.
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The span of `part` inside `whole`, of which it is a slice.
    #[must_use]
    pub fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Self::new(start, start + part.len())
    }

    /// Bytes in this range.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the range is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The part of this span before and after `offset` bytes of it.
    #[must_use]
    pub fn split_at(self, offset: usize) -> (Self, Self) {
        let middle = self.start + (offset as u32).min(self.end - self.start);
        (
            Self {
                start: self.start,
                end: middle,
            },
            Self {
                start: middle,
                end: self.end,
            },
        )
    }

    /// From the start of this span to `extra` bytes after the end of a later one.
    #[must_use]
    pub fn through(self, later: Self, extra: u32) -> Self {
        Self {
            start: self.start,
            end: later.end + extra,
        }
    }

    /// This span and the one behind it as one, if they touch and neither is empty.
    #[must_use]
    pub fn joined(self, next: Self) -> Option<Self> {
        let touch = self.end == next.start && !self.is_empty() && !next.is_empty();
        touch.then_some(Self {
            start: self.start,
            end: next.end,
        })
    }

    /// The index of the first byte.
    #[must_use]
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// The index after the last byte.
    #[must_use]
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// As a range of indexes.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Buffer {
    /// A buffer with `size` bytes of space.
    #[must_use]
    pub fn with_size(size: usize) -> Self {
        Self {
            bytes: vec![0; size],
            filled: 0,
        }
    }

    /// The valid bytes.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// The valid bytes, to be changed in place.
    #[must_use]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.filled).unwrap_or_default()
    }

    /// How many bytes are valid.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether no byte is valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The bytes of a span.
    #[must_use]
    pub fn at(&self, span: Span) -> &[u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// The space after the valid bytes, at most `limit` bytes of it.
    #[must_use]
    pub fn space(&mut self, limit: usize) -> &mut [u8] {
        let end = self.bytes.len().min(self.filled.saturating_add(limit));
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Makes sure that there are `additional` bytes of space.
    pub fn reserve(&mut self, additional: usize) {
        let needed = self.filled + additional;
        if needed > self.bytes.len() {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Makes sure that there are `additional` bytes of space, growing to no more than `bytes_max` in
    /// all for what fits into that.
    pub fn reserve_within(&mut self, additional: usize, bytes_max: usize) {
        let needed = self.filled + additional;
        if needed > self.bytes.len() {
            let size = needed.next_power_of_two().min(bytes_max).max(needed);
            self.bytes.reserve_exact(size - self.bytes.len());
            self.bytes.resize(size, 0);
        }
    }

    /// Declares `count` more bytes valid, after reading them into [`Buffer::space`].
    pub fn advance(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.bytes.len());
    }

    /// Appends bytes; returns where they are.
    // Inlined, so that bytes that are known beforehand are stored as words instead of copied.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Span {
        let start = self.filled;
        let end = start + bytes.len();
        if end > self.bytes.len() {
            self.reserve(bytes.len());
        }
        if let Some(space) = self.bytes.get_mut(start..end) {
            space.copy_from_slice(bytes);
        }
        self.filled = end;
        Span::new(start, end)
    }

    /// Appends `name: value CRLF`; returns where the line is.
    // Inlined, so that a name that is known beforehand is stored as words instead of copied.
    #[inline]
    pub fn push_line(&mut self, name: &[u8], value: &[u8]) -> Span {
        let start = self.filled;
        let length = name.len() + value.len() + 4;
        if start + length > self.bytes.len() {
            self.reserve(length);
        }
        if let Some((head, rest)) = self
            .bytes
            .get_mut(start..start + length)
            .and_then(|line| line.split_at_mut_checked(name.len()))
            && let Some((colon, rest)) = rest.split_first_chunk_mut::<2>()
            && let Some((tail, end)) = rest.split_at_mut_checked(value.len())
        {
            head.copy_from_slice(name);
            *colon = *b": ";
            tail.copy_from_slice(value);
            end.copy_from_slice(b"\r\n");
        }
        self.filled = start + length;
        Span::new(start, self.filled)
    }

    /// Forgets all bytes; keeps the memory.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Forgets the bytes after `len`.
    pub fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}
