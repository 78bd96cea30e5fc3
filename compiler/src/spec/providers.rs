//! The section `gateway.providers` (config.md section 6.11).

use super::fields::{Fields, Leaf, Pair};
use crate::source::Span;

/// `gateway.providers`
#[derive(Default)]
pub(crate) struct Providers {
    pub(crate) file: Option<FileProvider>,
    pub(crate) http: Option<HttpProvider>,
    pub(crate) git: Option<GitProvider>,
    pub(crate) public_key: Option<Leaf>,
    pub(crate) public_key_file: Option<Leaf>,
}

/// `file`
pub(crate) struct FileProvider {
    pub(crate) head: Span,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) watch: Option<Leaf>,
    pub(crate) directory: Option<Leaf>,
    pub(crate) debounce: Option<Leaf>,
}

/// `http`
pub(crate) struct HttpProvider {
    pub(crate) head: Span,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) endpoint: Option<Leaf>,
    pub(crate) interval: Option<Leaf>,
    pub(crate) timeout: Option<Leaf>,
    pub(crate) retry_attempts: Option<Leaf>,
    pub(crate) retry_delay: Option<Leaf>,
    pub(crate) headers: Option<Vec<Pair>>,
    pub(crate) insecure_skip_verify: Option<Leaf>,
    pub(crate) cache_dir: Option<Leaf>,
}

/// `git`
pub(crate) struct GitProvider {
    pub(crate) head: Span,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) url: Option<Leaf>,
    pub(crate) branch: Option<Leaf>,
    pub(crate) path: Option<Leaf>,
    pub(crate) interval: Option<Leaf>,
    pub(crate) clone_dir: Option<Leaf>,
    pub(crate) auth: GitAuth,
}

/// `git.auth`
#[derive(Default)]
pub(crate) struct GitAuth {
    pub(crate) kind: Option<Leaf>,
    pub(crate) token: Option<Leaf>,
    pub(crate) username: Option<Leaf>,
    pub(crate) password: Option<Leaf>,
    pub(crate) ssh_key_path: Option<Leaf>,
    pub(crate) ssh_key_data: Option<Leaf>,
    pub(crate) host_key: Option<Leaf>,
    pub(crate) known_hosts_path: Option<Leaf>,
}

/// Reads `providers` out of `gateway`.
pub(super) fn decode(gateway: &mut Fields<'_>) -> Providers {
    let Some(mut fields) = gateway.section("providers") else {
        return Providers::default();
    };
    let file = fields.section("file").map(file);
    let http = fields.section("http").map(http);
    let git = fields.section("git").map(git);
    let (public_key, public_key_file) = match fields.section("signing") {
        None => (None, None),
        Some(mut signing) => {
            let keys = (signing.leaf("publicKey"), signing.leaf("publicKeyFile"));
            signing.finish();
            keys
        }
    };
    fields.finish();
    Providers {
        file,
        http,
        git,
        public_key,
        public_key_file,
    }
}

fn file(mut fields: Fields<'_>) -> FileProvider {
    let provider = FileProvider {
        head: fields.head,
        enabled: fields.leaf("enabled"),
        watch: fields.leaf("watch"),
        directory: fields.leaf("directory"),
        debounce: fields.leaf("debounce"),
    };
    fields.finish();
    provider
}

fn http(mut fields: Fields<'_>) -> HttpProvider {
    let provider = HttpProvider {
        head: fields.head,
        enabled: fields.leaf("enabled"),
        endpoint: fields.leaf("endpoint"),
        interval: fields.leaf("interval"),
        timeout: fields.leaf("timeout"),
        retry_attempts: fields.leaf("retryAttempts"),
        retry_delay: fields.leaf("retryDelay"),
        headers: fields.pairs("headers"),
        insecure_skip_verify: fields.leaf("insecureSkipVerify"),
        cache_dir: fields.leaf("cacheDir"),
    };
    fields.finish();
    provider
}

fn git(mut fields: Fields<'_>) -> GitProvider {
    let provider = GitProvider {
        head: fields.head,
        enabled: fields.leaf("enabled"),
        url: fields.leaf("url"),
        branch: fields.leaf("branch"),
        path: fields.leaf("path"),
        interval: fields.leaf("interval"),
        clone_dir: fields.leaf("cloneDir"),
        auth: fields.section("auth").map(git_auth).unwrap_or_default(),
    };
    fields.finish();
    provider
}

fn git_auth(mut fields: Fields<'_>) -> GitAuth {
    let auth = GitAuth {
        kind: fields.leaf("type"),
        token: fields.leaf("token"),
        username: fields.leaf("username"),
        password: fields.leaf("password"),
        ssh_key_path: fields.leaf("sshKeyPath"),
        ssh_key_data: fields.leaf("sshKeyData"),
        host_key: fields.leaf("hostKey"),
        known_hosts_path: fields.leaf("knownHostsPath"),
    };
    fields.finish();
    auth
}
