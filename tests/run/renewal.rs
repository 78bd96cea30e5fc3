//! Files that change while a gateway runs (C-FILE-9, C-FILE-10): authorities, certificates and keys towards
//! backends. Users: basic_auth.rs.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use goma_tests::build::target;
use goma_tests::tls::{Authority, TlsEnd};
use goma_tests::{Backend, Gateway, wait_until};

/// A directory whose files a gateway reads, gone with it.
struct Mounted(PathBuf);

impl Mounted {
    fn new(name: &str) -> Self {
        let home = target().join(format!("e2e/renewal-{name}-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        Self(home)
    }

    /// As Kubernetes and certificate managers do it: another file takes the name. The name.
    fn put(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let (file, next) = (self.0.join(name), self.0.join("next"));
        fs::write(&next, text).unwrap();
        fs::rename(&next, &file).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Answers once per connection, so that each request has a handshake of its own.
fn once() -> Backend {
    Backend::script(|connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            connection.close();
        }
    })
}

fn status(gateway: &Gateway, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    gateway.connect().send(request).response().status
}

fn count(gateway: &Gateway, text: &str) -> usize {
    let lines = gateway.lines();
    lines.iter().filter(|line| line.contains(text)).count()
}

/// C-FILE-9, RT-MTLS-2: whom backends are believed by changes without a restart. C-FILE-10: what is no bundle
/// changes nothing, and is said once.
#[test]
fn authorities_change() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let backend = once();
    let end = TlsEnd::start(&backend, &new.issue("backend", "DNS:localhost"), &[]);
    let mounted = Mounted::new("authorities");
    let file = mounted.put("ca.pem", old.text());
    let url = end.url("localhost");
    let gateway = Gateway::start("tls", &[("A", &url), ("CA", &file)]);
    assert_eq!(status(&gateway, "/own"), 502);
    mounted.put("ca.pem", new.text());
    let _ = gateway.line_with(&["File read again", &file]);
    assert_eq!(status(&gateway, "/own"), 200);
    mounted.put("ca.pem", "nothing of use");
    let place = "gateway.routes[0].security.tls.rootCAs";
    let _ = gateway.line_with(&["File not taken over", "error[tls-load]", place]);
    assert_eq!(status(&gateway, "/own"), 200);
    fs::remove_file(&file).unwrap();
    let _ = gateway.line_with(&["File not taken over", "error[file-missing]", place]);
    assert_eq!(status(&gateway, "/own"), 200);
    // Only a new change is looked into again.
    mounted.put("ca.pem", old.text());
    wait_until("the old one is back", || {
        count(&gateway, "File read again") == 2
    });
    assert_eq!(status(&gateway, "/own"), 502);
    // Three routes share the file, two kinds of identity read it: with a client's certificate and without.
    assert_eq!(count(&gateway, "File not taken over"), 2);
}

/// C-FILE-9, C-FILE-10, RT-MTLS-2: what is shown to backends is renewed; as long as certificate and key are not
/// of one pair, the old pair is.
#[test]
fn certificates_are_renewed() {
    let authority = Authority::new("renewed");
    let (first, second) = (
        authority.issue("first", "DNS:a"),
        authority.issue("second", "DNS:a"),
    );
    let backend = once();
    let pair = authority.issue("backend", "DNS:localhost");
    let end = TlsEnd::start(&backend, &pair, &["--clients", &authority.certificate()]);
    let mounted = Mounted::new("certificates");
    let read = |file: &str| fs::read(Path::new(file)).unwrap();
    let certificate = mounted.put("tls.crt", read(&first.certificate));
    let key = mounted.put("tls.key", read(&first.key));
    let url = end.url("localhost");
    let gateway = Gateway::start(
        "tls",
        &[
            ("A", "http://127.0.0.1:1"),
            ("CA", &authority.certificate()),
            ("MUTUAL", &url),
            ("CERT", &certificate),
            ("KEY", &key),
        ],
    );
    let mut handshakes = 0;
    let mut shown = || {
        assert_eq!(status(&gateway, "/mutual"), 200);
        handshakes += 1;
        let lines = end.handshakes(handshakes);
        lines[handshakes - 1].rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(shown(), "first");
    mounted.put("tls.crt", read(&second.certificate));
    let place = "gateway.routes[3].security.tls.clientKey";
    let _ = gateway.line_with(&["File not taken over", "error[tls-load]", place]);
    assert_eq!(shown(), "first");
    mounted.put("tls.key", read(&second.key));
    let _ = gateway.line_with(&["File read again", &key]);
    assert_eq!(shown(), "second");
    assert_eq!(count(&gateway, "File not taken over"), 1);
    let lines = gateway.lines().join("\n");
    let secret = String::from_utf8(read(&second.key)).unwrap();
    assert!(!lines.contains(secret.lines().nth(1).unwrap()));
}
