//! How a cluster is reached and who asks: the kubeconfig of `$KUBECONFIG` or `~/.kube/config`, as kubectl reads
//! it, or what a pod is given. No value of a credential is in an error.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use serde_json::Value;

/// The largest kubeconfig, certificate, key or token.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most files of `$KUBECONFIG`.
const FILES_MAX: usize = 64;
/// What programs speak that know credentials.
const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];
/// What a pod is given.
const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A cluster, and who asks it.
#[derive(Debug)]
pub(super) struct Access {
    /// Of the API server.
    pub(super) server: String,
    /// Its authorities as PEM; none: those of the system.
    pub(super) authorities: Option<Vec<u8>>,
    /// Whether any certificate will do.
    pub(super) insecure: bool,
    /// What its certificate is for, if that is not the server's name.
    pub(super) tls_name: Option<String>,
    /// A proxy in front of it.
    pub(super) proxy: Option<String>,
    /// Where objects are that say nothing else.
    pub(super) namespace: String,
    /// Who asks.
    pub(super) user: User,
}

/// Who asks.
pub(super) enum User {
    /// Nobody.
    Anonymous,
    /// Whoever has this certificate and this key, both as PEM.
    Certificate(Vec<u8>),
    /// Whoever a program says.
    Program(Program),
    /// Whoever has this token.
    Token(String),
    /// Likewise with the token in a file, which changes.
    TokenFile(PathBuf),
}

/// A program that knows credentials (`exec`).
#[derive(Debug)]
pub(super) struct Program {
    /// It, and its arguments.
    pub(super) command: Vec<String>,
    /// Variables beside ours.
    pub(super) env: Vec<(String, String)>,
    /// Version of what it speaks.
    pub(super) version: String,
    /// Whether it wants to know the cluster.
    pub(super) wants_cluster: bool,
}

/// Without what it knows.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "nobody",
            Self::Certificate(_) => "a certificate",
            Self::Program(_) => "a program",
            Self::Token(_) => "a token",
            Self::TokenFile(_) => "a token in a file",
        })
    }
}

/// What kubectl would use, with the context that is named or the current one.
pub(super) fn access(context: Option<&str>) -> anyhow::Result<Access> {
    let given = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    let files: Vec<PathBuf> = match &given {
        Some(value) => std::env::split_paths(value).collect(),
        None => std::env::home_dir().map_or_else(Vec::new, |home| vec![home.join(".kube/config")]),
    };
    ensure!(
        files.len() <= FILES_MAX,
        "$KUBECONFIG names more than {FILES_MAX} files"
    );
    let mut read = Vec::new();
    for file in files {
        // One that is not there is as if empty, for kubectl as well.
        if file.exists() {
            let text = text_of(&file)?;
            let content = goma_compiler::yaml::read(&text);
            let content = content.with_context(|| format!("cannot read {}", file.display()))?;
            read.push((file, content));
        }
    }
    if read.is_empty() && context.is_none() && given.is_none() && Path::new(IN_CLUSTER).is_dir() {
        return in_cluster();
    }
    ensure!(
        !read.is_empty(),
        "there is no kubeconfig: $KUBECONFIG names it, or it is ~/.kube/config"
    );
    Config(read).access(context)
}

/// What a pod is given by its service account.
fn in_cluster() -> anyhow::Result<Access> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("${name} is not set"));
    let host = variable("KUBERNETES_SERVICE_HOST")?;
    let port = variable("KUBERNETES_SERVICE_PORT")?;
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let at = Path::new(IN_CLUSTER);
    let namespace = text_of(&at.join("namespace"))?;
    Ok(Access {
        server: format!("https://{host}:{port}"),
        authorities: Some(bytes_of(&at.join("ca.crt"))?),
        insecure: false,
        tls_name: None,
        proxy: None,
        namespace: namespace.trim().to_owned(),
        user: User::TokenFile(at.join("token")),
    })
}

/// Files, each with what it says; of two things with one name the first counts.
struct Config(Vec<(PathBuf, Value)>);

/// A part of a file: names of files in it are relative to it.
struct Section<'a> {
    home: &'a Path,
    content: &'a Value,
}

impl Config {
    fn access(&self, context: Option<&str>) -> anyhow::Result<Access> {
        let current = || {
            let mut named = self.0.iter().map(|(_, file)| text(file, "current-context"));
            named.find_map(|name| name.filter(|name| !name.is_empty()))
        };
        let name = context.or_else(current);
        let name = name.context("the kubeconfig has no current context: name one, `…@CONTEXT`")?;
        let context = self.named("contexts", "context", name)?;
        let cluster = text(context.content, "cluster").context("the context names no cluster")?;
        let cluster = self.named("clusters", "cluster", cluster)?;
        let user = match text(context.content, "user") {
            Some(user) if !user.is_empty() => self.named("users", "user", user)?.user()?,
            Some(_) | None => User::Anonymous,
        };
        let namespace = text(context.content, "namespace").filter(|name| !name.is_empty());
        let server = text(cluster.content, "server").context("the cluster names no server")?;
        let insecure = cluster.content.get("insecure-skip-tls-verify");
        let owned = |key| text(cluster.content, key).map(str::to_owned);
        Ok(Access {
            server: server.to_owned(),
            authorities: cluster.bytes("certificate-authority")?,
            insecure: insecure.and_then(Value::as_bool) == Some(true),
            tls_name: owned("tls-server-name"),
            proxy: owned("proxy-url"),
            namespace: namespace.unwrap_or("default").to_owned(),
            user,
        })
    }

    /// `list: [{name: NAME, key: …}]`
    fn named(&self, list: &str, key: &str, name: &str) -> anyhow::Result<Section<'_>> {
        let found = self.0.iter().find_map(|(file, content)| {
            let items = content.get(list)?.as_array()?;
            let item = items.iter().find(|item| text(item, "name") == Some(name))?;
            Some(Section {
                home: file.parent().unwrap_or(Path::new("")),
                content: item.get(key)?,
            })
        });
        found.with_context(|| format!("the kubeconfig has no {key} `{}`", name.escape_debug()))
    }
}

impl Section<'_> {
    /// What `KEY-data` says in base64, or what the file has that `KEY` names.
    fn bytes(&self, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let data = format!("{key}-data");
        if let Some(data) = text(self.content, &data).filter(|data| !data.is_empty()) {
            let bytes = base64::engine::general_purpose::STANDARD.decode(data);
            let bytes = bytes.map_err(|_| anyhow::anyhow!("{key}-data is no base64"))?;
            return Ok(Some(bytes));
        }
        let file = text(self.content, key).filter(|file| !file.is_empty());
        file.map(|file| bytes_of(&self.home.join(file))).transpose()
    }

    fn user(&self) -> anyhow::Result<User> {
        let text = |key| text(self.content, key).filter(|text| !text.is_empty());
        let certificate = self.bytes("client-certificate")?;
        let key = self.bytes("client-key")?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                return Ok(User::Certificate([certificate, key].join(&b'\n')));
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                bail!("the user has only one of client-certificate and client-key")
            }
        }
        // In kubectl's order.
        if let Some(file) = text("tokenFile") {
            return Ok(User::TokenFile(self.home.join(file)));
        }
        if let Some(token) = text("token") {
            return Ok(User::Token(token.to_owned()));
        }
        if let Some(exec) = self.content.get("exec").filter(|exec| exec.is_object()) {
            return self.program(exec).map(User::Program);
        }
        for old in ["auth-provider", "username"] {
            ensure!(
                self.content.get(old).is_none(),
                "the user has `{old}`, which Kubernetes knows no more: use `exec` or a token"
            );
        }
        Ok(User::Anonymous)
    }

    fn program(&self, exec: &Value) -> anyhow::Result<Program> {
        let command = text(exec, "command").context("`exec` names no command")?;
        // A path is relative to the file; a name is looked up.
        let command = if command.contains('/') {
            self.home.join(command).to_string_lossy().into_owned()
        } else {
            command.to_owned()
        };
        let list = |key: &str| {
            let items = exec.get(key).and_then(Value::as_array);
            items.map(Vec::as_slice).unwrap_or_default()
        };
        let args = list("args").iter().filter_map(Value::as_str);
        let variable = |item: &Value| {
            let [name, value] = ["name", "value"].map(|key| text(item, key).map(str::to_owned));
            name.zip(value)
        };
        let env = list("env").iter().filter_map(variable);
        let version = text(exec, "apiVersion").unwrap_or_default();
        ensure!(
            VERSIONS.contains(&version),
            "`exec` speaks `{}`, and goma {}",
            version.escape_debug(),
            VERSIONS.join(" and ")
        );
        let wants = exec.get("provideClusterInfo").and_then(Value::as_bool);
        Ok(Program {
            command: std::iter::once(command)
                .chain(args.map(str::to_owned))
                .collect(),
            env: env.collect(),
            version: version.to_owned(),
            wants_cluster: wants == Some(true),
        })
    }
}

fn text<'a>(content: &'a Value, key: &str) -> Option<&'a str> {
    content.get(key).and_then(Value::as_str)
}

/// A file of text.
pub(super) fn text_of(path: &Path) -> anyhow::Result<String> {
    let text = String::from_utf8(bytes_of(path)?);
    text.map_err(|_| anyhow::anyhow!("{} is no text", path.display()))
}

fn bytes_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let context = || format!("cannot read {}", path.display());
    let size = fs::metadata(path).with_context(context)?.len();
    ensure!(
        size <= FILE_BYTES_MAX,
        "{} is larger than {FILE_BYTES_MAX} bytes",
        path.display()
    );
    fs::read(path).with_context(context)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USERS: &str = "\
        current-context: one\n\
        contexts:\n\
        - {name: one, context: {cluster: c, user: token, namespace: web}}\n\
        - {name: two, context: {cluster: c, user: exec}}\n\
        - {name: three, context: {cluster: c, user: pair}}\n\
        - {name: four, context: {cluster: c, user: half}}\n\
        - {name: five, context: {cluster: c, user: old}}\n\
        - {name: six, context: {cluster: gone}}\n\
        - {name: seven, context: {cluster: c}}\n\
        users:\n\
        - {name: token, user: {token: s3cr3t}}\n\
        - {name: exec, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [a], env: [{name: A, value: b}], provideClusterInfo: true}}}\n\
        - {name: pair, user: {client-certificate-data: YQ==, client-key-data: Yg==, token: s3cr3t}}\n\
        - {name: half, user: {client-certificate-data: YQ==}}\n\
        - {name: old, user: {username: ann, password: s3cr3t}}\n";
    const CLUSTERS: &str = "\
        current-context: two\n\
        clusters:\n\
        - {name: c, cluster: {server: 'https://c.example', certificate-authority-data: Y2E=, tls-server-name: n}}\n";

    fn read(context: Option<&str>) -> Result<Access, String> {
        let file = |name: &str, text: &str| {
            let content = goma_compiler::yaml::read(text).unwrap();
            (PathBuf::from(name), content)
        };
        let config = Config(vec![file("/srv/one", USERS), file("/etc/two", CLUSTERS)]);
        config.access(context).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn files_are_merged() {
        let access = read(None).unwrap();
        assert_eq!(access.server, "https://c.example");
        assert_eq!(access.authorities.as_deref(), Some(&b"ca"[..]));
        assert_eq!(access.tls_name.as_deref(), Some("n"));
        assert_eq!((access.namespace.as_str(), access.insecure), ("web", false));
        assert!(matches!(&access.user, User::Token(token) if token == "s3cr3t"));
        assert!(!format!("{access:?}").contains("s3cr3t"));
    }

    #[test]
    fn who_asks() {
        let Ok(Access {
            user: User::Program(program),
            namespace,
            ..
        }) = read(Some("two"))
        else {
            panic!("no program");
        };
        assert_eq!(program.command, ["/srv/./login", "a"]);
        assert_eq!(json!(program.env), json!([["A", "b"]]));
        assert!(program.wants_cluster);
        assert_eq!(namespace, "default");
        let pair = read(Some("three")).unwrap().user;
        assert!(matches!(pair, User::Certificate(pem) if pem == b"a\nb"));
        assert!(matches!(read(Some("seven")).unwrap().user, User::Anonymous));
        for (context, error) in [
            ("four", "only one of client-certificate and client-key"),
            ("five", "`username`, which Kubernetes knows no more"),
            ("six", "no cluster `gone`"),
            ("eight", "no context `eight`"),
        ] {
            let said = read(Some(context)).unwrap_err();
            assert!(said.contains(error), "{said}");
            assert!(!said.contains("s3cr3t"), "{said}");
        }
    }
}
