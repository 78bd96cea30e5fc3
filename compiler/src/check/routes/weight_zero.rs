//! [`Code::WeightZero`] (config.md 7.2)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        let backends = route.settings.sections("backends");
        if backends.len() > 1 && backends.iter().any(|backend| backend.has("weight")) {
            shares(backends, diags);
        }
    }
}

fn shares(backends: &[Settings], diags: &mut Diagnostics) {
    let weighted = |backend: &&Settings| backend.int("weight").is_some_and(|weight| weight > 0);
    let other = backends.iter().find(weighted);
    for backend in backends {
        // Requests of an exclusive canary come by its `match` alone (RT-CANARY-3).
        let exclusive = backend.has("match") && backend.on("exclusive");
        let none = backend
            .int("weight")
            .map_or(!backend.has("weight"), |weight| weight == 0);
        if exclusive || !none {
            continue;
        }
        let span = backend.place("weight").unwrap_or(backend.head);
        let key = backend.path("weight");
        let report = |message| Diagnostic::new(Code::WeightZero, &*key, span, message);
        let warning = match other {
            Some(other) => report("the backend gets no request: others have weights").label(
                other.place("weight").unwrap_or(other.head),
                "one of them is here",
            ),
            None => report("the backend gets no request: no weight is above 0"),
        };
        diags.push(warning.help("give it a weight, or delete it"));
    }
}
