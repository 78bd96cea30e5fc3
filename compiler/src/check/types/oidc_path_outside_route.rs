//! [`Code::OidcPathOutsideRoute`] and [`Code::OidcPathOutsideCookie`] (MW-OAUTH-3)

use super::at;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::RoutePath;
use crate::resolve::outline::{Outline, Route};
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for route in &outline.routes {
        let Some(path) = &route.path else { continue };
        for link in outline.chain(route) {
            if let Some(rule) = link.entry.rule_of("oidc") {
                paths(rule, route, path, diags);
            }
        }
    }
}

fn paths(rule: &Settings, route: &Route, path: &RoutePath, diags: &mut Diagnostics) {
    let cookie = rule
        .given("session.cookie.path")
        .and_then(|given| given.text.as_deref());
    let cookie = cookie.and_then(|text| RoutePath::new(text).ok());
    for key in ["callbackPath", "logoutPath"] {
        let Some(given) = rule.given(key) else {
            continue;
        };
        let Some(own) = given
            .text
            .as_deref()
            .and_then(|text| RoutePath::new(text).ok())
        else {
            continue;
        };
        let shown = own.as_str();
        if !own.within(path) {
            let name = &route.name;
            let message = format!("requests for `{shown}` never reach the route `{name}`");
            let fault = at(given, Code::OidcPathOutsideRoute, message);
            let fault = fault.label(route.span, format!("its path is `{}`", path.as_str()));
            diags.push(fault.help(format!("choose a path below `{}`", path.as_str())));
        } else if let Some(cookie) = cookie.as_ref().filter(|cookie| !own.within(cookie)) {
            let message = format!("the session cookie is not sent to `{shown}`");
            let warning: Diagnostic = at(given, Code::OidcPathOutsideCookie, message);
            diags.push(warning.help(format!("choose a path below `{}`", cookie.as_str())));
        }
    }
}
