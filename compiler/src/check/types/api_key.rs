//! [`Code::BadRule`], [`Code::DuplicateName`] and [`Code::MissingKey`] of `apiKey` (6.3).

use std::collections::BTreeMap;

use super::at;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::{Given, Settings};

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("apiKey") {
        twins(rule, "id", "the id", diags);
        twins(rule, "key", "the key", diags);
        for key in rule.sections("keys") {
            if let Some(given) = key.given("hash") {
                hash(given, rule, diags);
            }
        }
    }
}

/// MW-APIKEY-2
fn twins(rule: &Settings, name: &str, what: &str, diags: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    for key in rule.sections("keys") {
        let Some(given) = key.given(name) else {
            continue;
        };
        let Some(text) = given.text.as_deref() else {
            continue;
        };
        if let Some(first) = taken.insert(text, given.span) {
            let fault = at(
                given,
                Code::DuplicateName,
                format!("{what} is listed twice"),
            );
            diags.push(fault.label(first, "first listed here"));
        }
    }
}

fn hash(given: &Given, rule: &Settings, diags: &mut Diagnostics) {
    let Some(text) = given.text.as_deref() else {
        return;
    };
    let (form, digits) = text.split_once(':').unwrap_or(("", text));
    let is_hash = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !["sha256", "hmac-sha256"].contains(&form) || !is_hash {
        let fault = at(given, Code::BadRule, "the hash is malformed");
        let help = format!("write `sha256:` or `hmac-sha256:` and {DIGITS} hexadecimal digits");
        diags.push(fault.help(help));
    } else if form == "hmac-sha256" && !rule.has("pepper") {
        let message = "`hmac-sha256` needs the `pepper` it was made with";
        let fault = Diagnostic::new(Code::MissingKey, rule.path("pepper"), given.span, message);
        diags.push(fault.help("add `pepper: ${PEPPER}` to the rule"));
    }
}
