//! `match` of a route (RT-ROUTE-13).

use super::regex::Regex;
use super::{HeaderName, Method};

/// One condition; all of a route must hold.
#[derive(Clone, Debug)]
pub enum Condition {
    /// On the values of a cookie.
    Cookie(String, Test),
    /// On the values of a header.
    Header(HeaderName, Test),
    /// The method is one of these; never none.
    Methods(Vec<Method>),
    /// On the decoded values of a query parameter.
    Query(String, Test),
}

/// What is asked of the values that there are.
#[derive(Clone, Debug)]
pub enum Test {
    /// One of them is this.
    Equals(String),
    /// There is one, or there is none.
    Present(bool),
    /// One of them contains a match.
    Regex(Regex, regex::bytes::Regex),
}

impl Condition {
    /// In one line, as findings and `explain` show it.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Cookie(name, test) => format!("cookie {name} {}", test.described()),
            Self::Header(name, test) => format!("header {} {}", name.as_str(), test.described()),
            Self::Methods(methods) => {
                let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
                format!("method {}", methods.join(" or "))
            }
            Self::Query(name, test) => format!("query {name} {}", test.described()),
        }
    }

    /// Equal for conditions that hold for the same requests as far as their text tells.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Header(..) => {
                let text = self.described();
                // Names of headers are compared without case; values are not.
                match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
                    [kind, name, test] => format!("{kind} {} {test}", name.to_ascii_lowercase()),
                    _ => text,
                }
            }
            Self::Methods(methods) => {
                let mut methods: Vec<_> = methods.iter().map(Method::as_str).collect();
                methods.sort_unstable();
                format!("method {}", methods.join(" "))
            }
            Self::Cookie(..) | Self::Query(..) => self.described(),
        }
    }

    /// Whether no request fulfils both.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Methods(left), Self::Methods(right)) => {
                !left.iter().any(|method| right.contains(method))
            }
            (Self::Header(left, test), Self::Header(right, other)) => {
                left.as_str().eq_ignore_ascii_case(right.as_str()) && test.excludes(other)
            }
            (Self::Cookie(left, test), Self::Cookie(right, other))
            | (Self::Query(left, test), Self::Query(right, other)) => {
                left == right && test.excludes(other)
            }
            (
                Self::Cookie(..) | Self::Header(..) | Self::Methods(_) | Self::Query(..),
                Self::Cookie(..) | Self::Header(..) | Self::Methods(_) | Self::Query(..),
            ) => false,
        }
    }
}

impl Test {
    /// Whether the values fit.
    pub fn fits<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        match self {
            Self::Equals(text) => values.any(|value| value == text.as_bytes()),
            Self::Present(present) => values.next().is_some() == *present,
            Self::Regex(_, engine) => values.any(|value| engine.is_match(value)),
        }
    }

    fn described(&self) -> String {
        match self {
            Self::Equals(text) => format!("= `{}`", text.escape_debug()),
            Self::Present(true) => "present".to_owned(),
            Self::Present(false) => "absent".to_owned(),
            Self::Regex(regex, _) => format!("~ `{}`", regex.as_str().escape_debug()),
        }
    }

    /// Absence excludes every value, and one value another: that a client sends both is not what
    /// two routes are written for.
    fn excludes(&self, other: &Self) -> bool {
        let absent = |test: &Self| matches!(test, Self::Present(false));
        match (self, other) {
            (Self::Equals(left), Self::Equals(right)) => left != right,
            (Self::Equals(text), Self::Regex(_, engine))
            | (Self::Regex(_, engine), Self::Equals(text)) => !engine.is_match(text.as_bytes()),
            _ => absent(self) != absent(other),
        }
    }
}
