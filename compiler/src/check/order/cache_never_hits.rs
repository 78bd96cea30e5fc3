//! [`Code::CacheNeverHits`] (MW-INT-1)

use super::{at, chains, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::{Outline, Whole};

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (cache, earlier) in with_earlier(&chain) {
            let Some(rule) = cache
                .entry
                .rule
                .as_ref()
                .filter(|_| cache.entry.does(Effect::Caches))
            else {
                continue;
            };
            // A reference to the environment cannot be here: the key is of class S.
            if rule.on("cachePrivateResponses") {
                continue;
            }
            let auth = earlier.iter().find(|link| {
                link.entry.does(Effect::Authenticates) && matches!(link.entry.scope, Whole::Route)
            });
            if let Some(auth) = auth {
                let (late, early) = (&cache.entry.name, &auth.entry.name);
                let message =
                    format!("`{late}` stores nothing: every request has passed `{early}`");
                let warning = at(route, cache, Code::CacheNeverHits, message);
                let warning = warning.label(auth.span, "requests get an identity here");
                diags.push(warning.help("set `cachePrivateResponses: true` in its rule"));
            }
        }
    }
}
