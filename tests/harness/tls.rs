//! Backends over TLS: certificates by `openssl`, sessions by Python's OpenSSL (tests/tls_end.py), what is
//! said in them by a scripted backend behind it.

use std::path::PathBuf;
use std::process::Command;

use super::script::Script;
use super::{Backend, wait_until};

/// A certificate authority in a directory of its own, which goes with it.
#[derive(Debug)]
pub struct Authority {
    directory: PathBuf,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// One end of TLS before a scripted backend, ended when dropped.
#[derive(Debug)]
pub struct TlsEnd(Script);

impl Authority {
    /// A new one; its name tells it from others of the same test.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let directory = format!("goma-e2e-ca-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        std::fs::create_dir_all(&directory).unwrap();
        let authority = Self { directory };
        let subject = format!("/CN={name}");
        authority.openssl(&[
            &["req", "-x509", "-nodes", "-days", "30", "-subj", &subject],
            NEW_KEY,
            &["-keyout", "ca.key", "-out", "ca.pem"],
        ]);
        authority
    }

    /// The file of its own certificate.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.file("ca.pem")
    }

    /// The text of its own certificate.
    #[must_use]
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.certificate()).unwrap()
    }

    /// A certificate for `DNS:name` or `IP:address`.
    #[must_use]
    pub fn issue(&self, subject: &str, names: &str) -> Pair {
        self.issue_for(subject, names, "1")
    }

    /// A certificate that expired yesterday.
    #[must_use]
    pub fn issue_expired(&self, subject: &str, names: &str) -> Pair {
        self.issue_for(subject, names, "-1")
    }

    fn issue_for(&self, subject: &str, names: &str, days: &str) -> Pair {
        let file = |kind: &str| format!("{subject}.{kind}");
        let (key, request, extensions, certificate) =
            (file("key"), file("csr"), file("ext"), file("pem"));
        let names = format!("subjectAltName={names}");
        std::fs::write(self.directory.join(&extensions), names).unwrap();
        let name = format!("/CN={subject}");
        let new: &[&str] = &["req", "-nodes", "-subj", &name];
        self.openssl(&[new, NEW_KEY, &["-keyout", &key, "-out", &request]]);
        let signed: &[&str] = &["x509", "-req", "-in", &request, "-CA", "ca.pem"];
        let by: &[&str] = &["-CAkey", "ca.key", "-CAcreateserial", "-days", days];
        self.openssl(&[signed, by, &["-extfile", &extensions, "-out", &certificate]]);
        Pair {
            certificate: self.file(&certificate),
            key: self.file(&key),
        }
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn openssl(&self, arguments: &[&[&str]]) {
        let output = Command::new("openssl")
            .args(arguments.concat())
            .current_dir(&self.directory)
            .output();
        let output = output.expect("run ci/testbed once: openssl is missing");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
    }
}

const NEW_KEY: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl TlsEnd {
    /// Before a backend; `options` are those of tests/tls_end.py.
    #[must_use]
    pub fn start(backend: &Backend, pair: &Pair, options: &[&str]) -> Self {
        let url = backend.url();
        let (_, port) = url.rsplit_once(':').unwrap();
        let pair = [port, &pair.certificate, &pair.key];
        Self(Script::start("tls_end.py", &[&pair, options].concat()))
    }

    /// Its URL by this host.
    #[must_use]
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.0.port())
    }

    /// What is said of handshakes so far, once there are so many.
    #[must_use]
    pub fn handshakes(&self, count: usize) -> Vec<String> {
        wait_until(&format!("there are {count} handshakes"), || {
            self.0.lines("").len() >= count
        });
        self.0.lines("")
    }
}
