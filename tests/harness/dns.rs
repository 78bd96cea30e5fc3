//! A real DNS server (dnsmasq), whose records a test writes.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::build::target;
use super::{free_port, wait_until};

/// A running server, killed when dropped. It has the answers for all names below `test`, and no others;
/// `alias.test` is an alias of `shop.test`. Datagrams have at most 512 bytes.
#[derive(Debug)]
pub struct Dns {
    child: Child,
    port: u16,
    hosts: PathBuf,
    log: PathBuf,
}

impl Dns {
    /// With these records, lines of `ADDRESS NAME`; its name tells it from others.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(name: &str, records: &str) -> Self {
        let home = target().join("e2e/dns");
        fs::create_dir_all(&home).unwrap();
        let file = |kind: &str| home.join(format!("{name}-{}.{kind}", std::process::id()));
        let (hosts, log) = (file("hosts"), file("log"));
        fs::write(&hosts, records).unwrap();
        // It takes no port of the system's choice, and needs the same one twice.
        for _ in 0..10 {
            let _ = fs::remove_file(&log);
            let port = free_port();
            let child = Command::new("dnsmasq")
                .args([
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                ])
                .args([
                    "--user=root",
                    "--no-resolv",
                    "--no-hosts",
                    "--bind-interfaces",
                ])
                .args([
                    "--listen-address=127.0.0.1",
                    "--log-queries",
                    "--local=/test/",
                ])
                .args(["--cname=alias.test,shop.test", "--edns-packet-max=512"])
                .arg(format!("--port={port}"))
                .arg(format!("--addn-hosts={}", hosts.display()))
                .arg(format!("--log-facility={}", log.display()))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let child =
                child.unwrap_or_else(|error| panic!("run ci/testbed once: dnsmasq: {error}"));
            let mut dns = Self {
                child,
                port,
                hosts: hosts.clone(),
                log: log.clone(),
            };
            let mut ended = false;
            wait_until("dnsmasq listens or ends", || {
                ended = dns.child.try_wait().unwrap().is_some();
                ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            if !ended {
                return dns;
            }
        }
        panic!("no port for dnsmasq");
    }

    /// `IP:port`
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Other records; returns when it has them.
    pub fn change(&self, records: &str) {
        let read = || self.lines("read ");
        let before = read();
        fs::write(&self.hosts, records).unwrap();
        self.signal("HUP");
        wait_until("dnsmasq has read its records", || read() > before);
    }

    /// How often it has been asked for the IPv4 addresses of a name.
    #[must_use]
    pub fn questions(&self, name: &str) -> usize {
        self.lines(&format!("query[A] {name} "))
    }

    /// Sends a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn lines(&self, text: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(text)).count()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.hosts);
        let _ = fs::remove_file(&self.log);
    }
}
