//! [`Code::MissingKey`] of `keyStrategy` (5.14, 6.5).

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for kind in ["rateLimit", "inFlight"] {
        for (_, rule) in outline.rules_of(kind) {
            let Some(given) = rule.given("keyStrategy.source") else {
                continue;
            };
            let named = ["header", "cookie", "claim"].contains(&given.known());
            if named && !rule.has("keyStrategy.name") {
                let message = format!("counting by {} needs its `name`", given.known());
                let key = rule.path("keyStrategy.name");
                diags.push(Diagnostic::new(Code::MissingKey, key, given.span, message));
            }
        }
    }
}
