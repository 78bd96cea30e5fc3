//! The access log.

use super::Rig;
use goma_tests::Backend;

const REQUEST: &str = "GET /api/x?token=s HTTP/1.1\r\nHost: h.test:81\r\nX-Request-ID: id1\r\n\
                       User-Agent: a \"b\"\r\nReferer: r=1\r\n\r\n";

/// RT-LOG-1, -2, -3, -4: text
#[test]
fn text() {
    let rig = Rig::new();
    rig.ask(REQUEST);
    let line = rig.gateway.line_with(&["request_id=id1"]);
    let (head, fields) = line.split_once(" request_id=").unwrap();
    assert!(head.ends_with(" INFO Proxied request"), "{line}");
    assert_eq!(
        head.len(),
        "2025/07/15 17:58:04 INFO Proxied request".len(),
        "{line}"
    );
    let (before, after) = fields.split_once(" duration=").unwrap();
    assert_eq!(
        before,
        "id1 method=GET url=/api/x http_version=HTTP/1.1 host=h.test:81 client_ip=127.0.0.1 \
         referer=\"r=1\" status=200"
    );
    let (duration, after) = after.split_once(' ').unwrap();
    assert!(
        duration.ends_with("ns") || duration.ends_with('s'),
        "{line}"
    );
    let expected = format!(
        "route=api user_agent=\"a \\\"b\\\"\" backend={} bytes_out=2 duration_ms=",
        rig.backend.url()
    );
    assert!(after.starts_with(&expected), "{line}");
}

/// RT-LOG-4: JSON
#[test]
fn json() {
    let rig = Rig::with(Backend::ok(), &[("LOG_FORMAT", "json")]);
    rig.ask(REQUEST);
    let line = rig.gateway.line_with(&["\"request_id\":\"id1\""]);
    assert!(
        line.starts_with("{\"time\":\"20") && line.ends_with('}'),
        "{line}"
    );
    assert!(
        line.contains("Z\",\"level\":\"INFO\",\"msg\":\"Proxied request\",\"request_id\""),
        "{line}"
    );
    assert!(line.contains("\"user_agent\":\"a \\\"b\\\"\""), "{line}");
    assert!(line.contains("\"status\":200,\"duration\":\""), "{line}");
}

/// RT-LOG-1, RT-ROUTE-9, RT-LOG-8, RT-LIM-7, RT-OBS-7: levels, and what is said at which.
#[test]
fn levels() {
    let rig = Rig::with(Backend::ok(), &[("A", "http://127.0.0.1:1")]);
    rig.get("/m/auth", "");
    rig.get("/", "");
    rig.get("/healthz", "");
    rig.get("/%zz", "");
    let _ = rig
        .gateway
        .line_with(&["WARN Proxied request", "route=m-auth", "status=401"]);
    let _ = rig
        .gateway
        .line_with(&["ERROR Proxied request", "route=root", "status=502"]);
    let _ = rig
        .gateway
        .line_with(&["ERROR Proxy error", "error=\"connect to"]);
    let _ = rig
        .gateway
        .line_with(&["WARN Request refused", "reason=target", "status=400"]);
    assert!(
        !rig.gateway
            .lines()
            .iter()
            .any(|line| line.contains("healthz"))
    );
}

/// `log.level` hides what is below it; RT-LOG-9: secrets are in no line.
#[test]
fn quiet_and_discreet() {
    let rig = Rig::with(
        Backend::ok(),
        &[("GOMA_LOG_LEVEL", "debug"), ("PLAIN", "hush-hush")],
    );
    rig.get("/m/auth", "Authorization: Basic cGxhaW46aHVzaC1odXNo\r\n");
    rig.get("/healthz", "");
    let _ = rig
        .gateway
        .line_with(&["DEBUG Proxied request", "url=/healthz"]);
    assert!(!rig.gateway.lines().iter().any(|line| line.contains("hush")));
}

/// RT-LOG-5: the debug fields, on by `debug` at any level, without credentials.
#[test]
fn debug_fields() {
    let rig = Rig::of("edge", Backend::ok(), &[("DEBUG", "true")]);
    let response = rig.ask(
        "POST /d?a=1&my_token=t0p HTTP/1.1\r\nHost: h\r\nAuthorization: Basic t0p\r\n\
         X-In: 1\r\nContent-Length: 2\r\n\r\nab",
    );
    assert_eq!(response.status, 200);
    let line = rig.gateway.line_with(&["INFO Proxied request", "url=/d"]);
    let debug = line.split("request_content_length=").nth(1).unwrap();
    let expected = "2 response_body_size=2 request_headers=\"host: h, authorization: [REDACTED], \
                    x-in: 1\" query_params=\"a=1&my_token=[REDACTED]\" response_headers=\"";
    assert!(debug.starts_with(expected), "{line}");
    assert!(debug.contains("proxied-by: Goma Gateway"), "{line}");
    assert!(!line.contains("t0p"), "{line}");
    let main = Rig::new();
    assert_eq!(main.get("/bare", "").status, 200);
    let line = main.gateway.line_with(&["Proxied request", "url=/bare"]);
    assert!(!line.contains("request_headers"), "{line}");
}
