//! How git calls ssh: with one key, and never to a host that is not known (config.md 6.11).

use std::io;
use std::path::PathBuf;

use goma_compiler::model::provider::{GitAuth, GitProvider, KnownHosts};
use tempfile::TempDir;

use super::store::write_private;
use super::{Cx, Reason};

/// Seconds until a connection that is not made, or is dead, is given up.
const TIMEOUT_SECONDS: u32 = 30;

/// A command line of ssh, and the files that it names, which live as long as this.
pub(super) struct Ssh {
    /// For `GIT_SSH_COMMAND`, which a shell splits.
    pub(super) command: String,
    _files: TempDir,
}

impl Ssh {
    /// Writes keys to files of their own.
    pub(super) fn new(provider: &GitProvider, cx: &Cx) -> Result<Self, Reason> {
        let unwritable = |error: io::Error| format!("cannot write a key for ssh: {error}");
        let files = tempfile::tempdir().map_err(unwritable)?;
        let mut options = vec![
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            format!("ConnectTimeout={TIMEOUT_SECONDS}"),
            format!("ServerAliveInterval={TIMEOUT_SECONDS}"),
        ];
        let hosts = match &provider.hosts {
            KnownHosts::Default => None,
            KnownHosts::File(name) => Some(cx.path(name)),
            KnownHosts::Key(key) => {
                let file = files.path().join("known_hosts");
                // Whatever the host is called: this key is all that counts.
                write_private(&file, format!("* {}\n", key.trim()).as_bytes())
                    .map_err(unwritable)?;
                Some(file)
            }
        };
        if let Some(file) = hosts {
            options.push(format!("UserKnownHostsFile={}", in_option(&file)?));
            options.push("GlobalKnownHostsFile=none".to_owned());
        }
        let mut command = "ssh".to_owned();
        if let Some(key) = identity(provider, cx, &files)? {
            options.push("IdentitiesOnly=yes".to_owned());
            command += &format!(" -i {}", quoted(&key.to_string_lossy()));
        }
        for option in options {
            command += &format!(" -o {}", quoted(&option));
        }
        Ok(Self {
            command,
            _files: files,
        })
    }
}

/// The file of the private key.
fn identity(provider: &GitProvider, cx: &Cx, files: &TempDir) -> Result<Option<PathBuf>, Reason> {
    match &provider.auth {
        GitAuth::None | GitAuth::Password { .. } => Ok(None),
        GitAuth::SshFile(name) => Ok(Some(cx.path(name))),
        GitAuth::SshKey(data) => {
            let file = files.path().join("key");
            let key = decode(data.reveal()).ok_or("`sshKeyData` is not base64")?;
            write_private(&file, &key).map_err(|error| format!("cannot write a key: {error}"))?;
            Ok(Some(file))
        }
    }
}

/// Base64, line breaks allowed; ssh wants the last line of a key to end.
fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text: String = text.split_whitespace().collect();
    let engine = base64::engine::general_purpose::STANDARD;
    let mut key = engine.decode(text).ok()?;
    key.push(b'\n');
    Some(key)
}

/// ssh splits the value of this option at spaces, and knows quotes.
fn in_option(path: &std::path::Path) -> Result<String, Reason> {
    let path = path.to_string_lossy();
    if path.contains(['"', '%', '\n']) {
        return Err("ssh cannot take this name of a file with known hosts".to_owned());
    }
    Ok(format!("\"{path}\""))
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
