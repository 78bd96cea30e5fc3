//! Cookies of `responseHeaders`, as generated code has them.

use serde::Serialize;

use super::Value;

/// A cookie (MW-RESH-4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cookie {
    /// A token.
    pub name: String,
    /// Empty: deletes the cookie.
    pub value: Value,
    /// `Path=/; Domain=example.com`
    pub place: String,
    /// How long it lives.
    pub age: Age,
    /// `HttpOnly; Secure; SameSite=Lax`
    pub flags: String,
}

/// How long a cookie lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Age {
    /// It is deleted.
    Over,
    /// This many seconds.
    Seconds(u32),
    /// As long as the browser runs.
    Session,
}
