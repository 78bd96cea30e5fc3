//! Providers of bundles (config.md section 6.11). Not part of the model: a gateway contacts none; the
//! command line reads these to fetch its inputs.

use std::fmt;
use std::time::Duration;

use crate::source::Spanned;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// What the main file names as further inputs.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// `gateway.extraConfig.directory`, relative to the main file.
    pub extra_directory: Option<Spanned<String>>,
    /// The enabled file provider.
    pub file: Option<FileProvider>,
    /// The enabled http provider.
    pub http: Option<HttpProvider>,
    /// The enabled git provider.
    pub git: Option<GitProvider>,
    /// Who may sign bundles of the latter two.
    pub signing: Signing,
}

/// `gateway.providers.signing`
#[derive(Clone, Debug, Default)]
pub struct Signing {
    /// `publicKey`: the first choice.
    pub key: Option<Spanned<String>>,
    /// `publicKeyFile`.
    pub key_file: Option<Spanned<String>>,
}

/// `gateway.providers.file`
#[derive(Clone, Debug)]
pub struct FileProvider {
    /// Where its bundles are.
    pub directory: Spanned<String>,
    /// Whether the directory is named by `$GOMA_FILE_PROVIDER_DIRECTORY`, so relative to the command.
    pub from_variable: bool,
}

/// `gateway.providers.http`
#[derive(Clone, Debug)]
pub struct HttpProvider {
    /// Where its bundle is.
    pub endpoint: Spanned<String>,
    /// Of a try.
    pub timeout: Duration,
    /// Tries in total.
    pub attempts: u32,
    /// Between two tries.
    pub delay: Duration,
    /// Sent with each request.
    pub headers: Vec<(String, Secret)>,
    /// Whether the server's certificate is not verified.
    pub insecure: bool,
    /// Where the last good bytes are kept, if the file says so.
    pub cache: Option<String>,
}

impl HttpProvider {
    /// The endpoint as it may be shown: without a query, which may hold a token.
    #[must_use]
    pub fn name(&self) -> &str {
        let endpoint = &self.endpoint.value;
        endpoint.split(['?', '#']).next().unwrap_or(endpoint)
    }
}

/// `gateway.providers.git`
#[derive(Clone, Debug)]
pub struct GitProvider {
    /// The repository, over https or ssh; without credentials.
    pub url: Spanned<String>,
    /// What is fetched.
    pub branch: String,
    /// A directory of the repository, with `/`, without one at either end; "" for its root.
    pub path: String,
    /// Where the clone is, if the file says so.
    pub clone_dir: Option<String>,
    /// How to log in.
    pub auth: GitAuth,
    /// Whom to believe to be the server.
    pub hosts: KnownHosts,
}

/// `gateway.providers.git.auth` by its `type`.
#[derive(Clone, Debug)]
pub enum GitAuth {
    /// Not at all.
    None,
    /// With a name and a password or token.
    Password {
        /// The name; `git` for a token.
        username: String,
        /// Password or token.
        password: Secret,
    },
    /// With a key in a file.
    SshFile(String),
    /// With this key.
    SshKey(Secret),
}

/// How a server's key is verified.
#[derive(Clone, Debug)]
pub enum KnownHosts {
    /// By what ssh knows of the user who builds.
    Default,
    /// By the keys in this file.
    File(String),
    /// It must be this key.
    Key(String),
}
