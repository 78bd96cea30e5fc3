//! [`Code::BadRule`], [`Code::DuplicateName`] and [`Code::KeyConflict`] of
//! `responseHeaders.setCookies` (5.19).

use std::collections::BTreeMap;

use super::at;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::HeaderName;
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("responseHeaders") {
        let mut taken = BTreeMap::new();
        for cookie in rule.sections("setCookies") {
            named(cookie, &mut taken, diags);
            value(cookie, diags);
            attributes(cookie, diags);
        }
    }
}

fn named<'o>(
    cookie: &'o Settings,
    taken: &mut BTreeMap<&'o str, crate::source::Span>,
    diags: &mut Diagnostics,
) {
    let Some(given) = cookie.given("name") else {
        return;
    };
    let Some(name) = given.text.as_deref() else {
        return;
    };
    // A cookie's name is a token, as a header's is.
    if HeaderName::new(name).is_err() {
        let message = format!("`{}` is not a cookie's name", name.escape_debug());
        diags.push(at(given, Code::BadRule, message));
    } else if let Some(first) = taken.insert(name, given.span) {
        let fault = at(
            given,
            Code::DuplicateName,
            format!("the cookie `{name}` is set twice"),
        );
        diags.push(fault.label(first, "first set here"));
    }
}

fn value(cookie: &Settings, diags: &mut Diagnostics) {
    let Some(given) = cookie.given("value") else {
        return;
    };
    if let Some(odd) = given
        .known()
        .chars()
        .find(|c| ";,".contains(*c) || c.is_control())
    {
        let message = format!("`{}` cannot stand in a cookie's value", odd.escape_debug());
        diags.push(at(given, Code::BadRule, message).help("encode it"));
    }
}

fn attributes(cookie: &Settings, diags: &mut Diagnostics) {
    if let (Some(first), Some(span)) = (cookie.place("attributes"), cookie.place("attrs")) {
        let message = "`attrs` is another spelling of `attributes`, which is given too";
        let fault = Diagnostic::new(Code::KeyConflict, cookie.path("attrs"), span, message);
        diags.push(fault.label(first, "it is given here"));
    }
    let section = if cookie.has("attrs") {
        "attrs"
    } else {
        "attributes"
    };
    let place = |name: &str| format!("{section}.{name}");
    let secure = cookie.on(&place("secure"));
    let mut needs = |what: &str, need: &str| {
        if let Some(given) = cookie.given("name") {
            diags.push(at(given, Code::BadRule, format!("{what} needs {need}")));
        }
    };
    if cookie.is(&place("sameSite"), "none") && !secure {
        needs("`sameSite: None`", "`secure: true`");
    }
    let name = cookie.text("name").unwrap_or("");
    let prefixed = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if prefixed("__Secure-") && !secure {
        needs("the prefix `__Secure-`", "`secure: true`");
    }
    if prefixed("__Host-") {
        if !secure {
            needs("the prefix `__Host-`", "`secure: true`");
        }
        if cookie.has(&place("domain")) {
            needs("the prefix `__Host-`", "a cookie without `domain`");
        }
        if cookie.text(&place("path")).is_some_and(|path| path != "/") {
            needs("the prefix `__Host-`", "`path: /`");
        }
    }
}
