//! [`Code::RedisRequired`]: what is kept in Redis needs `gateway.redis`.

use super::providers;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Given;

/// Middleware types and the key that asks for Redis.
const STORES: &[(&str, &str)] = &[("httpCache", "store"), ("oidc", "session.store")];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    if outline.has_redis() {
        return;
    }
    let mut report = |given: &Given, what: &str| {
        let message = format!("{what} needs `gateway.redis`");
        let fault = Diagnostic::new(Code::RedisRequired, &*given.key, given.span, message);
        diags.push(fault.help("add `redis: {addr: \"redis:6379\"}` under `gateway`"));
    };
    let analytics = outline.file.given("gateway.analytics.enabled");
    if let Some(given) = analytics.filter(|given| given.is_bool(true)) {
        report(given, "the stream of request events");
    }
    for provider in providers(&outline.file) {
        let storage = provider.acme().and_then(|acme| acme.given("storage"));
        if let Some(given) = storage.filter(|given| given.known() == "redis") {
            report(given, "this storage of certificates");
        }
    }
    for (kind, place) in STORES {
        for (_, rule) in outline.rules_of(kind) {
            if let Some(given) = rule.given(place).filter(|given| given.known() == "redis") {
                report(given, "this store");
            }
        }
    }
}
