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
pub use request::{Method, Request, Version};
pub use response::Response;
pub use target::TargetForm;
pub(crate) use target::is_authority;

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
    /// The whole line `name: value CRLF`, if the arena has it in just this form; else empty.
    line: Span,
    known: Known,
}

/// Some fields over their arena: all of a message, or those that were put aside.
#[derive(Clone, Copy)]
pub struct List<'a> {
    buffer: &'a Buffer,
    fields: &'a [Field],
}

impl<'a> List<'a> {
    /// The first value of a field. Names compare without case.
    #[inline]
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The first values of two fields, found in one pass; empty without them.
    #[inline]
    pub(crate) fn first_of(self, names: [&str; 2]) -> [&'a [u8]; 2] {
        let mut found = [None; 2];
        for field in self.fields {
            for (found, name) in found.iter_mut().zip(names) {
                if field.is(self.buffer, name.as_bytes()) {
                    found.get_or_insert(field.value);
                }
            }
        }
        found.map(|value| value.map_or(&b""[..], |value| self.buffer.at(value)))
    }

    /// All values of a field, in order.
    #[inline]
    pub fn values<'n>(self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let Self { buffer, fields } = self;
        let named = fields
            .iter()
            .filter(move |field| field.is(buffer, name.as_bytes()));
        named.map(move |field| buffer.at(field.value))
    }
}

impl Fields {
    /// An empty list over an arena.
    #[must_use]
    pub fn new(buffer: Buffer) -> Box<Self> {
        Box::new(Self {
            buffer,
            list: Vec::with_capacity(32),
        })
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

    /// The same with what the engine knows of the names.
    pub(crate) fn iter_known(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.list.iter().map(|field| {
            let [name, value] = [field.name, field.value].map(|span| self.buffer.at(span));
            (field.known, name, value)
        })
    }

    /// All fields, to be read only.
    #[must_use]
    pub fn all(&self) -> List<'_> {
        self.over(&self.list)
    }

    /// These fields, which are of this arena.
    pub(crate) fn over<'a>(&'a self, fields: &'a [Field]) -> List<'a> {
        List {
            buffer: &self.buffer,
            fields,
        }
    }

    /// The fields of these names as they are now. The arena keeps what they say.
    pub(crate) fn noted(&self, names: &[&str]) -> Box<[Field]> {
        let is_wanted = |field: &&Field| {
            let mut names = names.iter();
            names.any(|name| field.is(&self.buffer, name.as_bytes()))
        };
        self.list.iter().filter(is_wanted).copied().collect()
    }

    /// The first value of a field. Names compare without case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// All values of a field, in order.
    pub fn values<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.list
            .iter()
            .filter(move |field| field.is(&self.buffer, name.as_bytes()))
            .map(|field| self.buffer.at(field.value))
    }

    /// The first value of a field the engine knows.
    #[must_use]
    pub fn known(&self, known: Known) -> Option<&[u8]> {
        self.known_span(known).map(|span| self.buffer.at(span))
    }

    /// Where the first value of a field the engine knows is.
    pub(crate) fn known_span(&self, known: Known) -> Option<Span> {
        let found = self.list.iter().find(|field| field.known == known);
        found.map(|field| field.value)
    }

    /// Where the first value of a field is.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        let mut fields = self.list.iter();
        let found = fields.find(|field| field.is(&self.buffer, name.as_bytes()));
        found.map(|field| field.value)
    }

    /// Whether the first field is this one, with its value at this place.
    pub(crate) fn starts_with(&self, known: Known, value: Span) -> bool {
        let first = self.list.first();
        first.is_some_and(|field| field.known == known && field.value == value)
    }

    /// Adds a field after the others.
    #[inline]
    pub fn append(&mut self, name: &str, value: &[u8]) {
        let field = Field::written(&mut self.buffer, name.as_bytes(), value);
        self.list.push(field);
    }

    /// Replaces all values of a field by one, at the place of the first.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        let new = Field::written(&mut self.buffer, name.as_bytes(), value);
        let buffer = &self.buffer;
        let same = |field: &Field| field.is(buffer, name.as_bytes());
        let mut fields = self.list.iter_mut();
        let Some(first) = fields.find(|field| same(field)) else {
            self.list.push(new);
            return;
        };
        *first = new;
        if fields.any(|field| same(field)) {
            let mut kept = false;
            self.list
                .retain(|field| !same(field) || !std::mem::replace(&mut kept, true));
        }
    }

    /// Removes every field of this name.
    pub fn remove(&mut self, name: &str) {
        let buffer = &self.buffer;
        self.list.retain(|field| !field.is(buffer, name.as_bytes()));
    }

    /// Removes every field of this name, where `_` is equal to `-`: some backends make no difference
    /// (MW-GEN-12).
    pub fn remove_alike(&mut self, name: &str) {
        self.remove_where(|other| is_alike(other, name.as_bytes()));
    }

    /// Removes every field whose name satisfies the predicate.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(&[u8]) -> bool) {
        let buffer = &self.buffer;
        self.list.retain(|field| !unwanted(buffer.at(field.name)));
    }

    /// The arena and the list apart, for a parser that reads the one and fills the other.
    pub(crate) fn parts_mut(&mut self) -> (&Buffer, &mut Vec<Field>) {
        (&self.buffer, &mut self.list)
    }

    /// Appends the lines of all wanted fields to `out`. Lines that lie behind one another in the
    /// arena, as most do, are copied as one.
    pub(crate) fn write(&self, out: &mut Buffer, mut wanted: impl FnMut(Known) -> bool) {
        let mut run = Span::default();
        for field in &self.list {
            if !wanted(field.known) {
                continue;
            }
            if let Some(longer) = run.joined(field.line) {
                run = longer;
                continue;
            }
            if !run.is_empty() {
                out.push(self.buffer.at(run));
            }
            run = field.line;
            if field.line.is_empty() {
                out.push(self.buffer.at(field.name));
                out.push(b": ");
                out.push(self.buffer.at(field.value));
                out.push(b"\r\n");
            }
        }
        if !run.is_empty() {
            out.push(self.buffer.at(run));
        }
    }
}

/// Whether two field names are the same to a reader that takes `_` for `-` (MW-GEN-12).
pub(crate) fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let plain = |byte: &u8| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    };
    one.len() == other.len() && one.iter().map(plain).eq(other.iter().map(plain))
}

impl fmt::Debug for List<'_> {
    /// Names only, as below.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields.iter().map(|field| self.buffer.at(field.name));
        formatter
            .debug_list()
            .entries(names.map(String::from_utf8_lossy))
            .finish()
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
    /// A field whose bytes are in the arena already; `is_line`: as `name: value CRLF`.
    pub(crate) fn received(name: Span, value: Span, is_line: bool, known: Known) -> Self {
        Self {
            name,
            value,
            line: if is_line {
                name.through(value, 2)
            } else {
                Span::default()
            },
            known,
        }
    }

    /// Where the value is.
    pub(crate) fn value(&self) -> Span {
        self.value
    }

    #[inline(always)]
    fn written(buffer: &mut Buffer, name: &[u8], value: &[u8]) -> Self {
        let line = buffer.push_line(name, value);
        let known = Known::of(name);
        let value_end = line.end() - 2;
        Self {
            name: Span::new(line.start(), line.start() + name.len()),
            value: Span::new(value_end - value.len(), value_end),
            line,
            known,
        }
    }

    /// Whether its name is this one.
    pub(crate) fn is(&self, buffer: &Buffer, name: &[u8]) -> bool {
        self.name.len() == name.len() && buffer.at(self.name).eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests;
