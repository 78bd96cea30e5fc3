//! Who a gateway says it is to backends, and whom it believes: from certificates, keys and authorities of
//! routes to what handshakes need. Everything that can fail because of configuration fails before the first
//! connection; files are read again when they change (C-FILE-9), and what is not good then changes nothing
//! (C-FILE-10).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::trust::Anyone;
use super::{Configs, HTTP2, Identity, Peer};
use crate::files::{Files, Look, Reread};
use crate::gateway::{StartError, Transport};
use crate::route::BackendTls;
use crate::values::pem::{self, Pem};
use crate::values::{Environment, Value};

/// The identities of a gateway; routes with equal settings share one.
pub(in crate::upstream) struct Identities<'a> {
    environment: &'a Environment,
    transport: &'a Transport,
    files: &'a Files,
    provider: Arc<CryptoProvider>,
    known: BTreeMap<Wanted, Arc<Identity>>,
    /// Read when they are first needed.
    system: Option<Arc<RootCertStore>>,
}

/// What makes identities differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    insecure: bool,
    roots: Option<Pem>,
    client: Option<(Pem, Pem)>,
}

/// How the configurations of an identity are made, at start and again.
struct Recipe {
    wanted: Wanted,
    /// Which values are to blame.
    tls: &'static BackendTls,
    endpoint: &'static Value,
    provider: Arc<CryptoProvider>,
    system: Option<Arc<RootCertStore>>,
    offers_http2: bool,
}

/// An identity whose files may change.
struct Renewal {
    recipe: Recipe,
    look: Look,
    identity: Arc<Identity>,
}

impl<'a> Identities<'a> {
    pub(in crate::upstream) fn new(
        environment: &'a Environment,
        transport: &'a Transport,
        files: &'a Files,
    ) -> Self {
        Self {
            environment,
            transport,
            files,
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
    pub(in crate::upstream) fn peer(
        &mut self,
        tls: &'static BackendTls,
        endpoint: &'static Value,
        host: &str,
    ) -> Result<Peer, StartError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| endpoint.fault("bad-url", "no certificate can name this host"))?;
        let pem = |value: &Value| pem::of(value, self.environment);
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
                let identity = self.identity(&wanted, tls, endpoint)?;
                self.known.insert(wanted, Arc::clone(&identity));
                identity
            }
        };
        Ok(Peer { identity, name })
    }

    fn identity(
        &mut self,
        wanted: &Wanted,
        tls: &'static BackendTls,
        endpoint: &'static Value,
    ) -> Result<Arc<Identity>, StartError> {
        let of_system = !wanted.insecure && wanted.roots.is_none();
        let recipe = Recipe {
            wanted: wanted.clone(),
            tls,
            endpoint,
            provider: Arc::clone(&self.provider),
            system: of_system.then(|| self.system_roots(endpoint)).transpose()?,
            // `forceAttemptHTTP2`
            offers_http2: cfg!(feature = "http2-backends") && self.transport.http2,
        };
        // Before they are read: a change meanwhile is one.
        let look = Look::new(wanted.files());
        let identity = Arc::new(Identity {
            number: self.known.len() + 1,
            configs: recipe.make()?.into(),
            handshake_limit: self.transport.handshake_limit(),
        });
        if wanted.files().next().is_some() {
            self.files.keep(Renewal {
                recipe,
                look,
                identity: Arc::clone(&identity),
            });
        }
        Ok(identity)
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

impl Wanted {
    fn files(&self) -> impl Iterator<Item = &Path> {
        let client = self
            .client
            .iter()
            .flat_map(|(certificate, key)| [certificate, key]);
        self.roots.iter().chain(client).filter_map(|pem| match pem {
            Pem::File(path) => Some(path.as_path()),
            Pem::Text(_) => None,
        })
    }
}

impl Recipe {
    fn make(&self) -> Result<Configs, StartError> {
        let mut config = self.config()?;
        let http1 = self.offers_http2.then(|| {
            let http1 = Arc::new(config.clone());
            config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
            http1
        });
        let any = Arc::new(config);
        Ok(Configs {
            http1: http1.unwrap_or_else(|| Arc::clone(&any)),
            any,
        })
    }

    fn config(&self) -> Result<ClientConfig, StartError> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| self.endpoint.fault("internal", error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier()?);
        match (&self.wanted.client, &self.tls.client) {
            (Some((certificate, key)), Some((certificate_value, key_value))) => {
                let certificate = pem::read(certificate, certificate_value)?;
                let chain = pem::certificates(&certificate, certificate_value)?;
                let key = pem::private_key(&pem::read(key, key_value)?, key_value)?;
                // Says what is wrong without a word of the key.
                let built = builder.with_client_auth_cert(chain, key);
                built.map_err(|error| key_value.fault("tls-load", error.to_string()))
            }
            (Some(_), None) | (None, _) => Ok(builder.with_no_client_auth()),
        }
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, StartError> {
        let (roots, blamed) = match (&self.wanted.roots, &self.tls.roots, &self.system) {
            _ if self.wanted.insecure => {
                let algorithms = self.provider.signature_verification_algorithms;
                return Ok(Arc::new(Anyone(algorithms)));
            }
            (Some(pem), Some(value), _) => (Arc::new(own_roots(pem, value)?), value),
            (_, _, Some(system)) => (Arc::clone(system), self.endpoint),
            (_, _, None) => (Arc::new(RootCertStore::empty()), self.endpoint),
        };
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        match verifier {
            Ok(verifier) => Ok(verifier),
            Err(error) => Err(blamed.fault("tls-load", error.to_string())),
        }
    }
}

impl Reread for Renewal {
    fn look(&mut self) -> Option<Result<String, String>> {
        let changed = self.look.due()?;
        let made = self.recipe.make().map(|configs| {
            self.identity.renew(configs);
            changed
        });
        self.look.came(made.map_err(|error| error.to_string()))
    }
}

fn own_roots(pem: &Pem, value: &Value) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(&pem::read(pem, value)?, value)? {
        let added = roots.add(certificate);
        added.map_err(|error| value.fault("tls-load", error.to_string()))?;
    }
    Ok(roots)
}
