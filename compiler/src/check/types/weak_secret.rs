//! [`Code::WeakSecret`] (5.11, MW-APIKEY-2)

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::scalar;
use crate::resolve::outline::Outline;

/// Characters of an API key.
const KEY_CHARS_MIN: usize = 16;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("jwtAuth") {
        // The key of an HMAC is at least as long as the hash (RFC 7518, 3.2).
        let bits = rule.list("algorithms").iter().map(|given| {
            let digits = given.known().strip_prefix("HS");
            digits
                .and_then(|digits| scalar::parse_int(digits).ok())
                .unwrap_or(256)
        });
        let needed = usize::try_from(bits.max().unwrap_or(256) / 8).unwrap_or(0);
        let Some(given) = rule.given("secret") else {
            continue;
        };
        if given
            .text
            .as_deref()
            .is_some_and(|text| text.len() < needed)
        {
            let message = format!("the secret is shorter than the {needed} bytes of its hash");
            let warning = at(given, Code::WeakSecret, message);
            diags.push(warning.help(format!("make one with `openssl rand -hex {needed}`")));
        }
    }
    for (_, rule) in outline.rules_of("apiKey") {
        for key in rule.sections("keys") {
            let Some(given) = key.given("key") else {
                continue;
            };
            let short = given
                .text
                .as_deref()
                .is_some_and(|text| text.chars().count() < KEY_CHARS_MIN);
            if short {
                let message = format!("the key is shorter than {KEY_CHARS_MIN} characters");
                let warning = at(given, Code::WeakSecret, message);
                diags.push(warning.help("make one with `openssl rand -hex 32`"));
            }
        }
    }
}
