//! Rules about the order of middlewares in the list of a route (middlewares.md 1.3, section 7).
//! The order in the list is the order of the chain, but for those that run around the whole route.

mod cache_before_guard;
mod cache_never_hits;
mod headers;
mod identity_header_overwritten;
mod limiter_key_client_chosen;
mod limiter_without_identity;
mod middleware_no_effect;
mod middleware_order;
mod redirect_scheme_after_auth;
mod request_id_overwritten;
mod unreachable_middleware;

use super::Rule;
use crate::diag::{Code, Diagnostic};
use crate::dialect::rules::Effect;
use crate::resolve::outline::{Entry, Link, Outline, Route};

pub(super) const RULES: &[Rule] = &[
    cache_before_guard::check,
    cache_never_hits::check,
    identity_header_overwritten::check,
    limiter_key_client_chosen::check,
    limiter_without_identity::check,
    middleware_no_effect::check,
    middleware_order::check,
    redirect_scheme_after_auth::check,
    request_id_overwritten::check,
    unreachable_middleware::check,
];

/// Each entry of a list that runs in the chain, with those before it.
fn with_earlier<'l, 'o>(chain: &'l [Link<'o>]) -> impl Iterator<Item = (Link<'o>, &'l [Link<'o>])> {
    chain
        .iter()
        .enumerate()
        .filter(|(_, link)| !link.entry.does(Effect::Records))
        .map(|(at, link)| (*link, chain.get(..at).unwrap_or_default()))
}

/// Routes with their chains.
fn chains(outline: &Outline) -> impl Iterator<Item = (&Route, Vec<Link<'_>>)> {
    outline
        .routes
        .iter()
        .map(|route| (route, outline.chain(route)))
}

/// A finding at an entry of a list.
fn at(route: &Route, link: Link<'_>, code: Code, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, route.settings.path("middlewares"), link.span, message)
}

/// Limiters and what they count by.
fn key_source(entry: &Entry) -> Option<&str> {
    match entry.kind.name {
        "rateLimit" => entry.rule.as_ref()?.text("keyStrategy.source"),
        // Without a `keyStrategy` all requests are counted together.
        "inFlight" => {
            let rule = entry.rule.as_ref()?;
            rule.section("keyStrategy")?;
            rule.text("keyStrategy.source")
        }
        _ => None,
    }
}
