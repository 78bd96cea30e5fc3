//! Middlewares at run time: one file each with its config, its filter and its tests.

use crate::answer::Answer;
use crate::chain::Exchange;
use crate::gateway::{Start, StartError};
use crate::head::{Fields, Response};
use crate::values::{Template, Value};

pub mod access;
pub mod access_log;
pub mod access_policy;
pub mod add_prefix;
#[cfg(feature = "basic-auth")]
pub mod basic_auth;
pub mod body_limit;
pub mod error_interceptor;
pub mod redirect;
#[cfg(feature = "regex")]
pub mod redirect_regex;
pub mod redirect_scheme;
mod redirection;
pub mod replace_path;
#[cfg(feature = "regex")]
mod replacement;
pub mod request_headers;
pub mod request_id;
pub mod response_headers;
#[cfg(feature = "regex")]
pub mod rewrite_regex;
pub mod security_headers;
pub mod strip_prefix;
pub mod strip_query;

#[cfg(test)]
pub(crate) mod rig;

/// A field name with a value that may hold tokens.
#[derive(Debug)]
struct HeaderTemplate {
    name: &'static str,
    template: Template,
}

impl HeaderTemplate {
    fn all(
        pairs: &'static [(&'static str, Value)],
        start: &Start<'_>,
    ) -> Result<Vec<Self>, StartError> {
        let new = |(name, value): &'static (&'static str, Value)| Self::new(name, value, start);
        pairs.iter().map(new).collect()
    }

    fn new(name: &'static str, value: &Value, start: &Start<'_>) -> Result<Self, StartError> {
        let text = value.resolve(start.environment)?;
        if text.bytes().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(value.fault("bad-rule", "a header value holds CR, LF or NUL"));
        }
        Ok(Self {
            name,
            template: Template::parse(text.trim()),
        })
    }

    /// Whether its name is this one.
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Replaces all values of a response's field; an empty one removes it (MW-RESH-2).
    fn override_in(&self, exchange: &Exchange, response: &mut Response) {
        self.with_value(exchange, |value| {
            if value.is_empty() {
                response.fields.remove(self.name);
            } else {
                response.fields.set(self.name, value);
            }
        });
    }

    /// The value for this exchange.
    fn with_value(&self, exchange: &Exchange, apply: impl FnOnce(&[u8])) {
        match self.template.of_route(exchange.route) {
            Some(value) => apply(value),
            None => apply(&self.template.fill(&exchange.template_context())),
        }
    }

    /// Changes the request's fields with the value for this exchange.
    fn change(&self, exchange: &mut Exchange, apply: impl FnOnce(&mut Fields, &[u8])) {
        match self.template.of_route(exchange.route) {
            Some(value) => apply(&mut exchange.request.fields, value),
            None => {
                let value = self.template.fill(&exchange.template_context());
                apply(&mut exchange.request.fields, &value);
            }
        }
    }
}

/// The 400 of a request that a filter cannot read one way only.
fn ambiguous() -> Answer {
    Answer::of(400)
}
