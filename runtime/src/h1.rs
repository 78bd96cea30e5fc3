//! HTTP/1.1 as bytes (RFC 9112): heads, framing, chunks. No sockets, no routing.

pub mod chunk;
pub mod framing;
pub mod request;
pub mod response;
pub mod write;

use crate::error::Refusal;

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

/// Most fields a head may have; `limits.maxHeaders` will be able to lower it.
const FIELDS_MAX: usize = 128;

impl Default for Limits {
    fn default() -> Self {
        Self {
            target_bytes_max: 16 * 1024,
            header_bytes_max: 64 * 1024,
            fields_max: FIELDS_MAX,
        }
    }
}

/// Whether every line of a head ends in CRLF: httparse also takes a bare LF (RT-SMUG-5).
fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head)
        .any(|at| at == 0 || head.get(at - 1).is_none_or(|before| *before != b'\r'))
}

/// The members of a comma-separated field value, trimmed.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// The refusal of a head that httparse cannot read.
fn refusal_of(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::header("malformed field name"),
        httparse::Error::HeaderValue => Refusal::header("malformed field value"),
        httparse::Error::NewLine => Refusal::framing("malformed line end"),
        httparse::Error::Status => Refusal::framing("malformed status line"),
        httparse::Error::Token => Refusal::framing("malformed request line"),
        httparse::Error::TooManyHeaders => {
            Refusal::new(431, crate::error::RefusalReason::Limit, "too many fields")
        }
        httparse::Error::Version => Refusal::new(
            505,
            crate::error::RefusalReason::Framing,
            "unsupported protocol version",
        ),
    }
}
