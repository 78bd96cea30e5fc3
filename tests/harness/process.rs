//! A backend that is a process: it can be killed and frozen.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::build;

/// A running `goma demo-backend`, killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: String,
}

impl Process {
    /// On a port that nobody else takes while it is down.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at(&format!("127.0.0.1:{}", super::free_port()))
    }

    /// At this address.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_at(address: &str) -> Self {
        let mut child = Command::new(build::goma())
            .args(["demo-backend", "--listen", address])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap();
        Self {
            address: address.to_owned(),
            child,
        }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it with SIGKILL; its address, for [`Process::start_at`].
    pub fn kill(mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.address.clone()
    }

    /// Stops it where it is (SIGSTOP): the kernel still takes its connections.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
