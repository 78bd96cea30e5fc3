//! The head of a response.

use super::{Fields, Span};

/// Status and fields of a response.
#[derive(Debug)]
pub struct Response {
    /// The header fields.
    pub fields: Box<Fields>,
    pub(crate) status: u16,
    /// The reason phrase as received; empty = the registered one is written.
    pub(crate) reason: Span,
}

impl Response {
    /// A response without fields.
    #[must_use]
    pub fn new(status: u16, fields: Box<Fields>) -> Self {
        Self {
            fields,
            status,
            reason: Span::default(),
        }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}
