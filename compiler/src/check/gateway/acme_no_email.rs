//! [`Code::AcmeNoEmail`] (config.md section 10)

use super::providers;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for provider in providers(&outline.file) {
        let has_email = provider.acme().is_some_and(|acme| acme.has("email"));
        if provider.is_vault || has_email {
            continue;
        }
        let (key, head) = match provider.acme() {
            Some(acme) => (acme.path("email"), acme.head),
            None => (provider.settings.path("acme.email"), provider.settings.head),
        };
        let message = format!("the provider `{}` is off: it has no `email`", provider.name);
        let warning = Diagnostic::new(Code::AcmeNoEmail, key, head, message);
        diags.push(warning.help("add `email: admin@example.com` under `acme`"));
    }
}
