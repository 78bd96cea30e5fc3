//! At the edge: PROXY protocol, limits, clients behind proxies, the endpoint for operators.

use std::sync::mpsc;
use std::time::Duration;

use super::Rig;
use goma_tests::Backend;

fn rig(env: &[(&str, &str)]) -> Rig {
    Rig::of("edge", Backend::ok(), env)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h.test\r\n\r\n";

/// A header of version 2 for 192.0.2.1:4660.
fn v2(command: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, 0x11, 0, 12]);
    header.extend([192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 0, 80]);
    header
}

/// RT-PP-1: the header's source is the peer for every rule; what is unknown leaves the real one.
#[test]
fn proxy_protocol() {
    let rig = rig(&[("PP_FROM", "127.0.0.1, ::1")]);
    for (header, expected) in [
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 80\r\n".to_vec(),
            "192.0.2.1",
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(),
            "2001:db8::1",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x21), "192.0.2.1"),
        (v2(0x20), "127.0.0.1"),
    ] {
        let index = rig.count();
        let mut client = rig.gateway.connect();
        let (first, rest) = header.split_at(7);
        client.send(first).send([rest, GET.as_bytes()].concat());
        assert_eq!(client.response().status, 200, "{expected}");
        let request = rig.backend.request(index);
        assert_eq!(request.fields("x-forwarded-for"), [expected]);
        assert_eq!(request.fields("x-real-ip"), [expected]);
        assert_eq!(request.fields("x-seen"), [format!("{expected} http")]);
        // Only the connection begins with it.
        assert_eq!(client.send(GET).response().status, 200);
        let _ = rig.gateway.line_with(&["Proxied request", expected]);
    }
}

/// RT-PP-2: closed without a byte.
#[test]
fn proxy_protocol_missing_or_malformed() {
    let env = [("PP_FROM", "127.0.0.1"), ("GOMA_TIMEOUT_READ_HEADER", "1")];
    let rig = rig(&env);
    for bytes in [
        GET.as_bytes().to_vec(),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 80\r\n".to_vec(),
        [b"PROXY ", [b'x'; 120].as_slice()].concat(),
        v2(0x11),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec(),
        // Not complete in time.
        b"PROXY TCP4 192.0.2.1".to_vec(),
        v2(0x21)[..20].to_vec(),
        Vec::new(),
    ] {
        let mut client = rig.gateway.connect();
        assert!(client.send(&bytes).is_closed(), "{bytes:?}");
    }
    assert_eq!(rig.count(), 0);
}

/// RT-PP-2: who ends within a header is closed at once, and keeps no core busy meanwhile.
#[test]
fn proxy_protocol_cut_short() {
    let rig = rig(&[("PP_FROM", "127.0.0.1")]);
    for _ in 0..8 {
        for bytes in [b"PROXY TCP4 1".as_slice(), &v2(0x21)[..20], b"P", b""] {
            let mut client = rig.gateway.connect();
            assert!(client.send(bytes).finish().is_closed(), "{bytes:?}");
            // And those that are gone altogether.
            rig.gateway.connect().send(bytes);
        }
    }
    for _ in 0..8 {
        let header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
        let mut client = rig.gateway.connect();
        assert_eq!(client.send([header, GET].concat()).response().status, 200);
    }
}

/// RT-PP-3: from other peers it is protocol data. `required: false`: it may be absent.
#[test]
fn proxy_protocol_of_others() {
    let others = rig(&[("PP_FROM", "192.0.2.0/24")]);
    for header in [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(), v2(0x21)] {
        let mut client = others.gateway.connect();
        let response = client.send([&header, GET.as_bytes()].concat()).response();
        assert_eq!(response.status, 400);
        assert!(client.is_closed());
    }
    assert_eq!(others.count(), 0);
    let optional = Rig::with(Backend::ok(), &[("PP_FROM", "127.0.0.1")]);
    assert_eq!(optional.get("/bare", "").status, 200);
    let mut client = optional.gateway.connect();
    client.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /bare HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let request = optional.backend.request(1);
    assert_eq!(request.fields("x-forwarded-for"), ["192.0.2.1"]);
}

/// RT-LIM-1, RT-LIM-2: the limits of `gateway.limits`, to the byte and to the field.
#[test]
fn limits() {
    let rig = rig(&[]);
    let status = |request: &str| rig.gateway.connect().send(request).response().status;
    let target = |length: usize| {
        let target = "a".repeat(length - 1);
        format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n")
    };
    assert_eq!(status(&target(1024)), 200);
    assert_eq!(status(&target(1025)), 414);
    // The section holds `Host: h`, the field and the empty line.
    let section = |length: usize| {
        let value = "b".repeat(length - "Host: h\r\nA: \r\n\r\n".len());
        format!("GET / HTTP/1.1\r\nHost: h\r\nA: {value}\r\n\r\n")
    };
    assert_eq!(status(&section(4096)), 200);
    assert_eq!(status(&section(4097)), 431);
    let unfinished = section(4200);
    assert_eq!(status(unfinished.trim_end()), 431);
    let fields = |count: usize| {
        let more = "A: b\r\n".repeat(count - 1);
        format!("GET / HTTP/1.1\r\nHost: h\r\n{more}\r\n")
    };
    assert_eq!(status(&fields(200)), 200);
    assert_eq!(status(&fields(201)), 431);
    let _ = rig
        .gateway
        .line_with(&["Request refused", "status=431", "reason=limit"]);
}

/// RT-LIM-5: at `maxConnections` accepting pauses; whoever waits is served later.
#[test]
fn connections() {
    let rig = rig(&[]);
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = rig.gateway.connect();
        assert_eq!(client.send(GET).response().status, 200);
        held.push(client);
    }
    let mut waiting = rig.gateway.connect();
    let (answered, answer) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let response = waiting.send(GET).response();
        answered.send(response.status).unwrap();
    });
    assert!(answer.recv_timeout(Duration::from_millis(200)).is_err());
    assert_eq!(rig.count(), 4);
    held.pop();
    assert_eq!(answer.recv_timeout(goma_tests::PATIENCE), Ok(200));
    reader.join().unwrap();
}

/// RT-OBS-8, RT-OBS-7: for the operators' host only; elsewhere the path is a route's.
#[test]
fn build_info() {
    let rig = rig(&[]);
    let ask = |host: &str| {
        rig.ask(&format!(
            "GET /healthz/build HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ))
    };
    let response = ask("OPS.test:8080");
    assert_eq!(response.field("content-type").unwrap(), "application/json");
    let started = rig.gateway.line_with(&["Gateway started"]);
    let revision = started.split("revision=").nth(1).unwrap();
    let revision = revision.split(' ').next().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        response.text(),
        format!(
            "{{\"name\":\"Service Gateway\",\"version\":\"{version}\",\"revision\":\"{revision}\",\
             \"overlay\":\"\"}}\n"
        )
    );
    assert_eq!(rig.count(), 0);
    assert_eq!(ask("h.test").text(), "ok");
    assert_eq!(rig.count(), 1);
    // Not on: the path is a route's on every host.
    let main = Rig::new();
    assert_eq!(main.get("/healthz/build", "").text(), "ok");
}

/// config.md section 4: variables without effect are named once.
#[test]
fn unknown_variables() {
    let rig = rig(&[("GOMA_TIMEOUT_REED", "5"), ("GOMA_IDLE_TIMEOUT", "50")]);
    let _ = rig
        .gateway
        .line_with(&["WARN Unknown variables: GOMA_TIMEOUT_REED"]);
    let _ = rig
        .gateway
        .line_with(&["WARN GOMA_IDLE_TIMEOUT is deprecated: use GOMA_TIMEOUT_IDLE"]);
}

/// RT-LIM-8: the last request that a connection may carry is answered with `close`.
#[test]
fn requests_of_a_connection() {
    let rig = rig(&[]);
    let mut client = rig.gateway.connect();
    for expected in [None, None, Some("close".to_owned())] {
        let response = client.send(GET).response();
        assert_eq!(
            (response.status, response.field("connection")),
            (200, expected)
        );
    }
    assert!(client.is_closed());
    assert_eq!(rig.count(), 3);
}

/// What a request with these lines looks like to the backend: the client's address and scheme, and
/// the forwarding fields.
fn forwarded(rig: &Rig, lines: &str) -> Vec<Vec<String>> {
    let index = rig.count();
    assert_eq!(rig.get("/", lines).status, 200, "{lines}");
    let request = rig.backend.request(index);
    [
        "x-seen",
        "x-forwarded-for",
        "x-real-ip",
        "x-forwarded-proto",
        "x-forwarded-host",
        "forwarded",
        "x-forwarded-port",
    ]
    .map(|name| request.fields(name))
    .to_vec()
}

fn fields(values: [&str; 7]) -> Vec<Vec<String>> {
    let list = |value: &str| match value {
        "" => Vec::new(),
        value => vec![value.to_owned()],
    };
    values.map(list).to_vec()
}

/// RT-IP-3, RT-IP-4, RT-HDR-2 to -5, MW-CLI-4, MW-CLI-5: what a trusted proxy says counts.
#[test]
fn behind_a_trusted_proxy() {
    let rig = rig(&[]);
    let lines = "X-Forwarded-For: 9.9.9.9, 203.0.113.7\r\nX-Forwarded-For: 10.2.2.2\r\n\
                 X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\n\
                 Forwarded: for=192.0.2.9\r\nX-Forwarded-Port: 444\r\n";
    let expected = fields([
        "203.0.113.7 https",
        "9.9.9.9, 203.0.113.7, 10.2.2.2, 127.0.0.1",
        "203.0.113.7",
        "https",
        "shop.test",
        "for=192.0.2.9",
        "444",
    ]);
    assert_eq!(forwarded(&rig, lines), expected);
    let _ = rig.gateway.line_with(&["client_ip=203.0.113.7"]);
    let lines =
        "X-Forwarded-For: unknown\r\nX-Real-IP: [2001:db8::1]:80\r\nX-Forwarded-Scheme: https\r\n";
    let expected = fields([
        "2001:db8::1 https",
        "unknown, 127.0.0.1",
        "2001:db8::1",
        "https",
        "h.test",
        "",
        "",
    ]);
    assert_eq!(forwarded(&rig, lines), expected);
    let expected = fields([
        "192.0.2.9 http",
        "127.0.0.1",
        "192.0.2.9",
        "http",
        "h.test",
        "for=\"192.0.2.9:1\"",
        "",
    ]);
    assert_eq!(
        forwarded(&rig, "Forwarded: for=\"192.0.2.9:1\"\r\n"),
        expected
    );
    // MW-CLI-5: redirectScheme sees the client's scheme.
    let https = rig.get("/secure", "X-Forwarded-Proto: https\r\n");
    assert_eq!(https.status, 200);
    assert!(rig.get("/secure", "").status >= 300);
    // RT-ROUTE-5: so does the port that an authority leaves out.
    for (lines, route) in [("X-Forwarded-Proto: https\r\n", "over-tls"), ("", "root")] {
        let request = format!("GET /{route} HTTP/1.1\r\nHost: tls.test\r\n{lines}\r\n");
        assert_eq!(rig.ask(&request).status, 200);
        let route = [format!("url=/{route}"), format!("route={route}")];
        let _ = rig.gateway.line_with(&route.each_ref().map(String::as_str));
    }
}

/// RT-IP-2, MW-CLI-2, RT-HDR-2 to -5: what anybody else says does not.
#[test]
fn behind_nobody() {
    let lines = "X-Forwarded-For: 203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n\
                 X-Forwarded-Proto: https\r\nX-Forwarded-Scheme: https\r\n\
                 X-Forwarded-Host: shop.test\r\nForwarded: for=192.0.2.9\r\nX-Forwarded-Port: 444\r\n";
    let rig = rig(&[("TRUSTED", "192.0.2.0/24")]);
    let expected = fields([
        "127.0.0.1 http",
        "127.0.0.1",
        "127.0.0.1",
        "http",
        "h.test",
        "",
        "",
    ]);
    assert_eq!(forwarded(&rig, lines), expected);
    let request = rig.backend.request(0);
    assert!(request.fields("x-forwarded-scheme").is_empty());
    assert!(rig.get("/secure", lines).status >= 300);
}

/// MW-CLI-3: a list that turns out empty at start.
#[test]
fn nobody_to_trust() {
    let env = [
        ("LISTEN", "127.0.0.1:0"),
        ("A", "http://127.0.0.1:1"),
        ("TRUSTED", "10.0.0.0/33"),
    ];
    let (code, _, errors) = goma_tests::gateway::run_to_end("edge", &["--check"], &env);
    assert_eq!(code, 1);
    assert!(
        errors.contains("error[bad-cidr]: gateway.proxy.trustedProxies[0]: "),
        "{errors}"
    );
}
