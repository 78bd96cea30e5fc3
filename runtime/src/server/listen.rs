//! Listening sockets: one per core on the same address.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use crate::gateway::Protocol;
use crate::values::StartError;

/// Connections that wait to be accepted, per core.
const BACKLOG: i32 = 4096;

/// The sockets of one address.
#[derive(Debug)]
pub(super) struct Listener {
    /// The address, with the port that was chosen if 0 was asked for.
    pub(super) address: SocketAddr,
    pub(super) sockets: Vec<Socket>,
}

/// What one core listens on.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) web: Vec<Socket>,
    /// With the index of their rule.
    pub(super) forwards: Vec<(usize, Socket)>,
}

/// Shares sockets out to cores.
pub(super) fn spread(web: Option<Listener>, forwards: Vec<Listener>, cores: usize) -> Vec<Share> {
    let mut shares: Vec<_> = (0..cores).map(|_| Share::default()).collect();
    let web = web.into_iter().flat_map(|web| web.sockets);
    for (socket, core) in web.zip((0..cores).cycle()) {
        if let Some(share) = shares.get_mut(core) {
            share.web.push(socket);
        }
    }
    for (rule, listener) in forwards.into_iter().enumerate() {
        for (socket, core) in listener.sockets.into_iter().zip((0..cores).cycle()) {
            if let Some(share) = shares.get_mut(core) {
                share.forwards.push((rule, socket));
            }
        }
    }
    shares
}

/// Binds `cores` sockets to an address.
///
/// # Errors
/// `bind-failed`, also if another process listens there, unless the address is to be shared.
pub(super) fn bind(
    protocol: Protocol,
    address: SocketAddr,
    cores: usize,
    share: bool,
) -> Result<Listener, StartError> {
    let fault = |error: io::Error| {
        let protocol = match protocol {
            Protocol::Tcp => "",
            Protocol::Udp => " (udp)",
        };
        StartError::without_place(
            "bind-failed",
            format!("cannot listen on {address}{protocol}: {error}"),
        )
    };
    if address.port() != 0 && !share {
        // SO_REUSEPORT would let two gateways share a port unnoticed; a plain bind does not.
        let probe = open(protocol, address).map_err(fault)?;
        probe.bind(&address.into()).map_err(fault)?;
    }
    let first = listen(protocol, address).map_err(fault)?;
    let bound = first.local_addr().map_err(fault)?;
    let unknown = || fault(io::ErrorKind::InvalidData.into());
    let bound = bound.as_socket().ok_or_else(unknown)?;
    let mut sockets = vec![first];
    for _ in 1..cores {
        sockets.push(listen(protocol, bound).map_err(fault)?);
    }
    Ok(Listener {
        address: bound,
        sockets,
    })
}

fn listen(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    let socket = open(protocol, address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    if protocol == Protocol::Tcp {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn open(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    let (kind, number) = match protocol {
        Protocol::Tcp => (Type::STREAM, socket2::Protocol::TCP),
        Protocol::Udp => (Type::DGRAM, socket2::Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(number))?;
    if address.is_ipv6() {
        // `[::]` serves IPv4 as well.
        socket.set_only_v6(false)?;
    }
    if protocol == Protocol::Tcp {
        // Of datagrams it would let any process in.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
