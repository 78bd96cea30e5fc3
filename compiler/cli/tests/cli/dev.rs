//! `goma dev` under load: each change is served, none costs a request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use goma_tests::free_port;

use crate::build::goma_with_cache;
use crate::dir;
use crate::providers::server::{Server, answer};

/// How long a build may take on a busy machine that has built nothing yet.
const PATIENCE: Duration = Duration::from_secs(600);

fn main_file(address: &str, backend: &str, revision: &str) -> String {
    format!(
        "version: 2
gateway:
  entryPoints: {{ web: {{ address: '{address}' }} }}
  extraConfig: {{ directory: more }}
  routes:
    - {{ name: site, path: /, target: 'http://{backend}', middlewares: [main, more] }}
middlewares:
  - {{ name: main, type: responseHeaders, rule: {{ setHeaders: {{ X-Main: '{revision}' }} }} }}
"
    )
}

fn more_file(revision: &str) -> String {
    format!(
        "middlewares:\n  - {{ name: more, type: responseHeaders, rule: {{ setHeaders: {{ X-More: '{revision}' }} }} }}\n"
    )
}

fn test_file(route: &str) -> String {
    format!("tests: [{{request: {{url: http://a/}}, expect: {{route: {route}}}}}]\n")
}

/// `goma dev`, and everything it has said.
struct Dev {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Dev {
    fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = goma_with_cache()
            .arg("dev")
            .args(args)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    *said.lock().unwrap() += &(line + "\n");
                }
            });
        }
        Self { child, said }
    }

    fn wait(&mut self, what: &str, condition: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.said.lock().unwrap()) {
            assert!(
                Instant::now() < deadline,
                "{what}: {}",
                self.said.lock().unwrap()
            );
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{what}: {}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own.
fn ask(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    if text.starts_with("HTTP/1.1 200 ") {
        Ok(text)
    } else {
        Err(std::io::Error::other(text))
    }
}

/// Requests without a pause, until dropped.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Load {
    fn start(address: &str) -> Self {
        let load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            failed: Arc::default(),
        };
        let (stop, answered, failed) = (
            Arc::clone(&load.stop),
            Arc::clone(&load.answered),
            Arc::clone(&load.failed),
        );
        let address = address.to_owned();
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                match ask(&address) {
                    Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => failed.lock().unwrap().push(error.to_string()),
                }
            }
        });
        load
    }
}

#[test]
fn every_change_is_served_and_costs_no_request() {
    let backend = Server::start(None, |_| answer("200 OK", &[], b"hello"));
    let address = format!("127.0.0.1:{}", free_port());
    let main = main_file(&address, &backend.address, "one");
    let more = more_file("one");
    let dir = dir(&[("goma.yml", main.as_str()), ("more/a.yml", &more)]);
    // In one step: whoever reads half of it has read another change.
    let write = |name: &str, text: &str| {
        let new = dir.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, dir.path().join(name)).unwrap();
    };
    let serves = |field: &str| ask(&address).is_ok_and(|text| text.contains(field));

    write("goma.test.yaml", &test_file("site"));
    let mut dev = Dev::start(dir.path(), &["--test"]);
    dev.wait("the first gateway", |_| {
        serves("x-main: one") || serves("X-Main: one")
    });
    let load = Load::start(&address);

    write("goma.yml", &main.replace("path:", "paht:"));
    dev.wait("the finding", |said| said.contains("error[unknown-key]"));
    assert!(serves("X-Main: one"), "the old one serves on");

    write("goma.yml", &main_file(&address, &backend.address, "two"));
    dev.wait("the second gateway", |_| serves("X-Main: two"));
    write("more/a.yml", &more_file("two"));
    dev.wait("a change of another file", |_| serves("X-More: two"));
    write("more/b.yml", "routes: []\n");
    dev.wait("a new file", |said| said.matches("built ").count() == 4);
    dev.wait("tests of each change", |said| {
        said.matches("tests       1 passed, 0 failed").count() >= 4
    });
    write("goma.test.yaml", &test_file("none"));
    dev.wait("a test that changed", |said| {
        said.contains("error[test-failed]") && said.contains("tests       0 passed, 1 failed")
    });
    write("goma.test.yaml", &test_file("nome"));
    dev.wait("a test that is wrong", |said| {
        said.contains("error[undefined-name]")
    });
    let built = dev.said.lock().unwrap().matches("built ").count();
    assert_eq!(built, 4, "tests are no part of the gateway");
    dev.wait("the old ones drained", |said| {
        said.matches("gracefully stopped").count() >= 3
    });

    load.stop.store(true, Ordering::Relaxed);
    let (answered, failed) = (&load.answered, load.failed.lock().unwrap().clone());
    eprintln!("{} answered", answered.load(Ordering::Relaxed));
    assert_eq!(failed, [""; 0], "of {}", answered.load(Ordering::Relaxed));
    let stopped = Command::new("kill")
        .args(["-TERM", &dev.child.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    assert_eq!(dev.child.wait().unwrap().code(), Some(0));
}

/// A file that is not there, and a configuration that is wrong from the beginning.
#[test]
fn a_wrong_beginning_is_waited_out() {
    let dir = dir(&[("goma.yml", "version: 9\n")]);
    let mut dev = Dev::start(dir.path(), &[]);
    dev.wait("the finding", |said| said.contains("error[bad-version]"));
    std::fs::write(dir.path().join("goma.yml"), "version: 8\ngateway: []\n").unwrap();
    dev.wait("the next finding", |said| {
        said.contains("error[type-mismatch]")
    });
}
