//! [`Code::WeakToken`] (config.md 6.9)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

/// Shorter tokens can be guessed.
const CHARS_MIN: usize = 16;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let Some(given) = outline.file.given("gateway.reload.token") else {
        return;
    };
    let short = given
        .text
        .as_deref()
        .is_some_and(|text| text.chars().count() < CHARS_MIN);
    if short {
        let message = format!("the token is shorter than {CHARS_MIN} characters");
        let warning = Diagnostic::new(Code::WeakToken, &*given.key, given.span, message);
        diags.push(warning.help("make one with `openssl rand -hex 32`"));
    }
}
