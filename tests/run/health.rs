//! Backends that are killed, frozen, or say that they are not well: checks and ejections
//! (RT-HEALTH), against real processes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use goma_tests::{Backend, Gateway, Process, wait_until};

use super::Rig;

const EJECTED: &str = "WARN Backend ejected after repeated connection failures";

fn rig(backend: Backend, second: &str) -> Rig {
    let env = [("B", second), ("WRITE", "1"), ("STICKY", "k")];
    Rig::of("balance", backend, &env).alone()
}

/// The log's lines with all of these texts.
fn lines(gateway: &Gateway, texts: &[&str]) -> usize {
    let lines = gateway.lines();
    let fits = |line: &&String| texts.iter().all(|text| line.contains(text));
    lines.iter().filter(fits).count()
}

/// Requests that have reached the first backend, checks apart.
fn served(rig: &Rig) -> usize {
    let requests = rig.backend.requests();
    let served = requests
        .iter()
        .filter(|request| request.target() == "/pair");
    served.count()
}

/// How much two shares of a round robin may differ (RT-LB-3).
fn slack() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

/// Asks until `count` lines of the log have these texts; every answer has one of the statuses.
fn ask_until(rig: &Rig, path: &str, statuses: &[u16], (texts, count): (&[&str], usize)) {
    wait_until(&format!("the log has {texts:?}"), || {
        let status = rig.get(path, "").status;
        assert!(statuses.contains(&status), "{status}");
        lines(&rig.gateway, texts) >= count
    });
}

/// RT-HEALTH-7, -8, RT-UP-9: a killed backend costs no request, and after three failures not even a try;
/// on probation one failure ejects it again, one response clears it.
#[test]
fn a_killed_backend() {
    let second = Process::start();
    let rig = rig(Backend::ok(), &second.url());
    for _ in 0..8 {
        assert_eq!(rig.get("/pair", "").status, 200);
    }
    assert!(served(&rig).abs_diff(4) <= slack());
    let address = second.kill();
    let endpoint = format!("endpoint=http://{address}");
    let ejected = [EJECTED, "route=pair", &*endpoint, "eject_for=1.50s"];
    ask_until(&rig, "/pair", &[200], (&ejected, 1));
    let _ = rig.gateway.line_with(&[EJECTED, &endpoint, "ejections=1"]);
    let tries = || lines(&rig.gateway, &["Proxy error", "route=pair"]);
    // Lines of another core may come a moment later.
    wait_until("three tries are in the log", || tries() == 3);
    for _ in 0..10 {
        assert_eq!(rig.get("/pair", "").status, 200);
    }
    assert_eq!(tries(), 3);
    // On probation.
    ask_until(&rig, "/pair", &[200], (&ejected, 2));
    let _ = rig.gateway.line_with(&[EJECTED, &endpoint, "ejections=2"]);
    wait_until("the fourth is too", || tries() == 4);
    let _second = Process::start_at(&address);
    wait_until("the backend is asked again", || {
        let asked = served(&rig);
        rig.get("/pair", "").status == 200 && served(&rig) == asked
    });
    // It has its share from now on.
    let before = served(&rig);
    for _ in 0..20 {
        assert_eq!(rig.get("/pair", "").status, 200);
    }
    assert!((served(&rig) - before).abs_diff(10) <= slack());
    assert_eq!(tries(), 4);
}

/// RT-HEALTH-7, RT-ERR-16: a frozen backend takes connections and never answers.
#[test]
fn a_frozen_backend() {
    let second = Process::start();
    let rig = rig(Backend::ok(), &second.url());
    second.freeze();
    ask_until(&rig, "/pair", &[200, 504], (&[EJECTED, "route=pair"], 1));
    wait_until("three requests in the log took too long", || {
        lines(&rig.gateway, &["status=504", "route=pair"]) == 3
    });
    let before = served(&rig);
    for _ in 0..10 {
        assert_eq!(rig.get("/pair", "").status, 200);
    }
    assert_eq!(served(&rig) - before, 10);
    second.thaw();
}

/// RT-HEALTH-9, RT-HEALTH-5: when all are ejected, ejections are ignored; a single backend never is.
#[test]
fn all_are_ejected() {
    let nobody = Process::start().kill();
    let url = format!("http://{nobody}");
    let gateway = Gateway::start("balance", &[("A", &url), ("B", &url), ("STICKY", "k")]);
    let ask = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        gateway.connect().send(&request).response().status
    };
    for _ in 0..8 {
        assert_eq!((ask("/pair"), ask("/single")), (502, 502));
    }
    let _ = gateway.line_with(&[EJECTED, "route=pair"]);
    assert_eq!(lines(&gateway, &[EJECTED, "route=single"]), 0);
    let _back = Process::start_at(&nobody);
    wait_until("one is back", || ask("/pair") == 200);
}

/// RT-HEALTH-1, -3, -6, RT-LB-6, RT-ERR-13: what checks find decides, until they find something else.
#[test]
fn checked_backends() {
    let (first, second) = (Process::start(), Process::start());
    let env = [("A", &*first.url()), ("B", &*second.url()), ("STICKY", "k")];
    let gateway = Gateway::start("balance", &env);
    let ask = || {
        let response = gateway
            .connect()
            .send("GET /checked HTTP/1.1\r\nHost: h\r\n\r\n")
            .response();
        (response.status, response.text())
    };
    for _ in 0..4 {
        assert_eq!(ask().0, 200);
    }
    let down = |endpoint: &str| {
        let endpoint = format!("endpoint={endpoint}");
        gateway.line_with(&["ERROR Backend is down", "route=checked", &*endpoint])
    };
    second.freeze();
    let line = down(&format!("{}/base/", second.url()));
    assert!(
        line.contains("no answer within 500ms") && line.contains("outages=1"),
        "{line}"
    );
    for _ in 0..10 {
        let (status, text) = ask();
        assert!(status == 200 && !text.contains("/base/"), "{status} {text}");
    }
    let url = first.url();
    let address = first.kill();
    let line = down(&url);
    assert!(line.contains("refused"), "{line}");
    assert_eq!(ask(), (503, "503 service unavailable\n".to_owned()));
    assert_eq!(lines(&gateway, &["Proxy error"]), 0);
    second.thaw();
    let _ = gateway.line_with(&["INFO Backend is up again", "route=checked", "/base/"]);
    assert_eq!(ask().0, 200);
    let _first = Process::start_at(&address);
    let up = ["INFO Backend is up again", "route=checked", &*address];
    let _ = gateway.line_with(&up);
    let texts: Vec<_> = (0..2).map(|_| ask().1).collect();
    assert_eq!(
        texts.iter().filter(|text| text.contains("/base/")).count(),
        1
    );
}

/// RT-HEALTH-1, -2, -3: what a check asks, how often, and what is well.
#[test]
fn what_a_check_asks() {
    let busy = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (entered, peak) = (Arc::clone(&busy), Arc::clone(&most));
    let backend = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            let target = request.target().to_owned();
            if target == "/base/up" {
                let now = entered.fetch_add(1, Ordering::SeqCst) + 1;
                peak.fetch_max(now, Ordering::SeqCst);
                // No answer: until the gateway gives up.
                let _ = connection.read();
                entered.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            let status = if target.starts_with("/up?") {
                "299 X"
            } else {
                "302 Found"
            };
            connection.send(format!(
                "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n\
                 HTTP/1.1 {status}\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    let url = backend.url();
    let rig = rig(backend, &url);
    let asked = |target: &str| {
        let requests = rig.backend.requests();
        requests
            .iter()
            .filter(|request| request.target() == target)
            .count()
    };
    wait_until("three rounds are over", || asked("/base/up") == 3);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(asked("/up") >= 2 && asked("/up?single") >= 2);
    assert_eq!(asked("/elsewhere") + asked("/off"), 0);
    let requests = rig.backend.requests();
    let first = requests.iter().find(|request| request.target() == "/up");
    let first = first.unwrap();
    assert!(first.head.starts_with("GET /up HTTP/1.1\r\n"), "{first:?}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        first.fields("user-agent"),
        [format!("goma-gateway/{version}")]
    );
    assert_eq!(first.fields("host"), [url.trim_start_matches("http://")]);
    // A redirect is well, and so is a status that is listed.
    assert_eq!(lines(&rig.gateway, &["Backend is down", "route=single"]), 0);
    let line = rig.gateway.line_with(&["Backend is down", "route=checked"]);
    assert!(line.contains("/base/"), "{line}");
    assert_eq!(lines(&rig.gateway, &["Backend is down"]), 1);
}

/// RT-OBS-3, -4, -5, -6, RT-HEALTH-5: on the host of the operators.
#[test]
fn routes_by_health() {
    let rig = rig(Backend::ok(), "http://127.0.0.1:1");
    let down = rig.gateway.line_with(&["Backend is down", "route=single"]);
    assert!(down.contains("status code 200"), "{down}");
    let _ = rig.gateway.line_with(&["Backend is down", "route=checked"]);
    let ask = |host: &str| {
        let request = format!("GET /healthz/routes HTTP/1.1\r\nHost: {host}\r\n\r\n");
        rig.gateway.connect().send(&request).response()
    };
    let response = ask("ops.test");
    assert_eq!(response.status, 200);
    assert_eq!(response.fields("content-type"), ["application/json"]);
    let refused = "Error: Connection refused (os error 111)";
    let status = "Error: health check failed with status code 200";
    assert_eq!(
        response.text(),
        format!(
            "{{\"status\":\"unhealthy\",\"routes\":[\
             {{\"name\":\"checked - [0]\",\"status\":\"healthy\",\"error\":\"\"}},\
             {{\"name\":\"checked - [1]\",\"status\":\"unhealthy\",\"error\":\"{refused}\"}},\
             {{\"name\":\"single\",\"status\":\"unhealthy\",\"error\":\"{status}\"}}]}}\n"
        )
    );
    assert_eq!(ask("h").status, 404);
    // It gets requests whatever checks say: there is no other.
    assert_eq!(rig.get("/single", "").status, 200);
}

/// RT-HEALTH-7, RT-UP-8, -9: a kill under load costs at most what was under way on new connections, one
/// request of each client: on kept ones, requests are sent again or to the other backend.
#[test]
fn a_kill_under_load() {
    const CLIENTS: usize = 8;
    let second = Process::start();
    let rig = rig(Backend::ok(), &second.url());
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = rig.gateway.connect();
                for _ in 0..1500 {
                    client.send("GET /pair HTTP/1.1\r\nHost: h\r\n\r\n");
                    match client.response().status {
                        200 => {}
                        502 => drop(failed.fetch_add(1, Ordering::SeqCst)),
                        status => panic!("{status}"),
                    }
                }
            });
        }
        wait_until("the load is on", || rig.count() > 500);
        drop(second);
    });
    let _ = rig.gateway.line_with(&[EJECTED, "route=pair"]);
    let failed = failed.load(Ordering::SeqCst);
    assert!(failed <= CLIENTS, "{failed}");
}
