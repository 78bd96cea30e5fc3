//! [`Code::BadValue`] of `retry.on` (config.md 7.6).

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::scalar;
use crate::resolve::outline::Outline;

const WORDS: &[&str] = &["connect", "reset", "timeout"];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        for given in route.settings.list("retry.on") {
            let Some(text) = given.text.as_deref() else {
                continue;
            };
            let is_status =
                scalar::parse_int(text).is_ok_and(|status| (100..=599).contains(&status));
            if !is_status && !WORDS.contains(&text) {
                let message = format!("`{}` is no reason to try again", text.escape_debug());
                let fault = Diagnostic::new(Code::BadValue, &*given.key, given.span, message);
                diags.push(fault.help("allowed: `connect`, `reset`, `timeout` and status codes"));
            }
        }
    }
}
