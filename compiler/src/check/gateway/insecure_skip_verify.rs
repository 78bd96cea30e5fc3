//! [`Code::InsecureSkipVerify`]: wherever the key stands.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

const KEY: &str = "insecureSkipVerify";

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let routes = outline.routes.iter().map(|route| &route.settings);
    let rules = outline
        .middlewares
        .iter()
        .filter_map(|entry| entry.rule.as_ref());
    for settings in std::iter::once(&outline.file).chain(routes).chain(rules) {
        settings.each(&mut |settings| report(settings, diags));
    }
}

fn report(settings: &Settings, diags: &mut Diagnostics) {
    for (_, given) in settings.values().filter(|(key, _)| key.name == KEY) {
        if given.is_bool(true) {
            let message = "certificates are not verified: anyone on the way can pose as the server";
            let warning =
                Diagnostic::new(Code::InsecureSkipVerify, &*given.key, given.span, message);
            diags.push(warning.help("name the CA that signed them (`rootCAs`, `caBundle`)"));
        }
    }
}
