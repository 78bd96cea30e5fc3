//! Accepting connections: how many there may be, and who stands behind a PROXY header.

use std::future::poll_fn;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::proxy_protocol::{self, Preamble, V2_BYTES_MAX};
use crate::gateway::ProxyProtocolIn;
use crate::io;
use crate::proxy::{self, Core};
use crate::values::scalar::Level;

/// Places for connections, shared by all cores; `None`: any number (`limits.maxConnections`).
pub(super) type Places = Option<Arc<Semaphore>>;

/// Accepts for ever.
pub(super) async fn accept(core: &'static Core, listeners: &[TcpListener], places: &Places) {
    let accepting = listeners.iter();
    let accepting = accepting.map(|listener| Box::pin(accept_on(core, listener, places)));
    let mut accepting: Vec<_> = accepting.collect();
    poll_fn(|cx| {
        for listener in &mut accepting {
            let _ = listener.as_mut().poll(cx);
        }
        Poll::Pending
    })
    .await
}

async fn accept_on(core: &'static Core, listener: &TcpListener, places: &Places) {
    loop {
        let (socket, peer) = io::accept(listener).await;
        let _ = socket.set_nodelay(true);
        // RT-LIM-5: while there is no place, this connection waits and the others queue up in
        // the kernel.
        let place = match places {
            Some(places) => Arc::clone(places).acquire_owned().await.ok(),
            None => None,
        };
        let open = OpenConnection::new(core, place);
        tokio::task::spawn_local(serve(core, socket, peer, open));
    }
}

/// Serves a connection, which is `_open` until then.
async fn serve(core: &'static Core, socket: TcpStream, peer: SocketAddr, _open: OpenConnection) {
    let behind = core.settings.web_proxy_protocol.as_ref();
    let peer = match behind.filter(|behind| behind.trusted.contains(peer.ip())) {
        // Boxed, so that connections without a PROXY header have no room for it.
        Some(behind) => Box::pin(peer_behind(core, &socket, peer, behind)).await,
        None => Some(peer),
    };
    if let Some(peer) = peer {
        proxy::serve(core, socket, peer).await;
    }
}

/// RT-PP-1, RT-PP-2. `None`: the connection is to be closed.
async fn peer_behind(
    core: &Core,
    socket: &TcpStream,
    peer: SocketAddr,
    behind: &ProxyProtocolIn,
) -> Option<SocketAddr> {
    let header = read_header(socket);
    let preamble = tokio::time::timeout(core.settings.header_timeout, header).await;
    match preamble {
        Ok(Ok(Preamble::Header { source, .. })) => Some(source.unwrap_or(peer)),
        Ok(Ok(Preamble::Absent)) if !behind.required => Some(peer),
        Ok(Ok(Preamble::Absent | Preamble::Malformed | Preamble::Partial) | Err(_)) | Err(_) => {
            let message = "Connection closed: no PROXY header";
            core.log.message(Level::Debug, message);
            None
        }
    }
}

/// Takes a PROXY header off the beginning of a connection, and nothing else.
async fn read_header(socket: &TcpStream) -> std::io::Result<Preamble> {
    // The same socket: only the standard library can look at bytes without taking them.
    let mut raw = std::net::TcpStream::from(socket.as_fd().try_clone_to_owned()?);
    let mut bytes = vec![0; V2_BYTES_MAX];
    let preamble = socket
        .async_io(Interest::READABLE, || {
            let count = raw.peek(&mut bytes)?;
            match proxy_protocol::parse(bytes.get(..count).unwrap_or_default()) {
                Preamble::Partial if count == 0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                // Not to be asked again before more has come.
                Preamble::Partial => Err(std::io::ErrorKind::WouldBlock.into()),
                known @ (Preamble::Absent | Preamble::Header { .. } | Preamble::Malformed) => {
                    Ok(known)
                }
            }
        })
        .await?;
    if let Preamble::Header { length, .. } = preamble {
        raw.read_exact(bytes.get_mut(..length).unwrap_or_default())?;
    }
    Ok(preamble)
}

/// Counts a connection for as long as it is open, even if its task panics.
struct OpenConnection {
    core: &'static Core,
    _place: Option<OwnedSemaphorePermit>,
}

impl OpenConnection {
    fn new(core: &'static Core, place: Option<OwnedSemaphorePermit>) -> Self {
        core.connections.set(core.connections.get() + 1);
        Self {
            core,
            _place: place,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.core.connections.set(self.core.connections.get() - 1);
    }
}
