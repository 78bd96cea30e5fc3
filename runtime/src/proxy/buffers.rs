//! The buffers of one core: taken for as long as bytes are in hand, then given back.
//!
//! An idle connection owns none. A buffer is never cleared to zero, only overwritten.

use std::cell::{RefCell, RefMut};

use bytes::BytesMut;

use crate::head::{Buffer, Fields};

/// First size of a request head's buffer.
const HEAD_BYTES: usize = 8 * 1024;
/// Most bytes read at once from a backend, or from a client's body (PERF.md: 128 KiB).
pub(super) const SCRATCH_BYTES: usize = 128 * 1024;
/// Space behind a full scratch buffer for the edits of a response head.
const EDIT_BYTES: usize = 4 * 1024;
/// First size of an outgoing head's buffer.
const WIRE_BYTES: usize = 2 * 1024;
/// Size of a buffer for the values of HTTP/2 fields.
const VALUES_BYTES: usize = 4 * 1024;
/// A buffer that has grown beyond this is not kept.
const KEPT_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Buffers kept of each kind.
const KEPT_HEADS_MAX: usize = 256;
const KEPT_SCRATCH_MAX: usize = 8;

/// Free buffers of one core, most recently used last.
#[derive(Debug)]
#[expect(
    clippy::vec_box,
    reason = "they travel as boxes, so that handing one on moves a pointer"
)]
pub struct Buffers {
    heads: RefCell<Vec<Box<Fields>>>,
    scratch: RefCell<Vec<Box<Fields>>>,
    wires: RefCell<Vec<Buffer>>,
    values: RefCell<BytesMut>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            heads: RefCell::default(),
            scratch: RefCell::default(),
            wires: RefCell::default(),
            values: RefCell::new(BytesMut::with_capacity(VALUES_BYTES)),
        }
    }
}

impl Buffers {
    /// A buffer for a request head.
    pub(super) fn head(&self) -> Box<Fields> {
        let free = self.heads.borrow_mut().pop();
        free.unwrap_or_else(|| Fields::new(Buffer::with_size(HEAD_BYTES)))
    }

    /// Gives a request head's buffer back.
    pub(super) fn put_head(&self, mut fields: Box<Fields>) {
        let mut heads = self.heads.borrow_mut();
        if heads.len() < KEPT_HEADS_MAX && fields.buffer.size() <= KEPT_HEAD_BYTES_MAX {
            fields.clear();
            heads.push(fields);
        }
    }

    /// A buffer for a response head and for bodies.
    pub(super) fn scratch(&self) -> Box<Fields> {
        let free = self.scratch.borrow_mut().pop();
        free.unwrap_or_else(|| Fields::new(Buffer::with_size(SCRATCH_BYTES + EDIT_BYTES)))
    }

    /// Gives a scratch buffer back.
    pub(super) fn put_scratch(&self, mut fields: Box<Fields>) {
        if fields.buffer.size() != SCRATCH_BYTES + EDIT_BYTES {
            // That of a body that was held back.
            return self.put_head(fields);
        }
        let mut scratch = self.scratch.borrow_mut();
        if scratch.len() < KEPT_SCRATCH_MAX {
            fields.clear();
            scratch.push(fields);
        }
    }

    /// A buffer for a head on its way out.
    pub(super) fn wire(&self) -> Buffer {
        let free = self.wires.borrow_mut().pop();
        free.unwrap_or_else(|| Buffer::with_size(WIRE_BYTES))
    }

    /// Gives a wire buffer back.
    pub(super) fn put_wire(&self, mut buffer: Buffer) {
        let mut wires = self.wires.borrow_mut();
        if wires.len() < KEPT_HEADS_MAX && buffer.size() <= KEPT_HEAD_BYTES_MAX {
            buffer.clear();
            wires.push(buffer);
        }
    }

    /// Where the values of HTTP/2 fields lie, one behind the other, until the `h2` crate has encoded them. Its
    /// memory is used again once it holds none of them; until then there is another.
    pub(super) fn values(&self) -> RefMut<'_, BytesMut> {
        self.values.borrow_mut()
    }
}
