//! [`Code::CanaryNoStable`] (config.md 7.2)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        let backends = route.settings.sections("backends");
        let Some(first) = backends.first().and_then(|backend| backend.place("match")) else {
            continue;
        };
        if backends.len() > 1 && backends.iter().all(|backend| backend.has("match")) {
            let message = "every backend has a `match`: other requests have nowhere to go";
            let key = route.settings.path("backends");
            let warning = Diagnostic::new(Code::CanaryNoStable, key, first, message);
            diags.push(warning.help("add a backend without `match`"));
        }
    }
}
