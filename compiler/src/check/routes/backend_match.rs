//! [`Code::MissingKey`] and [`Code::BadRegex`] of `backends[].match` (config.md 7.2).

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::regex::Regex;
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        for backend in route.settings.sections("backends") {
            for entry in backend.sections("match") {
                condition(entry, diags);
            }
        }
    }
}

fn condition(entry: &Settings, diags: &mut Diagnostics) {
    let source = entry.given("source");
    let named = source.filter(|given| ["header", "cookie", "query"].contains(&given.known()));
    if let Some(given) = named.filter(|_| !entry.has("name")) {
        let message = format!("a condition on a {} needs its `name`", given.known());
        diags.push(Diagnostic::new(
            Code::MissingKey,
            entry.path("name"),
            given.span,
            message,
        ));
    }
    let Some(given) = entry
        .given("value")
        .filter(|_| entry.is("operator", "regex"))
    else {
        return;
    };
    if let Some(Err(invalid)) = given.text.as_deref().map(Regex::new) {
        diags.push(Diagnostic::new(
            Code::BadRegex,
            &*given.key,
            given.span,
            invalid.reason,
        ));
    }
}
