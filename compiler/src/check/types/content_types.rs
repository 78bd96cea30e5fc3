//! [`Code::BadRule`] of `compress`: media types with a wildcard in one of three places (6.1).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::HeaderName;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("compress") {
        for list in ["contentTypes", "excludeContentTypes"] {
            for given in rule.list(list) {
                let Some(text) = given.text.as_deref() else {
                    continue;
                };
                if !is_pattern(text) {
                    let message = format!("`{}` is no media type", text.escape_debug());
                    let fault = at(given, Code::BadRule, message);
                    diags.push(fault.help("write `type/sub`, `type/*`, `*/sub` or `*+suffix`"));
                }
            }
        }
    }
}

fn is_pattern(text: &str) -> bool {
    // The parts of a media type are tokens, as names of headers are.
    let token = |text: &str| !text.contains('*') && HeaderName::new(text).is_ok();
    match (text.strip_prefix("*+"), text.split_once('/')) {
        (Some(suffix), _) => token(suffix),
        (None, Some((kind, "*"))) | (None, Some(("*", kind))) => token(kind),
        (None, Some((kind, sub))) => token(kind) && token(sub),
        (None, None) => false,
    }
}
