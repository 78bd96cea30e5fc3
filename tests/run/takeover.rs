//! A gateway that takes over from a running one (RT-TAKE).

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use goma_tests::http2::{GET, Http2, kinds};
use goma_tests::takeover::{RATE, place, run};
use goma_tests::{Backend, Client, Gateway, Load, PATIENCE, Process, free_port, wait_until};

mod background;
mod failing;
mod state;

const ASK: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Gateways of one specification, each of which takes over from the one before.
struct Line {
    spec: &'static str,
    socket: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Line {
    fn new(spec: &'static str, name: &str, env: &[(&'static str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            spec,
            socket: place(name),
            env: env.collect(),
        }
    }

    /// With this also in its environment.
    fn env<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.env.iter().map(|(name, value)| (*name, &**value));
        let socket = [("GOMA_TAKEOVER_SOCKET", self.socket.to_str().unwrap())];
        own.chain(socket).chain(more.iter().copied()).collect()
    }

    fn next(&self) -> Gateway {
        Gateway::start(self.spec, &self.env(&[]))
    }

    /// The next, once the one before it accepts no more.
    fn after(&self, before: &Gateway) -> Gateway {
        let next = self.next();
        wait_until("the gateway before has stopped accepting", || {
            !failing::holds_listener(before.pid(), before.port())
        });
        next
    }

    /// Says something at the socket; what is answered until the other end ends.
    fn say(&self, text: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The process that serves.
    fn serving(&self) -> u32 {
        let answer = self.say("goma-takeover 1 ask\n");
        let pid = answer.strip_prefix("serving ").unwrap();
        pid.trim_end().parse().unwrap()
    }
}

fn failures(gateway: &Gateway) -> usize {
    let lines = gateway.lines();
    let failed = lines
        .iter()
        .filter(|line| line.contains("ERROR Takeover failed"));
    failed.count()
}

fn status(gateway: &Gateway) -> u16 {
    gateway.connect().send(ASK).response().status
}

/// RT-TAKE-1: only its own user can connect; another one who nevertheless does gets nothing.
#[test]
fn the_socket() {
    let backend = Backend::ok();
    let line = Line::new("main", "socket", &[("A", &backend.url())]);
    let gateway = line.next();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&line.socket), 0o600);
    assert_eq!(line.serving(), gateway.pid());
    let next = line.next();
    assert_eq!(mode(&line.socket), 0o600);
    assert_eq!(line.serving(), next.pid());
    assert_eq!(next.port(), gateway.port());
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if is_root {
        stranger(&next);
    }
}

/// Somebody else, to whom the file has been opened.
fn stranger(gateway: &Gateway) {
    // Where everybody may go.
    let path = std::env::temp_dir().join(format!("goma-takeover-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let backend = Backend::ok();
    let env = [
        ("A", &*backend.url()),
        ("GOMA_TAKEOVER_SOCKET", path.to_str().unwrap()),
    ];
    let open = Gateway::start("main", &env);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    // It may be refused before it has said a word.
    let program = "$SIG{PIPE} = 'IGNORE'; $it = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die;\
                   syswrite $it, \"goma-takeover 1 take\\n\"; print while <$it>";
    // Every system has it where everybody may run it.
    let said = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["/usr/bin/perl", "-MIO::Socket::UNIX", "-e", program])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.trim_end(), "refused user 65534 is another one");
    let _ = open.line_with(&["ERROR Takeover failed", "user 65534"]);
    assert_eq!(status(&open), 200);
    assert_eq!(failures(gateway), 0);
    std::fs::remove_file(&path).unwrap();
}

/// RT-TAKE-2, RT-TAKE-3: 1,000 requests a second, half of them on new connections, over twenty takeovers: none
/// fails.
#[test]
fn twenty_takeovers() {
    let backend = Process::start();
    let line = Line::new("main", "twenty", &[("A", &backend.url())]);
    let mut running = line.next();
    let load = Load::at_rate(running.port(), "/", RATE);
    for _ in 0..20 {
        load.go_on(RATE as usize / 10);
        let next = line.next();
        assert_eq!(running.wait(), Some(0), "it drains by itself");
        let _ = running.line_with(&["INFO Another gateway has taken over", &pid(&next)]);
        let _ = running.line_with(&["gracefully stopped"]);
        let _ = next.line_with(&["INFO Taken over from another gateway", &pid(&running)]);
        running = next;
    }
    load.go_on(RATE as usize / 10);
    assert!(load.end() > 2 * RATE as usize);
}

fn pid(gateway: &Gateway) -> String {
    format!("pid={}", gateway.pid())
}

/// RT-TAKE-3: a connection that is kept is told to close with its next response, and stays until then, or until
/// the drain is over. The address is ready, so `/readyz` says so.
#[test]
fn kept_connections() {
    const DRAIN: Duration = Duration::from_secs(3);
    let backend = Backend::ok();
    let env = [
        ("A", &*backend.url()),
        ("DRAIN", &*DRAIN.as_secs().to_string()),
    ];
    let line = Line::new("main", "kept", &env);
    let mut first = line.next();
    let mut kept: Vec<_> = (0..3).map(|_| first.connect()).collect();
    for client in &mut kept {
        assert!(client.send(ASK).response().fields("connection").is_empty());
    }
    let fresh = first.connect();
    let _next = line.next();
    let replaced = Instant::now();
    let mut idle = kept.pop().unwrap();
    let ready = kept
        .pop()
        .unwrap()
        .send("GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n")
        .response();
    assert_eq!(
        (ready.status, ready.fields("connection")),
        (200, vec!["close".to_owned()])
    );
    for mut client in kept.into_iter().chain([fresh]) {
        let response = client.send(ASK).response();
        assert_eq!(response.status, 200);
        assert!(client.is_closed());
    }
    assert!(idle.is_closed());
    assert!(replaced.elapsed() + Duration::from_millis(500) > DRAIN);
    assert_eq!(first.wait(), Some(0));
}

/// RT-TAKE-3: GOAWAY, and streams that are open finish.
#[test]
fn streams() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        if connection.request().is_some() {
            let _ = wait.lock().unwrap().recv();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let line = Line::new("main", "streams", &[("A", &backend.url())]);
    let mut first = line.next();
    let idle = Http2::connect(first.port());
    let mut frames = goma_tests::http2::Frames::connect(first.port(), &[]);
    frames.open(1, &GET, false);
    let _ = backend.request(0);
    let next = line.next();
    frames.next_of(kinds::GOAWAY);
    assert!(idle.end().is_ok());
    go.send(()).unwrap();
    assert_eq!(frames.next_of(kinds::DATA).payload, b"ok");
    drop(frames);
    assert_eq!(first.wait(), Some(0));
    drop(go);
    assert_eq!(
        next.connect()
            .send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            .response()
            .status,
        200
    );
}

/// RT-TAKE-3, RT-LIM-5: who waits for a place has been accepted, and is served although nobody leaves his; who waits
/// in the kernel is the next gateway's.
#[test]
fn connections_that_wait() {
    let backend = Backend::ok();
    let line = Line::new("edge", "waiting", &[("A", &backend.url())]);
    let mut first = line.next();
    let full: Vec<_> = (0..4)
        .map(|_| {
            let mut client = first.connect();
            assert_eq!(client.send(ASK).response().status, 200);
            client
        })
        .collect();
    let mut waiting: Vec<_> = (0..4).map(|_| first.connect()).collect();
    for client in &mut waiting {
        client.send(ASK);
    }
    let _next = line.next();
    for client in &mut waiting {
        assert_eq!(client.response().status, 200);
    }
    drop((full, waiting));
    assert_eq!(first.wait(), Some(0));
}

/// RT-TAKE-4: an address that only one of the two has is bound by the new one, or closed with the old one.
#[test]
fn addresses_that_only_one_has() {
    let backend = Backend::ok();
    let line = Line::new("main", "addresses", &[("A", &backend.url())]);
    let mut first = line.next();
    // Free on all addresses.
    let own = format!("127.0.0.2:{}", free_port());
    let next = Gateway::start("main", &line.env(&[("LISTEN", &own)]));
    let mut other = TcpStream::connect(("127.0.0.2", next.port())).unwrap();
    other
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(first.wait(), Some(0));
    assert!(TcpStream::connect(("127.0.0.1", first.port())).is_err());
    // The same port of all addresses: what overlaps is no obstacle while the other one goes.
    let all = format!("0.0.0.0:{}", next.port());
    let last = Gateway::start("main", &line.env(&[("LISTEN", &all)]));
    assert_eq!(last.port(), next.port());
    assert_eq!(status(&last), 200);
}

/// RT-TAKE-2: every socket is accepted from, also by a gateway that has fewer cores, and every core has one.
#[test]
fn fewer_and_more_cores() {
    let backend = Backend::ok();
    let line = Line::new("main", "cores", &[("A", &backend.url())]);
    let confined = place("one-core");
    let gateway = goma_tests::build::gateway("main");
    let text = format!("#!/bin/sh\nexec taskset -c 0 {}\n", gateway.display());
    std::fs::write(&confined, text).unwrap();
    std::fs::set_permissions(&confined, std::fs::Permissions::from_mode(0o755)).unwrap();
    let start = |few: bool| match few {
        true => Gateway::start_binary(&confined, &line.env(&[])),
        false => line.next(),
    };
    let mut running = start(false);
    for few in [true, false, true, true, false] {
        let next = start(few);
        let mut clients: Vec<_> = (0..64).map(|_| Client::connect(next.port())).collect();
        for client in &mut clients {
            assert_eq!(client.send(ASK).response().status, 200);
        }
        drop(clients);
        assert_eq!(running.wait(), Some(0));
        running = next;
    }
}

/// RT-TAKE-2, RT-PT-4: ports that are forwarded as they are: each datagram is answered, and connections go on.
#[test]
fn forwarded_ports() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = echo.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut space = [0; 100];
        while let Ok((count, peer)) = echo.recv_from(&mut space) {
            echo.send_to(&space[..count], peer).unwrap();
        }
    });
    let stream = Backend::script(|connection| {
        while connection.read().is_some() {
            let bytes = connection.taken();
            connection.send(bytes);
        }
    });
    let stream_target = stream.url().replace("http://", "");
    let line = Line::new(
        "live",
        "forwards",
        &[
            ("PORT", "0"),
            ("DNS_PORT", "0"),
            ("STREAM", &stream_target),
            ("DNS", &target),
        ],
    );
    let mut running = line.next();
    let port = super::passing::port(&running, "udp", &target);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut number = 0_u64;
    let mut ask = || {
        number += 1;
        client.send(&number.to_be_bytes()).unwrap();
        let mut answer = [0; 8];
        assert_eq!(client.recv(&mut answer).unwrap(), 8);
        assert_eq!(u64::from_be_bytes(answer), number);
    };
    let tcp = super::passing::port(&running, "tcp", &stream_target);
    for _ in 0..5 {
        let mut relayed = Client::connect(tcp);
        assert_eq!(relayed.send("before").exactly(6), b"before");
        let mut next = Gateway::begin("live", &line.env(&[]));
        wait_until("the next one serves", || {
            ask();
            next.has_started()
        });
        (0..100).for_each(|_| ask());
        assert_eq!(super::passing::port(&next, "udp", &target), port);
        assert_eq!(relayed.send("after").exactly(5), b"after");
        drop(relayed);
        assert_eq!(running.wait(), Some(0));
        running = next;
    }
}

/// RT-TAKE-2, RT-STOP-1: a gateway that has been replaced is asked to stop: it waits for nobody who asks nothing.
#[test]
fn stopped_after_it_was_replaced() {
    let backend = Backend::ok();
    let line = Line::new("main", "stopped", &[("A", &backend.url()), ("DRAIN", "1h")]);
    let mut first = line.next();
    let mut idle = first.connect();
    assert_eq!(idle.send(ASK).response().status, 200);
    let next = line.next();
    let _ = first.line_with(&["Another gateway has taken over"]);
    first.signal("TERM");
    assert!(idle.is_closed());
    assert_eq!(first.wait(), Some(0));
    assert_eq!(status(&next), 200);
}

/// RT-TAKE-3, RT-OVER-3: some seconds of what `ci/takeover` does for a minute.
#[test]
fn overlays_and_websockets_under_load() {
    let outcome = run(Duration::from_secs(12));
    assert_eq!((outcome.takeovers, outcome.overlays), (3, 9));
    assert!(
        outcome.rounds > 5 && outcome.requests > 12 * RATE as usize / 2,
        "{outcome:?}"
    );
}
