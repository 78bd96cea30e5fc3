//! A real registry (Debian's `docker-registry`), and what stands between it and a client in tests.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use goma_tests::backend::Connection;
use goma_tests::wait_until;

/// A registry that is started and, with its end, killed.
pub(crate) struct Registry {
    child: Child,
    home: PathBuf,
    port: u16,
}

impl Registry {
    /// `auth` is the section of its configuration.
    pub(crate) fn start(dir: &Path, auth: &str) -> Self {
        let home = dir.join("registry");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        let data = home.join("data");
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\n\
             http: {{ addr: \"127.0.0.1:0\" }}\n{auth}",
            data.display()
        );
        fs::write(home.join("config.yml"), config).unwrap();
        let file = |name: &str| Stdio::from(File::create(home.join(name)).unwrap());
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(home.join("config.yml"))
            .stdout(file("access.log"))
            .stderr(file("error.log"))
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry: {error}: run ci/testbed"));
        let mut registry = Self {
            child,
            home,
            port: 0,
        };
        wait_until("the registry listens", || {
            let log = fs::read_to_string(registry.home.join("error.log")).unwrap();
            let port = log.split("listening on 127.0.0.1:").nth(1);
            let digits = port.and_then(|rest| rest.split('"').next());
            registry.port = digits.and_then(|port| port.parse().ok()).unwrap_or(0);
            registry.port != 0
        });
        registry
    }

    /// `localhost:PORT/NAME`
    pub(crate) fn named(&self, name: &str) -> String {
        format!("localhost:{}/{name}", self.port)
    }

    /// Method, path and status of every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.home.join("access.log")).unwrap();
        let line = |line: &str| {
            let (_, rest) = line.split_once('"')?;
            let (request, rest) = rest.split_once('"')?;
            let request = request.trim_end_matches(" HTTP/1.1");
            Some(format!("{request} {}", rest.split_whitespace().next()?))
        };
        log.lines().filter_map(line).collect()
    }

    /// Where it keeps the bytes of a digest.
    pub(crate) fn stored(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let place = format!(
            "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
            &hex[..2]
        );
        self.home.join(place)
    }

    /// Passes requests on for which `answer` has none of its own.
    pub(crate) fn relay(
        &self,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> goma_tests::Backend {
        let port = self.port;
        goma_tests::Backend::script(move |connection| {
            while let Some(request) = connection.request() {
                match answer(&request.head) {
                    Some(own) => connection.send(own),
                    None => {
                        pass(connection, port, &request.head, &request.body);
                        return;
                    }
                }
            }
        })
    }
}

/// One request on a connection of its own.
fn pass(connection: &mut Connection, port: u16, head: &str, body: &[u8]) {
    let mut registry = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(registry, "{head}\r\nConnection: close\r\n\r\n").unwrap();
    registry.write_all(body).unwrap();
    let mut answer = Vec::new();
    registry.read_to_end(&mut answer).unwrap();
    connection.send(answer);
    connection.close();
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
