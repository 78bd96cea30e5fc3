//! A gateway process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{Client, PATIENCE, build, wait_until};

/// Log lines that are kept; then the older half goes.
const LINES_MAX: usize = 200_000;

/// A running gateway, killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    port: u16,
}

impl Gateway {
    /// Starts the gateway of `tests/specs/<spec>.yaml` on a port of the system's choice.
    #[must_use]
    pub fn start(spec: &str, env: &[(&str, &str)]) -> Self {
        Self::start_binary(&build::gateway(spec), env)
    }

    /// Starts any gateway binary whose listen address is `${LISTEN}`.
    #[must_use]
    pub fn start_binary(binary: &Path, env: &[(&str, &str)]) -> Self {
        let mut gateway = Self::spawn(binary, env);
        let started = gateway.line_with(&["Gateway started"]);
        gateway.port = port_of(&started).unwrap_or_default();
        gateway
    }

    /// Starts the gateway of `tests/specs/<spec>.yaml`, which logs to this file.
    #[must_use]
    pub fn start_logging_to(spec: &str, file: &Path, env: &[(&str, &str)]) -> Self {
        let path = [("GOMA_LOG_FILE", file.to_str().unwrap())];
        let mut gateway = Self::spawn(&build::gateway(spec), &[&path, env].concat());
        wait_until("the log file has the first line", || {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let started = text.lines().find(|line| line.contains("Gateway started"));
            gateway.port = started.and_then(port_of).unwrap_or_default();
            started.is_some() && text.ends_with('\n')
        });
        gateway
    }

    /// The gateway of `tests/specs/<spec>.yaml`, which may not have started yet, or never do.
    #[must_use]
    pub fn begin(spec: &str, env: &[(&str, &str)]) -> Self {
        Self::spawn(&build::gateway(spec), env)
    }

    /// Whether it has started.
    pub fn has_started(&mut self) -> bool {
        let lines = self.lines();
        let started = lines.iter().find(|line| line.contains("Gateway started"));
        self.port = started.and_then(|line| port_of(line)).unwrap_or_default();
        started.is_some()
    }

    fn spawn(binary: &Path, env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary)
            .env_clear()
            .env("LISTEN", "127.0.0.1:0")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stdout.take().unwrap());
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { return };
                let mut lines = sink.lock().unwrap();
                if lines.len() == LINES_MAX {
                    lines.drain(..LINES_MAX / 2);
                }
                lines.push(line);
            }
        });
        Self {
            child,
            lines,
            port: 0,
        }
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new connection.
    #[must_use]
    pub fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// Waits for a log line that holds all of the texts.
    #[must_use]
    pub fn line_with(&self, texts: &[&str]) -> String {
        let mut found = None;
        wait_until(&format!("the log has {texts:?}"), || {
            let lines = self.lines.lock().unwrap();
            let fits = |line: &&String| texts.iter().all(|text| line.contains(text));
            found = lines.iter().find(fits).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Established connections of clients, as the kernel counts them.
    #[must_use]
    pub fn connections(&self) -> usize {
        super::connections(self.port)
    }

    /// Resident memory in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Sends a signal: `TERM`, `INT`, …
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the process to end; its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the gateway exits", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port in the line that says that a gateway has started; none: it serves no HTTP.
fn port_of(started: &str) -> Option<u16> {
    let address = started.split("web").nth(1)?;
    address.split(':').find_map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u16>().ok().filter(|port| *port > 127)
    })
}

/// Runs a gateway that is expected to end by itself: exit code, standard output, standard error.
#[must_use]
pub fn run_to_end(spec: &str, arguments: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let mut child = Command::new(build::gateway(spec))
        .args(arguments)
        .env_clear()
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the gateway did not end by itself");
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (mut output, mut errors) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    (child.wait().unwrap().code().unwrap(), output, errors)
}
