//! A piece of a response body in the hands of the `h2` crate, and the count of what it still holds.
//!
//! Large pieces are lent in the buffer that they were received in, small ones are copied, so that a
//! stream whose client does not read holds little more than what it has to send (RT-LIM-6).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Buf;

use crate::head::{Buffer, Fields, Span};
use crate::proxy::Core;

/// Pieces from this size on are lent, not copied.
const LENT_BYTES_MIN: usize = 64 * 1024;

/// Bytes to be sent on one stream.
pub(super) struct Payload {
    storage: Storage,
    /// What is left of them.
    at: usize,
    end: usize,
    gauge: Rc<Gauge>,
    core: &'static Core,
}

enum Storage {
    Copied(Buffer),
    Lent(Box<Fields>),
    Returned,
}

/// How many bytes of a stream have been handed over and not been sent.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    bytes: Cell<usize>,
    /// As many as may be unsent before the stream waits.
    pub(super) unsent_max: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    /// Some of them were thrown away, because the stream is closed.
    lost: Cell<bool>,
}

impl Payload {
    /// Takes over `data` of the bytes of `fields`.
    pub(super) fn new(
        core: &'static Core,
        gauge: &Rc<Gauge>,
        fields: Box<Fields>,
        data: Span,
    ) -> Self {
        if data.len() < LENT_BYTES_MIN {
            let copied = Self::copied(core, gauge, fields.buffer.at(data));
            core.buffers.put_scratch(fields);
            return copied;
        }
        gauge.bytes.set(gauge.bytes.get() + data.len());
        Self {
            storage: Storage::Lent(fields),
            at: data.start(),
            end: data.end(),
            gauge: Rc::clone(gauge),
            core,
        }
    }

    /// Copies bytes.
    pub(super) fn copied(core: &'static Core, gauge: &Rc<Gauge>, bytes: &[u8]) -> Self {
        let mut buffer = core.buffers.wire();
        buffer.push(bytes);
        gauge.bytes.set(gauge.bytes.get() + bytes.len());
        Self {
            storage: Storage::Copied(buffer),
            at: 0,
            end: bytes.len(),
            gauge: Rc::clone(gauge),
            core,
        }
    }
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        self.end - self.at
    }

    fn chunk(&self) -> &[u8] {
        let left = Span::new(self.at, self.end);
        match &self.storage {
            Storage::Copied(buffer) => buffer.at(left),
            Storage::Lent(fields) => fields.buffer.at(left),
            Storage::Returned => b"",
        }
    }

    fn advance(&mut self, count: usize) {
        let count = count.min(self.remaining());
        self.at += count;
        self.gauge.release(count);
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if self.remaining() > 0 {
            self.gauge.lost.set(true);
            self.gauge.release(self.remaining());
        }
        match std::mem::replace(&mut self.storage, Storage::Returned) {
            Storage::Copied(buffer) => self.core.buffers.put_wire(buffer),
            Storage::Lent(fields) => self.core.buffers.put_scratch(fields),
            Storage::Returned => {}
        }
    }
}

impl Gauge {
    /// A gauge for the next stream: the one that is kept, if no piece of the stream before is under way.
    pub(super) fn renewed(kept: &mut Rc<Self>) -> Rc<Self> {
        match Rc::get_mut(kept) {
            Some(free) => *free = Self::default(),
            None => *kept = Rc::default(),
        }
        Rc::clone(kept)
    }

    /// Whether bytes were thrown away instead of being sent.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// Ready when no more bytes are unsent than may be.
    pub(super) fn poll_sent(&self, cx: &Context<'_>) -> Poll<()> {
        if self.bytes.get() <= self.unsent_max.get() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        match &*waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            Some(_) | None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn release(&self, count: usize) {
        let left = self.bytes.get().saturating_sub(count);
        self.bytes.set(left);
        if left <= self.unsent_max.get()
            && let Some(waker) = self.waker.borrow_mut().take()
        {
            waker.wake();
        }
    }
}
