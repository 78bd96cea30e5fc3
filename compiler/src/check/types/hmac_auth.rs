//! [`Code::BadRule`] and [`Code::DuplicateName`] of `hmacAuth` (6.4).

use std::collections::BTreeMap;

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::HeaderName;
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

/// Derived components that a request has (RFC 9421, 2.2).
const DERIVED: &[&str] = &[
    "@authority",
    "@method",
    "@path",
    "@query",
    "@request-target",
    "@scheme",
    "@target-uri",
];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("hmacAuth") {
        let mut taken = BTreeMap::new();
        for key in rule.sections("keys") {
            algorithm(key, diags);
            let Some(given) = key.given("id") else {
                continue;
            };
            let Some(text) = given.text.as_deref() else {
                continue;
            };
            if let Some(first) = taken.insert(text, given.span) {
                let fault = at(given, Code::DuplicateName, "the id is listed twice");
                diags.push(fault.label(first, "first listed here"));
            }
        }
        for given in rule.list("components") {
            component(given, diags);
        }
    }
}

fn algorithm(key: &Settings, diags: &mut Diagnostics) {
    let (secret, public) = (key.has("secret"), key.has("publicKey"));
    match key.given("algorithm") {
        Some(given) if given.text.is_some() => {
            let symmetric = given.known() == "hmac-sha256";
            if (symmetric && public) || (!symmetric && secret) {
                let message = format!("`{}` does not fit this key", given.known());
                let help = "`hmac-sha256` goes with `secret`, the others with `publicKey`";
                diags.push(at(given, Code::BadRule, message).help(help));
            }
        }
        Some(_) => {}
        None => {
            if let Some(given) = key.given("publicKey") {
                let fault = at(
                    given,
                    Code::MissingKey,
                    "a public key needs its `algorithm`",
                );
                diags.push(fault.help("write `algorithm: ed25519`"));
            }
        }
    }
}

fn component(given: &crate::resolve::settings::Given, diags: &mut Diagnostics) {
    let text = given.known();
    let derived = text.starts_with('@');
    if text.is_empty() || (derived && DERIVED.contains(&text)) {
        return;
    }
    if derived || HeaderName::new(text).is_err() {
        let message = format!("`{}` is no component of a request", text.escape_debug());
        let help = format!("write a header's name, or one of {}", DERIVED.join(", "));
        diags.push(at(given, Code::BadRule, message).help(help));
    }
}
