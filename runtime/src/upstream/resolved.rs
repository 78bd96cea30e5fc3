//! Backends as they are found once for all cores, and what is said of them.

use std::sync::Arc;

use super::circuit::Circuit;
use super::connect;
use super::measures::Measures;
use super::standing::{Ejection, Standing};
use super::sticky::Sticky;
use crate::gateway::{PassiveHealthCheck, StartError};
use crate::route::{PreparedCanary, Route};
use crate::values::scalar::{self, Url};
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
    /// The URL, taken apart.
    pub url: Url,
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
    environment: &Environment,
) -> Result<ResolvedBackends, StartError> {
    let ejection = passive.map(|passive| Arc::new(Ejection::new(&passive)));
    let routes = blocks.iter().copied().flatten();
    routes
        .map(|route| {
            // In turn is with equal shares.
            let weights = route.weights.iter().copied().chain(std::iter::repeat(1));
            let backends = route.backends.iter().zip(weights);
            let backends = backends.map(|(backend, weight)| {
                resolve_one(route, &backend.endpoint, weight, environment)
            });
            let canaries = route.canaries.iter().map(PreparedCanary::new);
            let canaries = canaries.collect::<Result<_, _>>();
            let backends = backends.collect::<Result<Vec<_>, _>>()?;
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

fn resolve_one(
    route: &Route,
    value: &Value,
    weight: u32,
    environment: &Environment,
) -> Result<ResolvedBackend, StartError> {
    let url = value.read(environment, scalar::url)?;
    if !connect::is_reachable_without_dns(&url.host) && !connect::CAN_RESOLVE {
        let text = "names a host, but this gateway was built for addresses only";
        return Err(value.fault("bad-url", text));
    }
    let text = value.resolve(environment)?;
    let breaker = route.resilience.and_then(|row| row.circuit_breaker);
    Ok(ResolvedBackend {
        // Lives as long as the process: tokens and log lines borrow it.
        text: text.leak(),
        url,
        weight,
        standing: Arc::default(),
        circuit: breaker.map(|rule| Arc::new(Circuit::new(rule))),
    })
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
