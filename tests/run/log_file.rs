//! The log in a file (RT-LOG-7).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use goma_tests::gateway::run_to_end;
use goma_tests::{Backend, Client, Gateway, wait_until};

/// A gateway whose log is in a directory of its own.
struct Filed {
    gateway: Gateway,
    directory: PathBuf,
}

impl Filed {
    fn new(name: &str, env: &[(&str, &str)]) -> Self {
        let directory = directory(name);
        let backend = Backend::ok();
        let url = backend.url();
        let all = [&[("A", url.as_str())], env].concat();
        let gateway = Gateway::start_logging_to("main", &directory.join("goma.log"), &all);
        Self { gateway, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Sends a request and waits until it is in the file.
    fn log(&self, client: &mut Client, id: &str, lines: &str) {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: h\r\nX-Request-ID: {id}\r\n{lines}\r\n"
        ));
        assert_eq!(client.response().status, 200);
    }

    fn wait_for(&self, name: &str, text: &str) {
        wait_until(&format!("{name} has {text}"), || {
            self.text(name).contains(text)
        });
    }
}

impl Drop for Filed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("goma-e2e-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    directory
}

/// RT-LOG-7: what `logrotate` does: the file is moved away, then the signal comes.
#[test]
fn a_file_is_opened_anew_on_a_signal() {
    let filed = Filed::new("signal", &[]);
    let mut client = filed.gateway.connect();
    filed.log(&mut client, "first", "");
    filed.wait_for("goma.log", "request_id=first");
    let mode = fs::metadata(filed.path("goma.log")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    fs::rename(filed.path("goma.log"), filed.path("goma.log.1")).unwrap();
    filed.gateway.signal("USR1");
    // Without a line that would need it.
    wait_until("the new file is there", || filed.path("goma.log").exists());
    filed.log(&mut client, "second", "");
    filed.wait_for("goma.log", "request_id=second");
    assert!(!filed.text("goma.log").contains("request_id=first"));
    assert!(!filed.text("goma.log.1").contains("request_id=second"));
    assert!(
        filed.gateway.lines().is_empty(),
        "nothing on standard output"
    );
}

/// RT-LOG-7: a new file that cannot be had leaves the old one in use, which says so.
#[test]
fn a_file_that_cannot_be_opened_anew() {
    let filed = Filed::new("stuck", &[("LOG_FORMAT", "json")]);
    fs::rename(filed.path("goma.log"), filed.path("goma.log.1")).unwrap();
    fs::create_dir(filed.path("goma.log")).unwrap();
    filed.gateway.signal("USR1");
    filed.wait_for(
        "goma.log.1",
        "\"level\":\"ERROR\",\"msg\":\"Log file not reopened\"",
    );
    filed.log(&mut filed.gateway.connect(), "kept", "");
    filed.wait_for("goma.log.1", "\"request_id\":\"kept\"");
}

/// RT-LOG-7: by size, as many as may stay, no line torn or larger than a file may be.
#[test]
fn rotation() {
    const MEGABYTE: u64 = 1024 * 1024;
    let limits = [("GOMA_LOG_MAX_SIZE_MB", "1"), ("GOMA_LOG_MAX_BACKUPS", "2")];
    let filed = Filed::new("rotation", &limits);
    let mut client = filed.gateway.connect();
    let agent = format!("User-Agent: {}\r\n", "a".repeat(12 * 1024));
    let requests = 5 * 1024 / 12;
    for index in 0..requests {
        filed.log(&mut client, &format!("r{index}"), &agent);
    }
    let last = format!("request_id=r{} ", requests - 1);
    filed.wait_for("goma.log", &last);
    let mut names: Vec<String> = fs::read_dir(&filed.directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    let mut kept = Vec::new();
    for name in &names {
        let text = filed.text(name);
        assert!(
            text.len() as u64 <= MEGABYTE && text.ends_with('\n'),
            "{name}"
        );
        let id = |line: &str| {
            line.split(" request_id=r")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        };
        kept.extend(text.lines().filter_map(id));
    }
    let first = *kept.first().unwrap();
    assert!(first > 0, "the oldest file is gone");
    assert!(kept.iter().copied().eq(first..requests), "{kept:?}");
}

/// RT-LOG-7: `off` writes nothing, not even a file.
#[test]
fn off() {
    let directory = directory("off");
    let path = directory.join("goma.log");
    let env = [
        ("A", "http://127.0.0.1:1"),
        ("LISTEN", "127.0.0.1:0"),
        ("LOG_LEVEL", "off"),
        ("LOG_FILE", path.to_str().unwrap()),
    ];
    let (code, _, errors) = run_to_end("main", &["--check"], &env);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(!directory.exists());
}

/// RT-LOG-7, RT-START-1: what cannot be used is an error that names key and place.
#[test]
fn files_that_cannot_be_opened() {
    let fails = |env: (&str, &str), expected: &[&str]| {
        let fixed = [("A", "http://127.0.0.1:1"), ("LISTEN", "127.0.0.1:0"), env];
        let (code, _, errors) = run_to_end("main", &[], &fixed);
        assert_eq!(code, 1, "{env:?}");
        for text in expected {
            assert!(errors.contains(text), "{env:?}: {errors}");
        }
    };
    let nowhere = "/dev/null/goma.log";
    let place = place_of("filePath");
    fails(
        ("LOG_FILE", nowhere),
        &[&place, "gateway.log.filePath", nowhere],
    );
    fails(("GOMA_LOG_FILE", nowhere), &["GOMA_LOG_FILE", nowhere]);
    fails(("LOG_FILE", "/"), &[&place, "gateway.log.filePath"]);
    for (variable, text) in [
        ("GOMA_LOG_MAX_SIZE_MB", "0"),
        ("GOMA_LOG_MAX_BACKUPS", "-1"),
        ("GOMA_LOG_MAX_AGE_DAYS", "soon"),
    ] {
        fails((variable, text), &[variable]);
    }
}

/// `main.yaml:LINE:`
fn place_of(key: &str) -> String {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/main.yaml");
    let text = fs::read_to_string(spec).unwrap_or_default();
    let before = text.lines().take_while(|line| !line.contains(key));
    format!("main.yaml:{}:", before.count() + 1)
}

/// RT-LOG-7: without a file the signal means nothing.
#[test]
fn the_signal_without_a_file() {
    let backend = Backend::ok();
    let gateway = Gateway::start("main", &[("A", &backend.url())]);
    gateway.signal("USR1");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Request-ID: after\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let _ = gateway.line_with(&["request_id=after"]);
}
