//! `responseHeaders` (middlewares.md 5.19): header policies and CORS, around the whole route.

use self::cookies::CookieTemplate;
use super::HeaderTemplate;
use crate::chain::{Exchange, Policy};
use crate::gateway::{Start, StartError};
use crate::head::Response;
use crate::values::Value;

mod cookies;
mod cors;

pub use cookies::{Age, Cookie};
pub use cors::Cors;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Overrides the response's values; an empty one removes (MW-RESH-2).
    pub set: &'static [(&'static str, Value)],
    /// Added to the response's own (MW-RESH-4).
    pub cookies: &'static [Cookie],
    /// Replaces `Cache-Control`, whoever has set it (MW-RESH-5).
    pub cache_control: Option<Value>,
    /// Of responses that `cache_control` is for; none means all.
    pub cache_statuses: &'static [u16],
    /// Of responses that `set` and `cookies` are for; none means all.
    pub statuses: &'static [u16],
    /// The CORS policy, if it is enabled.
    pub cors: Option<Cors>,
}

/// The policy.
#[derive(Debug)]
pub struct ResponseHeaders {
    set: Vec<HeaderTemplate>,
    cookies: Vec<CookieTemplate>,
    cache_control: Option<HeaderTemplate>,
    cache_statuses: &'static [u16],
    statuses: &'static [u16],
    cors: Option<cors::CorsPolicy>,
}

impl ResponseHeaders {
    /// # Errors
    /// `env-unset`; `bad-rule` for a value with characters that end it; `bad-value` for an origin that
    /// is none.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let cors = match &config.cors {
            Some(cors) => Some(cors::CorsPolicy::new(cors, start)?),
            None => None,
        };
        Ok(Self {
            set: HeaderTemplate::all(config.set, start)?,
            cookies: CookieTemplate::all(config.cookies, start)?,
            cache_control: match &config.cache_control {
                Some(value) => Some(HeaderTemplate::new("Cache-Control", value, start)?),
                None => None,
            },
            cache_statuses: config.cache_statuses,
            statuses: config.statuses,
            cors,
        })
    }
}

impl Policy for ResponseHeaders {
    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        self.cors
            .as_ref()
            .is_some_and(|cors| cors.preflight(exchange, response))
    }

    /// MW-RESH-1, -2, -5, -7: cors, setHeaders, setCookies, cacheControl.
    fn apply(&self, exchange: &Exchange, response: &mut Response) {
        if let Some(cors) = &self.cors {
            cors.apply(exchange, response);
        }
        let status = response.status();
        let among = |statuses: &[u16]| statuses.is_empty() || statuses.contains(&status);
        if among(self.statuses) {
            for header in &self.set {
                header.override_in(exchange, response);
            }
            for cookie in &self.cookies {
                cookie.append(exchange, &mut response.fields);
            }
        }
        if let Some(header) = self
            .cache_control
            .as_ref()
            .filter(|_| among(self.cache_statuses))
        {
            header.override_in(exchange, response);
        }
    }
}

#[cfg(test)]
mod tests;
