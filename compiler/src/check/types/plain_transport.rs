//! [`Code::PlainTransport`]: passwords or keys over a connection without TLS (5.11, 5.12).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("ldapAuth") {
        let plain = rule
            .given("url")
            .filter(|given| starts(given.known(), "ldap://"));
        let tls = rule
            .given("startTLS")
            .is_some_and(|given| !given.is_bool(false));
        if let Some(given) = plain.filter(|_| !tls) {
            let warning = at(
                given,
                Code::PlainTransport,
                "passwords cross the network in clear text",
            );
            diags.push(warning.help("use `ldaps://`, or set `startTLS: true`"));
        }
    }
    for (_, rule) in outline.rules_of("jwtAuth") {
        let plain = rule
            .given("jwksUrl")
            .filter(|given| starts(given.known(), "http://"));
        if let Some(given) = plain {
            let message = "whoever is on the way can put in keys of their own";
            let warning = at(given, Code::PlainTransport, message);
            diags.push(warning.help("use `https://`"));
        }
    }
}

fn starts(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}
