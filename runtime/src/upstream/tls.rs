//! TLS towards backends (RT-UP-3, RT-MTLS-2): handshakes and sessions. Who a gateway says it is, and whom it
//! believes, is for [`identities`].

use std::io::{self, IoSlice};
use std::pin::Pin;
#[expect(
    clippy::disallowed_types,
    reason = "taken for a handshake, which costs much more"
)]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::{HANDSHAKE, UpstreamFault};
use crate::io::Socket;

mod identities;

pub(super) use identities::Identities;

/// What is offered and chosen in a handshake (ALPN).
const HTTP2: &[u8] = b"h2";

/// Whether HTTP/2 was chosen.
#[cfg(feature = "http2-backends")]
pub(super) fn speaks_http2(session: &Session) -> bool {
    session.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// A TLS session with a backend.
pub(super) type Session = TlsStream<TcpStream>;

/// What handshakes need.
struct Configs {
    any: Arc<ClientConfig>,
    /// For who must speak HTTP/1.1.
    http1: Arc<ClientConfig>,
}

/// How connections of one kind are made.
pub(super) struct Identity {
    /// Tells it apart from others, which connections are not shared with.
    number: usize,
    #[expect(
        clippy::disallowed_types,
        reason = "taken for a handshake, which costs much more"
    )]
    configs: Mutex<Configs>,
    /// `None`: a handshake takes as long as it takes.
    handshake_limit: Option<Duration>,
}

/// A backend that is spoken to over TLS.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    identity: Arc<Identity>,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identity").field(&self.number).finish()
    }
}

impl Identity {
    /// From now on; what is connected stays connected.
    fn renew(&self, configs: Configs) {
        *self.configs.lock().unwrap_or_else(PoisonError::into_inner) = configs;
    }

    fn config(&self, http1: bool) -> Arc<ClientConfig> {
        let configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(if http1 { &configs.http1 } else { &configs.any })
    }
}

impl Peer {
    /// What keeps its connections apart from others to the same address; never 0.
    pub(super) fn identity(&self) -> usize {
        self.identity.number
    }

    /// Makes a session of a new connection; `http1`: which is for HTTP/1.1.
    ///
    /// # Errors
    /// The backend is not who it must be, does not speak TLS 1.2 or 1.3, or takes too long.
    pub(super) async fn handshake(
        &self,
        socket: TcpStream,
        endpoint: &str,
        http1: bool,
    ) -> Result<Session, UpstreamFault> {
        let identity = &self.identity;
        let connector = TlsConnector::from(identity.config(http1));
        let connecting = connector.connect(self.name.clone(), socket);
        let connected = match identity.handshake_limit {
            None => connecting.await,
            Some(limit) => match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => return Err(UpstreamFault::Timeout { what: HANDSHAKE }),
            },
        };
        connected.map_err(|source| UpstreamFault::Handshake {
            endpoint: endpoint.to_owned(),
            source,
        })
    }
}

impl Socket for Session {
    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut space = ReadBuf::new(space);
        let read = AsyncRead::poll_read(Pin::new(self), cx, &mut space);
        read.map_ok(|()| space.filled().len())
    }

    fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled = AsyncBufRead::poll_fill_buf(Pin::new(self), cx);
        filled.map_ok(<[u8]>::len)
    }

    /// What is no data, such as tickets for a later session, is taken in passing.
    fn is_quiet(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        Socket::poll_read(self, cx, &mut [0]).is_pending()
    }

    fn has_failed(&self) -> bool {
        self.get_ref().0.has_failed()
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(Pin::new(self), cx, slices)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(self), cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }
}
