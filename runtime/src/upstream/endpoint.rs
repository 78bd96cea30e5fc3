//! Where a backend is, and how connections to it are made.

use std::io;
#[cfg(feature = "http2-backends")]
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::connect::{self, Resolver};
use super::limit::Limit;
use super::link::Link;
use super::pool::{Connection, Place, Pool};
use super::race::Dial;
#[cfg(feature = "http2-backends")]
use super::session::Session;
#[cfg(feature = "tls")]
use super::tls;
use crate::error::{CONNECT, UpstreamFault};
use crate::values::is_reachable_without_dns;
use crate::values::scalar::{Scheme, Url};

#[cfg(feature = "unix-sockets")]
mod local;

/// Time between keep-alive probes on an idle connection (RT-UP-4).
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The place of a backend.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The URL, taken apart.
    pub url: Url,
    /// `None`: clear text.
    #[cfg(feature = "tls")]
    pub(super) peer: Option<tls::Peer>,
    /// How many connections there may be.
    pub(super) limit: Option<Arc<Limit>>,
}

/// What connections may be shared by: host or file of a socket, port, TLS identity (0: clear text), and whether it is HTTP/2 from
/// the beginning.
pub(super) type Key = (String, u16, usize, bool);

impl Endpoint {
    /// One in clear text.
    pub(super) fn plain(url: Url) -> Self {
        Self {
            url,
            #[cfg(feature = "tls")]
            peer: None,
            limit: None,
        }
    }

    pub(super) fn key(&self) -> Key {
        #[cfg(feature = "tls")]
        let identity = self.peer.as_ref().map_or(0, tls::Peer::identity);
        #[cfg(not(feature = "tls"))]
        let identity = 0;
        let h2c = self.url.scheme == Scheme::H2c;
        let host = self.url.socket.as_ref().unwrap_or(&self.url.host);
        (host.clone(), self.url.port, identity, h2c)
    }

    /// A new connection that belongs to no pool, as a check makes it.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub(super) async fn connect_apart(
        &self,
        resolver: &Resolver,
    ) -> Result<Connection, UpstreamFault> {
        let place = Place::default();
        self.connect(resolver, None, None, place, false).await
    }

    /// A new connection, with its TLS session if it is to have one. `limit`: how long connecting to one
    /// address may take; `http1`: one that speaks HTTP/1.1.
    ///
    /// # Errors
    /// No address answers, or not in time; the backend is not who it must be.
    pub(super) async fn connect(
        &self,
        resolver: &Resolver,
        limit: Option<Duration>,
        pool: Option<&Pool>,
        place: Place,
        http1: bool,
    ) -> Result<Connection, UpstreamFault> {
        #[cfg(feature = "unix-sockets")]
        if let Some(file) = &self.url.socket {
            return self.connect_local(file, limit, pool, place).await;
        }
        let dial = Dial {
            limit,
            keepalive: KEEPALIVE,
        };
        let socket = resolver.connect(&self.url.host, self.url.port, dial).await;
        let socket = socket.map_err(|source| self.fault(source))?;
        #[cfg(feature = "tls")]
        if let Some(peer) = &self.peer {
            // Boxed: a request in clear text is not to keep room for it.
            return Box::pin(self.secure(peer, socket, pool, place, http1)).await;
        }
        self.clear(socket, pool, place, http1).await
    }

    fn fault(&self, source: io::Error) -> UpstreamFault {
        match source.kind() {
            io::ErrorKind::TimedOut => UpstreamFault::Timeout { what: CONNECT },
            _ => UpstreamFault::Connect {
                endpoint: self.url.place().to_owned(),
                source,
            },
        }
    }

    #[cfg(feature = "http2-backends")]
    async fn clear(
        &self,
        socket: TcpStream,
        pool: Option<&Pool>,
        place: Place,
        _: bool,
    ) -> Result<Connection, UpstreamFault> {
        match self.url.scheme {
            Scheme::H2c => {
                let address = address_of(&socket);
                Box::pin(self.begin((socket, address), false, pool, place)).await
            }
            Scheme::Http | Scheme::Https => Ok(Connection::new(Link::Plain(socket), place.permit)),
        }
    }

    #[cfg(not(feature = "http2-backends"))]
    #[expect(clippy::unused_async, reason = "as with the feature")]
    async fn clear(
        &self,
        socket: TcpStream,
        _: Option<&Pool>,
        place: Place,
        _: bool,
    ) -> Result<Connection, UpstreamFault> {
        Ok(Connection::new(Link::Plain(socket), place.permit))
    }

    #[cfg(feature = "tls")]
    async fn secure(
        &self,
        peer: &tls::Peer,
        socket: TcpStream,
        pool: Option<&Pool>,
        place: Place,
        http1: bool,
    ) -> Result<Connection, UpstreamFault> {
        let session = peer.handshake(socket, &self.url.authority, http1).await?;
        #[cfg(feature = "http2-backends")]
        if tls::speaks_http2(&session) {
            let address = address_of(session.get_ref().0);
            return self.begin((session, address), true, pool, place).await;
        }
        #[cfg(feature = "http2-backends")]
        if let Some(pool) = pool.filter(|_| !http1) {
            pool.expect_sessions(false);
        }
        let _ = pool;
        let link = Link::Secure(Box::new(session));
        Ok(Connection::new(link, place.permit))
    }

    /// A session of HTTP/2, and its first stream.
    #[cfg(feature = "http2-backends")]
    async fn begin(
        &self,
        socket: (
            impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
            Option<IpAddr>,
        ),
        secure: bool,
        pool: Option<&Pool>,
        mut place: Place,
    ) -> Result<Connection, UpstreamFault> {
        let permit = place.permit.take();
        let begun = Session::begin(socket, secure, permit, pool.map(Pool::me));
        let session = begun.await.map_err(|source| self.fault(source))?;
        let connection = match pool {
            Some(pool) => {
                pool.expect_sessions(true);
                pool.begin(session)
            }
            None => session.stream().map(Pool::apart),
        };
        connection.ok_or_else(|| self.fault(io::ErrorKind::ConnectionRefused.into()))
    }
}

#[cfg(feature = "http2-backends")]
fn address_of(socket: &TcpStream) -> Option<IpAddr> {
    socket.peer_addr().ok().map(|peer| peer.ip())
}

/// Whether the host needs no look-up, or can be looked up.
pub(super) fn is_reachable(url: &Url) -> bool {
    is_reachable_without_dns(&url.host) || connect::CAN_RESOLVE
}
