//! [`Code::BadRule`] of limiters that count by an identity nobody has established (MW-RATE-9).

use super::{at, chains, key_source, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (limiter, earlier) in with_earlier(&chain) {
            let Some(source @ ("user" | "claim")) = key_source(limiter.entry) else {
                continue;
            };
            if !earlier
                .iter()
                .any(|link| link.entry.does(Effect::Authenticates))
            {
                let name = &limiter.entry.name;
                let message =
                    format!("`{name}` counts by {source}, but nothing before it asks who it is");
                let fault = at(route, limiter, Code::BadRule, message);
                diags.push(fault.help("list an authentication before it"));
            }
        }
    }
}
