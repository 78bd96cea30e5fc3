//! [`Code::UndefinedName`], [`Code::BadName`], [`Code::KeyConflict`] and [`Code::MissingKey`] of
//! `certManager`: providers that are named must be there, in one of two forms (config.md 7.5, 10).

use super::providers;
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Given;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    forms(outline, diags);
    let providers = providers(&outline.file);
    let names: Vec<&str> = providers.iter().map(|provider| provider.name).collect();
    let default = outline.file.given("certManager.defaultProvider");
    let own = outline
        .routes
        .iter()
        .filter_map(|route| route.settings.given("tls.provider"));
    for given in default.into_iter().chain(own) {
        let Some(name) = given.text.as_deref() else {
            continue;
        };
        if !name.eq_ignore_ascii_case("none") && !names.contains(&name) {
            diags.push(undefined(given, name, &names));
        }
    }
    for provider in &providers {
        let (needed, there) = if provider.is_vault {
            ("vault", provider.vault().is_some())
        } else {
            // Without an `email` the provider is off, which is said.
            ("acme", true)
        };
        if !there {
            let message = format!("`{needed}` is missing in the provider `{}`", provider.name);
            let (key, head) = (provider.settings.path(needed), provider.settings.head);
            diags.push(Diagnostic::new(Code::MissingKey, key, head, message));
        }
    }
}

fn forms(outline: &Outline, diags: &mut Diagnostics) {
    let Some(manager) = outline.file.section("certManager") else {
        return;
    };
    let named = manager.named("providers");
    let short = ["provider", "acme", "vault"];
    let short = short
        .iter()
        .find_map(|key| Some((*key, manager.place(key)?)));
    if let (Some((key, span)), false) = (short, named.is_empty()) {
        let message = format!("`{key}` is the short form of `providers`, which is given too");
        let fault = Diagnostic::new(Code::KeyConflict, manager.path(key), span, message);
        diags.push(fault.help("move it to `providers`, under a name of its own"));
    }
    for (name, settings) in named {
        if name.value.eq_ignore_ascii_case("none") {
            let message = "`none` means that a route has no provider";
            let fault = Diagnostic::new(Code::BadName, &*settings.key, name.span, message);
            diags.push(fault.help("give the provider another name"));
        }
    }
}

fn undefined(given: &Given, name: &str, names: &[&str]) -> Diagnostic {
    let message = format!(
        "the certificate provider `{}` is not defined",
        name.escape_debug()
    );
    let fault = Diagnostic::new(Code::UndefinedName, &*given.key, given.span, message);
    match nearest(name, names.iter().copied()) {
        Some(known) => fault
            .help(format!("did you mean `{known}`?"))
            .fix(given.span, known),
        None => fault.help("define it under `certManager.providers`, or write `none`"),
    }
}
