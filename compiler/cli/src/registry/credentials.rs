//! Who a registry is told that we are: from the files that `podman login` and `docker login` write, and
//! from the helpers that those name. Nothing of them is ever printed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use base64::Engine as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::reference::Reference;

/// The text of such a file, for pipelines.
const VARIABLE: &str = "DOCKER_AUTH_CONFIG";
/// The largest file, and the longest answer of a helper.
const BYTES_MAX: u64 = 1 << 20;
/// How long a helper may think.
const HELPER_TIME: Duration = Duration::from_secs(30);
/// What a helper calls a user whose password is a token.
const TOKEN_USER: &str = "<token>";
/// What Docker calls its own registry in these files.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What a registry is told. INVARIANT: it has no `Debug`, so that it gets into no message.
#[derive(Clone)]
pub(super) enum Credentials {
    /// Name and password.
    Password { user: String, password: String },
    /// A token for which others are given.
    Token(String),
}

/// The credentials for a repository, if there are any.
///
/// # Errors
/// A file or a helper says something that cannot be understood.
pub(super) async fn find(reference: &Reference) -> anyhow::Result<Option<Credentials>> {
    if let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) {
        // Serde's error would show a piece of it.
        let config = serde_json::from_slice(text.as_encoded_bytes());
        let config = config.map_err(|_| anyhow!("{VARIABLE} is no JSON"))?;
        let found = in_config(&config, reference).await;
        let found = found.with_context(|| format!("credentials in {VARIABLE}"))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    for file in files() {
        let Some(config) = read(&file)? else {
            continue;
        };
        let found = in_config(&config, reference).await;
        let found = found.with_context(|| format!("credentials in {}", file.display()))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What names a file wins over the usual places.
fn files() -> Vec<PathBuf> {
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    if let Some(file) = variable("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    if let Some(directory) = variable("DOCKER_CONFIG") {
        return vec![directory.join("config.json")];
    }
    let podman = variable("XDG_RUNTIME_DIR").map(|home| home.join("containers/auth.json"));
    let docker = std::env::home_dir().map(|home| home.join(".docker/config.json"));
    podman.into_iter().chain(docker).collect()
}

fn read(file: &Path) -> anyhow::Result<Option<Value>> {
    use std::io::Read as _;
    let context = || format!("cannot read {}", file.display());
    let opened = match std::fs::File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(context)?,
    };
    let mut bytes = Vec::new();
    let mut limited = opened.take(BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).with_context(context)?;
    ensure!(
        bytes.len() as u64 <= BYTES_MAX,
        "{} is larger than {BYTES_MAX} bytes",
        file.display()
    );
    // Serde's error would show a piece of the file.
    let config = serde_json::from_slice(&bytes);
    let config = config.map_err(|_| anyhow!("{} is no JSON", file.display()))?;
    Ok(Some(config))
}

async fn in_config(config: &Value, to: &Reference) -> anyhow::Result<Option<Credentials>> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let keys = keys(to);
    let helpers = config.get("credHelpers");
    let helper = helpers.and_then(|helpers| text(helpers.get(&to.host)));
    if let Some(helper) = helper {
        return ask(&helper, server(to)).await;
    }
    if let Some(auths) = config.get("auths") {
        for key in &keys {
            if let Some(found) = auths.get(key).map(entry).transpose()?.flatten() {
                return Ok(Some(found));
            }
        }
    }
    match text(config.get("credsStore")) {
        Some(helper) => ask(&helper, server(to)).await,
        None => Ok(None),
    }
}

/// How a helper is asked for a registry.
fn server(to: &Reference) -> &str {
    if to.host == "docker.io" {
        DOCKER_HUB_KEY
    } else {
        &to.host
    }
}

/// Names under which a repository may stand, the narrowest first.
fn keys(to: &Reference) -> Vec<String> {
    let mut keys = Vec::new();
    let mut name = format!("{}/{}", to.host, to.repository);
    while name.len() > to.host.len() {
        keys.push(name.clone());
        let end = name.rfind('/').unwrap_or_default();
        name.truncate(end);
    }
    keys.extend([
        to.host.clone(),
        format!("https://{}", to.host),
        format!("https://{}/v1/", to.host),
        format!("https://{}/v2/", to.host),
    ]);
    if server(to) == DOCKER_HUB_KEY {
        keys.push(DOCKER_HUB_KEY.to_owned());
    }
    keys
}

/// One entry of `auths`. Docker leaves empty ones beside a helper.
fn entry(value: &Value) -> anyhow::Result<Option<Credentials>> {
    let text = |key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credentials::Token(token.to_owned())));
    }
    let Some(encoded) = text("auth") else {
        let (Some(user), Some(password)) = (text("username"), text("password")) else {
            return Ok(None);
        };
        return Ok(Some(Credentials::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        }));
    };
    let engine = base64::engine::general_purpose::STANDARD;
    let decoded = engine.decode(encoded).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.context("`auth` is not base64")?;
    // Docker once ended passwords with zeros.
    let (user, password) = decoded
        .trim_end_matches('\0')
        .split_once(':')
        .context("`auth` is not of the form user:password")?;
    Ok(Some(Credentials::Password {
        user: user.to_owned(),
        password: password.to_owned(),
    }))
}

/// Asks the program `docker-credential-NAME`; one that knows nothing says so and fails.
async fn ask(name: &str, server: &str) -> anyhow::Result<Option<Credentials>> {
    let letters = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    ensure!(
        name.chars().all(letters),
        "`{}` is no name of a credential helper",
        name.escape_debug()
    );
    let program = format!("docker-credential-{name}");
    let answer = tokio::time::timeout(HELPER_TIME, call(&program, server));
    let (success, said) = match answer.await {
        Ok(answer) => answer.with_context(|| format!("cannot run {program}"))?,
        Err(_) => bail!("{program} did not answer in time"),
    };
    if !success {
        let unknown = String::from_utf8_lossy(&said).contains("credentials not found");
        ensure!(unknown, "{program} failed");
        return Ok(None);
    }
    let said: Value =
        serde_json::from_slice(&said).map_err(|_| anyhow!("{program} says no JSON"))?;
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
    let (user, secret) = text("Username")
        .zip(text("Secret"))
        .with_context(|| format!("{program} says no `Username` and `Secret`"))?;
    Ok(Some(if user == TOKEN_USER {
        Credentials::Token(secret)
    } else {
        Credentials::Password {
            user,
            password: secret,
        }
    }))
}

/// Whether it succeeded, and what it said.
async fn call(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = tokio::process::Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read has an answer nevertheless.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let mut said = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(BYTES_MAX).read_to_end(&mut said).await?;
    }
    Ok((child.wait().await?.success(), said))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(config: &Value, reference: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        match runtime.block_on(in_config(config, &reference.parse().unwrap())) {
            Ok(Some(Credentials::Password { user, password })) => format!("{user} {password}"),
            Ok(Some(Credentials::Token(token))) => format!("token {token}"),
            Ok(None) => "none".to_owned(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn entries_of_files() {
        // ann:pw:1, bob:x, and no user.
        let config = json!({"auths": {
            "h.example": {"auth": "YW5uOnB3OjE="},
            "h.example/team": {"auth": "Ym9iOng="},
            "https://old.example/v1/": {"username": "eve", "password": "y"},
            "token.example": {"identitytoken": "t"},
            "empty.example": {},
            "broken.example": {"auth": "%"},
            "https://index.docker.io/v1/": {"auth": "Ym9iOng="},
        }});
        for (reference, expected) in [
            ("h.example/shop", "ann pw:1"),
            ("h.example/team/shop", "bob x"),
            ("h.example/teams/shop", "ann pw:1"),
            ("old.example/shop", "eve y"),
            ("token.example/shop", "token t"),
            ("empty.example/shop", "none"),
            ("other.example/shop", "none"),
            ("broken.example/shop", "`auth` is not base64"),
            ("docker.io/shop", "bob x"),
        ] {
            assert_eq!(found(&config, reference), expected, "{reference}");
        }
        let helpers = json!({"credHelpers": {"h.example": "../x"}});
        assert!(found(&helpers, "h.example/a").contains("no name of a credential helper"));
    }
}
