//! `responseHeaders` (middlewares.md 5.19): header policies and CORS, around the whole route.

use super::HeaderTemplate;
use crate::chain::{Exchange, Policy};
use crate::gateway::{Start, StartError};
use crate::head::Response;
use crate::values::Value;

mod cors;

pub use cors::Cors;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Overrides the response's values; an empty one removes (MW-RESH-2).
    pub set: &'static [(&'static str, Value)],
    /// The CORS policy, if it is enabled.
    pub cors: Option<Cors>,
}

/// The policy.
#[derive(Debug)]
pub struct ResponseHeaders {
    set: Vec<HeaderTemplate>,
    cors: Option<cors::CorsPolicy>,
}

impl ResponseHeaders {
    /// # Errors
    /// `env-unset`; `bad-rule` for a value with CR, LF or NUL; `bad-value` for an origin that is none.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let cors = match &config.cors {
            Some(cors) => Some(cors::CorsPolicy::new(cors, start)?),
            None => None,
        };
        Ok(Self {
            set: HeaderTemplate::all(config.set, start)?,
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

    /// MW-RESH-1, -2, -7: cors, then setHeaders, at every status.
    fn apply(&self, exchange: &Exchange, response: &mut Response) {
        if let Some(cors) = &self.cors {
            cors.apply(exchange, response);
        }
        for header in &self.set {
            header.with_value(exchange, |value| {
                if value.is_empty() {
                    response.fields.remove(header.name);
                } else {
                    response.fields.set(header.name, value);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
