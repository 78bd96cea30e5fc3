//! A real registry (Debian's `docker-registry`), and what stands between it and a client in tests.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
        Self::start_with(dir, auth, "")
    }

    /// With the certificate `cert.pem` of `registry.test` by the authority `authority.pem`, which it makes.
    pub(crate) fn start_with_tls(dir: &Path) -> Self {
        let made = Command::new("sh")
            .args(["-c", CERTIFICATE])
            .current_dir(dir)
            .output();
        super::expect(&made.unwrap());
        let file = |name: &str| dir.join(name).display().to_string();
        let (certificate, key) = (file("cert.pem"), file("key.pem"));
        let tls = format!(", tls: {{ certificate: {certificate}, key: {key} }}");
        Self::start_with(dir, "", &tls)
    }

    fn start_with(dir: &Path, auth: &str, tls: &str) -> Self {
        let home = dir.join("registry");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        let data = home.join("data");
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\n\
             http: {{ addr: \"127.0.0.1:0\"{tls} }}\n{auth}",
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
            let digits = port.and_then(|rest| rest.split(['"', ',']).next());
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
        self.relay_with(move |head| answer(head).map_or(Fate::Pass, Fate::Own))
    }

    /// Does with each request what `fate` says.
    pub(crate) fn relay_with(
        &self,
        fate: impl Fn(&str) -> Fate + Send + Sync + 'static,
    ) -> goma_tests::Backend {
        let port = self.port;
        goma_tests::Backend::script(move |connection| {
            while let Some(request) = connection.request() {
                let body = request.body.as_slice();
                match fate(&request.head) {
                    Fate::Own(own) => {
                        connection.send(own);
                        continue;
                    }
                    Fate::Lost => drop(answer(port, &request.head, body)),
                    Fate::Pass => {
                        let answer = answer(port, &request.head, body);
                        connection.send(answer);
                    }
                }
                connection.close();
                return;
            }
        })
    }

    /// A proxy behind which every host is this registry; its port.
    pub(crate) fn proxy(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (own, port) = (listener.local_addr().unwrap().port(), self.port);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    client.read_exact(&mut byte).unwrap();
                    head.extend(byte);
                }
                assert!(head.starts_with(b"CONNECT "), "{head:?}");
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let registry = TcpStream::connect(("127.0.0.1", port)).unwrap();
                copy(client.try_clone().unwrap(), registry.try_clone().unwrap());
                copy(registry, client);
            }
        });
        own
    }
}

/// What becomes of a request.
pub(crate) enum Fate {
    /// The registry has it, and the connection breaks before it can say so.
    Lost,
    /// This is its answer.
    Own(String),
    /// The registry answers.
    Pass,
}

/// Makes an authority, and a certificate of it.
const CERTIFICATE: &str = "set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out authority.pem \
    -days 36500 -subj /CN=authority -addext basicConstraints=critical,CA:TRUE 2> /dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=registry \
    2> /dev/null
echo subjectAltName=DNS:registry.test > names
openssl x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 36500 \
    -extfile names -out cert.pem 2> /dev/null
";

/// Until one end closes.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

fn begin(port: u16, head: &str) -> TcpStream {
    let mut registry = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(registry, "{head}\r\nConnection: close\r\n\r\n").unwrap();
    registry
}

/// What the registry answers to one request, on a connection of its own.
fn answer(port: u16, head: &str, body: &[u8]) -> Vec<u8> {
    let mut registry = begin(port, head);
    registry.write_all(body).unwrap();
    let mut answer = Vec::new();
    registry.read_to_end(&mut answer).unwrap();
    answer
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
