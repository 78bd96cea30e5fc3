//! Fields that the gateway removes, makes and keeps.

use super::Rig;
use goma_tests::Backend;

/// RT-HDR-1, MW-GEN-11: hop-by-hop fields, and those that `Connection` names.
#[test]
fn hop_by_hop_fields_do_not_pass() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n\
         X-Kept: 1\r\nUpgrade: foo\r\n\r\n",
    );
    let rig = Rig::with(backend, &[]);
    let response = rig.get(
        "/",
        "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nProxy-Authorization: s\r\n\
         TE: trailers, gzip\r\nTrailer: X\r\nUpgrade: foo\r\nX-Kept: 1\r\nx-kept: 2\r\n",
    );
    let request = rig.backend.request(0);
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-authorization",
        "trailer",
        "upgrade",
    ] {
        assert!(request.fields(name).is_empty(), "{name}");
    }
    assert_eq!(request.fields("te"), ["trailers"]);
    assert_eq!(request.fields("x-kept"), ["1", "2"]);
    for name in ["keep-alive", "proxy-connection", "upgrade", "connection"] {
        assert!(response.field(name).is_none(), "{name}");
    }
    assert_eq!(response.fields("x-kept"), ["1"]);
}

/// RT-HDR-2 to -8, RT-IP-1: the peer is not trusted, so its claims are replaced.
#[test]
fn forwarding_fields() {
    let rig = Rig::new();
    let response = rig.ask(
        "GET /x HTTP/1.1\r\nHost: H.test:81\r\nX-Forwarded-For: 9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n\
         Forwarded: for=9.9.9.9\r\nX-Request-ID: my.id_1-2\r\n\r\n",
    );
    let request = rig.backend.request(0);
    for (name, expected) in [
        ("host", "H.test:81"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "H.test:81"),
        ("x-request-id", "my.id_1-2"),
    ] {
        assert_eq!(request.fields(name), [expected], "{name}");
    }
    for name in [
        "forwarded",
        "x-forwarded-port",
        "user-agent",
        "accept-encoding",
        "via",
    ] {
        assert!(request.fields(name).is_empty(), "{name}");
    }
    assert_eq!(response.fields("x-goma-request-id"), ["my.id_1-2"]);
}

/// RT-HDR-8: other ids are replaced by 32 hex digits.
#[test]
fn request_ids() {
    let rig = Rig::new();
    for (index, sent) in ["", "X-Request-ID: a b\r\n", "X-Request-ID: a,b\r\n"]
        .iter()
        .enumerate()
    {
        let id = rig.get("/", sent).field("x-goma-request-id").unwrap();
        assert_eq!(id.len(), 32);
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        );
        assert_eq!(rig.backend.request(index).fields("x-request-id"), [id]);
    }
    // Some backends make no difference between `_` and `-`.
    rig.get(
        "/",
        "X_Request_ID: forged\r\nX_Forwarded_For: 192.0.2.1\r\nX_A: 1\r\n",
    );
    let request = rig.backend.request(rig.count() - 1);
    assert!(request.fields("x_request_id").is_empty());
    assert!(request.fields("x_forwarded_for").is_empty());
    assert_eq!(request.fields("x_a"), ["1"]);
}

/// RT-HDR-9, RT-SEM-8, MW-ERR-7: on proxied and on generated responses.
#[test]
fn the_gateway_s_own_fields() {
    let rig = Rig::new();
    for path in ["/", "/readyz", "/m/auth"] {
        let response = rig.get(path, "");
        assert_eq!(response.fields("proxied-by"), ["Goma Gateway"], "{path}");
        assert!(response.field("server").is_none(), "{path}");
        assert_eq!(response.fields("date").len(), 1, "{path}");
        assert_eq!(response.fields("x-goma-request-id").len(), 1, "{path}");
    }
}

/// RT-ERR-1, RT-ERR-2, MW-ERR-1 to -6
#[test]
fn generated_answers_are_negotiated() {
    let rig = Rig::new();
    let ask = |lines: &str| {
        let response = rig.ask(&format!("PUT /api HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        (response.field("content-type").unwrap(), response.text())
    };
    let text = (
        "text/plain; charset=utf-8".to_owned(),
        "405 PUT method not allowed\n".to_owned(),
    );
    assert_eq!(ask(""), text);
    assert_eq!(ask("Accept: */*\r\n"), text);
    let json = "{\"success\":false,\"statusCode\":405,\"error\":\"405 PUT method not allowed\"}\n";
    assert_eq!(
        ask("Accept: application/json, */*\r\n"),
        ("application/json".into(), json.into())
    );
    assert_eq!(ask("Content-Type: application/json\r\n").1, json);
    let xml = ask("Accept: text/html;q=0.1, text/xml\r\n");
    assert_eq!(xml.0, "text/xml");
    assert!(
        xml.1
            .starts_with("<error><success>false</success><statusCode>405</statusCode>")
    );
    let unauthorized = rig.get("/m/auth", "");
    assert_eq!(unauthorized.field("cache-control").unwrap(), "no-store");
}
