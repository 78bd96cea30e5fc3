//! The other proxies, as `ci/testbed peers` installs them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::build::{repository, target};
use super::{free_port, wait_until};

/// How long a peer may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// A peer in front of a backend, killed when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    /// Where it takes HTTP/1.1.
    pub port: u16,
    /// Where it takes HTTP/2 in clear text, if its configuration says so.
    pub http2: u16,
}

impl Peer {
    /// Starts `nginx`, `HAProxy`, `Envoy`, `Caddy` or `Traefik`. `configurations`: a directory of the repository;
    /// what they write goes to `work`, a directory among those of the end-to-end tests.
    ///
    /// # Panics
    /// If it is not installed, or does not reach the backend.
    #[must_use]
    pub fn start(name: &str, configurations: &str, work: &str, backend: u16) -> Self {
        let (port, second) = (free_port(), free_port());
        let work = target().join("e2e").join(work);
        fs::create_dir_all(&work).unwrap();
        let (file, arguments) = invocation(name);
        let fill = |text: &str, file: &Path| {
            text.replace("{work}", work.to_str().unwrap())
                .replace("{file}", file.to_str().unwrap())
                .replace("{listen}", &port.to_string())
                .replace("{http2}", &second.to_string())
                .replace("{backend}", &backend.to_string())
        };
        let place = |file: &str| {
            let text = fs::read_to_string(repository().join(configurations).join(file));
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
            // Others tell the two apart by what a client begins with.
            http2: if name == "nginx" { second } else { port },
        };
        wait_until(&format!("{name} reaches its backend"), || {
            answers(port).unwrap_or_default()
        });
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // First so that it ends its workers, if it has any: those of a killed one would go on.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its configuration, and how it is told of it.
fn invocation(name: &str) -> (&'static str, &'static [&'static str]) {
    match name {
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
    }
}

fn answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
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
