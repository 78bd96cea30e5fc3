//! Listening sockets: one per core on the same address.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::values::StartError;

/// Connections that wait to be accepted, per core.
const BACKLOG: i32 = 4096;

/// The sockets of one entry point.
#[derive(Debug)]
pub(super) struct Listeners {
    /// The address, with the port that was chosen if 0 was asked for.
    pub(super) address: SocketAddr,
    pub(super) sockets: Vec<TcpListener>,
}

/// Binds `cores` sockets to an address.
///
/// # Errors
/// `bind-failed`, also if another process listens there, unless the address is to be shared.
pub(super) fn bind(
    address: SocketAddr,
    cores: usize,
    share: bool,
) -> Result<Listeners, StartError> {
    let fault = |error: io::Error| {
        StartError::without_place(
            "bind-failed",
            format!("cannot listen on {address}: {error}"),
        )
    };
    if address.port() != 0 && !share {
        // SO_REUSEPORT would let two gateways share a port unnoticed; a plain bind does not.
        let probe = open(address).map_err(fault)?;
        probe.bind(&address.into()).map_err(fault)?;
    }
    let first = listen(address).map_err(fault)?;
    let bound = first.local_addr().map_err(fault)?;
    let mut sockets = vec![first];
    for _ in 1..cores {
        sockets.push(listen(bound).map_err(fault)?);
    }
    Ok(Listeners {
        address: bound,
        sockets,
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // `[::]` serves IPv4 as well.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
