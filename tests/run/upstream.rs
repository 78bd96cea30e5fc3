//! Backends in turn, kept connections, and everything a backend can do wrong.

use super::Rig;
use goma_tests::{Backend, wait_until};

/// RT-LB-2, RT-LB-3: shares differ by at most the number of cores.
#[test]
fn round_robin() {
    let second = Backend::ok();
    let rig = Rig::with(Backend::ok(), &[("B", &second.url())]).alone();
    for _ in 0..40 {
        assert_eq!(rig.get("/both", "").status, 200);
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    let (first, second) = (rig.count(), second.requests().len());
    assert_eq!(first + second, 40);
    assert!(first.abs_diff(second) <= cores, "{first} and {second}");
}

/// RT-LB-2, RT-LB-4, RT-LB-7: within 1 % of the weights over 10,000 requests on all cores, also on one
/// connection; a weight of 0 gets nothing.
#[test]
fn shares_by_weight() {
    const CONNECTIONS: usize = 8;
    const REQUESTS: usize = 10_000;
    let second = Backend::ok();
    let rig = Rig::with(Backend::ok(), &[("B", &second.url())]).alone();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut client = rig.gateway.connect();
                for _ in 0..REQUESTS / CONNECTIONS {
                    client.send("GET /shares HTTP/1.1\r\nHost: h\r\n\r\n");
                    assert_eq!(client.response().status, 200);
                }
            });
        }
    });
    let (first, second) = (rig.count(), second.requests().len());
    assert_eq!(first + second, REQUESTS);
    assert!(
        first.abs_diff(REQUESTS * 3 / 4) <= REQUESTS / 100,
        "{first} and {second}"
    );
}

/// RT-LB-5, RT-ERR-13
#[test]
fn no_backend_has_a_share() {
    let rig = Rig::new();
    let response = rig.get("/no-shares", "");
    let answer = (response.status, response.text());
    assert_eq!(answer, (503, "503 service unavailable\n".to_owned()));
    assert_eq!(rig.count(), 0);
}

/// RT-UP-9: a backend that cannot be connected to is passed over.
#[test]
fn the_next_backend_on_a_failed_connect() {
    let rig = Rig::new();
    for _ in 0..4 {
        assert_eq!(rig.get("/both", "").status, 200);
    }
    assert_eq!(rig.count(), 4);
    let line = rig.gateway.line_with(&["Proxy error", "route=both"]);
    assert!(line.contains("127.0.0.1:1"), "{line}");
}

/// RT-ERR-14: nobody listens.
#[test]
fn connect_refused() {
    let rig = Rig::with(Backend::ok(), &[("A", "http://127.0.0.1:1")]);
    let response = rig.get("/", "");
    assert_eq!(
        (response.status, response.text().as_str()),
        (502, "502 Bad Gateway\n")
    );
    assert_eq!(response.fields("x-route"), ["root"]);
}

/// Connections to backends are kept and used again.
#[test]
fn connections_are_pooled() {
    let rig = Rig::new();
    let mut client = rig.gateway.connect();
    for index in 0..5 {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.response().text(), "ok");
        assert_eq!(rig.backend.request(index).connection, 0);
    }
}

/// RT-UP-8: a kept connection that dies before a response is replaced, once, for idempotent requests.
#[test]
fn stale_connections() {
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        // The first connection takes another request and dies without an answer.
        if connection.index == 0 {
            connection.request();
            connection.close();
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.response().text(), "ok");
    }
    let connections: Vec<_> = rig
        .backend
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 0, 1]);
}

/// RT-UP-8: not once a byte of a response has come.
#[test]
fn half_a_response_is_not_asked_for_again() {
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        connection.request();
        connection.send("HTTP/1.1 200 O");
        connection.close();
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(client.send(get).response().status, 200);
    assert_eq!(client.send(get).response().status, 502);
    assert_eq!(rig.count(), 2);
}

/// RT-UP-8: not for a POST, which may have had an effect.
#[test]
fn a_post_is_not_sent_twice() {
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        connection.request();
        connection.close();
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na";
    assert_eq!(client.send(post).response().status, 200);
    assert_eq!(client.send(post).response().status, 502);
    assert_eq!(rig.count(), 2);
}

/// RT-ERR-14, RT-ERR-15, RT-UP-10: a response that is no response.
#[test]
fn malformed_responses() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let backend = Backend::script(move |connection| {
            connection.request();
            connection.send(answer);
            connection.close();
        });
        let rig = Rig::with(backend, &[]);
        let mut client = rig.gateway.connect();
        assert_eq!(
            client
                .send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                .response()
                .status,
            502,
            "{answer:?}"
        );
        let _ = rig.gateway.line_with(&["ERROR Proxy error"]);
    }
}

/// RT-ERR-18: a body that breaks off is not completed, and the log says so.
#[test]
fn the_backend_dies_in_the_body() {
    let backend = Backend::script(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        connection.close();
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert_eq!(client.to_end(), b"half");
    let line = rig.gateway.line_with(&["Proxied request", "aborted=true"]);
    assert!(line.contains("status=200"), "{line}");
}

/// No cross-talk: what a backend sends beyond its response never answers another request.
#[test]
fn a_second_response_is_thrown_away() {
    let backend = Backend::script(|connection| {
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        while connection.request().is_some() {
            connection.send(format!(
                "{good}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            ));
        }
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    for _ in 0..4 {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.response().text(), "ok");
    }
}

/// RT-UP-7, RT-ERR-17: the backend's request is cancelled when the client goes away, also if it has begun another.
#[test]
fn the_client_goes_away() {
    for following in ["", "G"] {
        let (gone, wait) = std::sync::mpsc::channel::<()>();
        let backend = Backend::script(move |connection| {
            connection.request();
            while connection.read().is_some() {}
            let _ = gone.send(());
        });
        let rig = Rig::with(backend, &[]);
        let mut client = rig.gateway.connect();
        client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
        let _ = rig.backend.request(0);
        client.send(following);
        drop(client);
        wait.recv_timeout(goma_tests::PATIENCE).unwrap();
        let _ = rig.gateway.line_with(&["url=/slow", "status=499"]);
    }
}

/// An answer that comes while the body is still being sent reaches the client.
#[test]
fn early_answers() {
    let backend = Backend::script(|connection| {
        connection.read_head();
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        while connection.read().is_some() {}
    });
    let rig = Rig::with(backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
    assert!(client.is_closed());
}

/// Host names are looked up; `localhost` needs no server.
#[test]
fn names() {
    let backend = Backend::ok();
    let port = backend.url().rsplit(':').next().unwrap().to_owned();
    let rig = Rig::with(backend, &[("A", &format!("http://localhost:{port}"))]).alone();
    assert_eq!(rig.get("/", "").status, 200);
    let unknown = Rig::with(Backend::ok(), &[("A", "http://no-such-host.invalid")]);
    assert_eq!(unknown.get("/", "").status, 502);
    wait_until("the fault is logged", || {
        unknown
            .gateway
            .lines()
            .iter()
            .any(|line| line.contains("no-such-host.invalid"))
    });
}

/// RT-UP-1, RT-UP-6: a redirect is passed on as it is; nobody follows it.
#[test]
fn redirects_are_passed_on() {
    let backend = Backend::answering(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n",
    );
    let rig = Rig::with(backend, &[]);
    let response = rig.get("/bare", "");
    assert_eq!(response.status, 302);
    assert_eq!(response.fields("location"), ["http://127.0.0.1:1/x"]);
    assert_eq!(rig.count(), 1);
}
