//! `--background`, and what a service manager is told.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use goma_tests::takeover::place;
use goma_tests::{Backend, PATIENCE, build, wait_until};

use super::{Line, status};

/// What a service manager hears.
struct Manager(UnixDatagram);

impl Manager {
    fn heard(&self) -> String {
        let mut bytes = [0; 512];
        let length = self.0.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(bytes.get(..length).unwrap()).into_owned()
    }
}

/// A call that takes over ends once the next gateway serves; that is nobody's child, and says that it is the main
/// process. One that does not come to serve changes nothing.
#[test]
fn a_call_that_ends() {
    let backend = Backend::ok();
    let line = Line::new("main", "background", &[("A", &backend.url())]);
    let place = place("manager");
    let manager = Manager(UnixDatagram::bind(&place).unwrap());
    manager.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let notify = ("NOTIFY_SOCKET", place.to_str().unwrap());
    let mut first = goma_tests::Gateway::start("main", &line.env(&[notify]));
    let heard = manager.heard();
    assert!(heard.starts_with("READY=1\nSTATUS="), "{heard}");

    let call = |more: &[(&str, &str)]| {
        let mut call = Command::new(build::gateway("main"));
        call.arg("--background")
            .env_clear()
            .env("LISTEN", "127.0.0.1:0")
            .envs(line.env(more))
            // The gateway has them for as long as it lives.
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        call.status().unwrap().code()
    };
    assert_eq!(call(&[notify, ("A", "ftp://x")]), Some(1));
    assert_eq!(line.serving(), first.pid());

    assert_eq!(call(&[notify]), Some(0));
    let next = line.serving();
    assert_ne!(next, first.pid());
    let heard = manager.heard();
    let expected = format!("READY=1\nMAINPID={next}\nSTATUS=");
    assert!(heard.starts_with(&expected), "{heard}");
    let stat = std::fs::read_to_string(format!("/proc/{next}/status")).unwrap();
    let parent = stat.lines().find_map(|line| line.strip_prefix("PPid:"));
    let parent: u32 = parent.unwrap().trim().parse().unwrap();
    assert_ne!(parent, std::process::id());
    assert_eq!(first.wait(), Some(0));
    assert_eq!(status(&first), 200);
    let ended = Command::new("kill").arg(next.to_string()).status();
    assert!(ended.unwrap().success());
    wait_until("it has ended", || {
        std::net::TcpStream::connect(("127.0.0.1", first.port())).is_err()
    });
}
