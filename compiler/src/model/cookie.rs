//! Cookies that a policy sets (MW-RESH-4).

use super::Value;

/// A cookie.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// A token.
    pub name: String,
    /// Empty: deletes the cookie.
    pub value: Value,
    /// Begins with `/`.
    pub path: String,
    /// Without a leading dot.
    pub domain: Option<String>,
    /// Seconds; 0: as long as the browser runs; -1: deletes the cookie.
    pub max_age: i64,
    /// Only over TLS.
    pub secure: bool,
    /// Not for scripts.
    pub http_only: bool,
    /// With requests of other sites.
    pub same_site: SameSite,
}

/// With which requests of other sites a cookie is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// When a user follows a link.
    Lax,
    /// With all; only of `secure` cookies.
    None,
    /// With none.
    Strict,
}

impl Cookie {
    /// A cookie with the default attributes.
    #[must_use]
    pub fn session(name: String, value: Value) -> Self {
        Self {
            name,
            value,
            path: "/".to_owned(),
            domain: None,
            max_age: 0,
            secure: false,
            http_only: false,
            same_site: SameSite::Lax,
        }
    }
}
