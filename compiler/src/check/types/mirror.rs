//! [`Code::BadUrl`] of `mirror.target`: copies keep their own path (6.10).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("mirror") {
        let Some(given) = rule.given("target") else {
            continue;
        };
        let path = given
            .known()
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'));
        if path.is_some_and(|(_, path)| !path.is_empty()) {
            let message = "the target of copies has no path: they keep their own";
            diags.push(at(given, Code::BadUrl, message));
        }
    }
}
