//! Backends and targets that have names (RT-DNS): a real DNS server, whose records change, and which is
//! frozen, silent or wrong.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use goma_tests::dns::Dns;
use goma_tests::gateway::run_to_end;
use goma_tests::script::Script;
use goma_tests::{Backend, Gateway, Load, PATIENCE, free_port, wait_until};

use super::served;

/// Backends on one port of several addresses, each of which answers with its own address; `close`: once per
/// connection.
fn spread(addresses: &[&'static str], close: bool) -> (u16, Vec<Backend>) {
    loop {
        let port = free_port();
        let backends = addresses.iter().map(|ip| {
            let ip: &'static str = ip;
            Backend::at((ip, port), move |connection| {
                while connection.request().is_some() {
                    let length = ip.len();
                    let field = if close { "Connection: close\r\n" } else { "" };
                    connection.send(format!(
                        "HTTP/1.1 200 OK\r\n{field}Content-Length: {length}\r\n\r\n{ip}"
                    ));
                    if close {
                        return connection.close();
                    }
                }
            })
        });
        if let Some(backends) = backends.collect::<Option<Vec<_>>>() {
            return (port, backends);
        }
    }
}

/// Status and body of the answer to a request on a connection of its own.
fn get(gateway: &Gateway, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let response = gateway.connect().send(request).response();
    (response.status, response.text())
}

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

/// A gateway whose answers are good for a second.
fn start(resolvers: &str, target: &str, more: &[(&str, &str)]) -> Gateway {
    let base = [("A", target), ("RESOLVERS", resolvers), ("PORT", "0")];
    Gateway::start("dns", &[&base, more].concat())
}

/// A gateway whose answers are good for five minutes.
fn start_cached(first: &str, target: &str, more: &[(&str, &str)]) -> Gateway {
    Gateway::start(
        "dns-cached",
        &[&[("A", target), ("FIRST", first)], more].concat(),
    )
}

/// RT-DNS-1: one question for all cores and connections; failures are not kept. RT-DNS-4: a new overlay
/// empties the cache.
#[test]
fn answers_are_kept_and_failures_are_not() {
    let (port, backends) = spread(&["127.0.0.1", "127.0.0.2"], true);
    let dns = Dns::start("kept", "127.0.0.9 else.test");
    let overlay = goma_tests::build::target().join(format!("e2e/dns/{}.yaml", std::process::id()));
    let _ = std::fs::remove_file(&overlay);
    let target = format!("http://shop.test:{port}");
    let file = ("GOMA_OVERLAY_FILE", overlay.to_str().unwrap());
    let gateway = start_cached(&dns.address(), &target, &[file]);
    assert_eq!(get(&gateway, "/").0, 502);
    let fault = [
        "Proxy error",
        "look-up of shop.test: the name has no address",
    ];
    let _ = gateway.line_with(&fault);
    dns.change("127.0.0.1 shop.test");
    let before = dns.questions("shop.test");
    for _ in 0..40 {
        assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
    }
    assert_eq!(dns.questions("shop.test"), before + 1);
    // Nobody asks for the new one.
    dns.change("127.0.0.2 shop.test");
    for _ in 0..20 {
        assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
    }
    assert_eq!(dns.questions("shop.test"), before + 1);
    std::fs::write(&overlay, "routes: {other: {enabled: false}}").unwrap();
    wait_until("the new address is in use", || {
        (0..8).all(|_| get(&gateway, "/") == ok("127.0.0.2"))
    });
    assert_eq!(dns.questions("shop.test"), before + 2);
    std::fs::remove_file(&overlay).unwrap();
    drop(backends);
}

/// RT-DNS-1, issue 5: records change under load on kept connections, which move to the new address, and no
/// request fails; HTTP/1.1 and aliases.
#[test]
fn kept_connections_follow_the_name() {
    let (port, backends) = spread(&["127.0.0.1", "127.0.0.2"], false);
    let dns = Dns::start("follow", "127.0.0.1 shop.test");
    let gateway = start(&dns.address(), &format!("http://alias.test:{port}"), &[]);
    let load = Load::start(gateway.port(), "/", 4);
    load.go_on(200);
    assert!(backends[1].requests().is_empty());
    for (old, new) in [(0, 1), (1, 0)] {
        dns.change(&format!("127.0.0.{} shop.test", new + 1));
        let count = |index: usize| backends[index].requests().len();
        wait_until("requests go to the new address only", || {
            let (left, right) = (count(old), count(new));
            load.go_on(50);
            count(old) == left && count(new) > right
        });
    }
    assert!(load.end() > 200);
}

/// RT-DNS-1, RT-UP-3: sessions of HTTP/2 follow the name too.
#[test]
fn sessions_follow_the_name() {
    let port = free_port().to_string();
    let ends = ["127.0.0.1", "127.0.0.2"];
    let ends = ends.map(|ip| Script::start("h2_backend.py", &["plain", ip, &port]));
    let dns = Dns::start("sessions", "127.0.0.1 shop.test");
    let clear = ("CLEAR", format!("shop.test:{port}"));
    let gateway = start(&dns.address(), "http://127.0.0.1:9", &[(clear.0, &clear.1)]);
    let count = |index: usize| {
        ends[index]
            .lines("")
            .iter()
            .filter(|line| line.contains(" GET "))
            .count()
    };
    // Connections of clients come to all cores.
    let ask = || (0..8).for_each(|_| assert_eq!(get(&gateway, "/clear/x").0, 200));
    ask();
    wait_until("all that came is said", || count(0) == 8);
    assert_eq!(count(1), 0);
    dns.change("127.0.0.2 shop.test");
    wait_until("requests go to the new address only", || {
        let before = count(1);
        ask();
        count(1) == before + 8
    });
}

/// RT-DNS-2, issue 5: new connections spread over all addresses; one that refuses is passed over.
#[test]
fn connections_spread_over_all_addresses() {
    let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    let (port, backends) = spread(&addresses, true);
    let dns = Dns::start(
        "spread",
        "127.0.0.1 shop.test\n127.0.0.2 shop.test\n127.0.0.3 shop.test\n127.0.0.4 shop.test",
    );
    let gateway = start(&dns.address(), &format!("http://shop.test:{port}"), &[]);
    for _ in 0..80 {
        assert_eq!(get(&gateway, "/").0, 200);
    }
    // A quarter of them begins at each address; those of the fourth are the next one's.
    for (backend, address) in backends.iter().zip(addresses) {
        let count = backend.requests().len();
        assert!((16..=44).contains(&count), "{address}: {count}");
    }
}

/// RT-DNS-2, RT-ERR-14: when no address takes a connection the answer is dropped, whatever its age may be yet.
#[test]
fn an_answer_that_leads_nowhere_is_dropped() {
    let (port, _backends) = spread(&["127.0.0.2"], true);
    let dns = Dns::start("nowhere", "127.0.0.1 shop.test");
    let gateway = start_cached(&dns.address(), &format!("http://shop.test:{port}"), &[]);
    assert_eq!(get(&gateway, "/").0, 502);
    let _ = gateway.line_with(&["Proxy error", "connect to shop.test", "refused"]);
    dns.change("127.0.0.2 shop.test");
    // What has just been asked for is not asked for again.
    wait_until("the new address is in use", || {
        get(&gateway, "/") == ok("127.0.0.2")
    });
}

/// RFC 8305 (issue 5): both families, one of which has nobody; an address that is silent costs a quarter of a
/// second at most.
#[test]
fn happy_eyeballs() {
    let (port, _backends) = spread(&["127.0.0.1"], true);
    // Its queue is full.
    let silent = TcpListener::bind(("127.0.0.5", port)).unwrap();
    socket2::SockRef::from(&silent).listen(0).unwrap();
    let limit = Duration::from_millis(100);
    let address = silent.local_addr().unwrap();
    let _queued: Vec<_> = std::iter::repeat_with(|| TcpStream::connect_timeout(&address, limit))
        .take_while(Result::is_ok)
        .collect();
    let dns = Dns::start(
        "eyeballs",
        "::1 both.test\n127.0.0.1 both.test\n127.0.0.5 slow.test\n127.0.0.1 slow.test",
    );
    for name in ["both", "slow"] {
        let gateway = start(&dns.address(), &format!("http://{name}.test:{port}"), &[]);
        for _ in 0..8 {
            let begun = Instant::now();
            assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
            assert!(
                begun.elapsed() < Duration::from_secs(3),
                "{:?}",
                begun.elapsed()
            );
        }
    }
}

/// A DNS server that answers every question so: those for IPv4, and the others.
fn answering(v4: u8, v6: u8) -> (UdpSocket, String) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let own = server.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((count, client)) = own.recv_from(&mut question) {
            let mut name = question.iter().take(count).skip(12);
            let end = name.position(|byte| *byte == 0);
            let end = end.map_or(count, |at| 12 + at + 5);
            let is_v4 = question.get(end - 4..end - 2) == Some(&[0, 1]);
            // A response, recursion available, and nothing but the question.
            question[2] |= 0x80;
            question[3] = 0x80 | if is_v4 { v4 } else { v6 };
            question[6..12].fill(0);
            let _ = own.send_to(question.get(..end).unwrap_or_default(), client);
        }
    });
    (server, address)
}

const NO_DATA: u8 = 0;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

/// RT-DNS-3: servers in order, the next one after SERVFAIL, for one family too, REFUSED, silence or nobody; that
/// there is no such name is an answer.
#[test]
fn servers_in_order() {
    let (port, _backends) = spread(&["127.0.0.1", "127.0.0.2"], true);
    let good = Dns::start("good", "127.0.0.1 shop.test");
    let other = Dns::start("other", "127.0.0.2 shop.test");
    let frozen = Dns::start("frozen", "127.0.0.2 shop.test");
    let empty = Dns::start("empty", "127.0.0.2 else.test");
    frozen.signal("STOP");
    let (_failing, failing) = answering(SERVFAIL, SERVFAIL);
    let (_refusing, refusing) = answering(REFUSED, REFUSED);
    let (_half, half) = answering(SERVFAIL, NO_DATA);
    let (_other_half, other_half) = answering(NO_DATA, SERVFAIL);
    let (_nothing, nothing) = answering(NO_DATA, NO_DATA);
    let nobody = format!("127.0.0.1:{}", free_port());
    let target = format!("http://shop.test:{port}");
    for first in [
        &failing,
        &refusing,
        &half,
        &other_half,
        &frozen.address(),
        &nobody,
    ] {
        let gateway = start_cached(first, &target, &[("SECOND", &good.address())]);
        assert_eq!(get(&gateway, "/"), ok("127.0.0.1"), "{first}");
    }
    let before = other.questions("shop.test");
    let gateway = start_cached(&good.address(), &target, &[("SECOND", &other.address())]);
    assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
    for first in [&empty.address(), &nothing] {
        let gateway = start_cached(first, &target, &[("SECOND", &other.address())]);
        assert_eq!(get(&gateway, "/").0, 502, "{first}");
    }
    assert_eq!(other.questions("shop.test"), before);
    frozen.signal("CONT");
}

/// RT-DNS-1: an answer that does not fit a datagram is asked for again over TCP.
#[test]
fn long_answers_come_over_tcp() {
    let (port, _backends) = spread(&["127.0.0.1"], true);
    let mut records = "127.0.0.1 long.test\n".to_owned();
    records.extend((1..50).map(|last| format!("127.0.9.{last} long.test\n")));
    let dns = Dns::start("long", &records);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(dns.address()).unwrap();
    let question =
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04long\x04test\x00\x00\x01\x00\x01";
    client.send(question).unwrap();
    let mut answer = [0; 2048];
    client.recv(&mut answer).unwrap();
    assert_eq!(answer[2] & 2, 2, "the answer is cut short");
    let gateway = start_cached(&dns.address(), &format!("http://long.test:{port}"), &[]);
    for _ in 0..8 {
        assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
    }
}

/// Issue 5: while DNS is silent, the last good answer stays and no request waits for long; afterwards it counts
/// again.
#[test]
fn silence_changes_nothing() {
    let (port, _backends) = spread(&["127.0.0.1", "127.0.0.2"], true);
    let dns = Dns::start("silent", "127.0.0.1 shop.test");
    let gateway = start(&dns.address(), &format!("http://shop.test:{port}"), &[]);
    assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
    dns.signal("STOP");
    let mut lost = false;
    let mut slowest = Duration::ZERO;
    wait_until("it is said that DNS is silent", || {
        let begun = Instant::now();
        assert_eq!(get(&gateway, "/"), ok("127.0.0.1"));
        slowest = slowest.max(begun.elapsed());
        let lines = gateway.lines();
        lost = lines
            .iter()
            .any(|line| line.contains("Name look-up failed"));
        lost
    });
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    dns.signal("CONT");
    dns.change("127.0.0.2 shop.test");
    wait_until("the new address is in use", || {
        get(&gateway, "/") == ok("127.0.0.2")
    });
    let _ = gateway.line_with(&["Name look-up works again", "host=shop.test"]);
    let lines = gateway.lines();
    let lost = lines
        .iter()
        .filter(|line| line.contains("Name look-up failed"));
    assert_eq!(lost.count(), 1);
}

/// Without any answer a request gets 502 in time, and the log says why (RT-ERR-14).
#[test]
fn nobody_answers() {
    let frozen = Dns::start("mute", "127.0.0.1 shop.test");
    frozen.signal("STOP");
    let gateway = start_cached(&frozen.address(), "http://shop.test:9", &[]);
    let begun = Instant::now();
    assert_eq!(get(&gateway, "/").0, 502);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let server = frozen.address();
    let _ = gateway.line_with(&["Proxy error", "look-up of shop.test", &server, "timed out"]);
    frozen.signal("CONT");
}

/// RT-DNS, RT-HEALTH-1, RT-PT-2, RT-PT-4: checks and forwarded ports ask the same servers.
#[test]
fn checks_and_forwards_ask_the_same() {
    let (port, backends) = spread(&["127.0.0.2"], true);
    let dns = Dns::start("same", "127.0.0.2 shop.test");
    let udp = UdpSocket::bind(("127.0.0.2", port)).unwrap();
    std::thread::spawn(move || {
        let mut datagram = [0; 64];
        while let Ok((count, client)) = udp.recv_from(&mut datagram) {
            let _ = udp.send_to(&datagram[..count], client);
        }
    });
    let named = format!("shop.test:{port}");
    let url = format!("http://{named}");
    let gateway = start(
        &dns.address(),
        &url,
        &[("STREAM", &named), ("CHECKED", &url)],
    );
    wait_until("the backend is checked", || {
        !served(&backends[0], "/up").is_empty()
    });
    let report = get(&gateway, "/healthz/routes").1;
    assert!(
        report.contains("\"name\":\"checked - [0]\",\"status\":\"healthy\""),
        "{report}"
    );
    let port = |protocol: &str| -> u16 {
        let line = gateway.line_with(&["Forwarding", &format!("protocol={protocol}")]);
        let address = line.split("address=").nth(1).unwrap().trim_matches('"');
        let address = address.split([' ', '"']).next().unwrap();
        address.rsplit(':').next().unwrap().parse().unwrap()
    };
    let mut stream = TcpStream::connect(("127.0.0.1", port("tcp"))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("127.0.0.2"), "{answer}");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(("127.0.0.1", port("udp"))).unwrap();
    client.send(b"echo").unwrap();
    let mut answer = [0; 16];
    let count = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..count], b"echo");
}

/// 6.3, RT-START-1: an address that is known at start only is checked there.
#[test]
fn a_server_without_address() {
    let env = [
        ("LISTEN", "127.0.0.1:0"),
        ("A", "http://a.test"),
        ("FIRST", "dns.test"),
    ];
    let (code, _, errors) = run_to_end("dns-cached", &[], &env);
    assert_eq!(code, 1);
    let text = "error[bad-address]: gateway.networking.dnsCache.resolver[0]: `dns.test` is not a DNS server";
    assert!(errors.contains(text), "{errors}");
}
