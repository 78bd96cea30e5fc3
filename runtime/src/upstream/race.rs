//! Which of several addresses a connection is made to (RFC 8305): families take turns, and an address that
//! does not answer soon does not hold up the next.

#[cfg(any(feature = "dns", test))]
use std::collections::VecDeque;
use std::io;
#[cfg(any(feature = "dns", test))]
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long an address has before the next is tried beside it (RFC 8305 §8, Connection Attempt Delay).
const STAGGER: Duration = Duration::from_millis(250);

/// How a connection is made.
#[derive(Clone, Copy, Debug)]
pub struct Dial {
    /// How long one address may take; `None`: as long as the system tries.
    pub limit: Option<Duration>,
    /// Time between keep-alive probes on a silent connection.
    pub keepalive: Duration,
}

/// All addresses in the order in which they are tried: the families alternate, each from its own `turn`th
/// address on. The first is IPv6 (RFC 8305 §4) if there is any, unless `v4_first`.
#[cfg(any(feature = "dns", test))]
pub(super) fn in_order(addresses: &[IpAddr], turn: usize, v4_first: bool) -> Vec<IpAddr> {
    let of_family = |v4: bool| {
        let mut family: VecDeque<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|ip| ip.is_ipv4() == v4)
            .collect();
        let count = family.len();
        if count > 0 {
            family.rotate_left(turn % count);
        }
        family
    };
    let (mut next, mut other) = (of_family(v4_first), of_family(!v4_first));
    let mut all = Vec::with_capacity(addresses.len());
    while let Some(ip) = next.pop_front().or_else(|| other.pop_front()) {
        all.push(ip);
        std::mem::swap(&mut next, &mut other);
    }
    all
}

/// A connection to the first address that answers.
///
/// # Errors
/// That of the last address that failed; `TimedOut` if it did not answer in time.
pub(super) async fn connect(addresses: &[SocketAddr], dial: Dial) -> io::Result<TcpStream> {
    match addresses {
        [only] => one(*only, dial).await,
        // Boxed: most requests find a connection.
        several => Box::pin(race(several, dial)).await,
    }
}

async fn race(addresses: &[SocketAddr], dial: Dial) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut left = addresses.iter();
    // Those that are under way end with it.
    let mut attempts = JoinSet::new();
    loop {
        match left.next() {
            Some(address) => {
                attempts.spawn_local(one(*address, dial));
            }
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        let stagger = async {
            match left.len() {
                0 => std::future::pending().await,
                _ => tokio::time::sleep(STAGGER).await,
            }
        };
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => last = error,
                Err(error) => last = io::Error::other(error),
            },
            () = stagger => {}
        }
    }
}

async fn one(address: SocketAddr, dial: Dial) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    let socket = match dial.limit {
        None => connecting.await?,
        Some(limit) => match tokio::time::timeout(limit, connecting).await {
            Ok(connected) => connected?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        },
    };
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(dial.keepalive);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], turn: usize, v4_first: bool, expected: &[&str]) {
        let read = |all: &[&str]| -> Vec<IpAddr> {
            all.iter().map(|text| text.parse().unwrap()).collect()
        };
        let found = in_order(&read(addresses), turn, v4_first);
        assert_eq!(found, read(expected), "{addresses:?} {turn}");
    }

    /// RFC 8305 §4: families alternate, IPv6 first; RT-DNS-2: each address has its turn.
    #[test]
    fn families_alternate() {
        let both = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "::2"];
        check(
            &both,
            0,
            false,
            &["::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3"],
        );
        check(
            &both,
            4,
            true,
            &["10.0.0.2", "::1", "10.0.0.3", "::2", "10.0.0.1"],
        );
        check(
            &["10.0.0.1", "10.0.0.2"],
            3,
            false,
            &["10.0.0.2", "10.0.0.1"],
        );
        check(&[], 7, false, &[]);
    }

    /// RFC 8305 §5: an address that is silent gets company after 250 ms, one that refuses at once; the first
    /// that answers wins.
    #[tokio::test]
    async fn a_silent_address_holds_nothing_up() {
        tokio::task::LocalSet::new()
            .run_until(async {
                // A full queue takes no more connections.
                let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
                    .unwrap();
                let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
                full.bind(&any.into()).unwrap();
                full.listen(0).unwrap();
                let silent = full.local_addr().unwrap().as_socket().unwrap();
                let _queued: Vec<_> = (0..4)
                    .map(|_| {
                        let socket = socket2::Socket::new(
                            socket2::Domain::IPV4,
                            socket2::Type::STREAM,
                            None,
                        );
                        let socket = socket.unwrap();
                        socket.set_nonblocking(true).unwrap();
                        let _ = socket.connect(&silent.into());
                        socket
                    })
                    .collect();
                let open = tokio::net::TcpListener::bind(any).await.unwrap();
                let shut = tokio::net::TcpListener::bind(any).await.unwrap();
                let refusing = shut.local_addr().unwrap();
                drop(shut);
                let answering = open.local_addr().unwrap();
                let dial = Dial {
                    limit: Some(Duration::from_secs(5)),
                    keepalive: Duration::from_secs(30),
                };
                let begun = crate::clock::Moment::now();
                let found = connect(&[refusing, silent, answering], dial).await.unwrap();
                assert_eq!(found.peer_addr().unwrap(), answering);
                let took = begun.elapsed();
                assert!(took >= STAGGER && took < Duration::from_secs(4), "{took:?}");
                let error = connect(&[refusing, refusing], dial).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                assert!(connect(&[], dial).await.is_err());
            })
            .await;
    }
}
