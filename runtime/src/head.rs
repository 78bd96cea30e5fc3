//! The head of a message as filters see it: start line and fields, whatever the protocol version.
//!
//! A head is an arena of bytes and a list of ranges into it. On HTTP/1.1 the arena is the buffer the
//! bytes were received in, so that parsing copies nothing; an edit appends to the arena and changes a
//! range. HTTP/2 will fill the same arena from its decoded fields. No sockets and no protocol here.

use std::fmt;

mod buffer;
mod field;
pub mod path;
mod request;
mod response;
mod target;

pub use buffer::{Buffer, Span};
pub use field::Known;
pub use request::{Request, Version};
pub use response::Response;
pub use target::TargetForm;

/// Header fields in order of arrival, repeated ones separate (RT-HDR-7).
#[derive(Default)]
pub struct Fields {
    /// The arena.
    pub(crate) buffer: Buffer,
    list: Vec<Field>,
}

/// One field: ranges of the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name: Span,
    value: Span,
    known: Known,
}

impl Fields {
    /// An empty list over an arena.
    #[must_use]
    pub fn new(buffer: Buffer) -> Self {
        Self {
            buffer,
            list: Vec::with_capacity(32),
        }
    }

    /// Forgets all fields and bytes; keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.buffer.clear();
    }

    /// Forgets the fields, keeps the bytes.
    pub(crate) fn clear_list(&mut self) {
        self.list.clear();
    }

    /// The number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.list
            .iter()
            .map(|field| (self.buffer.at(field.name), self.buffer.at(field.value)))
    }

    /// As [`Fields::iter`], with what the engine knows of the name.
    pub(crate) fn iter_known(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.list.iter().map(|field| {
            (
                field.known,
                self.buffer.at(field.name),
                self.buffer.at(field.value),
            )
        })
    }

    /// The first value of a field. Names compare without case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// All values of a field, in order.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.list
            .iter()
            .filter(move |field| field.is(&self.buffer, name.as_bytes()))
            .map(|field| self.buffer.at(field.value))
    }

    /// The first value of a field the engine knows.
    #[must_use]
    pub fn known(&self, known: Known) -> Option<&[u8]> {
        self.list
            .iter()
            .find(|field| field.known == known)
            .map(|field| self.buffer.at(field.value))
    }

    /// Adds a field after the others.
    pub fn append(&mut self, name: &str, value: &[u8]) {
        let name = self.buffer.push(name.as_bytes());
        let value = self.buffer.push(value);
        self.list.push(Field {
            name,
            value,
            known: Known::of(self.buffer.at(name)),
        });
    }

    /// Replaces all values of a field by one, at the place of the first.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        let value_span = self.buffer.push(value);
        let mut found = false;
        let buffer = &self.buffer;
        self.list.retain_mut(|field| {
            if !field.is(buffer, name.as_bytes()) {
                return true;
            }
            field.value = value_span;
            !std::mem::replace(&mut found, true)
        });
        if !found {
            let name = self.buffer.push(name.as_bytes());
            self.list.push(Field {
                name,
                value: value_span,
                known: Known::of(self.buffer.at(name)),
            });
        }
    }

    /// Removes every field of this name.
    pub fn remove(&mut self, name: &str) {
        let buffer = &self.buffer;
        self.list.retain(|field| !field.is(buffer, name.as_bytes()));
    }

    /// Removes every field whose name satisfies the predicate.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(&[u8]) -> bool) {
        let buffer = &self.buffer;
        self.list.retain(|field| !unwanted(buffer.at(field.name)));
    }

    /// Removes every field the engine knows to be unwanted.
    pub(crate) fn remove_known(&mut self, mut unwanted: impl FnMut(Known) -> bool) {
        self.list.retain(|field| !unwanted(field.known));
    }

    /// The arena and the list apart, for a parser that reads the one and fills the other.
    pub(crate) fn parts_mut(&mut self) -> (&Buffer, &mut Vec<Field>) {
        (&self.buffer, &mut self.list)
    }
}

impl fmt::Debug for Fields {
    /// Names only: values may be credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name)))
            .finish()
    }
}

impl Field {
    /// A field whose bytes are in the arena already.
    pub(crate) fn received(name: Span, value: Span, known: Known) -> Self {
        Self { name, value, known }
    }

    fn is(&self, buffer: &Buffer, name: &[u8]) -> bool {
        self.name.len() == name.len() && buffer.at(self.name).eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests;
