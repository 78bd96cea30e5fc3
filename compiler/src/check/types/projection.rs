//! [`Code::BadRule`] of `forward`: where claims go, and templates (5.11.2, MW-PROJ).

use super::{at, is_framing};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::HeaderName;
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("jwtAuth") {
        forward(rule, diags);
    }
    for (_, rule) in outline.rules_of("oidc") {
        forward(rule, diags);
        for key in ["forward.accessTokenHeader", "forward.idTokenHeader"] {
            if let Some(given) = rule.given(key).filter(|given| is_framing(given.known())) {
                diags.push(at(given, Code::BadRule, framing(given.known())));
            }
        }
    }
}

fn forward(rule: &Settings, diags: &mut Diagnostics) {
    for (name, given) in rule.names("forward.headers") {
        let report = |message| Diagnostic::new(Code::BadRule, &*given.key, name.span, message);
        if is_framing(&name.value) {
            diags.push(report(framing(&name.value)));
        } else if HeaderName::new(&name.value).is_err() {
            let shown = name.value.escape_debug();
            diags.push(report(format!("`{shown}` is not a header's name")));
        }
    }
    for place in ["forward.headers", "forward.query", "forward.cookies"] {
        for (_, given) in rule.names(place) {
            let open = given
                .known()
                .split("{{")
                .skip(1)
                .any(|rest| !rest.contains("}}"));
            if open {
                let fault = at(given, Code::BadRule, "a placeholder is not closed");
                diags.push(fault.help("write `{{ .claim }}`"));
            }
        }
    }
}

/// MW-PROJ-4
fn framing(name: &str) -> String {
    format!("`{}` is set by the gateway alone", name.escape_debug())
}
