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
    pub backends: Vec<ResolvedBackend>,
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
pub type ResolvedBackends = Vec<ResolvedUpstream>;

/// Looks up all backends.
///
/// # Errors
/// The first URL that cannot be used (RT-START-1).
pub fn resolve(
    blocks: &'static [&'static [Route]],
    passive: Option<PassiveHealthCheck>,
    transport: &Transport,
    environment: &Environment,
) -> Result<ResolvedBackends, StartError> {
    let mut cx = Cx::new(environment, transport);
    let ejection = passive.map(|passive| Arc::new(Ejection::new(&passive)));
    let routes = blocks.iter().copied().flatten();
    routes
        .map(|route| {
            // In turn is with equal shares.
            let weights = route.weights.iter().copied().chain(std::iter::repeat(1));
            let backends = route.backends.iter().zip(weights);
            let backends =
                backends.map(|(backend, weight)| cx.resolve_one(route, &backend.endpoint, weight));
            let backends = backends.collect::<Result<Vec<_>, _>>()?;
            let canaries = route.canaries.iter().map(PreparedCanary::new);
            let canaries = canaries.collect::<Result<_, _>>();
            let endpoints = backends.iter().map(|backend| backend.text);
            Ok(ResolvedUpstream {
                route,
                sticky: Sticky::resolve(route, endpoints, environment)?,
                canaries: canaries.map_err(|text| StartError::without_place("internal", text))?,
                backends,
                ejection: ejection.clone(),
                measures: route.resilience.map(|row| Arc::new(Measures::new(row))),
            })
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
    fn new(environment: &'a Environment, transport: &'a Transport) -> Self {
        Self {
            environment,
            transport,
            limits: BTreeMap::new(),
            #[cfg(feature = "tls")]
            identities: Identities::new(environment, transport),
        }
    }

    fn resolve_one(
        &mut self,
        route: &Route,
        value: &Value,
        weight: u32,
    ) -> Result<ResolvedBackend, StartError> {
        let url = value.read(self.environment, scalar::url)?;
        if !endpoint::is_reachable(&url) {
            let text = "names a host, but this gateway was built for addresses only";
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
        let breaker = route.resilience.and_then(|row| row.circuit_breaker);
        Ok(ResolvedBackend {
            // Lives as long as the process: tokens and log lines borrow it.
            text: text.leak(),
            endpoint,
            weight,
            standing: Arc::default(),
            circuit: breaker.map(|rule| Arc::new(Circuit::new(rule))),
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
        value: &Value,
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

/// What the last checks of all routes found, in row order (RT-OBS-3): a name, and why the check failed.
pub fn report(upstreams: &ResolvedBackends) -> impl Iterator<Item = (String, Option<String>)> {
    checked(upstreams).flat_map(|upstream| {
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

/// Routes with active checks (RT-HEALTH-1).
pub fn checked(upstreams: &ResolvedBackends) -> impl Iterator<Item = &ResolvedUpstream> {
    let checked = |upstream: &&ResolvedUpstream| {
        upstream.route.enabled && upstream.route.health_check.is_some()
    };
    upstreams.iter().filter(checked)
}
