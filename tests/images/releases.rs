//! `goma deploy --to dir:…`, `rollback`, `status` and `run --release-dir`: releases that follow one another
//! under load.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use goma_tests::build::goma_command;
use goma_tests::{Backend, free_port, wait_until};

use super::{SPEC, expect, scratch};

pub(crate) fn goma(dir: &Path, args: &[&str]) -> Output {
    let mut command = goma_command();
    command.args(args).current_dir(dir).output().unwrap()
}

/// What every release must answer: the backend, by the way of the spec.
pub(crate) const GOLDEN: &str = "GET http://h/ 200";

/// Builds what is in `goma.yml` now and deploys it.
fn deploy(dir: &Path, spec: &str) -> Output {
    fs::write(dir.join("goma.yml"), spec).unwrap();
    let deploy = ["deploy", "--fast", "--to", "dir:live", "--golden", GOLDEN];
    goma(dir, &deploy)
}

pub(crate) fn fails(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}

/// The status of an answer on a connection of its own; none: there was no answer.
pub(crate) fn ask(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// `goma run --release-dir live`, ended with the test.
struct Runner(Option<Child>);

impl Runner {
    /// Proxies: whoever must send a PROXY header.
    fn start(dir: &Path, port: u16, backend: &str, proxies: &str) -> Self {
        let child = goma_command()
            .args(["run", "--release-dir", "live"])
            .env("LISTEN", format!("127.0.0.1:{port}"))
            .env("FORWARD", free_port().to_string())
            .env("A", backend)
            .env("PROXIES", proxies)
            .env("LOG", "")
            .env("PASSWORD", "x")
            .current_dir(dir)
            .spawn();
        Self(Some(child.unwrap()))
    }

    fn signal(&self, args: &[&str]) {
        let id = self.0.as_ref().unwrap().id().to_string();
        expect(
            &Command::new(args[0])
                .args(&args[1..])
                .arg(id)
                .output()
                .unwrap(),
        );
    }
}

impl Runner {
    fn end(&mut self) -> std::process::ExitStatus {
        self.signal(&["kill", "-TERM"]);
        self.0.take().unwrap().wait().unwrap()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.end();
        }
    }
}

/// Between two requests of a client: what is compiled meanwhile needs the processors too.
const PACE: Duration = Duration::from_millis(2);

/// Clients that ask and ask.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    /// Answers of 200, and everything else.
    counts: Arc<[AtomicUsize; 2]>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let client = |_| {
            let (stop, counts) = (stop.clone(), counts.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let bad = usize::from(ask(port, "/") != Some(200));
                    counts[bad].fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(PACE);
                }
            })
        };
        let clients = (0..2).map(client).collect();
        Self {
            stop,
            counts,
            clients,
        }
    }

    /// None has failed.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        let [good, bad] = [0, 1].map(|at| self.counts[at].load(Ordering::Relaxed));
        assert_eq!(bad, 0, "of {good}");
        assert!(good > 100, "{good}");
    }
}

/// RT-CLI: a release takes over, one that does not start changes nothing, and the one before comes back; no
/// request fails meanwhile.
#[test]
fn releases_follow_one_another() {
    // Whoever tries a release out leaves its forwards alone: their port is taken.
    let spec = SPEC.replace(
        " }\n  log:",
        ", proxyProtocol: { trustedProxies: \"${PROXIES:-}\" } }\n    passThrough: { forwards: [ { protocol: tcp, port: \"${FORWARD:-1}\", address: 127.0.0.1, target: 127.0.0.1:9 } ] }\n  log:",
    );
    let spec = spec.as_str();
    let dir = scratch("releases", spec);
    let backend = Backend::ok();
    let port = free_port();
    assert!(fails(&goma(&dir, &["status", "--to", "dir:live"])).contains("nothing is deployed"));
    let text = expect(&deploy(&dir, spec));
    assert!(text.contains("current   in live"), "{text}");
    let mut runner = Runner::start(&dir, port, &backend.url(), "");
    let status = || goma(&dir, &["status", "--to", "dir:live"]);
    wait_until("the release serves", || status().status.success());
    let second = goma(&dir, &["run", "--release-dir", "live"]);
    assert!(fails(&second).contains("are run already"));

    let load = Load::start(port);
    assert_eq!(
        (ask(port, "/private"), ask(port, "/secret")),
        (Some(401), Some(200))
    );
    let changed = spec.replace("[/private]", "[/secret]");
    let text = expect(&deploy(&dir, &changed));
    assert!(text.contains("serves    from live"), "{text}");
    wait_until("only the new one answers", || {
        (0..8).all(|_| (ask(port, "/private"), ask(port, "/secret")) == (Some(200), Some(401)))
    });
    let of_changed = fs::read_link(dir.join("live/current")).unwrap();

    // The variable is not set where it runs.
    let broken = spec.replace("${A:-http://127.0.0.1:1}", "${NOT_SET}");
    let text = fails(&deploy(&dir, &broken));
    assert!(text.contains("it does not start"), "{text}");
    assert!(text.contains("rolled back to"), "{text}");
    assert!(expect(&status()).contains("serves    yes"));
    // It starts, and its backend is not there.
    let wrong = spec.replace("${A:-", "${NOBODY:-");
    let text = fails(&deploy(&dir, &wrong));
    assert!(text.contains("GET http://h/ 200: 502 came"), "{text}");
    assert!(expect(&status()).contains("serves    yes"));
    assert_eq!(ask(port, "/secret"), Some(401));

    let text = expect(&goma(&dir, &["rollback", "--to", "dir:live"]));
    assert!(text.contains("serves"), "{text}");
    wait_until("only the old one answers", || {
        (0..8).all(|_| (ask(port, "/private"), ask(port, "/secret")) == (Some(401), Some(200)))
    });
    what_it_failed_is_forgotten(&dir, &changed, &of_changed);
    // A runner that is killed leaves its gateway behind; the next one takes over from that.
    runner.signal(&["kill", "-KILL"]);
    drop(runner.0.take().map(|mut killed| killed.wait()));
    // What it said last is not what the next one says.
    fs::remove_file(dir.join("live/state.json")).unwrap();
    let mut runner = Runner::start(&dir, port, &backend.url(), "");
    wait_until("the next runner serves", || status().status.success());
    load.end();
    assert_eq!(
        history(&dir),
        ["rollback", "rollback", "rollback", "deploy", "deploy"]
    );
    let absent = ["rollback", "--to", "dir:live", "--revision", "000000000000"];
    assert!(fails(&goma(&dir, &absent)).contains("there is no release"));

    who_waits_is_ended(&dir, &runner);
    started_again(&dir, &runner, port);
    assert!(runner.end().success());
    assert!(fails(&status()).contains("serves    no"));
    behind_a_proxy(&dir, port, &changed, &backend.url());
    tried_again(&dir, port, spec, &backend.url());
    ends_while_another_is_tried(&dir, port, &changed);
}

/// The first deployment of all fails, and is put right.
fn tried_again(dir: &Path, port: u16, spec: &str, backend: &str) {
    fs::remove_dir_all(dir.join("live")).unwrap();
    let mut runner = Runner::start(dir, port, backend, "");
    wait_until("it is run", || dir.join("live/state.json").exists());
    fs::write(dir.join("goma.yml"), spec).unwrap();
    let other = ["deploy", "--fast", "--to", "dir:live", "--golden"];
    let text = fails(&goma(dir, &[&other[..], &["GET http://h/ 299"]].concat()));
    assert!(text.contains("taken back"), "{text}");
    let text = expect(&deploy(dir, spec));
    assert!(text.contains("serves    from live"), "{text}");
    assert!(runner.end().success());
}

/// What serves ends by itself while another release is tried out: it is started again at once, and the other is
/// tried once more.
fn ends_while_another_is_tried(dir: &Path, port: u16, other: &str) {
    let (held, open) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (asked, gate) = (Arc::clone(&held), Arc::clone(&open));
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/held" {
                asked.fetch_add(1, Ordering::SeqCst);
                wait_until("it is let go", || gate.load(Ordering::SeqCst));
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut runner = Runner::start(dir, port, &backend.url(), "");
    wait_until("it serves", || ask(port, "/private") == Some(401));
    fs::write(dir.join("goma.yml"), other).unwrap();
    // Others may be built before it, which takes its time.
    expect(&goma(dir, &["build", "--fast", "--image", "image"]));
    let mut deploying = goma_command();
    let golden = ["--golden", "GET http://h/held 200"];
    let deploying = deploying
        .args(["deploy", "--to", "dir:live", "image"])
        .args(golden);
    let deploying = deploying
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let deploying = deploying.spawn().unwrap();
    wait_until("the other is tried", || held.load(Ordering::SeqCst) == 1);
    // The elder of the two.
    runner.signal(&["pkill", "-KILL", "-o", "-P"]);
    wait_until("the other is tried again", || {
        held.load(Ordering::SeqCst) == 2
    });
    assert_eq!(ask(port, "/private"), Some(401));
    open.store(true, Ordering::SeqCst);
    let text = expect(&deploying.wait_with_output().unwrap());
    assert!(text.contains("serves    from live"), "{text}");
    wait_until("only the new one answers", || {
        (0..8).all(|_| ask(port, "/secret") == Some(401))
    });
    assert!(runner.end().success());
}

/// RT-PP-2: a gateway that serves nobody without a PROXY header answers golden requests.
fn behind_a_proxy(dir: &Path, port: u16, other: &str, backend: &str) {
    let mut runner = Runner::start(dir, port, backend, "127.0.0.1");
    wait_until("it serves again", || {
        goma(dir, &["status", "--to", "dir:live"]).status.success()
    });
    assert_eq!(ask(port, "/"), None);
    let text = expect(&deploy(dir, other));
    assert!(text.contains("serves    from live"), "{text}");
    assert!(runner.end().success());
}

/// How each came, the last first.
fn history(dir: &Path) -> Vec<String> {
    let list = expect(&goma(dir, &["rollback", "--to", "dir:live", "--list"]));
    let how = list
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    how.map(str::to_owned).collect()
}

/// A release that served and now fails another golden request is held to that of before when it comes back.
fn what_it_failed_is_forgotten(dir: &Path, spec: &str, release: &Path) {
    fs::write(dir.join("goma.yml"), spec).unwrap();
    let deploy = ["deploy", "--fast", "--to", "dir:live", "--golden"];
    let failed = goma(dir, &[&deploy[..], &["GET http://h/ 299"]].concat());
    assert!(fails(&failed).contains("GET http://h/ 299: 200 came"));
    let revision = release.file_name().unwrap().to_str().unwrap();
    let back = ["rollback", "--to", "dir:live", "--revision", revision];
    assert!(expect(&goma(dir, &back)).contains("serves"));
    assert!(expect(&goma(dir, &["rollback", "--to", "dir:live"])).contains("serves"));
}

/// Nobody runs the releases for a moment, and who waits for that is ended: what was current is so again.
fn who_waits_is_ended(dir: &Path, runner: &Runner) {
    let status = || goma(dir, &["status", "--to", "dir:live"]);
    let current = || fs::read_link(dir.join("live/current")).unwrap();
    let serving = current();
    runner.signal(&["kill", "-STOP"]);
    let mut waiting = goma_command();
    let waiting = waiting.args(["rollback", "--to", "dir:live"]);
    let waiting = waiting.current_dir(dir).stderr(Stdio::piped()).spawn();
    let waiting = waiting.unwrap();
    wait_until("the other is current", || current() != serving);
    let id = waiting.id().to_string();
    expect(&Command::new("kill").arg(id).output().unwrap());
    let text = fails(&waiting.wait_with_output().unwrap());
    assert!(text.contains("rolled back to"), "{text}");
    assert_eq!(current(), serving);
    runner.signal(&["kill", "-CONT"]);
    wait_until("it serves still", || status().status.success());
}

/// Whatever ends a gateway, it is started again: also if it would not answer its golden requests now, and if
/// nothing can be written down.
fn started_again(dir: &Path, runner: &Runner, port: u16) {
    let status = || goma(dir, &["status", "--to", "dir:live"]);
    let golden = dir
        .join("live")
        .join(fs::read_link(dir.join("live/current")).unwrap())
        .join("golden.txt");
    fs::write(golden, "GET http://h/ 299\n").unwrap();
    let state = dir.join("live/state.json");
    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    runner.signal(&["pkill", "-KILL", "-P"]);
    wait_until("it is started again", || ask(port, "/private") == Some(401));
    fs::remove_dir(&state).unwrap();
    wait_until("that is written down", || status().status.success());
}
