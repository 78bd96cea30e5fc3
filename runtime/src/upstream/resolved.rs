//! Backends as they are found once for all cores, and what is said of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::circuit::Circuit;
use super::endpoint::{self, Endpoint};
use super::limit::Limit;
use super::measures::Measures;
use super::standing::{Ejection, Standing};
use super::sticky::Sticky;
#[cfg(feature = "tls")]
use super::tls::Identities;
use crate::files::Files;
use crate::gateway::{PassiveHealthCheck, StartError, Transport};
use crate::route::{BackendTls, PreparedCanary, Route};
use crate::values::scalar::{self, Scheme};
use crate::values::{Environment, Value};

/// The backends of a route as it has them.
#[derive(Debug)]
pub struct ResolvedUpstream {
    /// Whose they are.
    pub route: &'static Route,
    /// In list order.
    pub backends: Box<[ResolvedBackend]>,
    /// Those among them that have requests of their own.
    pub(super) canaries: Vec<PreparedCanary>,
    pub(super) sticky: Option<Arc<Sticky>>,
    pub(super) ejection: Option<Arc<Ejection>>,
    pub(super) measures: Option<Arc<Measures>>,
}

/// A backend as its route has it.
#[derive(Clone, Debug)]
pub struct ResolvedBackend {
    /// The URL as configured.
    pub text: &'static str,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its share among those of its route; 0: none.
    pub weight: u32,
    /// What is known of it.
    pub standing: Arc<Standing>,
    pub(super) circuit: Option<Arc<Circuit>>,
}

/// Every backend of every route, in row order. Found once for all cores.
pub type ResolvedBackends = Vec<Arc<ResolvedUpstream>>;

/// A backend that an overlay names.
#[derive(Debug)]
pub struct Named {
    /// The URL as written.
    pub text: &'static str,
    /// The URL, taken apart.
    pub url: scalar::Url,
    /// Its share; 0: none.
    pub weight: u32,
}

impl ResolvedUpstream {
    /// Whether some backends have requests of their own.
    pub(crate) fn has_canaries(&self) -> bool {
        !self.canaries.is_empty()
    }

    /// Whether these are its backends, in their order.
    pub(crate) fn has(&self, endpoints: &[Named]) -> bool {
        let own = self.backends.iter().map(|own| (own.text, own.weight));
        own.eq(endpoints.iter().map(|one| (one.text, one.weight)))
    }

    /// Whether it has this endpoint as built.
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.backends.iter().any(|own| own.text == text)
    }

    /// Where a named backend is: as it is known, or in clear text.
    fn endpoint(&self, before: &Self, named: &Named, transport: &Transport) -> Endpoint {
        let mut known = before.backends.iter().chain(&self.backends);
        if let Some(known) = known.clone().find(|known| known.text == named.text) {
            return known.endpoint.clone();
        }
        let plain = Endpoint::plain(named.url.clone());
        let same = known.find(|known| known.endpoint.key() == plain.key());
        let most = Some(transport.per_host_max).filter(|most| *most > 0);
        Endpoint {
            limit: match same {
                Some(same) => same.endpoint.limit.clone(),
                None => most.map(|most| Arc::new(Limit::new(most))),
            },
            ..plain
        }
    }

    /// The route as built with other backends; what `before` knows of them stays (RT-OVER-4). Canaries keep
    /// their places: of those that are left out no request is sent to.
    ///
    /// # Errors
    /// Those of the route's cookie.
    pub(crate) fn with_backends(
        &self,
        before: &Self,
        endpoints: Vec<Named>,
        transport: &Transport,
        environment: &Environment,
    ) -> Result<Self, StartError> {
        let known = |text: &str| before.backends.iter().find(|known| known.text == text);
        let standing =
            |text: &str| known(text).map_or_else(Arc::default, |known| Arc::clone(&known.standing));
        let circuit = |text: &str| match known(text) {
            Some(known) => known.circuit.clone(),
            None => circuit_of(self.route),
        };
        let mut canaries = Vec::new();
        let backends: Box<[_]> = if self.has_canaries() {
            let weight = |own: &ResolvedBackend| {
                let named = endpoints.iter().find(|one| one.text == own.text);
                named.map(|one| one.weight)
            };
            let stays = |canary: &&PreparedCanary| {
                let own = self.backends.get(canary.canary().backend);
                own.is_some_and(|own| weight(own).is_some())
            };
            canaries.extend(self.canaries.iter().filter(stays).cloned());
            let own = self.backends.iter().map(|own| ResolvedBackend {
                weight: weight(own).unwrap_or(0),
                standing: standing(own.text),
                circuit: circuit(own.text),
                ..own.clone()
            });
            own.collect()
        } else {
            let only = endpoints.len() == 1;
            let named = endpoints.into_iter().map(|one| ResolvedBackend {
                text: one.text,
                endpoint: self.endpoint(before, &one, transport),
                // RT-LB-1
                weight: if only { 1 } else { one.weight },
                standing: standing(one.text),
                circuit: circuit(one.text),
            });
            named.collect()
        };
        Ok(Self {
            route: self.route,
            sticky: Sticky::resolve(self.route, backends.iter().map(|one| one.text), environment)?,
            canaries,
            backends,
            ejection: self.ejection.clone(),
            measures: self.measures.clone(),
        })
    }
}

/// Looks up all backends.
///
/// # Errors
/// The first URL that cannot be used (RT-START-1).
pub fn resolve(
    blocks: &'static [&'static [Route]],
    passive: Option<PassiveHealthCheck>,
    transport: &Transport,
    environment: &Environment,
    files: &Files,
) -> Result<ResolvedBackends, StartError> {
    let mut cx = Cx::new(environment, transport, files);
    let ejection = passive.map(|passive| Arc::new(Ejection::new(&passive)));
    let routes = blocks.iter().copied().flatten();
    routes
        .map(|route| {
            // In turn is with equal shares.
            let weights = route.weights.iter().copied().chain(std::iter::repeat(1));
            let backends = route.backends.iter().zip(weights);
            let backends =
                backends.map(|(backend, weight)| cx.resolve_one(route, &backend.endpoint, weight));
            let backends = backends.collect::<Result<Box<[_]>, _>>()?;
            let canaries = route.canaries.iter().map(PreparedCanary::new);
            let canaries = canaries.collect::<Result<_, _>>();
            let endpoints = backends.iter().map(|backend| backend.text);
            Ok(Arc::new(ResolvedUpstream {
                route,
                sticky: Sticky::resolve(route, endpoints, environment)?,
                canaries: canaries.map_err(|text| StartError::without_place("internal", text))?,
                backends,
                ejection: ejection.clone(),
                measures: route.resilience.map(|row| Arc::new(Measures::new(row))),
            }))
        })
        .collect()
}

/// What the backends of all routes are made from.
struct Cx<'a> {
    environment: &'a Environment,
    transport: &'a Transport,
    limits: BTreeMap<endpoint::Key, Arc<Limit>>,
    #[cfg(feature = "tls")]
    identities: Identities<'a>,
}

impl<'a> Cx<'a> {
    fn new(environment: &'a Environment, transport: &'a Transport, files: &'a Files) -> Self {
        #[cfg(not(feature = "tls"))]
        let _ = files;
        Self {
            environment,
            transport,
            limits: BTreeMap::new(),
            #[cfg(feature = "tls")]
            identities: Identities::new(environment, transport, files),
        }
    }

    fn resolve_one(
        &mut self,
        route: &Route,
        value: &'static Value,
        weight: u32,
    ) -> Result<ResolvedBackend, StartError> {
        let url = value.read(self.environment, scalar::url)?;
        if !endpoint::is_reachable(&url) {
            let text = "names a host, but this gateway was built for addresses only";
            return Err(value.fault("bad-url", text));
        }
        if url.socket.is_some() && !cfg!(feature = "unix-sockets") {
            let text = "this gateway was built without sockets of the file system";
            return Err(value.fault("bad-url", text));
        }
        let mut endpoint = match url.scheme {
            Scheme::H2c if !cfg!(feature = "http2-backends") => {
                let text = "this gateway was built without HTTP/2 to backends";
                return Err(value.fault("bad-url", text));
            }
            Scheme::H2c | Scheme::Http => Endpoint::plain(url),
            Scheme::Https => self.secure(value, url, route.tls.unwrap_or(&BackendTls::PLAIN))?,
        };
        endpoint.limit = self.limit(&endpoint);
        let text = value.resolve(self.environment)?;
        Ok(ResolvedBackend {
            // Lives as long as the process: tokens and log lines borrow it.
            text: text.leak(),
            endpoint,
            weight,
            standing: Arc::default(),
            circuit: circuit_of(route),
        })
    }

    /// One for all cores and routes.
    fn limit(&mut self, endpoint: &Endpoint) -> Option<Arc<Limit>> {
        let most = Some(self.transport.per_host_max).filter(|most| *most > 0)?;
        let limit = self.limits.entry(endpoint.key());
        Some(Arc::clone(
            limit.or_insert_with(|| Arc::new(Limit::new(most))),
        ))
    }

    #[cfg(feature = "tls")]
    fn secure(
        &mut self,
        value: &'static Value,
        url: scalar::Url,
        tls: &'static BackendTls,
    ) -> Result<Endpoint, StartError> {
        let peer = Some(self.identities.peer(tls, value, &url.host)?);
        Ok(Endpoint {
            peer,
            ..Endpoint::plain(url)
        })
    }

    /// The compiler asks for the feature wherever a backend may be spoken to over TLS.
    #[cfg(not(feature = "tls"))]
    fn secure(
        &mut self,
        value: &Value,
        _: scalar::Url,
        _: &'static BackendTls,
    ) -> Result<Endpoint, StartError> {
        Err(value.fault(
            "bad-url",
            "this gateway was built for http:// backends only",
        ))
    }
}

fn circuit_of(route: &Route) -> Option<Arc<Circuit>> {
    let breaker = route.resilience.and_then(|row| row.circuit_breaker);
    breaker.map(|rule| Arc::new(Circuit::new(rule)))
}

/// What the last checks of all routes found, in row order (RT-OBS-3): a name, and why the check failed.
pub fn report(
    upstreams: &ResolvedBackends,
    enabled: impl Fn(usize) -> bool,
) -> impl Iterator<Item = (String, Option<String>)> {
    let checked = checked(upstreams).filter(move |(index, _)| enabled(*index));
    checked.flat_map(|(_, upstream)| {
        let backends = upstream.backends.iter().enumerate();
        backends.map(|(index, backend)| {
            let name = upstream.route.name;
            let name = match upstream.backends.len() {
                1 => name.to_owned(),
                _ => format!("{name} - [{index}]"),
            };
            (name, backend.standing.cause())
        })
    })
}

/// Routes with active checks (RT-HEALTH-1), whether or not they are enabled, with their indexes.
pub fn checked(
    upstreams: &ResolvedBackends,
) -> impl Iterator<Item = (usize, &Arc<ResolvedUpstream>)> {
    let all = upstreams.iter().enumerate();
    all.filter(|(_, upstream)| upstream.route.health_check.is_some())
}
