//! Backends that are sockets of the file system: Python's HTTP server and grpcio listen on them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use goma_tests::gateway::run_to_end;
use goma_tests::script::{self, Script};
use goma_tests::{Gateway, after, wait_until};

/// A name for a socket, short enough wherever the repository is.
fn file(name: &str) -> String {
    let file = std::env::temp_dir().join(format!("goma-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&file);
    file.to_string_lossy().into_owned()
}

fn start(file: &str, more: &[(&str, &str)]) -> Gateway {
    Gateway::start("sockets", &[&[("FILE", file)], more].concat())
}

fn get(gateway: &Gateway, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    let response = gateway.connect().send(request).response();
    (response.status, response.text())
}

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

/// The requests that a backend has seen, but for checks.
fn seen(server: &Script) -> Vec<String> {
    let mut lines = server.lines("");
    lines.retain(|line| !line.starts_with("GET /up "));
    lines
}

/// C-URL, RT-UP-2, RT-HDR-6: bodies both ways, a prefix behind `:`, the host of the client or `localhost`;
/// connections are kept and used again. A backend that comes back at the same name is found.
#[test]
fn requests_to_a_socket() {
    let file = file("requests");
    let server = Script::start("unix_backend.py", &[&file]);
    let gateway = start(&file, &[]);
    let mut client = gateway.connect();
    let body = "x".repeat(1_000_000);
    for path in ["/a", "/b"] {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000000\r\n\r\n");
        let response = client.send(head).send(&body).response();
        assert_eq!((response.status, response.text() == body), (200, true));
    }
    let ticks = client
        .send("GET /tick HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        .response();
    assert_eq!(ticks.text(), "tick".repeat(4));
    for (path, forwarded) in [("/under/c?d=1", "/v1/c?d=1"), ("/own-host", "/own-host")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        assert_eq!(client.send(request).response().text(), forwarded);
    }
    let expected = [
        "POST /a shop.test 0",
        "POST /b shop.test 0",
        "GET /tick shop.test 0",
        "GET /v1/c?d=1 shop.test 0",
        "GET /own-host localhost 0",
    ];
    wait_until("the backend has said all", || {
        seen(&server).len() >= expected.len()
    });
    // Checks have connections of their own.
    let without_number = |lines: &[String]| -> Vec<String> {
        let lines = lines
            .iter()
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
        lines.collect()
    };
    let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(without_number(&seen(&server)), without_number(&expected));
    let mut connections: Vec<_> = seen(&server);
    connections.dedup_by_key(|line| line.rsplit(' ').next().unwrap().to_owned());
    assert_eq!(connections.len(), 1, "{connections:?}");
    drop(server);
    assert_eq!(get(&gateway, "/gone").0, 502);
    let _ = gateway.line_with(&["Proxy error", &format!("connect to {file}"), "refused"]);
    let _server = Script::start("unix_backend.py", &[&file]);
    assert_eq!(get(&gateway, "/back"), ok("/back"));
}

/// RT-HEALTH-1, RT-HEALTH-2, RT-UP-9: sockets are checked, and one that nobody has made is passed over.
#[test]
fn sockets_are_checked() {
    let (file, gone) = (file("checked"), file("gone"));
    let server = Script::start("unix_backend.py", &[&file]);
    let gateway = start(&file, &[("GONE", &gone)]);
    for _ in 0..4 {
        assert_eq!(get(&gateway, "/pair"), ok("/pair"));
    }
    let endpoint = format!("endpoint=unix://{gone}");
    let _ = gateway.line_with(&["Backend is down", "route=pair", &endpoint, "No such file"]);
    wait_until("the other one is checked", || {
        let checks = server.lines("GET /up localhost ");
        checks.len() >= 2
    });
    let _server = Script::start("unix_backend.py", &[&gone]);
    let _ = gateway.line_with(&["Backend is up again", &endpoint]);
}

/// RT-UP-3, RT-STREAM-4: HTTP/2 on a socket, gRPC of every kind.
#[test]
fn grpc_on_a_socket() {
    let file = file("grpc");
    let server = Script::start("grpc_calls.py", &["serve", &file]);
    let gateway = start("/nowhere.sock", &[("CALLS", &file)]);
    let calls = script::command("grpc_calls.py")
        .args(["call", &gateway.port().to_string()])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&calls.stderr);
    assert!(calls.stdout.ends_with(b"ok\n"), "{errors}");
    wait_until("the call is cancelled at the server", || {
        !server.lines("cancelled").is_empty()
    });
}

/// RT-WS-1: what a backend switches to passes both ways.
#[test]
fn an_upgrade_on_a_socket() {
    let file = file("upgrade");
    let listener = UnixListener::bind(&file).unwrap();
    std::thread::spawn(move || {
        // Checks come too.
        for stream in listener.incoming() {
            std::thread::spawn(move || switch(stream.unwrap()));
        }
    });
    let gateway = start(&file, &[]);
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.send("over");
    assert_eq!(client.exactly(4), b"over");
    let _ = std::fs::remove_file(&file);
}

fn switch(mut stream: UnixStream) {
    const SWITCHED: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut received = vec![0; 4096];
    let mut answered = false;
    while let Ok(count @ 1..) = stream.read(&mut received) {
        let bytes = received.get(..count).unwrap_or_default();
        if !answered && !bytes.starts_with(b"GET /x ") {
            return;
        }
        let written = stream.write_all(if answered { bytes } else { SWITCHED });
        assert!(written.is_ok());
        answered = true;
    }
}

/// RT-UP-4, RT-ERR-16: a full queue is waited for, no longer than `timeouts.connect`.
#[test]
fn a_full_queue() {
    let file = file("full");
    let mut server = Script::start("unix_backend.py", &[&file, "0"]);
    // One more than the queue has room for.
    let _queued = UnixStream::connect(&file).unwrap();
    let gateway = start(&file, &[]);
    assert_eq!(after(200, || get(&gateway, "/quick").0), 504);
    let mut client = gateway.connect();
    client.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    let begun = Instant::now();
    wait_until("the request waits", || {
        begun.elapsed() > Duration::from_millis(300)
    });
    server.say("go");
    assert_eq!(client.response().text(), "/late");
}

/// C-URL, RT-START-1: what is known at start only is checked there.
#[test]
fn what_is_no_socket() {
    let long = format!("/{}", "x".repeat(107));
    let at_most = "the path of a socket has at most 107 bytes, this one has 108";
    let absolute = "the path of a socket is absolute";
    for (file, text) in [
        ("run/app.sock", absolute),
        ("@app", "abstract sockets are not supported"),
        (long.as_str(), at_most),
        ("/run/", "a socket is a file, not a directory"),
    ] {
        let (code, _, errors) = run_to_end(
            "sockets",
            &["--check"],
            &[("FILE", file), ("LISTEN", "127.0.0.1:0")],
        );
        assert_eq!(code, 1);
        let expected = format!("error[bad-url]: gateway.routes[0].target: {text}");
        assert!(errors.contains(&expected), "{errors}");
    }
}
