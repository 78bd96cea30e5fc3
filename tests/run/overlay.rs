//! Live values of a running gateway (RT-OVER).

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use goma_tests::build::target;
use goma_tests::gateway::run_to_end;
use goma_tests::{Backend, Gateway, Load, wait_until};

/// How long a change may take to act (RT-OVER-3).
const ACTS_WITHIN: Duration = Duration::from_secs(1);

/// A gateway whose overlay a test writes.
struct Rig {
    gateway: Gateway,
    file: PathBuf,
}

fn file(name: &str) -> PathBuf {
    let home = target().join("e2e/overlays");
    std::fs::create_dir_all(&home).unwrap();
    let file = home.join(format!("{name}-{}.yaml", std::process::id()));
    let _ = std::fs::remove_file(&file);
    file
}

fn base<'a>(backend: &'a str, file: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("A", backend),
        ("PORT", "0"),
        ("DNS_PORT", "0"),
        ("GOMA_OVERLAY_FILE", file),
    ]
}

impl Rig {
    fn new(name: &str, backend: &Backend) -> Self {
        let file = file(name);
        let url = backend.url();
        let gateway = Gateway::start("live", &base(&url, file.to_str().unwrap()));
        Self { gateway, file }
    }

    /// As editors and ConfigMaps do it.
    fn replace(&self, text: &str) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &self.file).unwrap();
    }

    fn status(&self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        self.gateway.connect().send(request).response().status
    }

    fn applied(&self) -> usize {
        let lines = self.gateway.lines();
        lines
            .iter()
            .filter(|line| line.contains("Overlay applied"))
            .count()
    }

    /// Waits until all cores have it, and holds how long that took against the rule.
    fn apply(&self, text: &str, acts: impl Fn() -> bool) {
        let before = self.applied();
        self.replace(text);
        let begun = Instant::now();
        // Each new connection may come to another core.
        wait_until("the overlay acts", || (0..8).all(|_| acts()));
        assert!(
            begun.elapsed() < ACTS_WITHIN * 5,
            "on a busy machine: {:?}",
            begun.elapsed()
        );
        wait_until("it is logged", || self.applied() > before);
    }
}

fn named(name: &'static str) -> Backend {
    Backend::script(move |connection| {
        while connection.request().is_some() {
            let length = name.len();
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}"
            ));
        }
    })
}

/// RT-OVER-3, RT-OVER-4: backends change under load, on kept and new connections, and no request fails; who
/// is sent a request then is one of the new ones.
#[test]
fn backends_change_under_load() {
    let (one, other) = (named("one"), named("other"));
    let rig = Rig::new("load", &one);
    let load = Load::start(rig.gateway.port(), "/", 4);
    load.go_on(100);
    let comes_from = |wanted: &str| {
        let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        rig.gateway.connect().send(request).response().text() == wanted
    };
    for round in 0..6 {
        let (url, name) = match round % 2 {
            0 => (other.url(), "other"),
            _ => (one.url(), "one"),
        };
        let text = format!("routes: {{site: {{backends: [{{endpoint: \"{url}\"}}]}}}} # {round}");
        rig.apply(&text, || comes_from(name));
        load.go_on(100);
    }
    let text = format!(
        "routes: {{site: {{backends: [{{endpoint: \"{}\", weight: 3}}, {{endpoint: \"{}\", weight: 1}}]}}}}",
        one.url(),
        other.url()
    );
    rig.apply(&text, || true);
    wait_until("both get requests", || comes_from("one"));
    wait_until("both get requests", || comes_from("other"));
    std::fs::remove_file(&rig.file).unwrap();
    wait_until("the built-in values are back", || {
        (0..8).all(|_| comes_from("one"))
    });
    assert!(load.end() > 700);
}

/// RT-OVER-1, RT-OVER-2, RT-OBS-8, RT-MAINT-1: routes open and close; what is refused changes nothing.
#[test]
fn routes_open_and_close() {
    let rig = Rig::new("routes", &named("one"));
    let hash = || {
        let request = "GET /healthz/build HTTP/1.1\r\nHost: h\r\n\r\n";
        let text = rig.gateway.connect().send(request).response().text();
        let hash = text.split("\"overlay\":\"").nth(1).unwrap();
        hash.split('"').next().unwrap().to_owned()
    };
    assert_eq!((rig.status("/"), hash().as_str()), (200, ""));
    // The site takes what a route that is off does not.
    rig.apply("routes: {site: {enabled: false}}", || {
        rig.status("/spare") == 404
    });
    rig.apply(
        "routes: {site: {enabled: false}, spare: {enabled: true}}",
        || rig.status("/spare") == 200 && rig.status("/") == 404,
    );
    let applied = hash();
    assert_eq!(applied.len(), 16);
    let _ = rig.gateway.line_with(&["Overlay applied", &applied]);
    rig.replace("routes:\n  spare: {enabled: true}\n  site: {enabled: true, path: /x}\n");
    let name = rig.file.to_str().unwrap();
    let refused = [
        "Overlay refused",
        &format!("{name}:3:25: error[overlay-refused]: routes.site.path: needs a rebuild"),
    ];
    let _ = rig.gateway.line_with(&refused);
    assert_eq!(
        (rig.status("/"), rig.status("/spare"), hash()),
        (404, 200, applied)
    );
    rig.replace("routes: {twin: {enabled: true}}");
    let _ = rig
        .gateway
        .line_with(&["Overlay refused", "routes.twin.enabled", "`other-twin`"]);
    let closed = "routes: {site: {maintenance: {enabled: true, message: soon, retryAfter: 60}}}";
    rig.apply(closed, || rig.status("/") == 503);
    let response = rig
        .gateway
        .connect()
        .send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .response();
    assert_eq!(response.field("retry-after").as_deref(), Some("60"));
    assert!(response.text().contains("soon"), "{}", response.text());
    // RT-SEM-3: these have no body, and the connection goes on behind them.
    for (status, length) in [(304, None), (205, Some("0"))] {
        let closed =
            format!("routes: {{site: {{maintenance: {{enabled: true, statusCode: {status}}}}}}}");
        rig.apply(&closed, || rig.status("/") == status);
        let mut client = rig.gateway.connect();
        for _ in 0..2 {
            let response = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").response();
            assert_eq!(response.status, status);
            assert_eq!(response.field("content-length").as_deref(), length);
        }
    }
    rig.apply("", || rig.status("/") == 200);
    assert_eq!(hash(), "");
}

/// RT-OVER-4, RT-HEALTH-4: new endpoints are checked, those that are gone are not any more.
#[test]
fn checks_follow() {
    let (one, other) = (named("one"), named("other"));
    let rig = Rig::new("checks", &one);
    let checks = |backend: &Backend| {
        let all = backend.requests();
        all.iter()
            .filter(|request| request.head.contains("goma-gateway/"))
            .count()
    };
    wait_until("the first is checked", || checks(&one) > 0);
    let text = format!(
        "routes: {{checked: {{backends: [{{endpoint: \"{}\"}}]}}}}",
        other.url()
    );
    rig.apply(&text, || checks(&other) > 1);
    let before = checks(&one);
    wait_until("the other is checked", || checks(&other) > 3);
    assert!(checks(&one) <= before + 1);
    let text = "routes: {checked: {backends: [{endpoint: \"http://127.0.0.1:9\"}]}}";
    let report = || {
        let request = "GET /healthz/routes HTTP/1.1\r\nHost: h\r\n\r\n";
        rig.gateway.connect().send(request).response().text()
    };
    rig.apply(text, || {
        report().contains("\"name\":\"checked\",\"status\":\"unhealthy\"")
    });
    rig.apply("routes: {checked: {enabled: false}}", || {
        report().contains("\"routes\":[]")
    });
}

/// RT-START-1, RT-START-6, RT-OVER-2: at start a refused overlay ends the gateway.
#[test]
fn an_overlay_that_is_wrong_at_start() {
    let file = file("wrong");
    std::fs::write(&file, "routes:\n  none: {enabled: true}\n").unwrap();
    let name = file.to_str().unwrap();
    let expected = format!("{name}:2:3: error[overlay-refused]: routes.none: needs a rebuild: ");
    let env = [("LISTEN", "127.0.0.1:0"), ("PORT", "0"), ("DNS_PORT", "0")];
    for arguments in [&["--overlay", name][..], &["--check", "--overlay", name]] {
        let (code, output, errors) = run_to_end("live", arguments, &env);
        assert_eq!((code, output.as_str()), (1, ""));
        assert!(errors.starts_with(&expected), "{errors}");
    }
    assert_eq!(
        run_to_end("live", &["--check", "--overlay=/does/not/exist"], &env).0,
        0
    );
}
