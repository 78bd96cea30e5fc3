//! Tunnels after `101` (RT-WS).

use super::Rig;
use goma_tests::Backend;

const HANDSHAKE: &str = "GET /bare HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n\
                         Upgrade: WebSocket\r\nSec-WebSocket-Key: x\r\n\r\n";

/// Switches protocols and echoes every byte.
fn echoing() -> Backend {
    Backend::script(|connection| {
        let Some(head) = connection.read_head() else {
            return;
        };
        connection.record(head);
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: y\r\nServer: x\r\n\r\nhello",
        );
        loop {
            let bytes = connection.taken();
            connection.send(bytes);
            if connection.read().is_none() {
                // What came before the client's end of sending has been echoed.
                connection.send("bye");
                return connection.close();
            }
        }
    })
}

/// The fields of a head, which must be one that makes the connection a WebSocket.
pub(super) fn switched(head: &str) -> impl Fn(&str) -> Vec<String> {
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    let field = |name: &str| goma_tests::client::fields(head, name);
    assert_eq!(field("connection"), ["Upgrade"]);
    assert_eq!(field("upgrade"), ["websocket"]);
    field
}

/// RT-WS-1, RT-WS-4, RT-HDR-9: bytes pass both ways, those that came early too; the log has a line
/// at the end.
#[test]
fn bytes_pass_both_ways() {
    let rig = Rig::with(echoing(), &[]);
    let mut client = rig.gateway.connect();
    client.send(format!("{HANDSHAKE}early"));
    let head = client.head();
    let field = switched(&head);
    assert_eq!(field("sec-websocket-accept"), ["y"]);
    assert!(field("proxied-by").is_empty() && field("content-length").is_empty());
    assert_eq!(client.exactly(10), b"helloearly");
    let large: Vec<u8> = (0..1 << 20).map(|index| (index % 251) as u8).collect();
    for _ in 0..2 {
        assert!(client.send(&large).exactly(large.len()) == large);
    }
    let request = rig.backend.request(0);
    assert_eq!(request.fields("connection"), ["Upgrade"]);
    assert_eq!(request.fields("upgrade"), ["WebSocket"]);
    // A client that ends its half still gets what the backend has to say.
    assert_eq!(client.send("end").finish().to_end(), b"endbye");
    let sent = 2 * large.len() + "earlyend".len();
    let received = sent + "hellobye".len();
    let _ = rig.gateway.line_with(&[
        "url=/bare",
        "status=101",
        &format!("bytes_out={received}"),
        &format!("bytes_in={sent}"),
    ]);
}

/// RT-WS-1, RT-LISTEN-1: any protocol, but only on GET and never `h2c`; a 101 that nobody asked for is a fault of
/// the backend's, and another answer is relayed as usual.
#[test]
fn what_is_no_upgrade() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let upgraded = !request.fields("upgrade").is_empty();
            connection.send(match request.target() {
                "/bare/101" => "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
                _ if upgraded => "HTTP/1.1 426 X\r\nContent-Length: 3\r\n\r\nno\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            });
        }
    });
    let rig = Rig::with(backend, &[]);
    let ask = |line: &str, lines: &str| {
        let method = line.split(' ').next().unwrap();
        rig.ask(&format!(
            "{method} {} HTTP/1.1\r\nHost: h\r\n{lines}\r\n",
            &line[method.len() + 1..]
        ))
        .status
    };
    assert_eq!(
        ask("GET /bare", "Connection: upgrade\r\nUpgrade: foo/2\r\n"),
        426
    );
    for (line, lines) in [
        ("GET /bare", "Connection: upgrade\r\nUpgrade: h2c\r\n"),
        (
            "GET /bare",
            "Connection: upgrade\r\nUpgrade: websocket, H2C\r\n",
        ),
        (
            "GET /bare",
            "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n",
        ),
        ("GET /bare", "Upgrade: websocket\r\n"),
        ("GET /bare", "Connection: upgrade\r\n"),
        (
            "POST /bare",
            "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n",
        ),
    ] {
        assert_eq!(ask(line, lines), 200, "{line} {lines}");
    }
    assert_eq!(ask("GET /bare/101", ""), 502);
}

/// MW-GEN-13: the whole chain runs before a tunnel.
#[test]
fn the_chain_runs_first() {
    let rig = Rig::with(echoing(), &[]);
    let refused = rig.get("/m/auth", "Connection: upgrade\r\nUpgrade: websocket\r\n");
    assert_eq!(refused.status, 401);
    assert_eq!(rig.count(), 0);
}

/// RT-STOP-1: a tunnel ends at the deadline of the drain, with its line in the log.
#[test]
fn the_drain_ends_a_tunnel() {
    let mut rig = Rig::with(echoing(), &[("DRAIN", "1")]);
    let mut client = rig.gateway.connect();
    client.send(HANDSHAKE);
    let _ = client.until(b"hello");
    rig.gateway.signal("TERM");
    assert_eq!(client.send("x").exactly(1), b"x");
    assert!(client.is_closed());
    assert_eq!(rig.gateway.wait(), Some(0));
    let _ = rig
        .gateway
        .line_with(&["status=101", "bytes_out=6", "bytes_in=1"]);
}

/// RT-WS-3: the time limits of requests are none of a tunnel's.
#[test]
fn a_tunnel_may_be_silent() {
    let env = [("GOMA_TIMEOUT_READ", "1"), ("GOMA_TIMEOUT_WRITE", "1")];
    let rig = Rig::with(echoing(), &env);
    let mut client = rig.gateway.connect();
    client.send(HANDSHAKE);
    let _ = client.until(b"hello");
    let (_silence, wait) = std::sync::mpsc::channel::<()>();
    let longer = std::time::Duration::from_millis(1300);
    assert!(wait.recv_timeout(longer).is_err());
    assert_eq!(client.send("still here").exactly(10), b"still here");
}
