//! Cookies that a policy adds (MW-RESH-4).

use std::time::{Duration, UNIX_EPOCH};

use crate::chain::Exchange;
use crate::clock::unix_time;
use crate::gateway::{Start, StartError};
use crate::head::Fields;
use crate::values::{Template, Value};

/// A cookie.
#[derive(Debug)]
pub struct Cookie {
    /// A token.
    pub name: &'static str,
    /// Empty: deletes the cookie.
    pub value: Value,
    /// `Path=/; Domain=example.com`
    pub place: &'static str,
    /// How long it lives.
    pub age: Age,
    /// `HttpOnly; Secure; SameSite=Lax`
    pub flags: &'static str,
}

/// How long a cookie lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It is deleted.
    Over,
    /// This many seconds.
    Seconds(u32),
    /// As long as the browser runs.
    Session,
}

/// A cookie with its value at hand.
#[derive(Debug)]
pub(super) struct CookieTemplate {
    cookie: &'static Cookie,
    value: Template,
}

/// Whether a byte would end a value.
fn ends_value(byte: u8) -> bool {
    matches!(byte, b';' | b',') || byte.is_ascii_control()
}

impl CookieTemplate {
    /// # Errors
    /// `env-unset`; `bad-rule` for a value with `;`, `,` or control characters.
    pub(super) fn all(
        cookies: &'static [Cookie],
        start: &Start<'_>,
    ) -> Result<Vec<Self>, StartError> {
        let with_value = |cookie: &'static Cookie| {
            let text = cookie.value.resolve(start.environment)?;
            if text.bytes().any(ends_value) {
                let text = "a cookie's value has no `;`, no `,` and no control characters";
                return Err(cookie.value.fault("bad-rule", text));
            }
            let value = Template::parse(text.trim());
            Ok(Self { cookie, value })
        };
        cookies.iter().map(with_value).collect()
    }

    /// Adds `Set-Cookie`.
    pub(super) fn append(&self, exchange: &Exchange, fields: &mut Fields) {
        let Cookie {
            name, place, flags, ..
        } = self.cookie;
        let mut line = format!("{name}=").into_bytes();
        let start = line.len();
        match self.value.of_route(exchange.route) {
            Some(value) => line.extend_from_slice(value),
            // What a client has sent cannot add attributes.
            None => {
                let value = self.value.fill(&exchange.template_context());
                line.extend(value.into_iter().filter(|byte| !ends_value(*byte)));
            }
        }
        let age = if line.len() == start {
            Age::Over
        } else {
            self.cookie.age
        };
        let lifetime = match age {
            Age::Session => None,
            Age::Over => Some((UNIX_EPOCH, 0)),
            Age::Seconds(seconds) => {
                let end = unix_time() + Duration::from_secs(seconds.into());
                Some((UNIX_EPOCH + end, seconds))
            }
        };
        let rest = match lifetime {
            None => format!("; {place}; {flags}"),
            Some((end, seconds)) => {
                let end = httpdate::fmt_http_date(end);
                format!("; {place}; Expires={end}; Max-Age={seconds}; {flags}")
            }
        };
        line.extend_from_slice(rest.as_bytes());
        fields.append("Set-Cookie", &line);
    }
}
