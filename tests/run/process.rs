//! Start, flags, time limits, stop.

use std::net::TcpListener;

use super::Rig;
use goma_tests::gateway::run_to_end;
use goma_tests::{Backend, Gateway, wait_until};

/// RT-START-1, C-ENV-2: one line, exit 1, nothing bound.
#[test]
fn values_that_cannot_be_used() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let good = [("LISTEN", "127.0.0.1:0"), ("A", "http://127.0.0.1:1")];
    for (changed, value, expected) in [
        (
            "A",
            None,
            "error[env-unset]: gateway.routes[0].target: ${A} is not set",
        ),
        (
            "A",
            Some("ftp://x"),
            "error[bad-url]: gateway.routes[0].target: ",
        ),
        (
            "A",
            Some("https://u@x"),
            "error[bad-url]: gateway.routes[0].target: ",
        ),
        (
            "LISTEN",
            Some("nowhere"),
            "error[bad-address]: gateway.entryPoints.web.address: ",
        ),
        (
            "DRAIN",
            Some("soon"),
            "error[bad-duration]: gateway.timeouts.drain: ",
        ),
        (
            "LOG_LEVEL",
            Some("loud"),
            "error[bad-value]: gateway.log.level: ",
        ),
        (
            "GOMA_TIMEOUT_READ",
            Some("x"),
            "error[bad-duration]: GOMA_TIMEOUT_READ: ",
        ),
        (
            "HASH",
            Some("$5$salt$hash"),
            "error[bad-rule]: middlewares[",
        ),
        (
            "LISTEN",
            Some(taken.as_str()),
            "error[bind-failed]: cannot listen on ",
        ),
    ] {
        let mut env: Vec<_> = good
            .iter()
            .copied()
            .filter(|(name, _)| *name != changed)
            .collect();
        env.extend(value.map(|value| (changed, value)));
        let (code, output, errors) = run_to_end("main", &[], &env);
        assert_eq!((code, output.as_str()), (1, ""), "{changed}");
        assert!(errors.contains(expected), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        let has_place = errors.starts_with("main.yaml:");
        assert!(
            has_place || changed.starts_with("GOMA_") || expected.contains("bind"),
            "{errors}"
        );
        assert!(!errors.contains("$5$"), "{errors}");
    }
}

/// RT-START-4, RT-START-6, RT-CLI-9
#[test]
fn flags() {
    let good = [("LISTEN", "127.0.0.1:1"), ("A", "http://127.0.0.1:1")];
    assert_eq!(run_to_end("main", &["--check"], &good).0, 0);
    assert_eq!(run_to_end("main", &["--check"], &good[..1]).0, 1);
    let (code, table, _) = run_to_end("main", &["--print-routes"], &[]);
    assert_eq!(code, 0);
    assert!(
        table.starts_with("Name         Enabled  Priority  Path"),
        "{table}"
    );
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("off          false")),
        "{table}"
    );
    let (code, version, _) = run_to_end("main", &["--version"], &[]);
    assert_eq!(code, 0);
    assert!(version.contains(" revision "), "{version}");
    let (code, _, errors) = run_to_end("main", &["-c", "goma.yml"], &good);
    assert_eq!(code, 2);
    assert!(errors.contains("goma build"), "{errors}");
}

/// RT-CLI-9: what an image asks is what `/readyz` answers.
#[test]
fn healthcheck() {
    let backend = Backend::script(|connection| while connection.request().is_some() {});
    let rig = Rig::with(backend, &[("DRAIN", "1h"), ("DRAIN_DELAY", "1h")]);
    let listen = format!("127.0.0.1:{}", rig.gateway.port());
    let ask = |env: &[(&str, &str)]| run_to_end("main", &["healthcheck"], env);
    let good = [("LISTEN", listen.as_str())];
    assert_eq!(ask(&good), (0, String::new(), String::new()));
    rig.gateway.signal("TERM");
    wait_until("the gateway drains", || ask(&good).0 == 1);
    let (_, _, errors) = ask(&good);
    assert!(errors.contains(" answers 503"), "{errors}");
    let without = [good[0], ("GOMA_ENABLE_READINESS", "false")];
    assert_eq!(ask(&without).0, 0, "`/healthz` is asked");
    let (code, _, errors) = ask(&[("LISTEN", "127.0.0.1:1")]);
    assert_eq!(code, 1);
    assert!(errors.contains("127.0.0.1:1 does not answer"), "{errors}");
    let (code, _, errors) = ask(&[("LISTEN", "127.0.0.1:0")]);
    assert_eq!(code, 1);
    assert!(errors.contains("port 0"), "{errors}");
}

/// RT-LISTEN-3, RT-LIM-4: a head that does not come is answered, silence is not.
#[test]
fn the_header_timeout() {
    let rig = Rig::with(Backend::ok(), &[("GOMA_TIMEOUT_READ_HEADER", "1")]);
    let mut slow = rig.gateway.connect();
    let mut silent = rig.gateway.connect();
    slow.send("GET / HTTP/1.1\r\nHo");
    assert_eq!(slow.response().status, 408);
    assert!(slow.is_closed());
    assert!(silent.is_closed());
}

/// RT-LISTEN-3: a body that does not come.
#[test]
fn the_read_timeout() {
    let rig = Rig::with(Backend::ok(), &[("GOMA_TIMEOUT_READ", "1")]);
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    assert_eq!(client.response().status, 408);
    assert!(client.is_closed());
    // It counts from the first byte of the head.
    let limits = [
        ("GOMA_TIMEOUT_READ", "1"),
        ("GOMA_TIMEOUT_READ_HEADER", "300"),
    ];
    let rig = Rig::with(Backend::ok(), &limits);
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
    client.send("POST / HTTP/1.1\r\nHo");
    assert_eq!(client.response().status, 408);
    assert!(client.is_closed());
}

/// RT-ERR-16: a backend that does not answer.
#[test]
fn the_response_timeout() {
    let backend = Backend::script(|connection| while connection.request().is_some() {});
    let rig = Rig::with(backend, &[("GOMA_TIMEOUT_WRITE", "1")]);
    assert_eq!(rig.get("/", "").status, 504);
}

/// RT-LISTEN-3: an idle connection is closed.
#[test]
fn the_idle_timeout() {
    let rig = Rig::with(Backend::ok(), &[("GOMA_TIMEOUT_IDLE", "1")]);
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert!(client.is_closed());
}

/// RT-STOP-1, RT-STOP-3, RT-OBS-2: requests in flight finish, idle connections close, the log is whole,
/// exit 0.
#[test]
fn graceful_stop() {
    let (gate, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::script(move |connection| {
        while connection.request().is_some() {
            let _ = wait.lock().map(|wait| wait.recv());
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut rig = Rig::with(backend, &[]);
    let mut idle = rig.gateway.connect();
    idle.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(idle.response().status, 200);
    let mut busy = rig.gateway.connect();
    busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let _ = rig.backend.request(0);
    rig.gateway.signal("TERM");
    assert!(idle.is_closed());
    let port = rig.gateway.port();
    wait_until("the listener is closed", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    gate.send(()).unwrap();
    let response = busy.response();
    assert_eq!(
        (response.text().as_str(), response.fields("connection")),
        ("ok", vec!["close".to_owned()])
    );
    assert_eq!(rig.gateway.wait(), Some(0));
    let _ = rig.gateway.line_with(&["gracefully stopped"]);
}

/// RT-STOP-1: a second signal ends the process at once.
#[test]
fn a_second_signal() {
    let backend = Backend::script(|connection| while connection.request().is_some() {});
    let mut rig = Rig::with(backend, &[("DRAIN", "1h")]);
    let mut busy = rig.gateway.connect();
    busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let _ = rig.backend.request(0);
    rig.gateway.signal("INT");
    let port = rig.gateway.port();
    wait_until("the listener is closed", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    rig.gateway.signal("TERM");
    assert_eq!(rig.gateway.wait(), Some(1));
}

/// RT-ERR-19, MW-GEN-23: whatever panics, the client gets a 500 and the gateway goes on.
#[test]
fn panics() {
    let backend = Backend::ok();
    let url = backend.url();
    let example = goma_tests::build::example("handmade");
    let gateway = Gateway::start_binary(&example, &[("A", &url)]);
    for path in ["/request", "/wait", "/response", "/request"] {
        let mut client = gateway.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let response = client.response();
        assert_eq!(response.text(), "500 Internal Server Error\n", "{path}");
        assert_eq!(response.fields("proxied-by"), ["Goma Gateway"]);
        assert!(client.is_closed());
        let line = gateway.line_with(&["Proxied request", &format!("url={path} ")]);
        assert!(
            line.contains(" ERROR ") && line.contains(" status=500 "),
            "{line}"
        );
        assert!(line.contains(" route=root "), "{line}");
    }
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
    let _ = gateway.line_with(&["ERROR Panic while serving a request", "client_ip=127.0.0.1"]);
}

/// RT-START-5: one line once everything is bound.
#[test]
fn the_start_line() {
    let rig = Rig::new();
    let line = rig.gateway.line_with(&["Gateway started"]);
    let words: Vec<_> = line.split(' ').skip(2).collect();
    let keys: Vec<_> = words
        .iter()
        .filter_map(|word| word.split_once('='))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(words.first(), Some(&"INFO"), "{line}");
    assert_eq!(keys, ["version", "revision", "routes", "web", "web_secure"]);
}

/// RT-LIM-6: an idle connection costs far less than 64 KiB: about 4, of which its task has 3.
#[test]
fn idle_connections_are_cheap() {
    const CONNECTIONS: usize = 400;
    const KIB_MAX: usize = 6;
    let rig = Rig::new();
    let connect = || {
        let mut client = rig.gateway.connect();
        client.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.response().status, 200);
        client
    };
    let mut clients = vec![connect()];
    let before = rig.gateway.memory_kib();
    clients.extend((0..CONNECTIONS).map(|_| connect()));
    let grown = rig.gateway.memory_kib().saturating_sub(before);
    assert!(grown < CONNECTIONS * KIB_MAX, "{grown} KiB");
}

/// RT-LIM-5: without file descriptors accepting pauses, and whoever waits is served later.
#[test]
fn few_file_descriptors() {
    let backend = Backend::ok();
    let gateway = goma_tests::build::gateway("main");
    let script = goma_tests::build::target().join("e2e/few-files");
    let text = format!("#!/bin/sh\nulimit -n 48\nexec {}\n", gateway.display());
    // Beside it first: a file that is open for writing cannot be run.
    let written = script.with_extension("new");
    std::fs::write(&written, text).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&written, everybody).unwrap();
    std::fs::rename(&written, &script).unwrap();
    let gateway = Gateway::start_binary(&script, &[("A", &backend.url())]);
    let mut clients: Vec<_> = (0..80)
        .map(|_| {
            let mut client = gateway.connect();
            client.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
            client
        })
        .collect();
    // More than it has descriptors for; the first ones go, and the others come to be served.
    drop(clients.drain(..60));
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
}

/// RT-START-3, RT-ERR-10, RT-ROUTE-9: without routes it starts, says so, and knows nothing.
#[test]
fn no_routes() {
    let example = goma_tests::build::example("handmade");
    let gateway = Gateway::start_binary(&example, &[("ROUTES", "none")]);
    let _ = gateway.line_with(&["WARN The gateway has no routes"]);
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: h\r\nX-Request-ID: r1\r\n\r\n");
    let response = client.response();
    assert_eq!(
        (response.status, response.text().as_str()),
        (404, "404 Not Found\n")
    );
    assert_eq!(response.fields("x-goma-request-id"), ["r1"]);
    let _ = gateway.line_with(&["request_id=r1", "status=404", "route=_unmatched"]);
}
