//! [`Code::WeakPasswordHash`] (5.5)

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Given;

/// MD5-crypt and SHA-1: a graphics card tries billions a second.
const WEAK: &[&str] = &["$1$", "$apr1$", "{SHA}", "{SSHA}"];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("basicAuth") {
        for given in rule.list("users") {
            let password = given.known().split_once(':').map(|(_, password)| password);
            report(given, password.unwrap_or(""), diags);
        }
        for user in rule.sections("users") {
            if let Some(given) = user.given("password") {
                report(given, given.known(), diags);
            }
        }
    }
}

fn report(given: &Given, password: &str, diags: &mut Diagnostics) {
    if let Some(prefix) = WEAK.iter().find(|prefix| password.starts_with(**prefix)) {
        let message = format!("hashes of the form `{prefix}` are quickly guessed");
        let warning = at(given, Code::WeakPasswordHash, message);
        diags.push(warning.help("use bcrypt: `htpasswd -nB ada`"));
    }
}
