//! [`Code::MissingKey`] of `dns-01`: which provider of DNS, and what it needs (config.md section 10).

use super::providers;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

/// What cannot come from an environment variable of its own.
const NEEDED: &[(&str, &str)] = &[
    ("exec", "credentials.command"),
    ("rfc2136", "credentials.nameserver"),
];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for provider in providers(&outline.file) {
        let Some(acme) = provider
            .acme()
            .filter(|acme| acme.is("challengeType", "dns-01"))
        else {
            continue;
        };
        let span = acme.place("challengeType").unwrap_or(acme.head);
        let missing = match acme.text("dnsProvider") {
            None if acme.has("dnsProvider") => None,
            None => Some("dnsProvider"),
            Some(dns) => NEEDED
                .iter()
                .find(|(name, key)| *name == dns && !acme.has(key))
                .map(|(_, key)| *key),
        };
        if let Some(key) = missing {
            let message = format!("`dns-01` needs `{key}`");
            diags.push(Diagnostic::new(
                Code::MissingKey,
                acme.path(key),
                span,
                message,
            ));
        }
    }
}
