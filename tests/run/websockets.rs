//! WebSocket between libraries that others have written, over every pair of protocols (RT-WS-1, RT-WS-5), and
//! backends on HTTP/2 that do not take it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::{Mutex, mpsc};

use goma_tests::script::{self, Script};
use goma_tests::tls::Authority;
use goma_tests::{Backend, Client, Gateway, wait_until};

use super::Rig;
use super::upgrade::switched;

/// Client programs, by the protocol that they speak to the gateway.
const CLIENTS: [&str; 2] = ["websocket_peers.py", "websocket_streams.py"];

/// Runs a client and the server that the arguments name, with the gateway that is started for the server's port
/// between them.
fn between(script: &str, arguments: &[&str], start: impl Fn(&str) -> Gateway) -> Gateway {
    let mut peers = script::command(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(peers.stdout.take().unwrap()).lines();
    let server = lines.next().unwrap().unwrap();
    let gateway = start(&server);
    let port = format!("{}\n", gateway.port());
    let mut input = peers.stdin.take().unwrap();
    input.write_all(port.as_bytes()).unwrap();
    let end = lines.next().map(Result::unwrap);
    assert_eq!(end.as_deref(), Some("ok"), "{script} {arguments:?}");
    assert!(peers.wait().unwrap().success());
    gateway
}

/// The gateway of tests/specs/tls.yaml before a server by whatever protocol.
fn before(url: &str, ca: &str) -> Gateway {
    let env = [("A", "http://127.0.0.1:1"), ("SOCKETS", url), ("CA", ca)];
    Gateway::start("tls", &env)
}

/// RT-WS-1, RT-WS-5, RT-WS-4: to a backend on HTTP/1.1: texts, 16 MiB, fragments, pings from both sides, close codes of
/// both, compression that is the peers' own, clients that vanish; the refusals of the gateway itself.
#[test]
fn to_http1() {
    for (script, version) in CLIENTS.into_iter().zip(["HTTP/1.1", "HTTP/2.0"]) {
        let gateway = between(script, &["/bare", "1.1", "websockets"], |port| {
            Gateway::start("main", &[("A", &format!("http://127.0.0.1:{port}"))])
        });
        let version = format!("http_version={version}");
        let logged = [&*version, "method=GET", "url=/bare/echo", "status=101"];
        let _ = gateway.line_with(&logged);
    }
}

/// RT-WS-5, RT-UP-3: the same to a backend on HTTP/2 in clear text: the client's handshake becomes CONNECT.
#[test]
fn to_http2() {
    for script in CLIENTS {
        let gateway = between(script, &["/sockets", "2", "hypercorn"], |port| {
            before(&format!("h2c://127.0.0.1:{port}"), "")
        });
        let _ = gateway.line_with(&["method=GET", "url=/sockets/echo", "status=101"]);
    }
}

/// RT-WS-5, RT-UP-3: over TLS, where ALPN has chosen HTTP/2, and the backend's SETTINGS allow it.
#[test]
fn to_http2_over_tls() {
    let authority = Authority::new("sockets");
    let (pair, ca) = (
        authority.issue("backend", "DNS:localhost"),
        authority.certificate(),
    );
    for script in CLIENTS {
        let server = ["/sockets", "2", "hypercorn", &pair.certificate, &pair.key];
        let _ = between(script, &server, |port| {
            before(&format!("https://localhost:{port}"), &ca)
        });
    }
}

/// RT-WS-1, RT-UP-3: over TLS, where the backend's HTTP/2 does not take it: HTTP/1.1 then.
#[test]
fn to_http1_where_http2_takes_none() {
    let authority = Authority::new("both");
    let (pair, ca) = (
        authority.issue("backend", "DNS:localhost"),
        authority.certificate(),
    );
    for script in CLIENTS {
        let server = ["/sockets", "1.1", "both", &pair.certificate, &pair.key];
        let _ = between(script, &server, |port| {
            before(&format!("https://localhost:{port}"), &ca)
        });
    }
}

/// A backend of tests/h2_backend.py in clear text, and the gateway before it.
fn scripted(mode: &str) -> (Script, Rig) {
    let server = Script::start("h2_backend.py", &[mode]);
    let env = [("CLEAR", &*server.port().to_string()), ("CA", "")];
    let rig = Rig::of("tls", Backend::ok(), &env).alone();
    (server, rig)
}

/// Asks for a WebSocket; the key is the example of RFC 6455 §1.3.
fn handshake(rig: &Rig, path: &str) -> Client {
    let mut client = rig.gateway.connect();
    client.send(format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ));
    client
}

/// RT-WS-5, RT-WS-1: what both ends see of a handshake that changes protocols on its way, also where the backend's
/// SETTINGS take their time; the end of a half reaches the other side.
#[test]
fn handshakes_in_two_languages() {
    for mode in ["tunnel", "late"] {
        let (server, rig) = scripted(mode);
        let mut client = handshake(&rig, "/clear/a?b=c");
        let head = client.head();
        let field = switched(&head);
        assert_eq!(
            field("sec-websocket-accept"),
            ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
        );
        assert_eq!(field("x-by"), ["h2"]);
        assert_eq!(client.exactly(5), b"hello");
        assert_eq!(client.send("there").exactly(5), b"there");
        assert_eq!(client.send("end").finish().to_end(), b"endbye");
        // No key is among the fields.
        wait_until("the handshake is said", || {
            server.lines("connect /") == ["connect /a?b=c websocket"]
        });
        let counted = ["status=101", "bytes_out=16", "bytes_in=8"];
        let _ = rig.gateway.line_with(&counted);
    }
}

/// RT-WS-1, RT-ERR-18: another answer than success is passed on, and its connection goes on; a reset ends both sides.
#[test]
fn what_becomes_no_tunnel() {
    let (server, rig) = scripted("tunnel");
    let mut client = handshake(&rig, "/clear/no");
    let refused = client.response();
    assert_eq!((refused.status, refused.text().as_str()), (403, "no"));
    assert_eq!(refused.fields("x-why"), ["full"]);
    client.send("GET /clear/after HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let mut client = handshake(&rig, "/clear/reset");
    let text = String::from_utf8(client.to_end()).unwrap();
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    // Protocols of which HTTP/2 knows nothing.
    let other = "Connection: Upgrade\r\nUpgrade: echo/2\r\n";
    assert_eq!(rig.get("/clear/x", other).status, 502);
    wait_until("both are said", || server.lines("connect /").len() == 2);
}

/// RT-WS-3: a WebSocket whose client has gone is over, even if its backend does not notice.
#[test]
fn clients_that_are_gone() {
    let (_hold, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let backend = Backend::script(move |connection| {
        let _ = connection.read_head();
        connection.send("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
        while connection.read().is_some() {}
        connection.record("ended".to_owned());
        let _ = held.lock().unwrap().recv();
    });
    let rig = Rig::with(backend, &[]);
    let mut client = handshake(&rig, "/bare/x");
    let _ = client.until(b"hello");
    drop(client);
    assert_eq!(rig.backend.request(0).head, "ended");
    let _ = rig.gateway.line_with(&["status=101", "bytes_out=5"]);
}

/// RT-UP-3, RT-ERR-16: a backend that never says what it can do is not waited for for ever.
#[test]
fn settings_that_do_not_come() {
    let (_server, rig) = scripted("silent");
    assert_eq!(handshake(&rig, "/clear/x").response().status, 504);
    let line = rig.gateway.line_with(&["Proxy error", "route=clear"]);
    assert!(line.contains("HTTP/2 SETTINGS timed out"), "{line}");
}
