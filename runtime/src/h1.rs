//! HTTP/1.1 as bytes (RFC 9112): heads, framing, chunks. No sockets, no routing.

pub mod chunk;
pub mod framing;
pub mod request;
pub mod response;
pub(crate) mod trailers;
pub mod write;

use crate::error::Refusal;
use crate::head::{Field, Known, Span};

/// Limits of a request head (RT-LIM-1, -2).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the request target.
    pub target_bytes_max: usize,
    /// Bytes of the header section.
    pub header_bytes_max: usize,
    /// Number of fields.
    pub fields_max: usize,
}

/// Fields for which there is room without further effort: the default of `limits.maxHeaders`.
const FIELDS_USUAL: usize = 128;
/// Most fields of a head: the largest `limits.maxHeaders`.
const FIELDS_MAX: usize = 1000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            target_bytes_max: 16 * 1024,
            header_bytes_max: 64 * 1024,
            fields_max: FIELDS_USUAL,
        }
    }
}

/// Whether start line and last line end in CRLF: httparse also takes a bare LF (RT-SMUG-5).
/// `first_field` is where the first field's name begins.
fn ends_lines_in_crlf(head: &[u8], first_field: Option<usize>) -> bool {
    let before_fields = first_field.unwrap_or(head.len().saturating_sub(2));
    head.ends_with(b"\r\n")
        && head
            .get(..before_fields)
            .is_some_and(|line| line.ends_with(b"\r\n"))
}

/// A field of a head that httparse has read; `None` if its line does not end in CRLF.
// Inlined, so that the field is made where it is kept.
#[inline(always)]
fn field_of(head: &[u8], header: &httparse::Header<'_>, known: Known) -> Option<Field> {
    let name = Span::of(header.name.as_bytes(), head);
    if header.value.is_empty() {
        return empty_field_of(head, name, known);
    }
    let value = Span::of(header.value, head);
    // Between them is a colon, then spaces and tabs.
    let spaced = value.start() == name.end() + 2 && head.get(name.end() + 1) == Some(&b' ');
    match head.get(value.end()..value.end() + 2)? {
        b"\r\n" => Some(Field::received(name, value, spaced, known)),
        _ => ends_in_crlf(head, value).then(|| Field::received(name, value, false, known)),
    }
}

/// A field without a value, which lies behind the colon.
fn empty_field_of(head: &[u8], name: Span, known: Known) -> Option<Field> {
    let value = Span::new(name.end() + 1, name.end() + 1);
    ends_in_crlf(head, value).then(|| Field::received(name, value, false, known))
}

/// Whether CRLF follows a value, behind spaces and tabs at most.
fn ends_in_crlf(head: &[u8], value: Span) -> bool {
    let rest = head.get(value.end()..).unwrap_or_default();
    let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let line_end = rest.get(spaces.count()..);
    line_end.is_some_and(|line_end| line_end.starts_with(b"\r\n"))
}

/// The members of a comma-separated field value, trimmed.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// Whether the request line has three parts, of which the last is the name of some version.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\r').next();
    let mut parts = line.unwrap_or_default().split(|byte| *byte == b' ').skip(2);
    let version = parts.next().and_then(|part| part.strip_prefix(b"HTTP/"));
    matches!(version, Some([b'0'..=b'9', b'.', b'0'..=b'9'])) && parts.next().is_none()
}

/// More fields than there is room for.
const TOO_MANY_FIELDS: Refusal =
    Refusal::new(431, crate::error::RefusalReason::Limit, "too many fields");

/// The refusal of a request head that httparse cannot read.
fn refusal_of(error: httparse::Error, head: &[u8]) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::header("malformed field name"),
        httparse::Error::HeaderValue => Refusal::header("malformed field value"),
        httparse::Error::NewLine => Refusal::framing("malformed line end"),
        httparse::Error::Status => Refusal::framing("malformed status line"),
        httparse::Error::Token => Refusal::framing("malformed request line"),
        httparse::Error::TooManyHeaders => TOO_MANY_FIELDS,
        httparse::Error::Version if !names_a_version(head) => {
            Refusal::framing("malformed request line")
        }
        httparse::Error::Version => Refusal::new(
            505,
            crate::error::RefusalReason::Framing,
            "unsupported protocol version",
        ),
    }
}
