//! What a row says beside host and path: how the path is read, conditions, maintenance.

use serde::Serialize;

/// How a path is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PathType {
    /// The whole path.
    Exact,
    /// On segment boundaries; the usual one, which rows do not mention.
    Prefix,
    /// A regular expression.
    Regex {
        /// The whole segments that every match begins with.
        literal: String,
    },
}

/// A condition of `match` (RT-ROUTE-13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// On a cookie.
    Cookie(String, Test),
    /// On a header.
    Header(String, Test),
    /// On the method, in upper case.
    Methods(Vec<String>),
    /// On a query parameter.
    Query(String, Test),
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Test {
    /// Exactly this.
    Equals(String),
    /// Is there, or is absent.
    Present(bool),
    /// Contains a match.
    Regex(String),
}

/// What a route in maintenance answers (RT-MAINT-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Maintenance {
    /// Status of the answer.
    pub status: u16,
    /// `None`: `<status> <reason>`.
    pub message: Option<String>,
    /// Sent raw where JSON is asked for (MW-ERR-5).
    pub message_is_json: bool,
    /// `Retry-After`.
    pub retry_after_seconds: Option<u32>,
}

impl Condition {
    /// Whether the regex engine is needed.
    pub(super) fn is_regex(&self) -> bool {
        match self {
            Self::Cookie(_, test) | Self::Header(_, test) | Self::Query(_, test) => {
                matches!(test, Test::Regex(_))
            }
            Self::Methods(_) => false,
        }
    }
}
