//! [`Code::BadRegex`] and [`Code::BadRule`] of `userAgentBlock`: parts of a text, or `re:` and a
//! regular expression (5.22).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::regex::Regex;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("userAgentBlock") {
        for list in ["userAgents", "allow"] {
            for given in rule.list(list) {
                let Some(text) = given.text.as_deref() else {
                    continue;
                };
                match text.strip_prefix("re:").map(Regex::new) {
                    Some(Err(invalid)) => diags.push(at(given, Code::BadRegex, invalid.reason)),
                    None if text.is_empty() => {
                        let message = "an empty text is part of every `User-Agent`";
                        diags.push(at(given, Code::BadRule, message));
                    }
                    Some(Ok(_)) | None => {}
                }
            }
        }
    }
}
