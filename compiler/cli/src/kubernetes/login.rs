//! Programs that know credentials (client-go's `exec` plugins), and tokens in files.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::kubeconfig::{Access, Program, User, text_of};

/// How long a program may take.
const PROGRAM_TIME: Duration = Duration::from_secs(60);
/// The most that it may say.
const PROGRAM_BYTES_MAX: u64 = 1 << 20;

/// What is shown to the server.
#[derive(Default)]
pub(super) struct Credentials {
    /// `Bearer …`
    pub(super) header: Option<HeaderValue>,
    /// Certificate and key as PEM.
    pub(super) identity: Option<Vec<u8>>,
}

/// What there is now: programs are run, files are read.
pub(super) async fn credentials(access: &Access) -> anyhow::Result<Credentials> {
    let mut credentials = Credentials::default();
    match &access.user {
        User::Anonymous => {}
        User::Certificate(pem) => credentials.identity = Some(pem.clone()),
        User::Program(program) => return ask(program, access).await,
        User::Token(token) => credentials.header = Some(bearer(token)?),
        User::TokenFile(file) => credentials.header = Some(bearer(text_of(file)?.trim())?),
    }
    Ok(credentials)
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    let header = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut header = header.map_err(|_| anyhow::anyhow!("the token is none"))?;
    header.set_sensitive(true);
    Ok(header)
}

async fn ask(program: &Program, access: &Access) -> anyhow::Result<Credentials> {
    let name = program.command.first().cloned().unwrap_or_default();
    let name = name.escape_debug();
    let said = tokio::time::timeout(PROGRAM_TIME, call(program, access)).await;
    let said = said.map_err(|_| anyhow::anyhow!("{name} did not answer in time"))?;
    let (succeeded, said) = said.with_context(|| format!("cannot run {name}"))?;
    ensure!(succeeded, "{name}, which the kubeconfig names, failed");
    let said: Value = serde_json::from_slice(&said).unwrap_or_default();
    let text = |key: &str| {
        let text = said.pointer(&format!("/status/{key}"));
        text.and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let pair = text("clientCertificateData").zip(text("clientKeyData"));
    let credentials = Credentials {
        header: text("token").map(bearer).transpose()?,
        identity: pair.map(|(certificate, key)| format!("{certificate}\n{key}").into_bytes()),
    };
    ensure!(
        credentials.header.is_some() || credentials.identity.is_some(),
        "{name}, which the kubeconfig names, gave no credentials"
    );
    Ok(credentials)
}

/// Whether it succeeded, and what it said. What it says to people it says itself.
async fn call(program: &Program, access: &Access) -> std::io::Result<(bool, Vec<u8>)> {
    let mut spec = json!({"interactive": false});
    if let (true, Some(spec)) = (program.wants_cluster, spec.as_object_mut()) {
        spec.insert("cluster".to_owned(), cluster(access));
    }
    let info = json!({
        "apiVersion": program.version,
        "kind": "ExecCredential",
        "spec": spec,
    });
    let [command, args @ ..] = program.command.as_slice() else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let mut child = tokio::process::Command::new(command)
        .args(args)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut said = Vec::new();
    if let Some(output) = child.stdout.take() {
        output
            .take(PROGRAM_BYTES_MAX)
            .read_to_end(&mut said)
            .await?;
    }
    Ok((child.wait().await?.success(), said))
}

fn cluster(access: &Access) -> Value {
    use base64::Engine as _;
    let mut cluster = json!({"server": access.server});
    let Some(fields) = cluster.as_object_mut() else {
        return cluster;
    };
    if let Some(authorities) = &access.authorities {
        let data = base64::engine::general_purpose::STANDARD.encode(authorities);
        fields.insert("certificate-authority-data".to_owned(), data.into());
    }
    if let Some(name) = &access.tls_name {
        fields.insert("tls-server-name".to_owned(), name.as_str().into());
    }
    if access.insecure {
        fields.insert("insecure-skip-tls-verify".to_owned(), true.into());
    }
    cluster
}
