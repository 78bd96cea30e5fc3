//! The other proxies, as `ci/testbed peers` installs them, with the settings that they come with; only
//! their timeouts are short, so that a request without an end has one. Configurations are in
//! `tests/duel/peers`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::contest::Proxy;
use super::recorder::Recorder;
use crate::build::{repository, target};
use crate::{Gateway, free_port, wait_until};

/// The peers, as the table calls them.
pub const PEERS: [&str; 5] = ["nginx", "HAProxy", "Envoy", "Caddy", "Traefik"];

/// A peer in front of a recording backend, killed when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    port: u16,
    recorder: Recorder,
}

/// Our gateway in front of a recording backend.
#[derive(Debug)]
pub struct Ours {
    gateway: Gateway,
    recorder: Recorder,
}

impl Ours {
    /// Starts the gateway that most end-to-end tests share.
    #[must_use]
    pub fn start() -> Self {
        let recorder = Recorder::start();
        let backend = format!("http://127.0.0.1:{}", recorder.port);
        let gateway = Gateway::start(
            "main",
            &[
                ("A", &backend),
                ("GOMA_TIMEOUT_READ", "1"),
                ("GOMA_TIMEOUT_READ_HEADER", "1"),
                ("GOMA_TIMEOUT_WRITE", "2"),
                ("GOMA_TIMEOUT_IDLE", "1"),
            ],
        );
        Self { gateway, recorder }
    }
}

impl Proxy for Ours {
    fn port(&self) -> u16 {
        self.gateway.port()
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Ours looks at a kept connection before it uses it.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn settle(&self) {
        self.recorder.settle();
    }
}

impl Peer {
    /// Starts one of [`PEERS`]; `lane` keeps the files of several apart.
    #[must_use]
    pub fn start(name: &str, lane: usize) -> Self {
        let recorder = Recorder::start();
        let port = free_port();
        let work = target().join(format!("e2e/duel/{name}-{lane}"));
        fs::create_dir_all(&work).unwrap();
        let (file, arguments): (_, &[&str]) = match name {
            "nginx" => ("nginx.conf", &["-p", "{work}", "-c", "{file}"]),
            "HAProxy" => ("haproxy.conf", &["-q", "-f", "{file}"]),
            "Envoy" => (
                "envoy.yaml",
                &[
                    "-c",
                    "{file}",
                    "--concurrency",
                    "1",
                    "--log-level",
                    "off",
                    "--use-dynamic-base-id",
                ],
            ),
            "Caddy" => (
                "Caddyfile",
                &["run", "--adapter", "caddyfile", "--config", "{file}"],
            ),
            "Traefik" => ("traefik.yaml", &["--configFile={file}"]),
            _ => panic!("no such peer: {name}"),
        };
        let fill = |text: &str, file: &Path| {
            text.replace("{work}", work.to_str().unwrap())
                .replace("{file}", file.to_str().unwrap())
                .replace("{listen}", &port.to_string())
                .replace("{backend}", &recorder.port.to_string())
        };
        let place = |file: &str| {
            let text = fs::read_to_string(repository().join("tests/duel/peers").join(file));
            let written = work.join(file.trim_start_matches("traefik-"));
            fs::write(&written, fill(&text.unwrap(), &written)).unwrap();
            written
        };
        if name == "Traefik" {
            place("traefik-routes.yaml");
        }
        let config = place(file);
        let child = Command::new(program(name))
            .args(arguments.iter().map(|argument| fill(argument, &config)))
            .env("HOME", &work)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}; run ci/testbed peers"));
        let peer = Self {
            child,
            port,
            recorder,
        };
        wait_until(&format!("{name} reaches its backend"), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
                let request = b"GET / HTTP/1.1\r\nHost: duel.test\r\nConnection: close\r\n\r\n";
                let mut answer = Vec::new();
                let _ = stream.write_all(request);
                let _ = stream.read_to_end(&mut answer);
                String::from_utf8_lossy(&answer)
                    .to_ascii_lowercase()
                    .contains("\nx-saw")
            })
        });
        let _ = peer.recorder.take(peer.patience());
        peer
    }
}

impl Proxy for Peer {
    fn port(&self) -> u16 {
        self.port
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(500)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The version that a peer says it is.
#[must_use]
pub fn version(name: &str) -> String {
    let argument = match name {
        "nginx" | "HAProxy" => "-v",
        "Envoy" => "--version",
        _ => "version",
    };
    let output = Command::new(program(name)).arg(argument).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let version = numbers
        .map(|part| part.trim_matches('.'))
        .find(|part| part.split('.').count() == 3);
    version.unwrap_or("?").to_owned()
}

fn program(name: &str) -> PathBuf {
    match name {
        "nginx" => PathBuf::from("nginx"),
        "HAProxy" => PathBuf::from("haproxy"),
        other => target().join("testbed/peers").join(other.to_lowercase()),
    }
}
