//! [`Code::BadRule`] of the lists of `forwardAuth`: `Name` or `Source: Target` (5.8).

use super::{at, is_framing};
use crate::diag::{Code, Diagnostics};
use crate::model::HeaderName;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("forwardAuth") {
        for given in rule.list("authResponseHeaders") {
            let Some((source, target)) = pair(given.known()) else {
                continue;
            };
            let bad = [source, target]
                .into_iter()
                .find(|name| HeaderName::new(name).is_err());
            if let Some(bad) = bad {
                let message = format!("`{}` is not a header's name", bad.escape_debug());
                diags.push(
                    at(given, Code::BadRule, message).help("write `Name` or `Source: Target`"),
                );
            } else if is_framing(target) {
                let message = format!("`{target}` is set by the gateway alone");
                diags.push(at(given, Code::BadRule, message));
            }
        }
        for given in rule.list("authResponseHeadersAsParams") {
            let Some((source, target)) = pair(given.known()) else {
                continue;
            };
            if HeaderName::new(source).is_err() || target.is_empty() {
                let message = "expected a header, or a header and a parameter";
                diags.push(
                    at(given, Code::BadRule, message).help("write `Name` or `Source: parameter`"),
                );
            }
        }
    }
}

/// `None`: not known.
fn pair(text: &str) -> Option<(&str, &str)> {
    let (source, target) = text.split_once(':').unwrap_or((text, text));
    (!text.is_empty()).then(|| (source.trim(), target.trim()))
}
