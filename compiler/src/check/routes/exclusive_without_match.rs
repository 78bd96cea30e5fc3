//! [`Code::ExclusiveWithoutMatch`] (config.md 7.2)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        for backend in route.settings.sections("backends") {
            let exclusive = backend
                .given("exclusive")
                .filter(|given| given.is_bool(true));
            if let Some(given) = exclusive.filter(|_| !backend.has("match")) {
                let message = "`exclusive` does nothing without a `match`";
                let code = Code::ExclusiveWithoutMatch;
                let warning = Diagnostic::new(code, &*given.key, given.span, message);
                diags.push(warning.help("say which requests the backend gets: `match: [...]`"));
            }
        }
    }
}
