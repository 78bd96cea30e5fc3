//! What can go wrong with a request, and whose fault it is.
//!
//! A leaf: every module may return these, `proxy` turns them into a response in one place.

use std::io;

/// A request that is refused before it reaches a route (RT-LIM, RT-SMUG, RT-PATH).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {detail}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The `reason` label of RT-LIM-7.
    pub reason: RefusalReason,
    /// What was wrong, for the log.
    pub detail: &'static str,
}

/// The classes of RT-LIM-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The message cannot be delimited without doubt (RT-SMUG).
    Framing,
    /// A header field is malformed.
    Header,
    /// A size or count limit (RT-LIM).
    Limit,
    /// The request target is malformed (RT-PATH).
    Target,
    /// The client was too slow (RT-LISTEN-3).
    Timeout,
}

impl RefusalReason {
    /// The label's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Framing => "framing",
            Self::Header => "header",
            Self::Limit => "limit",
            Self::Target => "target",
            Self::Timeout => "timeout",
        }
    }
}

impl Refusal {
    /// A 400 of the class `framing`.
    #[must_use]
    pub const fn framing(detail: &'static str) -> Self {
        Self::new(400, RefusalReason::Framing, detail)
    }

    /// A 400 of the class `header`.
    #[must_use]
    pub const fn header(detail: &'static str) -> Self {
        Self::new(400, RefusalReason::Header, detail)
    }

    /// A 400 of the class `target`.
    #[must_use]
    pub const fn target(detail: &'static str) -> Self {
        Self::new(400, RefusalReason::Target, detail)
    }

    /// Any refusal.
    #[must_use]
    pub const fn new(status: u16, reason: RefusalReason, detail: &'static str) -> Self {
        Self {
            status,
            reason,
            detail,
        }
    }
}

/// Why a request that has a route got no complete answer from a backend.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFault {
    /// No address could be connected to (RT-ERR-14).
    #[error("connect to {endpoint}: {source}")]
    Connect {
        /// The backend's authority.
        endpoint: String,
        /// The cause.
        source: io::Error,
    },
    /// There are as many connections as there may be, and none was free in time (RT-UP-5, RT-ERR-20).
    #[error("no connection to the backend was free in time")]
    Crowded,
    /// There is no TLS session (RT-ERR-15).
    #[error("TLS handshake with {endpoint}: {source}")]
    Handshake {
        /// The backend's authority.
        endpoint: String,
        /// The cause; nothing of a key or certificate's contents beyond names.
        source: io::Error,
    },
    /// The backend took too long (RT-ERR-16).
    #[error("{what} timed out")]
    Timeout {
        /// The phase.
        what: &'static str,
    },
    /// The connection ended or broke before the response head was complete (RT-ERR-14).
    #[error("backend closed the connection before its response: {0}")]
    Closed(io::Error),
    /// The response cannot be delimited without doubt (RT-UP-10, RT-ERR-15).
    #[error("malformed response: {0}")]
    Malformed(&'static str),
    /// The backend speaks HTTP/2, and the request cannot be said in it: a switch of protocols, for one.
    #[error("the request cannot be said in HTTP/2: {0}")]
    Unsayable(&'static str),
}

/// The first phase in which nothing has been sent yet.
pub const CONNECT: &str = "connect";
/// The second one, if there is TLS.
pub const HANDSHAKE: &str = "TLS handshake";
/// The third one, if a WebSocket is to be a stream of HTTP/2.
pub const SETTINGS: &str = "HTTP/2 SETTINGS";
/// `timeouts.responseHeader` of a route.
pub const RESPONSE_HEADER: &str = "response header";
/// `timeouts.request` of a route.
pub const REQUEST: &str = "request";

impl UpstreamFault {
    /// Whether it speaks against the backend that no response came (RT-HEALTH-7).
    #[must_use]
    pub fn is_of_connection(&self) -> bool {
        match self {
            Self::Closed(_)
            | Self::Connect { .. }
            | Self::Handshake { .. }
            | Self::Timeout { .. } => true,
            Self::Crowded | Self::Malformed(_) | Self::Unsayable(_) => false,
        }
    }

    /// Whether there was no connection.
    #[must_use]
    pub fn is_before_sending(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Crowded | Self::Handshake { .. } => true,
            Self::Timeout { what } => [CONNECT, HANDSHAKE, SETTINGS].contains(what),
            Self::Closed(_) | Self::Malformed(_) | Self::Unsayable(_) => false,
        }
    }

    /// The status of the gateway's answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Closed(_)
            | Self::Connect { .. }
            | Self::Handshake { .. }
            | Self::Malformed(_)
            | Self::Unsayable(_) => 502,
            Self::Crowded => 503,
            Self::Timeout { .. } => 504,
        }
    }
}
