//! [`Code::LimiterKeyClientChosen`] (MW-RATE-9)

use super::{at, chains, key_source, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (limiter, earlier) in with_earlier(&chain) {
            let Some(source @ ("header" | "cookie")) = key_source(limiter.entry) else {
                continue;
            };
            if !earlier
                .iter()
                .any(|link| link.entry.does(Effect::Authenticates))
            {
                let name = &limiter.entry.name;
                let message =
                    format!("`{name}` counts by a {source} that clients can change at will");
                let warning = at(route, limiter, Code::LimiterKeyClientChosen, message);
                diags.push(warning.help("list an authentication before it, or count by `ip`"));
            }
        }
    }
}
