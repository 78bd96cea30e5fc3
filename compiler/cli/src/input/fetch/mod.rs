//! Bundles of the http and git providers (config.md 6.11): fetched, or taken from what was fetched
//! before; kept in `.goma/inputs/` by their hash, so that a locked build needs no network (C-LOCK-2).
//! What cannot be had is the finding `provider-failed`.

mod git;
mod http;
mod ssh;
mod store;

use std::path::PathBuf;

use goma_compiler::diag::{Code, Diagnostic};
use goma_compiler::lock::Written;
use goma_compiler::model::provider::{Inputs, Signing};
use goma_compiler::source::{SOURCE_BYTES_MAX, SourceKind, Span};

use super::{Input, Policy, read};
use crate::lock_file;
use store::Store;

/// One document of a provider.
struct Bundle {
    /// As lock and findings name it: without credentials, from git with the commit.
    name: String,
    bytes: Vec<u8>,
}

/// Why there is no bundle: one line, without secrets.
type Reason = String;

/// What fetching needs to know besides the provider.
struct Cx {
    /// The main file's directory.
    home: PathBuf,
    policy: Policy,
    lock: Option<Written>,
    store: Store,
}

impl Cx {
    /// What `goma.lock` lists of a kind: source and SHA-256.
    fn listed(&self, kind: SourceKind) -> Vec<(&str, &str)> {
        let lock = self.lock.as_ref();
        lock.map(|lock| lock.inputs(kind.as_str()).collect())
            .unwrap_or_default()
    }

    /// Whether what was fetched before comes first.
    const fn uses_store(&self) -> bool {
        self.policy.locked || self.policy.offline
    }

    /// A file as keys name it: relative to the main file, or to the home directory.
    fn path(&self, name: &str) -> PathBuf {
        match (name.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            (_, _) => self.home.join(name),
        }
    }
}

/// Adds what the providers deliver, in the order of merging, and the keys that must have signed it.
pub(super) fn all(input: &mut Input, named: &Inputs, policy: Policy) {
    if named.http.is_none() && named.git.is_none() {
        return;
    }
    add_keys(input, &named.signing);
    let cx = Cx {
        home: input.home.clone(),
        policy,
        lock: lock_file::read(input),
        store: Store::beside(&input.home),
    };
    if let Some(provider) = &named.http {
        let key = ("gateway.providers.http.endpoint", provider.endpoint.span);
        let bundle = http::fetch(provider, &cx);
        add(
            input,
            SourceKind::Http,
            key,
            bundle.map(|bundle| vec![bundle]),
        );
    }
    if let Some(provider) = &named.git {
        let key = ("gateway.providers.git.url", provider.url.span);
        add(input, SourceKind::Git, key, git::fetch(provider, &cx));
    }
}

fn add(
    input: &mut Input,
    kind: SourceKind,
    (key, span): (&str, Span),
    bundles: Result<Vec<Bundle>, Reason>,
) {
    match bundles {
        Ok(bundles) => {
            for bundle in bundles {
                input.add(kind, &bundle.name, bundle.name.clone(), bundle.bytes);
            }
        }
        Err(reason) => {
            let finding = Diagnostic::new(Code::ProviderFailed, key, span, reason);
            input.report(finding);
        }
    }
}

/// Reads `publicKeyFile`, unless a key is given directly.
fn add_keys(input: &mut Input, signing: &Signing) {
    let (None, Some(file)) = (&signing.key, &signing.key_file) else {
        return;
    };
    match read(&input.home.join(&file.value), SOURCE_BYTES_MAX) {
        Ok(bytes) => input.options.key_file = Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(missing) => {
            let key = "gateway.providers.signing.publicKeyFile";
            let message = format!("`{}` {}", file.value, missing.why);
            input.report(Diagnostic::new(
                Code::ProviderConfig,
                key,
                file.span,
                message,
            ));
        }
    }
}
