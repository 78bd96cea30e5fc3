//! The head of a request.

use super::path::{Canonical, canonicalize};
use super::{Fields, Span};
use crate::error::{Refusal, RefusalReason};

/// Bytes of a target that filters may always make: the default of `limits.maxUriBytes` (RT-LIM-1).
const TARGET_BYTES_MAX: usize = 16 * 1024;

/// The protocol version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// The methods that the engine itself treats in a way of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// CONNECT
    Connect,
    /// DELETE
    Delete,
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// PUT
    Put,
    /// TRACE
    Trace,
    /// POST and any other token.
    Other,
}

impl Method {
    /// Recognises a method; methods are case-sensitive.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"CONNECT" => Self::Connect,
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"PUT" => Self::Put,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// RFC 9110 §9.2.2
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Delete | Self::Get | Self::Head | Self::Options | Self::Put | Self::Trace => true,
            Self::Connect | Self::Other => false,
        }
    }
}

/// Method, target and fields of a request.
#[derive(Debug)]
pub struct Request {
    /// The header fields.
    pub fields: Box<Fields>,
    pub(crate) method: Span,
    pub(crate) kind: Method,
    /// Path part of the target as it is to be forwarded: dot segments resolved (RT-PATH-2).
    pub(crate) path: Span,
    /// `?` and the query, or empty (RT-PATH-5: passes byte for byte).
    pub(crate) query: Span,
    /// The path for matching: unreserved escapes decoded, slash runs collapsed (RT-PATH-1, -3).
    pub(crate) canonical: Span,
    /// Host in lower case without port; empty if there is none (RT-ROUTE-1).
    pub(crate) host: Span,
    /// The authority as received: `host[:port]`.
    pub(crate) authority: Span,
    /// Explicit port of the authority.
    pub(crate) port: Option<u16>,
    pub(crate) version: Version,
}

impl Request {
    /// The method, as received.
    #[must_use]
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    /// The method, if it is one that the engine knows.
    #[must_use]
    pub fn kind(&self) -> Method {
        self.kind
    }

    /// The path to be forwarded, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text(self.path)
    }

    /// `?` and the query as received, or nothing.
    #[must_use]
    pub fn query(&self) -> &str {
        self.text(self.query)
    }

    /// The query as [`Request::query`], but also if it is not UTF-8.
    #[must_use]
    pub fn query_bytes(&self) -> &[u8] {
        self.bytes(self.query)
    }

    /// The path in the form that routes are matched against.
    #[must_use]
    pub fn canonical_path(&self) -> &str {
        self.text(self.canonical)
    }

    /// Host in lower case, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text(self.host)
    }

    /// `host[:port]` as received.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text(self.authority)
    }

    /// The explicit port of the authority.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The protocol version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Replaces the path; `canonical` is its form for matching. The query stays.
    pub fn set_path(&mut self, path: &str, canonical: &str) {
        self.path = self.fields.buffer.push(path.as_bytes());
        self.canonical = if path == canonical {
            self.path
        } else {
            self.fields.buffer.push(canonical.as_bytes())
        };
    }

    /// Replaces the query; `query` is empty or begins with `?`.
    pub fn set_query(&mut self, query: &[u8]) {
        self.query = self.fields.buffer.push(query);
    }

    /// How long a target may be that a filter makes of this one: no rule lengthens a target beyond
    /// what clients may send by default (RT-LIM-1).
    #[must_use]
    pub fn made_target_bytes_max(&self) -> usize {
        TARGET_BYTES_MAX.max(self.path.len() + self.query.len())
    }

    /// Replaces path and query by what a filter has made: read like a received target, and absolute
    /// with exactly one leading `/`, so that it never names an authority.
    ///
    /// # Errors
    /// 400 for a path that no client may send either (RT-PATH), 414 for a target that is too long.
    pub fn replace_target(&mut self, path: &[u8], query: &[u8]) -> Result<(), Refusal> {
        if path.len() + query.len() > self.made_target_bytes_max() {
            let detail = "a rule makes the target too long";
            return Err(Refusal::new(414, RefusalReason::Limit, detail));
        }
        let slashes = path.iter().take_while(|byte| **byte == b'/').count();
        let mut absolute = b"/".to_vec();
        absolute.extend_from_slice(path.get(slashes..).unwrap_or_default());
        match canonicalize(&absolute)? {
            Some(Canonical { forwarded, matched }) => {
                // Resolved dot segments may have brought slashes together.
                let forwarded = format!("/{}", forwarded.trim_start_matches('/'));
                self.set_path(&forwarded, &matched);
            }
            None => {
                self.path = self.fields.buffer.push(&absolute);
                self.canonical = self.path;
            }
        }
        if query != self.query_bytes() {
            self.set_query(query);
        }
        Ok(())
    }

    /// The bytes of a span, where no text is needed.
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        self.fields.buffer.at(span)
    }

    pub(crate) fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.fields.buffer.at(span)).unwrap_or_default()
    }
}
