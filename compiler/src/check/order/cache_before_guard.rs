//! [`Code::CacheBeforeGuard`] (MW-CACHE-18)

use super::{at, chains, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (guard, earlier) in with_earlier(&chain) {
            if !guard.entry.does(Effect::Guards) {
                continue;
            }
            for cache in earlier
                .iter()
                .filter(|link| link.entry.does(Effect::Caches))
            {
                let Some(path) = cache.entry.meets(guard.entry, route) else {
                    continue;
                };
                let (late, early) = (&guard.entry.name, &cache.entry.name);
                let message =
                    format!("`{early}` answers `{path}` from its store before `{late}` is asked");
                let fault = at(route, *cache, Code::CacheBeforeGuard, message);
                let fault = fault
                    .label(guard.span, "the guard is here")
                    .help(format!("list `{early}` after `{late}`"));
                let allowed = cache.entry.rule.as_ref();
                let allowed = allowed.is_some_and(|rule| rule.on("allowBeforeAuth"));
                diags.push(if allowed { fault.warning() } else { fault });
            }
        }
    }
}
