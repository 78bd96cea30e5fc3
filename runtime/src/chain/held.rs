//! The one room for a request's body that is held back (MW-GEN-14, MW-INT-5).

use crate::head::{Fields, Request, Span};

/// A body that has been read whole before the chain went on.
#[derive(Debug)]
pub(crate) enum Held {
    /// It came with the head: a part of the request's arena.
    Arena(Span),
    /// It has a buffer of its own.
    Own(Box<Fields>),
}

impl Held {
    /// The body.
    pub(crate) fn bytes<'b>(&'b self, request: &'b Request) -> &'b [u8] {
        match self {
            Self::Arena(span) => request.bytes(*span),
            Self::Own(fields) => fields.buffer.filled(),
        }
    }
}
