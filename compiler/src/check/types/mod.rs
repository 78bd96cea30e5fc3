//! Rules over the keys of one middleware (middlewares.md sections 5 and 6), and what several types
//! have in common.

mod api_key;
mod cache_control;
mod content_types;
mod country_unknown;
mod forward_auth;
mod forward_strip_off;
mod hmac_auth;
mod http_cache;
mod jwt_key;
mod jwt_key_source;
mod jwt_no_audience;
mod jwt_no_issuer;
mod key_strategy;
mod mirror;
mod oidc;
mod oidc_path_outside_route;
mod plain_transport;
mod projection;
mod set_cookies;
mod sign_in_no_append;
mod token_sources;
mod user_agents;
mod weak_password_hash;
mod weak_secret;

use super::Rule;
use crate::diag::{Code, Diagnostic};
use crate::resolve::settings::Given;

pub(super) const RULES: &[Rule] = &[
    api_key::check,
    cache_control::check,
    content_types::check,
    country_unknown::check,
    forward_auth::check,
    forward_strip_off::check,
    hmac_auth::check,
    http_cache::check,
    jwt_key::check,
    jwt_key_source::check,
    jwt_no_audience::check,
    jwt_no_issuer::check,
    key_strategy::check,
    mirror::check,
    oidc::check,
    oidc_path_outside_route::check,
    plain_transport::check,
    projection::check,
    set_cookies::check,
    sign_in_no_append::check,
    token_sources::check,
    user_agents::check,
    weak_password_hash::check,
    weak_secret::check,
];

/// Headers that say where a message ends, or belong to one connection (MW-PROJ-4, MW-REQH-2).
const FRAMING: &[&str] = &[
    "Connection",
    "Content-Length",
    "Host",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

/// Whether a header is one of [`FRAMING`].
fn is_framing(name: &str) -> bool {
    FRAMING.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A finding at a value.
fn at(given: &Given, code: Code, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, &*given.key, given.span, message)
}
