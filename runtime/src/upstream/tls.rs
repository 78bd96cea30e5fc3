//! TLS towards backends (RT-UP-3, RT-MTLS-2): who a gateway says it is, and whom it believes. Everything
//! that can fail because of configuration fails before the first connection.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::trust::Anyone;
use crate::error::{HANDSHAKE, UpstreamFault};
use crate::gateway::{StartError, Transport};
use crate::io::Socket;
use crate::route::BackendTls;
use crate::values::{Environment, Value, pem};

/// What is offered and chosen in a handshake (ALPN).
const HTTP2: &[u8] = b"h2";

/// Whether HTTP/2 was chosen.
#[cfg(feature = "http2-backends")]
pub(super) fn speaks_http2(session: &Session) -> bool {
    session.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// A TLS session with a backend.
pub(super) type Session = TlsStream<TcpStream>;

/// How connections of one kind are made.
pub(super) struct Identity {
    /// Tells it apart from others, which connections are not shared with.
    number: usize,
    config: Arc<ClientConfig>,
    /// The same for who must speak HTTP/1.1; `None`: nobody is offered anything else.
    http1: Option<Arc<ClientConfig>>,
    /// `None`: a handshake takes as long as it takes.
    handshake_limit: Option<Duration>,
}

/// A backend that is spoken to over TLS.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    identity: Arc<Identity>,
    name: ServerName<'static>,
}

/// The identities of a gateway; routes with equal settings share one.
pub(super) struct Identities<'a> {
    environment: &'a Environment,
    transport: &'a Transport,
    provider: Arc<CryptoProvider>,
    known: BTreeMap<Wanted, Arc<Identity>>,
    /// Read when they are first needed.
    system: Option<Arc<RootCertStore>>,
}

/// What makes identities differ: the texts of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    insecure: bool,
    roots: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identity").field(&self.number).finish()
    }
}

impl<'a> Identities<'a> {
    pub(super) fn new(environment: &'a Environment, transport: &'a Transport) -> Self {
        Self {
            environment,
            transport,
            provider: Arc::new(ring::default_provider()),
            known: BTreeMap::new(),
            system: None,
        }
    }

    /// The backend of a route behind an endpoint's host.
    ///
    /// # Errors
    /// `bad-url` for a host that no certificate can name; `file-missing` and `tls-load` for certificates
    /// and keys that cannot be used, or if there are none to verify the backend by.
    pub(super) fn peer(
        &mut self,
        tls: &'static BackendTls,
        endpoint: &Value,
        host: &str,
    ) -> Result<Peer, StartError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| endpoint.fault("bad-url", "no certificate can name this host"))?;
        let pem = |value: &Value| pem::read(value, self.environment);
        let wanted = Wanted {
            insecure: tls.insecure,
            roots: tls.roots.as_ref().map(pem).transpose()?,
            client: match &tls.client {
                None => None,
                Some((certificate, key)) => Some((pem(certificate)?, pem(key)?)),
            },
        };
        let identity = match self.known.get(&wanted) {
            Some(known) => Arc::clone(known),
            None => {
                let mut config = self.config(tls, &wanted, endpoint)?;
                let http1 = self.offers_http2().then(|| {
                    let http1 = Arc::new(config.clone());
                    config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
                    http1
                });
                let identity = Arc::new(Identity {
                    number: self.known.len() + 1,
                    config: Arc::new(config),
                    http1,
                    handshake_limit: self.transport.handshake_limit(),
                });
                self.known.insert(wanted, Arc::clone(&identity));
                identity
            }
        };
        Ok(Peer { identity, name })
    }

    /// `forceAttemptHTTP2`
    fn offers_http2(&self) -> bool {
        cfg!(feature = "http2-backends") && self.transport.http2
    }

    fn config(
        &mut self,
        tls: &'static BackendTls,
        wanted: &Wanted,
        endpoint: &Value,
    ) -> Result<ClientConfig, StartError> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| endpoint.fault("internal", error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(tls, wanted, endpoint)?);
        match (&wanted.client, &tls.client) {
            (Some((certificate, key)), Some((certificate_value, key_value))) => {
                let chain = pem::certificates(certificate, certificate_value)?;
                let key = pem::private_key(key, key_value)?;
                // Says what is wrong without a word of the key.
                let built = builder.with_client_auth_cert(chain, key);
                built.map_err(|error| key_value.fault("tls-load", error.to_string()))
            }
            (Some(_), None) | (None, _) => Ok(builder.with_no_client_auth()),
        }
    }

    fn verifier(
        &mut self,
        tls: &'static BackendTls,
        wanted: &Wanted,
        endpoint: &Value,
    ) -> Result<Arc<dyn ServerCertVerifier>, StartError> {
        if wanted.insecure {
            let algorithms = self.provider.signature_verification_algorithms;
            return Ok(Arc::new(Anyone(algorithms)));
        }
        let (roots, blamed) = match (&wanted.roots, &tls.roots) {
            (Some(text), Some(value)) => (Arc::new(own_roots(text, value)?), value),
            (Some(_), None) | (None, _) => (self.system_roots(endpoint)?, endpoint),
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider)).build();
        match verifier {
            Ok(verifier) => Ok(verifier),
            Err(error) => Err(blamed.fault("tls-load", error.to_string())),
        }
    }

    /// Those of the system: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or where systems keep them.
    fn system_roots(&mut self, endpoint: &Value) -> Result<Arc<RootCertStore>, StartError> {
        if let Some(known) = &self.system {
            return Ok(Arc::clone(known));
        }
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Systems have some that nobody can read.
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let text = "this backend's certificate cannot be verified: the system has no root \
                        certificates (SSL_CERT_FILE names another place); `security.tls.rootCAs` takes \
                        their place";
            return Err(endpoint.fault("tls-load", text));
        }
        let roots = Arc::new(roots);
        self.system = Some(Arc::clone(&roots));
        Ok(roots)
    }
}

fn own_roots(text: &[u8], value: &Value) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(text, value)? {
        let added = roots.add(certificate);
        added.map_err(|error| value.fault("tls-load", error.to_string()))?;
    }
    Ok(roots)
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
        let config = identity.http1.as_ref().filter(|_| http1);
        let connector = TlsConnector::from(Arc::clone(config.unwrap_or(&identity.config)));
        let connecting = connector.connect(self.name.clone(), socket);
        let connected = match self.identity.handshake_limit {
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
