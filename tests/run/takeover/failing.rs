//! Takeovers that do not come about, and what is left of gateways that are gone (RT-TAKE-4).

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};

use goma_tests::gateway::run_to_end;
use goma_tests::takeover::place;
use goma_tests::{Backend, Gateway, Process, wait_until};

use super::{Line, failures, status};

/// RT-TAKE-4: whatever becomes of the next gateway, the running one goes on and says so.
#[test]
fn what_does_not_take_over() {
    let backend = Backend::ok();
    let line = Line::new("main", "failing", &[("A", &backend.url())]);
    let mut running = line.next();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (more, expected) in [
        (("A", "ftp://x"), "error[bad-url]"),
        (("LISTEN", &*taken), "error[bind-failed]"),
    ] {
        let env = line.env(&[("LISTEN", "127.0.0.1:0"), more]);
        let (code, _, errors) = run_to_end("main", &[], &env);
        assert_eq!(code, 1);
        assert!(errors.contains(expected), "{errors}");
    }
    wait_until("both have failed", || failures(&running) == 2);
    for (said, answer) in [
        ("hello\n", "refused `hello` is not understood\n"),
        (
            "goma-takeover 2 take\n",
            "refused `goma-takeover 2 take` is not understood\n",
        ),
    ] {
        assert_eq!(line.say(said), answer);
    }
    // One that gives up once it has everything.
    let mut stream = UnixStream::connect(&line.socket).unwrap();
    stream.write_all(b"goma-takeover 1 take\n").unwrap();
    let mut handed = String::new();
    while !handed.ends_with("end\n") {
        let mut part = [0; 100];
        let count = stream.read(&mut part).unwrap();
        handed.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    assert!(
        handed.starts_with("listener tcp 127.0.0.1:0 127.0.0.1:"),
        "{handed}"
    );
    stream
        .write_all(b"ready\nrefused I have thought of something else\n")
        .unwrap();
    wait_until("all have failed", || failures(&running) == 5);
    let _ = running.line_with(&["Takeover failed", "I have thought of something else"]);
    assert_eq!(line.serving(), running.pid());
    for _ in 0..8 {
        assert_eq!(status(&running), 200);
    }
    running.signal("TERM");
    assert_eq!(running.wait(), Some(0));
}

/// RT-TAKE-4, RT-STOP-1: killed, or asked to stop, while it looks at its backends for the first time.
#[test]
fn ended_before_it_has_confirmed() {
    let backend = Process::start();
    let line = Line::new(
        "live",
        "killed",
        &[("A", &backend.url()), ("PORT", "0"), ("DNS_PORT", "0")],
    );
    let running = line.next();
    backend.freeze();
    for (signal, code) in [("KILL", None), ("TERM", Some(0))] {
        let before = failures(&running);
        let mut next = Gateway::begin("live", &line.env(&[]));
        wait_until("it has the sockets", || {
            holds_listener(next.pid(), running.port())
        });
        next.signal(signal);
        assert_eq!(next.wait(), code);
        wait_until("it has failed", || failures(&running) == before + 1);
        assert_eq!(line.serving(), running.pid());
    }
    backend.thaw();
    assert_eq!(status(&running), 200);
    let _ = running.line_with(&["Takeover failed", "has ended before it was done"]);
}

/// Whether a process has a socket that listens on a port.
pub(super) fn holds_listener(pid: u32, port: u16) -> bool {
    let local = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let listening = table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let listens = columns.get(1) == Some(&&*local) && columns.get(3) == Some(&"0A");
        let inode = columns.get(9).filter(|_| listens)?;
        Some(format!("socket:[{inode}]"))
    });
    let listening: Vec<_> = listening.collect();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
    let mut open = open.into_iter().flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        Some(target.to_string_lossy().into_owned())
    });
    open.any(|target| listening.contains(&target))
}

/// RT-TAKE-4: the socket of a gateway that is gone is replaced; a file that is none is not touched.
#[test]
fn a_dead_socket() {
    let backend = Backend::ok();
    // Longer than the name of a socket can be.
    let mut line = Line::new("main", &"long-".repeat(20), &[("A", &backend.url())]);
    let _ = std::fs::create_dir(&line.socket);
    line.socket.push("socket");
    let _ = std::fs::remove_file(&line.socket);
    assert!(line.socket.as_os_str().len() > 107);
    let mut first = line.next();
    first.signal("KILL");
    first.wait();
    let second = line.next();
    assert_eq!(status(&second), 200);
    let mut third = line.next();
    assert_eq!(third.port(), second.port());
    third.signal("TERM");
    assert_eq!(third.wait(), Some(0));
    assert_eq!(status(&line.next()), 200);
    line.socket = place("file");
    std::fs::write(&line.socket, "text").unwrap();
    let env = line.env(&[("LISTEN", "127.0.0.1:0")]);
    let (code, _, errors) = run_to_end("main", &[], &env);
    assert_eq!(code, 1);
    assert!(errors.contains("error[takeover-failed]"), "{errors}");
    assert_eq!(std::fs::read_to_string(&line.socket).unwrap(), "text");
    // Somebody else listens there, who says something else.
    line.socket = place("other");
    let other = UnixListener::bind(&line.socket).unwrap();
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        assert!(stream.read(&mut [0; 100]).unwrap() > 0);
        stream.write_all(b"listener sctp a b c\n").unwrap();
    });
    let (code, _, errors) = run_to_end("main", &[], &line.env(&[("LISTEN", "127.0.0.1:0")]));
    answer.join().unwrap();
    assert_eq!(code, 1);
    assert!(errors.contains("is not understood"), "{errors}");
}
