//! [`Code::ClientCa`] (config.md 6.8, 7.5)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let gateway = outline.file.section("gateway");
    let routes = outline.routes.iter().map(|route| &route.settings);
    for settings in gateway.into_iter().chain(routes) {
        without_ca(settings, diags);
    }
}

fn without_ca(settings: &Settings, diags: &mut Diagnostics) {
    let Some(required) = settings.given("tls.clientAuth.required") else {
        return;
    };
    if required.is_bool(true) && !settings.has("tls.clientAuth.clientCA") {
        let message = "client certificates are required, but no `clientCA` verifies them";
        let fault = Diagnostic::new(Code::ClientCa, &*required.key, required.span, message);
        diags.push(fault.help("add `clientCA: /etc/goma/certs/ca.pem`"));
    }
}
