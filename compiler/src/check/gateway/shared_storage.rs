//! [`Code::KeyConflict`] of `storageFile`: two providers would overwrite each other's certificates
//! (config.md section 10).

use std::collections::BTreeMap;

use super::{Provider, providers};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

/// Where files without a directory are.
const HOME: &str = "/etc/letsencrypt/";

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    for provider in providers(&outline.file) {
        let Some(file) = storage(&provider) else {
            continue;
        };
        let section = provider.acme().or(provider.vault());
        let given = section.and_then(|section| section.given("storageFile"));
        let (key, span) = match given {
            Some(given) => (given.key.clone(), given.span),
            None => (
                provider.settings.path("storageFile"),
                provider.settings.head,
            ),
        };
        if let Some(first) = taken.get(&file) {
            let message = format!(
                "two providers keep their certificates in `{}`",
                file.escape_debug()
            );
            let fault = Diagnostic::new(Code::KeyConflict, key, span, message);
            diags.push(fault.label(*first, "the first one is here"));
        } else {
            taken.insert(file, span);
        }
    }
}

/// `None`: not in a file, or not known.
fn storage(provider: &Provider<'_>) -> Option<String> {
    let section = provider.acme().or(provider.vault());
    if provider
        .acme()
        .is_some_and(|acme| !acme.is("storage", "file"))
    {
        return None;
    }
    let given = section.and_then(|section| section.given("storageFile"));
    let file = match given {
        Some(given) => given.text.clone()?,
        None if provider.is_vault => format!("vault-{}.json", provider.name),
        None if provider.name == "default" => "acme.json".to_owned(),
        None => format!("acme-{}.json", provider.name),
    };
    Some(if file.contains('/') {
        file
    } else {
        format!("{HOME}{file}")
    })
}
