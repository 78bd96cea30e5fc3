//! Forwarding on one core, with real sockets and small limits.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::{Builder, LocalOptions};

use super::*;
use crate::clock::Moment;
use crate::log::Writer;
use crate::values::scalar::{Format, Level};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A core that forwards one port.
struct Core {
    home: Home,
    passing: Option<Passing>,
    address: SocketAddr,
    rule: Arc<Rule>,
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    let timed = runtime.block_on(async { tokio::time::timeout(PATIENCE, test()).await });
    timed.expect("the test waits in vain");
}

fn home() -> Home {
    let (writer, _) = Writer::start(None, Format::Text).unwrap();
    let log = AccessLog::new(Level::Off, Format::Text, writer);
    // Its thread holds standard output.
    log.close();
    let home = Home {
        clock: Box::leak(Box::new(Clock::new())),
        log: Box::leak(Box::new(log)),
        resolver: Box::leak(Box::default()),
        open: Box::leak(Box::default()),
        is_ending: Box::leak(Box::default()),
    };
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            home.clock.tick(true);
        }
    });
    home
}

fn rule(protocol: Protocol, target: SocketAddr, limits: Limits) -> Arc<Rule> {
    let to = ForwardTo {
        protocol,
        address: ([127, 0, 0, 1], 0).into(),
        host: target.ip().to_string(),
        port: target.port(),
        target: target.to_string(),
        connect_timeout: Some(Duration::from_secs(1)),
    };
    Arc::new(Rule::new(to, limits))
}

fn forward(rule: &Arc<Rule>) -> Core {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let kind = match rule.to.protocol {
        Protocol::Tcp => socket2::Type::STREAM,
        Protocol::Udp => socket2::Type::DGRAM,
    };
    let socket = Socket::new(socket2::Domain::IPV4, kind, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&any.into()).unwrap();
    if rule.to.protocol == Protocol::Tcp {
        socket.listen(16).unwrap();
    }
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let home = home();
    let passing = start(home, vec![(Arc::clone(rule), socket)]).unwrap();
    Core {
        home,
        passing: Some(passing),
        address,
        rule: Arc::clone(rule),
    }
}

/// A core in front of a TCP target.
async fn tcp(limits: Limits) -> (Core, TcpListener) {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = target.local_addr().unwrap();
    (forward(&rule(Protocol::Tcp, address, limits)), target)
}

impl Core {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn close(&mut self) {
        self.passing.take().unwrap().close();
    }

    async fn until_open(&self, count: usize) {
        while self.home.open.get() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Whether a connection has nothing to read and has not ended.
async fn is_silent(socket: &mut TcpStream) -> bool {
    let mut byte = [0];
    poll_fn(|cx| {
        let mut space = tokio::io::ReadBuf::new(&mut byte);
        Poll::Ready(socket.poll_peek(cx, &mut space).is_pending())
    })
    .await
}

/// Takes no more connections, and does not say so, for as long as these live.
fn deaf() -> (SocketAddr, Socket, Vec<std::net::TcpStream>) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
    let queued = std::iter::from_fn(|| connect().ok()).collect();
    (address, socket, queued)
}

/// RT-PT-2, RT-STOP-2: a target that does not answer is not waited for once the client has broken its connection
/// off, or the drain is over; a client that has only ended its half still waits.
#[test]
fn nobody_waits_for_the_target() {
    run(async || {
        let (address, _socket, _queued) = deaf();
        let mut rule = rule(Protocol::Tcp, address, Limits::default());
        Arc::get_mut(&mut rule).unwrap().to.connect_timeout = None;
        let core = forward(&rule);
        let mut waits = core.connect().await;
        waits.shutdown().await.unwrap();
        let leaves = core.connect().await;
        core.until_open(2).await;
        socket2::SockRef::from(&leaves)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(leaves);
        core.until_open(1).await;
        assert!(is_silent(&mut waits).await);
        core.home.is_ending.set(true);
        core.until_open(0).await;
        assert_eq!(waits.read(&mut [0]).await.unwrap_or(0), 0);
    });
}

/// RT-PT-2: each side may end while the other goes on.
#[test]
fn half_closed_both_ways() {
    run(async || {
        let (core, target) = tcp(Limits::default()).await;
        for client_first in [true, false] {
            let client = core.connect().await;
            let (other, _) = target.accept().await.unwrap();
            let (mut first, mut second) = match client_first {
                true => (client, other),
                false => (other, client),
            };
            let large = vec![b'x'; 3 << 20];
            let sent = tokio::task::spawn_local(async move {
                first.write_all(&large).await.unwrap();
                first.shutdown().await.unwrap();
                let mut answer = Vec::new();
                first.read_to_end(&mut answer).await.unwrap();
                answer
            });
            let mut request = Vec::new();
            second.read_to_end(&mut request).await.unwrap();
            assert_eq!(request.len(), 3 << 20);
            second.write_all(b"answer").await.unwrap();
            drop(second);
            assert_eq!(sent.await.unwrap(), b"answer");
        }
        core.until_open(0).await;
        let places = core.rule.places.available_permits();
        assert_eq!(places, Limits::default().connections_max);
    });
}

/// RT-PT-2: a target that is not there.
#[test]
fn a_failed_connect_closes_the_client() {
    run(async || {
        let (core, target) = tcp(Limits::default()).await;
        drop(target);
        let mut client = core.connect().await;
        client.write_all(b"lost").await.unwrap();
        let read = client.read(&mut [0; 8]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        core.until_open(0).await;
    });
}

/// RT-PT-2: a side that resets takes the other with it.
#[test]
fn a_reset_ends_the_other_side() {
    run(async || {
        let (core, target) = tcp(Limits::default()).await;
        let mut client = core.connect().await;
        let (other, _) = target.accept().await.unwrap();
        socket2::SockRef::from(&other)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(other);
        assert!(matches!(client.read(&mut [0; 8]).await, Ok(0) | Err(_)));
        core.until_open(0).await;
    });
}

/// RT-PT-2: what is too much for a copy goes through pipes, both ways at once, and stays what it is, in order,
/// whatever follows it.
#[test]
fn large_amounts() {
    run(async || {
        let (core, target) = tcp(Limits::default()).await;
        let mut client = core.connect().await;
        let (mut other, _) = target.accept().await.unwrap();
        let sent: Rc<Vec<u8>> = Rc::new((0..9_000_011_u32).map(|at| (at % 251) as u8).collect());
        let echo = tokio::task::spawn_local(async move {
            let (mut from, mut to) = other.split();
            let mut piece = vec![0; 100_000];
            while let Ok(count @ 1..) = from.read(&mut piece).await {
                to.write_all(&piece[..count]).await.unwrap();
            }
            to.shutdown().await.unwrap();
        });
        let (mut from, mut to) = client.split();
        let (mut back, data) = (Vec::new(), Rc::clone(&sent));
        let send = async {
            for piece in [&data[..], b"small", &data[..], b"end"] {
                to.write_all(piece).await.unwrap();
            }
            to.shutdown().await.unwrap();
        };
        let (_, received) = tokio::join!(send, from.read_to_end(&mut back));
        received.unwrap();
        echo.await.unwrap();
        assert!(back == [&sent[..], b"small", &sent[..], b"end"].concat());
        core.until_open(0).await;
    });
}

/// RT-PT-3: over all cores; who finds no place waits for one.
#[test]
fn connections_of_a_rule() {
    run(async || {
        let limits = Limits {
            connections_max: 1,
            ..Limits::default()
        };
        let (core, target) = tcp(limits).await;
        let other_core = forward(&core.rule);
        let first = core.connect().await;
        let (served, _) = target.accept().await.unwrap();
        let mut second = other_core.connect().await;
        second.write_all(b"second").await.unwrap();
        let waits = tokio::time::timeout(Duration::from_millis(50), target.accept());
        assert!(waits.await.is_err());
        drop((first, served));
        let (mut served, _) = target.accept().await.unwrap();
        let mut text = [0; 6];
        served.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"second");
    });
}

/// RT-PT-3: a connection that is silent both ways ends, one that is not stays.
#[test]
fn silent_connections_end() {
    run(async || {
        let idle = Duration::from_secs(1);
        let limits = Limits {
            connection_idle: idle,
            ..Limits::default()
        };
        let (core, target) = tcp(limits).await;
        let begun = Moment::now();
        let mut client = core.connect().await;
        let (mut other, _) = target.accept().await.unwrap();
        let mut last = begun;
        while begun.elapsed() < idle * 3 / 2 {
            last = Moment::now();
            other.write_all(b".").await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
            tokio::time::sleep(idle / 10).await;
        }
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(last.elapsed() >= idle);
    });
}

/// RT-STOP-2: nothing new is taken, what is open goes on, and ends with the drain.
#[test]
fn connections_end_with_the_drain() {
    run(async || {
        let (mut core, target) = tcp(Limits::default()).await;
        let mut client = core.connect().await;
        let (mut other, _) = target.accept().await.unwrap();
        core.close();
        while TcpStream::connect(core.address).await.is_ok() {}
        other.write_all(b"on").await.unwrap();
        client.read_exact(&mut [0; 2]).await.unwrap();
        assert!(is_silent(&mut client).await);
        assert_eq!(core.home.open.get(), 1);
        core.home.is_ending.set(true);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        core.until_open(0).await;
    });
}

/// A UDP target, and a core in front of it.
async fn udp(limits: Limits) -> (Core, UdpSocket) {
    let target = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = target.local_addr().unwrap();
    (forward(&rule(Protocol::Udp, address, limits)), target)
}

async fn client(core: &Core) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(core.address).await.unwrap();
    socket
}

/// The next datagram, and where it is from.
async fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut space = vec![0; SCRATCH_BYTES];
    let (count, from) = socket.recv_from(&mut space).await.unwrap();
    space.truncate(count);
    (space, from)
}

/// RT-PT-4: each client has a socket of its own, and boundaries are kept.
#[test]
fn datagrams_go_back_to_their_client() {
    run(async || {
        let (core, target) = udp(Limits::default()).await;
        let (one, other) = (client(&core).await, client(&core).await);
        let large = vec![b'l'; 60_000];
        for datagram in [&b"one"[..], b"", &large] {
            one.send(datagram).await.unwrap();
        }
        let (first, one_here) = next(&target).await;
        assert_eq!(first, b"one");
        assert_eq!(next(&target).await, (Vec::new(), one_here));
        assert_eq!(next(&target).await, (large, one_here));
        other.send(b"other").await.unwrap();
        let (text, other_here) = next(&target).await;
        assert_eq!(text, b"other");
        assert_ne!(one_here, other_here);
        for text in [&b"a"[..], b"bc"] {
            target.send_to(text, one_here).await.unwrap();
        }
        target.send_to(b"d", other_here).await.unwrap();
        assert_eq!(next(&one).await.0, b"a");
        assert_eq!(next(&one).await.0, b"bc");
        assert_eq!(next(&other).await.0, b"d");
        assert_eq!(core.rule.sessions.load(Ordering::Relaxed), 2);
    });
}

/// RT-PT-5: whoever was silent the longest goes.
#[test]
fn sessions_of_a_rule() {
    run(async || {
        let limits = Limits {
            sessions_max: 2,
            ..Limits::default()
        };
        let (core, target) = udp(limits).await;
        let mut clients = Vec::new();
        for _ in 0..2 {
            let client = client(&core).await;
            client.send(b"x").await.unwrap();
            clients.push((next(&target).await.1, client));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A reply counts as much as a datagram of the client.
        target.send_to(b"y", clients[0].0).await.unwrap();
        next(&clients[0].1).await;
        let third = client(&core).await;
        third.send(b"z").await.unwrap();
        let (_, third_here) = next(&target).await;
        clients[0].1.send(b"x").await.unwrap();
        assert_eq!(next(&target).await.1, clients[0].0);
        target.send_to(b"y", third_here).await.unwrap();
        assert_eq!(next(&third).await.0, b"y");
        clients[1].1.send(b"x").await.unwrap();
        assert_ne!(
            next(&target).await.1,
            clients[1].0,
            "a session of its own, anew"
        );
        assert_eq!(core.rule.sessions.load(Ordering::Relaxed), 2);
    });
}

/// RT-PT-5: the limit is of all cores together; a core without sessions does not exceed it.
#[test]
fn sessions_of_all_cores() {
    run(async || {
        let limits = Limits {
            sessions_max: 1,
            ..Limits::default()
        };
        let (core, target) = udp(limits).await;
        let other_core = forward(&core.rule);
        let (one, other) = (client(&core).await, client(&other_core).await);
        one.send(b"one").await.unwrap();
        assert_eq!(next(&target).await.0, b"one");
        other.send(b"other").await.unwrap();
        let none = tokio::time::timeout(Duration::from_millis(50), next(&target));
        assert!(none.await.is_err());
        assert_eq!(core.rule.sessions.load(Ordering::Relaxed), 1);
    });
}

/// RT-PT-4: a session ends when both have been silent for long enough.
#[test]
fn silent_sessions_end() {
    run(async || {
        let limits = Limits {
            session_idle: Duration::from_millis(100),
            ..Limits::default()
        };
        let (core, target) = udp(limits).await;
        let client = client(&core).await;
        client.send(b"x").await.unwrap();
        let (_, before) = next(&target).await;
        while core.rule.sessions.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        client.send(b"x").await.unwrap();
        assert_ne!(next(&target).await.1, before);
    });
}

/// A target that is not there gets what is sent once it is.
#[test]
fn an_unreachable_target() {
    run(async || {
        let (core, target) = udp(Limits::default()).await;
        let address = target.local_addr().unwrap();
        drop(target);
        let client = client(&core).await;
        client.send(b"lost").await.unwrap();
        client.send(b"lost as well").await.unwrap();
        while core.rule.sessions.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Time for the system to say that nobody is there.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let target = UdpSocket::bind(address).await.unwrap();
        client.send(b"there").await.unwrap();
        assert_eq!(next(&target).await.0, b"there");
    });
}

/// RT-STOP-2: replies that are under way still arrive; nothing new is taken.
#[test]
fn sessions_that_wait_get_their_reply() {
    run(async || {
        let (mut core, target) = udp(Limits::default()).await;
        let (asks, done) = (client(&core).await, client(&core).await);
        done.send(b"x").await.unwrap();
        let (_, here) = next(&target).await;
        target.send_to(b"y", here).await.unwrap();
        next(&done).await;
        asks.send(b"x").await.unwrap();
        let (_, here) = next(&target).await;
        core.close();
        asks.send(b"late").await.unwrap();
        target.send_to(b"y", here).await.unwrap();
        assert_eq!(next(&asks).await.0, b"y");
        core.until_open(0).await;
        let late = tokio::time::timeout(Duration::from_millis(50), next(&target));
        assert!(late.await.is_err());
    });
}
