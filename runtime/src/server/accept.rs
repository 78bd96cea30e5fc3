//! Accepting connections: how many there may be, and who stands behind a PROXY header.

use std::future::poll_fn;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

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
        let open = OpenConnection::new(core);
        match place_now(places) {
            Ok(place) => {
                tokio::task::spawn_local(serve(core, socket, peer, (open, place)));
            }
            // RT-LIM-5: while there is no place, this connection waits and the others queue up in the
            // kernel. It is a task of its own: it is accepted, also if the gateway stops meanwhile.
            Err(places) => {
                let (waits, is_served) = oneshot::channel::<()>();
                tokio::task::spawn_local(async move {
                    // None once another gateway has taken over (RT-TAKE-3).
                    let place = places.acquire_owned().await.ok();
                    drop(waits);
                    serve(core, socket, peer, (open, place)).await;
                });
                let _ = is_served.await;
            }
        }
    }
}

/// A place, if it needs one; or where it waits for one.
fn place_now(places: &Places) -> Result<Option<OwnedSemaphorePermit>, Arc<Semaphore>> {
    let Some(places) = places else {
        return Ok(None);
    };
    let place = Arc::clone(places).try_acquire_owned();
    place.map(Some).map_err(|_| Arc::clone(places))
}

/// Serves a connection, which is open and has its place until then.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn has its arguments twice, and there are many of these"
)]
fn serve(
    core: &'static Core,
    socket: TcpStream,
    peer: SocketAddr,
    held: (OpenConnection, Option<OwnedSemaphorePermit>),
) -> impl Future<Output = ()> {
    async move {
        let _held = &held;
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
    let preamble = loop {
        // Before the bytes are looked at: what has ended by then sends no more.
        let has_ended = socket.ready(Interest::READABLE).await?.is_read_closed();
        let looked = socket.try_io(Interest::READABLE, || {
            let count = raw.peek(&mut bytes)?;
            match proxy_protocol::parse(bytes.get(..count).unwrap_or_default()) {
                Preamble::Partial if count == 0 || has_ended => {
                    Err(std::io::ErrorKind::UnexpectedEof.into())
                }
                // Not to be asked again before more has come.
                Preamble::Partial => Err(std::io::ErrorKind::WouldBlock.into()),
                known @ (Preamble::Absent | Preamble::Header { .. } | Preamble::Malformed) => {
                    Ok(known)
                }
            }
        });
        match looked {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            known => break known?,
        }
    };
    if let Preamble::Header { length, .. } = preamble {
        raw.read_exact(bytes.get_mut(..length).unwrap_or_default())?;
    }
    Ok(preamble)
}

/// Counts a connection for as long as it is open, even if its task panics.
struct OpenConnection(&'static Core);

impl OpenConnection {
    fn new(core: &'static Core) -> Self {
        core.connections.set(core.connections.get() + 1);
        Self(core)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let Self(core) = self;
        core.connections.set(core.connections.get() - 1);
    }
}
