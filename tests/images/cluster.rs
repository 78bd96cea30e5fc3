//! A cluster for tests: `kubernetes/cluster.py`, which holds objects to the schemas of Kubernetes, applies them as
//! the API server does, and runs the gateways in images that it pulls from a real registry. A real API server can
//! be had from no registry that tests may ask.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use goma_tests::build::{goma_command, repository, target};
use serde_json::{Value, json};

use super::expect;

/// What the server wants to hear, unless a test has another idea.
const TOKEN: &str = "test-token";

/// A server that is started and, with its end, killed.
pub(crate) struct Cluster {
    child: Child,
    home: PathBuf,
    /// Where it listens.
    pub(crate) url: String,
}

impl Cluster {
    /// One whose kubeconfig is in this directory.
    pub(crate) fn start(home: &Path) -> Self {
        let cluster = Self::with(home, &[]);
        let user = json!({"token": TOKEN});
        cluster.kubeconfig(&json!({"server": cluster.url}), &user);
        cluster
    }

    /// One by TLS, for this name by `server.crt`, and without a kubeconfig.
    pub(crate) fn start_with_tls(home: &Path, name: &str, more: &[&str]) -> Self {
        let name = format!("subjectAltName={name}");
        certificate(home, "server", &["-addext", &name]);
        let file = |name: &str| home.join(name).display().to_string();
        let (certificate, key) = (file("server.crt"), file("server.key"));
        let args = ["--certificate", &certificate, "--key", &key];
        Self::with(home, &[&args, more].concat())
    }

    /// One with arguments, and without a kubeconfig.
    fn with(home: &Path, args: &[&str]) -> Self {
        let program = repository().join("tests/images/kubernetes/cluster.py");
        let mut child = Command::new(target().join("testbed/python/bin/python"))
            .arg(program)
            .args(args)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TMPDIR", home)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("python: {error}: run ci/testbed"));
        let mut port = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut port).unwrap();
        let scheme = if args.is_empty() { "http" } else { "https" };
        Self {
            child,
            home: home.to_path_buf(),
            url: format!("{scheme}://127.0.0.1:{}", port.trim()),
        }
    }

    /// Writes a kubeconfig with one context.
    pub(crate) fn kubeconfig(&self, cluster: &Value, user: &Value) {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "web"}}],
        });
        fs::write(self.home.join("kubeconfig"), config.to_string()).unwrap();
    }

    /// `goma` that knows the cluster.
    pub(crate) fn goma(&self, args: &[&str]) -> Command {
        let mut command = goma_command();
        command
            .args(args)
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .env("KUBECONFIG", self.home.join("kubeconfig"));
        command
    }

    /// Runs it; code, and all that it said.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        said(&self.goma(args).output().unwrap())
    }

    /// Asks the server for something as others do.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let content = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let mut curl = Command::new("curl")
            .args([
                "-sSk",
                "--noproxy",
                "*",
                "-X",
                method,
                "--data-binary",
                "@-",
            ])
            .args(["-H", &format!("Authorization: Bearer {TOKEN}")])
            .args(["-H", &format!("Content-Type: {content}")])
            .args(["-A", "kubectl-edit/1"])
            .arg(format!("{}{path}", self.url))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut input = curl.stdin.take().unwrap();
        input.write_all(body.as_bytes()).unwrap();
        drop(input);
        serde_json::from_str(&expect(&curl.wait_with_output().unwrap())).unwrap()
    }

    /// An object of the API `apps/v1`.
    pub(crate) fn deployment(&self, name: &str) -> Value {
        self.ask(
            "GET",
            &format!("/apis/apps/v1/namespaces/web/deployments/{name}"),
            None,
        )
    }

    /// Steers what the server does.
    pub(crate) fn steer(&self, what: &str, how: &Value) -> Value {
        self.ask("POST", &format!("/_test/{what}"), Some(how))
    }

    /// What was asked that changes something, `pods` of trials apart.
    pub(crate) fn changes(&self) -> usize {
        let log = self.steer("log", &Value::Null);
        let asked = log
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap());
        asked
            .filter(|line| {
                !line.starts_with("GET ") && !line.contains("dryRun") && !line.contains("/pods")
            })
            .count()
    }

    /// Makes a Secret of texts.
    pub(crate) fn secret(&self, name: &str, texts: &[(&str, String)]) {
        let data: serde_json::Map<String, Value> = texts
            .iter()
            .map(|(key, text)| ((*key).to_owned(), base64(text).into()))
            .collect();
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data});
        let made = self.ask("POST", "/api/v1/namespaces/web/secrets", Some(&secret));
        assert_eq!(made["kind"], "Secret", "{made}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes `NAME.crt` and `NAME.key` there; nobody but itself vouches for it.
pub(crate) fn certificate(dir: &Path, name: &str, more: &[&str]) {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-days", "1", "-nodes"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-subj", &format!("/CN={name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &certificate])
        .args(more)
        .current_dir(dir)
        .output();
    expect(&made.unwrap());
}

/// Code and texts of a command.
pub(crate) fn said(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

fn base64(text: &str) -> String {
    let mut child = Command::new("base64")
        .arg("-w0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    expect(&child.wait_with_output().unwrap())
}
