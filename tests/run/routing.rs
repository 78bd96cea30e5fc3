//! Which route answers, and what path the backend sees.

use super::Rig;

/// The route that answers GET for a host and a path, by the field its policy sets.
fn route(rig: &Rig, host: &str, path: &str) -> String {
    let response = rig.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    response
        .field("x-route")
        .unwrap_or_else(|| response.status.to_string())
}

/// RT-ROUTE-1, -2, -3, -5, -8
#[test]
fn hosts_and_paths_decide() {
    let rig = Rig::new();
    for (host, path, expected) in [
        ("h.test", "/", "root"),
        ("h.test", "/x/y", "root"),
        ("h.test", "/api", "api"),
        ("h.test", "/api/", "api"),
        ("h.test", "/api/x", "api"),
        ("h.test", "/apiary", "root"),
        ("h.test", "/API", "root"),
        ("h.test", "/api/deep/x", "api-deep"),
        ("h.test", "/off", "root"),
        ("a.test", "/x", "host"),
        ("A.Test.", "/x", "host"),
        ("a.test:81", "/x", "host"),
        ("a.test:8080", "/x", "host-port"),
        ("a.test", "/api", "api"),
        ("x.a.test", "/x", "wild"),
        ("x.y.a.test", "/x", "wild"),
        ("x.b.a.test", "/x", "wild-long"),
        ("x.c.test", "/x", "one-label"),
        ("x.y.c.test", "/x", "root"),
        ("only.test", "/only", "only-host"),
        ("h.test", "/only", "root"),
    ] {
        assert_eq!(route(&rig, host, path), expected, "{host}{path}");
    }
}

/// RT-ROUTE-1: an absolute target's authority replaces `Host`; `X-Forwarded-Host` is not used.
#[test]
fn the_authority_decides() {
    let rig = Rig::new();
    let absolute = "GET http://A.test/x HTTP/1.1\r\nHost: h.test\r\n\r\n";
    assert_eq!(rig.ask(absolute).field("x-route").unwrap(), "host");
    assert_eq!(rig.backend.request(0).fields("host"), ["A.test"]);
    let forwarded = rig.get("/x", "X-Forwarded-Host: a.test\r\n");
    assert_eq!(forwarded.field("x-route").unwrap(), "root");
}

/// RT-PATH-1, -2, -3, -4: one reading for the route, and what is forwarded.
#[test]
fn paths_have_one_reading() {
    let rig = Rig::new();
    for (sent, route, forwarded) in [
        ("/%61pi/x", "api", "/v1/x"),
        ("/x/../api/y", "api", "/v1/y"),
        ("/api/./y/", "api", "/v1/y/"),
        ("//api//x", "api", "/v1/x"),
        ("/x//y", "root", "/x//y"),
        ("/x/%2e/y", "root", "/x/y"),
        ("/api%2Fx", "root", "/api%2Fx"),
        ("/a%5Cb?q=/../%2e", "root", "/a%5Cb?q=/../%2e"),
    ] {
        let index = rig.count();
        let response = rig.get(sent, "");
        assert_eq!(response.field("x-route").unwrap(), route, "{sent}");
        assert_eq!(rig.backend.request(index).target(), forwarded, "{sent}");
    }
}

/// RT-PATH-2, -5, -6: 400, and the backend hears nothing.
#[test]
fn ambiguous_paths_are_refused() {
    let rig = Rig::new();
    for path in [
        "/..",
        "/a/../..",
        "/%2e%2e/x",
        "/.%2e/x",
        "/..%2fx",
        "/..%5cx",
        "/..;x/y",
        "/%zz",
        "/%2",
        "/a\\b",
        "/a#b",
        "/%00",
    ] {
        assert_eq!(rig.get(path, "").status, 400, "{path}");
    }
    assert_eq!(rig.count(), 0);
}

/// RT-REWRITE-1, -2, -3, -4, RT-UP-2
#[test]
fn rewrite_and_backend_path() {
    let rig = Rig::new();
    for (host, sent, forwarded) in [
        ("v1.test", "/x?q=1", "/v1/x?q=1"),
        ("v1.test", "/", "/v1/"),
        ("v1.test", "/api", "/"),
        ("v1.test", "/api/", "/"),
        ("v1.test", "/api/a/", "/a/"),
        ("h.test", "/api/x", "/v1/x"),
        ("h.test", "/api/x//y", "/v1/x/y"),
        ("h.test", "/api/deep/x", "/base/api/deep/x"),
    ] {
        let index = rig.count();
        let request = format!("GET {sent} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(rig.ask(&request).status, 200, "{sent}");
        assert_eq!(
            rig.backend.request(index).target(),
            forwarded,
            "{host}{sent}"
        );
    }
}

/// RT-METHOD-1, RT-METHOD-2, RT-SEM-5, RT-SEM-6, RT-ERR-11
#[test]
fn methods() {
    let rig = Rig::new();
    let put = rig.ask("PUT /api/x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        (put.status, put.field("allow").unwrap()),
        (405, "GET, POST".to_owned())
    );
    assert_eq!(put.text(), "405 PUT method not allowed\n");
    let head = rig.ask("HEAD /api/x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head.status, 405);
    assert_eq!(rig.ask("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n").status, 405);
    assert_eq!(
        rig.ask("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n")
            .status,
        405
    );
    let asterisk = rig.ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((asterisk.status, asterisk.text()), (200, String::new()));
    let last_hop = rig.ask("OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
    assert_eq!(last_hop.status, 200);
    assert!(last_hop.field("allow").is_some());
    assert_eq!(rig.count(), 0);
    assert_eq!(
        rig.ask("OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 3\r\n\r\n")
            .status,
        200
    );
    assert_eq!(rig.backend.request(0).fields("max-forwards"), ["2"]);
    assert_eq!(rig.ask("BREW / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    assert!(
        rig.backend
            .request(1)
            .head
            .starts_with("BREW / HTTP/1.1\r\n")
    );
}

/// RT-ROUTE-10, RT-OBS-1: the gateway's own endpoints outrank routes for GET and HEAD.
#[test]
fn own_endpoints() {
    let rig = Rig::new();
    let document = "{\"name\":\"Service Gateway\",\"status\":\"running\",\"error\":\"\"}\n";
    for path in ["/readyz", "/healthz"] {
        let response = rig.get(path, "");
        assert_eq!((response.status, response.text().as_str()), (200, document));
        assert_eq!(response.field("content-type").unwrap(), "application/json");
    }
    assert_eq!(
        rig.ask("HEAD /readyz HTTP/1.1\r\nHost: h\r\n\r\n").status,
        200
    );
    assert_eq!(rig.count(), 0);
    let post = rig.ask("POST /readyz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(post.field("x-route").unwrap(), "root");
}
