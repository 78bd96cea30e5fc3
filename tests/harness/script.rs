//! Programs of `tests/` in the testbed's Python, which others' libraries are asked through.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::build;

/// A running server: says its port first, then what happens. Ended when dropped.
#[derive(Debug)]
pub struct Script {
    child: Child,
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Script {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = command(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self {
            child,
            port: port.trim().parse().unwrap(),
            lines,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says a line to it.
    ///
    /// # Panics
    /// If it has ended.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The lines so far that begin so.
    #[must_use]
    pub fn lines(&self, beginning: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let fits = lines.iter().filter(|line| line.starts_with(beginning));
        fits.cloned().collect()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program, to be run to its end.
///
/// # Panics
/// Without the testbed.
#[must_use]
pub fn command(name: &str) -> Command {
    let python: PathBuf = build::target().join("testbed/python/bin/python");
    assert!(python.exists(), "run ci/testbed once");
    let mut command = Command::new(python);
    command.arg(build::repository().join("tests").join(name));
    command
}
