//! Rules over the keys of `gateway`, `certManager` and `plugins` (config.md sections 6, 10, 11).

mod acme_no_email;
mod acme_terms_declined;
mod acme_wildcard;
mod certificate_providers;
mod client_ca;
mod dns_credentials;
mod insecure_skip_verify;
mod monitoring_open;
mod no_entry_point;
mod plugin_type_taken;
mod port_conflict;
mod proxy_trust_all;
mod proxy_trust_empty;
mod redis_flush;
mod redis_required;
mod reload_token;
mod shared_storage;
mod tls_load;
mod weak_token;

use super::Rule;
use crate::resolve::settings::Settings;
use crate::source::Spanned;

pub(super) const RULES: &[Rule] = &[
    acme_no_email::check,
    acme_terms_declined::check,
    acme_wildcard::check,
    certificate_providers::check,
    client_ca::check,
    dns_credentials::check,
    insecure_skip_verify::check,
    monitoring_open::check,
    no_entry_point::check,
    plugin_type_taken::check,
    port_conflict::check,
    proxy_trust_all::check,
    proxy_trust_empty::check,
    redis_flush::check,
    redis_required::check,
    reload_token::check,
    shared_storage::check,
    tls_load::check,
    weak_token::check,
];

/// A source of certificates: its name, and its mapping with `acme` or `vault` in it.
struct Provider<'o> {
    name: &'o str,
    settings: &'o Settings,
    is_vault: bool,
}

impl<'o> Provider<'o> {
    fn acme(&self) -> Option<&'o Settings> {
        self.settings.section("acme").filter(|_| !self.is_vault)
    }

    fn vault(&self) -> Option<&'o Settings> {
        self.settings.section("vault").filter(|_| self.is_vault)
    }
}

fn named_provider<'o>(name: &'o Spanned<String>, settings: &'o Settings) -> Provider<'o> {
    Provider {
        name: &name.value,
        settings,
        is_vault: settings.is("type", "vault"),
    }
}

/// The providers of `certManager`; the short form is one named `default`.
fn providers(file: &Settings) -> Vec<Provider<'_>> {
    let Some(manager) = file.section("certManager") else {
        return Vec::new();
    };
    let named = manager.named("providers");
    if !named.is_empty() {
        return named
            .iter()
            .map(|(name, settings)| named_provider(name, settings))
            .collect();
    }
    let short = ["provider", "acme", "vault"];
    if !short.iter().any(|key| manager.has(key)) {
        return Vec::new();
    }
    vec![Provider {
        name: "default",
        settings: manager,
        is_vault: manager.is("provider", "vault"),
    }]
}
