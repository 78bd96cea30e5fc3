//! Backends over TLS (RT-UP-3, RT-MTLS-2): sessions of Python's OpenSSL, certificates of `openssl`.

use goma_tests::gateway::run_to_end;
use goma_tests::tls::{Authority, Pair, TlsEnd};
use goma_tests::{Backend, Gateway, after, wait_until};

use super::Rig;

/// A backend behind TLS, a gateway that trusts its authority, and what is said between them.
struct Secured {
    rig: Rig,
    end: TlsEnd,
    authority: Authority,
}

/// One that is reached by this host with a certificate for these names.
fn secured(name: &str, host: &str, names: &str, options: &[&str]) -> Secured {
    let authority = Authority::new(name);
    let pair = authority.issue("backend", names);
    secured_by(authority, &pair, host, options)
}

fn secured_by(authority: Authority, pair: &Pair, host: &str, options: &[&str]) -> Secured {
    let backend = Backend::ok();
    let end = TlsEnd::start(&backend, pair, options);
    let url = end.url(host);
    let env = [("A", url.as_str()), ("CA", &authority.certificate())];
    let rig = Rig::of("tls", backend, &env).alone();
    Secured {
        rig,
        end,
        authority,
    }
}

impl Secured {
    /// The status of a route, and the line that says why.
    fn refused(&self, path: &str) -> (u16, String) {
        let status = self.rig.get(path, "").status;
        (status, self.rig.gateway.line_with(&["Proxy error"]))
    }
}

/// RT-UP-3: by name and by address, on TLS 1.3 and 1.2; the name is said (SNI), an address is not.
#[test]
fn a_backend_is_who_it_says() {
    for (host, names, options, said) in [
        ("localhost", "DNS:localhost", &[][..], "TLSv1.3 localhost"),
        ("127.0.0.1", "IP:127.0.0.1", &[], "TLSv1.3 None"),
        (
            "localhost",
            "DNS:localhost",
            &["--tls12"],
            "TLSv1.2 localhost",
        ),
    ] {
        let secured = secured("said", host, names, options);
        let response = secured.rig.get("/own?x=1", "");
        assert_eq!((response.status, response.text().as_str()), (200, "ok"));
        let request = secured.rig.backend.request(0);
        assert!(
            request.head.starts_with("GET /own?x=1 HTTP/1.1\r\n"),
            "{}",
            request.head
        );
        let first = &secured.end.handshakes(1)[0];
        assert_eq!(*first, format!("{said} resumed=False nobody"));
    }
}

/// RT-UP-3, RT-ERR-15: whom the certificate does not name, whose authority is unknown, whose time is over,
/// and who speaks an old version; the log says which, and nothing reaches the backend.
#[test]
fn who_is_not_believed() {
    let other = Authority::new("other");
    let stranger = other.issue("backend", "DNS:localhost");
    let known = Authority::new("known");
    let expired = known.issue_expired("backend", "DNS:localhost");
    let named = known.issue("named", "DNS:else.test");
    let good = known.issue("good", "DNS:localhost");
    let env = ("CA", known.certificate());
    for (pair, options, causes) in [
        (&named, &[][..], ["not valid for name", "localhost"]),
        (
            &stranger,
            &[],
            ["invalid peer certificate", "UnknownIssuer"],
        ),
        (&expired, &[], ["invalid peer certificate", "xpired"]),
        (
            &good,
            &["--tls11"],
            ["TLS handshake with localhost", "ProtocolVersion"],
        ),
    ] {
        let backend = Backend::ok();
        let end = TlsEnd::start(&backend, pair, options);
        let url = end.url("localhost");
        let rig = Rig::of("tls", backend, &[("A", &url), (env.0, &env.1)]).alone();
        assert_eq!(rig.get("/own", "").status, 502, "{causes:?}");
        let mut texts = vec!["Proxy error", "route=own", "TLS handshake with localhost:"];
        texts.extend(causes);
        let _ = rig.gateway.line_with(&texts);
        // The handshake has ended on the other side too.
        let _ = end.handshakes(1);
        assert_eq!(rig.count(), 0);
    }
}

/// 6.3, 7.4: `insecureSkipVerify` of the transport is the default of routes; a route that says false
/// verifies.
#[test]
fn verification_is_switched_off_and_on() {
    let stranger = Authority::new("stranger");
    let pair = stranger.issue("backend", "DNS:else.test");
    let own = Authority::new("mine");
    let backend = Backend::ok();
    let end = TlsEnd::start(&backend, &pair, &[]);
    let url = end.url("localhost");
    let env = [("A", &*url), ("ANY", &url), ("CA", &own.certificate())];
    let rig = Rig::of("tls", backend, &env).alone();
    assert_eq!(rig.get("/any", "").status, 200);
    assert_eq!(rig.get("/own", "").status, 502);
}

/// RT-UP-3: without `rootCAs` the roots of the system decide.
#[test]
fn roots_of_the_system() {
    let secured = secured("system", "localhost", "DNS:localhost", &[]);
    let url = secured.end.url("localhost");
    let authority = secured.authority.certificate();
    let own = Authority::new("of-own");
    let start = |roots: &str, own: &str| {
        let env = [
            ("A", &*url),
            ("SYSTEM", &url),
            ("CA", own),
            ("SSL_CERT_FILE", roots),
        ];
        Gateway::start("tls", &env)
    };
    let status = |gateway: &Gateway, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        gateway.connect().send(request).response().status
    };
    let gateway = start(&authority, &own.certificate());
    // `rootCAs` takes their place.
    assert_eq!(status(&gateway, "/system"), 200);
    assert_eq!(status(&gateway, "/own"), 502);
    let gateway = start(&own.certificate(), &authority);
    assert_eq!(status(&gateway, "/system"), 502);
    assert_eq!(status(&gateway, "/own"), 200);
}

/// RT-MTLS-2: the route's certificate is shown to who asks for it; to who gets none, nothing is said.
#[test]
fn a_client_certificate() {
    let clients = Authority::new("clients");
    let shown = clients.issue("gateway", "DNS:gateway.test");
    let authority = Authority::new("servers");
    let pair = authority.issue("backend", "DNS:localhost");
    let backend = Backend::ok();
    let end = TlsEnd::start(&backend, &pair, &["--clients", &clients.certificate()]);
    let url = end.url("localhost");
    let key = std::fs::read_to_string(&shown.key).unwrap();
    let env = [
        ("A", &*url),
        ("MUTUAL", &url),
        ("CA", &authority.text()),
        ("CERT", &shown.certificate),
        ("KEY", &key),
    ];
    let rig = Rig::of("tls", backend, &env).alone();
    assert_eq!(rig.get("/mutual", "").status, 200);
    assert!(end.handshakes(1)[0].ends_with(" gateway"));
    // The route without one does not use the other's connection either (RT-UP-5).
    assert_eq!(rig.get("/own", "").status, 502);
    let _ = rig
        .gateway
        .line_with(&["Proxy error", "route=own", "CertificateRequired"]);
    assert_eq!(rig.count(), 1);
    let lines = rig.gateway.lines().join("\n");
    assert!(!lines.contains("PRIVATE KEY") && !lines.contains(key.lines().nth(1).unwrap()));
}

/// RT-ERR-16, 6.3 `tlsHandshakeTimeout`
#[test]
fn a_handshake_that_stalls() {
    let secured = secured("stall", "localhost", "DNS:localhost", &["--stall"]);
    let (status, line) = after(900, || secured.refused("/own"));
    assert_eq!(status, 504);
    assert!(line.contains("TLS handshake timed out"), "{line}");
    // One failure, one line.
    let errors = secured.rig.gateway.lines();
    let errors = errors.iter().filter(|line| line.contains("Proxy error"));
    assert_eq!(errors.count(), 1);
}

/// Connections are kept, bodies of any size pass both ways, and a later session is a resumed one.
#[test]
fn sessions_are_kept_and_resumed() {
    let authority = Authority::new("kept");
    let pair = authority.issue("backend", "DNS:localhost");
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let is_last = request.head.contains("/own/last");
            let close = if is_last { "Connection: close\r\n" } else { "" };
            let length = request.body.len();
            let head = format!("HTTP/1.1 200 OK\r\n{close}Content-Length: {length}\r\n\r\n");
            connection.send(head);
            connection.send(request.body);
            if is_last {
                return connection.close();
            }
        }
    });
    let end = TlsEnd::start(&backend, &pair, &[]);
    let url = end.url("localhost");
    let env = [("A", &*url), ("CA", &authority.certificate())];
    let rig = Rig::of("tls", backend, &env).alone();
    let mut client = rig.gateway.connect();
    let body: String = (0..3 << 20)
        .map(|index: u32| char::from(b'a' + (index % 23) as u8))
        .collect();
    for path in ["/own", "/own", "/own/last", "/own"] {
        let length = body.len();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        let response = client.response();
        assert!(response.status == 200 && response.text() == body, "{path}");
    }
    let handshakes = end.handshakes(2);
    assert_eq!(
        handshakes,
        [
            "TLSv1.3 localhost resumed=False nobody",
            "TLSv1.3 localhost resumed=True nobody"
        ]
    );
}

/// RT-UP-9, RT-ERR-14: a backend without a session is passed over; nobody has seen the request.
#[test]
fn the_next_backend_after_a_failed_handshake() {
    let stranger = Authority::new("first");
    let first = Backend::ok();
    let wrong = TlsEnd::start(&first, &stranger.issue("backend", "DNS:localhost"), &[]);
    let authority = Authority::new("second");
    let pair = authority.issue("backend", "DNS:localhost");
    let backend = Backend::ok();
    let end = TlsEnd::start(&backend, &pair, &[]);
    let (a, b) = (end.url("localhost"), wrong.url("localhost"));
    let env = [
        ("A", &*a),
        ("FIRST", &b),
        ("CHECKED", &a),
        ("CA", &authority.certificate()),
    ];
    let rig = Rig::of("tls", backend, &env).alone();
    for _ in 0..4 {
        assert_eq!(rig.get("/pair", "").status, 200);
    }
    let line = rig.gateway.line_with(&["Proxy error", "route=pair"]);
    assert!(line.contains("UnknownIssuer"), "{line}");
    assert!(first.requests().is_empty());
    // RT-HEALTH-1: so it is found by its checks, which speak TLS as requests do.
    let cause = rig
        .gateway
        .line_with(&["Backend is down", "route=checked", &b]);
    assert!(cause.contains("UnknownIssuer"), "{cause}");
    for _ in 0..4 {
        assert_eq!(rig.get("/checked", "").status, 200);
    }
    wait_until("a check has reached the backend", || {
        let requests = rig.backend.requests();
        let mut heads = requests.iter().map(|request| request.head.as_str());
        heads.any(|head| head.starts_with("GET /up HTTP/1.1\r\nHost: localhost:"))
    });
    assert_eq!(
        rig.gateway
            .lines()
            .iter()
            .filter(|line| line.contains("route=checked") && line.contains("Proxy error"))
            .count(),
        0
    );
}

/// RFC 9112 9.8, RT-ERR-18: a body that only the end of the connection ends is complete only if the backend
/// has said that it ends there.
#[test]
fn a_body_that_is_cut() {
    for (options, whole) in [(&[][..], true), (&["--cut"], false)] {
        let authority = Authority::new("cut");
        let pair = authority.issue("backend", "DNS:localhost");
        let backend = Backend::script(|connection| {
            let _ = connection.request();
            connection.send("HTTP/1.1 200 OK\r\n\r\nbody");
            connection.close();
        });
        let end = TlsEnd::start(&backend, &pair, options);
        let url = end.url("localhost");
        let env = [("A", &*url), ("CA", &authority.certificate())];
        let rig = Rig::of("tls", backend, &env).alone();
        let mut client = rig.gateway.connect();
        client.send("GET /own HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let bytes = client.to_end();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("4\r\nbody\r\n"), "{text}");
        assert_eq!(text.ends_with("0\r\n\r\n"), whole, "{text}");
        let _ = rig.gateway.line_with(&["Proxied request", "route=own"]);
    }
}

/// RT-START-1: what cannot work is said before a socket is bound, at its place, and without secrets.
#[test]
fn what_cannot_work_does_not_start() {
    let authority = Authority::new("start");
    let one = authority.issue("one", "DNS:localhost");
    let other = authority.issue("other", "DNS:localhost");
    let ca = authority.certificate();
    let check = |env: &[(&str, &str)]| {
        let base = [
            ("LISTEN", "127.0.0.1:0"),
            ("A", "http://127.0.0.1:1"),
            ("CA", &*ca),
            ("SSL_CERT_FILE", &ca),
        ];
        let (code, _, errors) = run_to_end("tls", &["--check"], &[&base, env].concat());
        assert!(!errors.contains("MII"), "{errors}");
        (code, errors)
    };
    let mutual = ("MUTUAL", "https://127.0.0.1:1");
    let cert = ("CERT", one.certificate.as_str());
    let (code, errors) = check(&[mutual, cert, ("KEY", &one.key)]);
    assert_eq!((code, errors.as_str()), (0, ""));
    for (env, expected) in [
        (
            vec![mutual, cert, ("KEY", &other.key)],
            "error[tls-load]: gateway.routes[3].security.tls.clientKey: ",
        ),
        (
            vec![mutual, cert],
            "error[file-missing]: gateway.routes[3].security.tls.clientKey: ",
        ),
        (
            vec![mutual, cert, ("KEY", &one.certificate)],
            "error[tls-load]: gateway.routes[3].security.tls.clientKey: ",
        ),
        (
            vec![mutual, ("CERT", &one.key), ("KEY", &one.key)],
            "error[tls-load]: gateway.routes[3].security.tls.clientCert: ",
        ),
        (
            vec![mutual, ("CA", "")],
            "error[file-missing]: gateway.routes[3].security.tls.rootCAs: ",
        ),
        (
            vec![
                ("SYSTEM", "https://127.0.0.1:1"),
                ("SSL_CERT_FILE", "/dev/null"),
                ("SSL_CERT_DIR", "/nowhere"),
            ],
            "error[tls-load]: gateway.routes[1].target: ",
        ),
    ] {
        let (code, errors) = check(&env);
        assert!(code == 1 && errors.contains(expected), "{errors}");
        assert!(
            errors.starts_with("tests/specs/tls.yaml:") || errors.contains("tls.yaml:"),
            "{errors}"
        );
    }
}
