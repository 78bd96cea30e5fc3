//! Ports that are forwarded as they are: Redis behind TCP, a DNS server behind UDP and TCP (RT-PT).

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};

use goma_tests::gateway::run_to_end;
use goma_tests::{Gateway, PATIENCE, free_port, wait_until};

/// A real server, killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        // Such servers take no port of the system's choice.
        let port = free_port();
        let child = Command::new(program)
            .args(arguments(port))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("run ci/testbed once: {program}: {error}"));
        wait_until(program, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port }
    }

    fn redis() -> Self {
        Self::start("redis-server", |port| {
            let own = ["--port", &port.to_string(), "--bind", "127.0.0.1"];
            let rest = ["--save", "", "--appendonly", "no"];
            own.iter()
                .chain(&rest)
                .map(|text| (*text).to_owned())
                .collect()
        })
    }

    /// Knows one name with an address, and one with more text than fits a datagram.
    fn dns() -> Self {
        Self::start("dnsmasq", |port| {
            let long = format!("{:0>250}", 1);
            vec![
                "--keep-in-foreground".to_owned(),
                "--conf-file=/dev/null".to_owned(),
                "--pid-file=".to_owned(),
                "--user=root".to_owned(),
                "--no-resolv".to_owned(),
                "--no-hosts".to_owned(),
                "--bind-interfaces".to_owned(),
                "--listen-address=127.0.0.1".to_owned(),
                format!("--port={port}"),
                "--address=/shop.test/192.0.2.7".to_owned(),
                format!("--txt-record=long.test,{long},{long},{long}"),
            ]
        })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway with these targets, and the port of one of its forwards.
fn start(env: &[(&str, &str)]) -> Gateway {
    Gateway::start("live", &[&BASE, env].concat())
}

/// What tests do not say; later ones win.
const BASE: [(&str, &str); 4] = [
    ("PORT", "0"),
    ("DNS_PORT", "0"),
    ("STREAM", "127.0.0.1:9"),
    ("DNS", "127.0.0.1:9"),
];

/// The port of the forward to a target.
pub(super) fn port(gateway: &Gateway, protocol: &str, target: &str) -> u16 {
    let (protocol, target) = (format!("protocol={protocol}"), format!("target={target}"));
    let line = gateway.line_with(&["Forwarding", &protocol, &target]);
    let address = line.split("address=").nth(1).unwrap();
    let address = address.trim_matches('"').split([' ', '"']).next().unwrap();
    address.rsplit(':').next().unwrap().parse().unwrap()
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// RT-PT-1, RT-PT-2, RT-PT-7: a gateway that forwards only; Redis commands one by one, pipelined and large.
#[test]
fn redis_through_a_port() {
    let redis = Server::redis();
    let gateway = start(&[("LISTEN", "off"), ("STREAM", &redis.address())]);
    let _ = gateway.line_with(&["Gateway started", "web=off"]);
    let port = port(&gateway, "tcp", &redis.address());
    let mut client = connect(port);
    let mut answers = BufReader::new(client.try_clone().unwrap());
    let mut next = || {
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        line
    };
    client.write_all(b"PING\r\n").unwrap();
    assert_eq!(next(), "+PONG\r\n");
    let pipelined: String = (0..10_000).map(|_| "INCR n\r\n").collect();
    let mut writer = client.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(pipelined.as_bytes()).unwrap());
    for count in 1..=10_000 {
        assert_eq!(next(), format!(":{count}\r\n"));
    }
    writing.join().unwrap();
    let large = vec![b'v'; 8 << 20];
    client
        .write_all(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", large.len()).as_bytes())
        .unwrap();
    client.write_all(&large).unwrap();
    client.write_all(b"\r\n").unwrap();
    assert_eq!(next(), "+OK\r\n");
    client.write_all(b"GET k\r\n").unwrap();
    assert_eq!(next(), format!("${}\r\n", large.len()));
    let mut value = vec![0; large.len() + 2];
    answers.read_exact(&mut value).unwrap();
    assert!(value.starts_with(&large));
    // Redis answers what came before a client ended its half.
    let mut quiet = connect(port);
    quiet.write_all(b"GET n\r\n").unwrap();
    quiet.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    quiet.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "$5\r\n10000\r\n");
    let own = quiet.local_addr().unwrap();
    let client = format!("client={own}");
    let _ = gateway.line_with(&["TCP connection started", &client, "target=127.0.0.1"]);
    let _ = gateway.line_with(&[
        "TCP connection ended",
        &client,
        "bytes_in=7",
        "bytes_out=11",
    ]);
}

/// A question of a DNS client: the name's address (1) or text (16).
fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// RT-PT-4, RT-PT-7: many clients at once, each gets the answers to its own questions; what does not fit a
/// datagram is asked for again over TCP, on the same rule.
#[test]
fn dns_through_a_port() {
    let dns = Server::dns();
    let gateway = start(&[("LISTEN", "127.0.0.1:0"), ("DNS", &dns.address())]);
    let udp = port(&gateway, "udp", &dns.address());
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.connect(("127.0.0.1", udp)).unwrap();
            client
        })
        .collect();
    let mut answer = [0; 2048];
    for round in 0_u16..10 {
        for (client, own) in clients.iter().zip(0_u16..) {
            client
                .send(&question(round * 100 + own, "shop.test", 1))
                .unwrap();
        }
        for (client, own) in clients.iter().zip(0_u16..) {
            let count = client.recv(&mut answer).unwrap();
            assert_eq!(answer[..2], (round * 100 + own).to_be_bytes());
            assert_eq!(answer[count - 4..count], [192, 0, 2, 7]);
        }
    }
    clients[0].send(&question(9, "long.test", 16)).unwrap();
    let count = clients[0].recv(&mut answer).unwrap();
    assert!(count <= 512 && answer[2] & 2 != 0, "it is cut short");
    let mut stream = connect(port(&gateway, "tcp", &dns.address()));
    let asked = question(9, "long.test", 16);
    let length = u16::try_from(asked.len()).unwrap();
    stream
        .write_all(&[&length.to_be_bytes()[..], &asked].concat())
        .unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    assert!(u16::from_be_bytes(length) > 750);
    let client = format!("client={}", clients[0].local_addr().unwrap());
    let _ = gateway.line_with(&["UDP session started", &client]);
}

/// RT-PT-2, RT-PT-7: nobody listens at the target; the client is closed and the log says why.
#[test]
fn a_target_that_is_not_there() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let gateway = start(&[("LISTEN", "127.0.0.1:0"), ("STREAM", &gone)]);
    let mut client = connect(port(&gateway, "tcp", &gone));
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    let _ = gateway.line_with(&["Forwarding failed", &gone, "refused"]);
    let _ = gateway.line_with(&["TCP connection ended", "cause=\"no connection\""]);
}

/// RT-STOP-2: relays go on while the gateway drains, and end with it.
#[test]
fn relays_drain() {
    let redis = Server::redis();
    let env = [
        ("LISTEN", "off"),
        ("STREAM", &*redis.address()),
        ("DRAIN", "1"),
    ];
    let mut gateway = start(&env);
    let port = port(&gateway, "tcp", &redis.address());
    let mut client = connect(port);
    let mut ask = || {
        client.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        client.read_exact(&mut answer).map(|()| answer)
    };
    assert_eq!(&ask().unwrap(), b"+PONG\r\n");
    gateway.signal("TERM");
    wait_until("the port is closed", || {
        TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    assert_eq!(&ask().unwrap(), b"+PONG\r\n");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(gateway.wait(), Some(0));
    let _ = gateway.line_with(&["TCP connection ended", "cause=\"the gateway stops\""]);
}

/// RT-PT-6, `port-conflict`, `no-entry-point`: what only shows at start.
#[test]
fn ports_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = udp.local_addr().unwrap().port().to_string();
    let web = format!("127.0.0.1:{port}");
    let check = |env: &[(&str, &str)], expected: &str| {
        let env = [&BASE[..], &[("LISTEN", "off")], env].concat();
        let (code, output, errors) = run_to_end("live", &[], &env);
        assert_eq!((code, output.as_str()), (1, ""), "{errors}");
        assert!(
            errors.contains(expected) && errors.lines().count() == 1,
            "{errors}"
        );
    };
    let forwards = "gateway.entryPoints.passThrough.forwards";
    let both = [("PORT", &*udp_port), ("DNS_PORT", &*udp_port)];
    check(
        &both,
        &format!("error[port-conflict]: {forwards}[1].port: "),
    );
    check(
        &[("PORT", "x")],
        &format!("error[type-mismatch]: {forwards}[0].port: "),
    );
    check(
        &[("PORT", "0"), ("STREAM", "h")],
        &format!("error[bad-address]: {forwards}[0].target: "),
    );
    check(
        &[("PORT", "0"), ("LISTEN", &web)],
        "error[bind-failed]: cannot listen on ",
    );
    // Somebody else may have the same number for TCP, which is asked first: then it is another one's turn.
    let mut taken = vec![udp];
    wait_until("a port is taken for UDP only", || {
        let port = taken[taken.len() - 1].local_addr().unwrap().port();
        let env = [
            ("LISTEN", "off"),
            ("PORT", "0"),
            ("DNS_PORT", &*port.to_string()),
        ];
        let (code, output, errors) = run_to_end("live", &[], &[&BASE[..], &env].concat());
        assert_eq!((code, output.as_str()), (1, ""), "{errors}");
        taken.push(UdpSocket::bind("127.0.0.1:0").unwrap());
        errors.contains(&format!(
            "error[bind-failed]: cannot listen on 127.0.0.1:{port} (udp): "
        ))
    });
}

/// Without `web` the health check looks whether the ports are taken.
#[test]
fn health_of_a_gateway_without_web() {
    // The numbers that the system gives to listeners are not those that it gives to connections, which
    // other tests make thousands of: nobody takes them before the gateway does.
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = listeners.map(|listener| listener.local_addr().unwrap().port().to_string());
    let env = [
        ("LISTEN", "off"),
        ("PORT", &*ports[0]),
        ("DNS_PORT", &*ports[1]),
        ("STREAM", "127.0.0.1:9"),
        ("DNS", "127.0.0.1:9"),
    ];
    let ask = || run_to_end("live", &["healthcheck"], &env);
    let gateway = start(&env);
    assert_eq!(ask(), (0, String::new(), String::new()));
    drop(gateway);
    let (code, _, errors) = ask();
    assert_eq!(code, 1);
    assert!(
        errors.contains("error[unhealthy]: nothing listens on "),
        "{errors}"
    );
}
