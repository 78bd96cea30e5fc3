//! [`Code::MissingKey`] and [`Code::KeyConflict`] of `loadBalancer.hashOn` (config.md 7.6).

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        if let Some(balancer) = route.settings.section("loadBalancer") {
            hash_on(balancer, diags);
        }
    }
}

fn hash_on(balancer: &Settings, diags: &mut Diagnostics) {
    let policy = balancer.given("policy");
    let hashes = policy.is_some_and(|given| given.known() == "consistentHash");
    let known = policy.is_none_or(|given| given.text.is_some());
    match (balancer.section("hashOn"), policy) {
        (None, Some(given)) if hashes && !balancer.has("hashOn") => {
            let message = "`consistentHash` needs `hashOn`";
            let key = balancer.path("hashOn");
            let fault = Diagnostic::new(Code::MissingKey, key, given.span, message);
            diags.push(fault.help("write `hashOn: {source: ip}`"));
        }
        (Some(on), _) if !hashes && known => {
            let message = "`hashOn` belongs to `policy: consistentHash`";
            let span = balancer.place("hashOn").unwrap_or(on.head);
            diags.push(Diagnostic::new(Code::KeyConflict, &*on.key, span, message));
        }
        (Some(on), _) => name(on, diags),
        (None, _) => {}
    }
}

fn name(on: &Settings, diags: &mut Diagnostics) {
    let source = on.given("source");
    let named = source.filter(|given| ["header", "cookie", "query"].contains(&given.known()));
    if let Some(given) = named.filter(|_| !on.has("name")) {
        let message = format!("hashing a {} needs its `name`", given.known());
        diags.push(Diagnostic::new(
            Code::MissingKey,
            on.path("name"),
            given.span,
            message,
        ));
    }
}
