//! What a specification means: names are ids, defaults are filled in, every text has been checked.
//! A [`Model`] can only be made from newtypes that are valid by construction; nothing here is
//! looked up by name again. Every item keeps the place it came from.

pub mod address;
pub mod claims;
mod clients;
mod condition;
pub mod cookie;
pub mod country;
pub mod endpoint;
mod forward;
mod header;
mod host;
mod method;
mod name;
pub(crate) mod path;
mod pattern;
pub mod pem;
pub mod provider;
mod readings;
pub mod recorder;
pub mod regex;
pub mod replacement;
pub mod resilience;
mod rewrite;
pub mod rule;
pub mod scalar;
pub mod scope;
mod template;
mod upstream;
mod value;
pub mod witness;

use std::cmp::Reverse;

use crate::source::{SourceId, Span};

pub use clients::{Limits, Proxy, ProxyProtocol};
pub use condition::{Condition, Test};
pub use forward::Forward;
pub use header::{FORWARDING, HeaderName, HeaderPattern, REQUEST_ID, is_authority};
pub use host::{HostKind, HostPattern};
pub use method::Method;
pub use name::Name;
pub use path::RoutePath;
pub use pattern::{BadPattern, Element, PathPattern, PathRank, PathType};
pub use rewrite::{BadRewrite, Rewrite};
pub use rule::Rule;
pub use template::{PathTemplate, Piece as TemplatePiece};
pub use upstream::{
    Backend, BackendTls, Canary, CanaryTest, DnsCache, HealthCheck, Operator, PassiveHealthCheck,
    Policy, Source, Sticky, Transport,
};
pub use value::{Cut, Part, Value, places};

/// The variable with the passphrase of encrypted values (C-SEC-1).
pub(crate) const PASSPHRASE: &str = "GOMA_CONFIG_ENCRYPTION_KEY";

/// Index into [`Model::routes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteId(pub u32);

/// Index into [`Model::middlewares`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MiddlewareId(pub u32);

/// A whole specification.
#[derive(Clone, Debug)]
pub struct Model {
    /// The main file.
    pub main: SourceId,
    /// Listener, timeouts, log: what is read when the gateway starts.
    pub gateway: Gateway,
    /// In spec order.
    pub routes: Vec<Route>,
    /// In spec order, those no route uses included.
    pub middlewares: Vec<Middleware>,
}

impl Model {
    /// The middleware of an id of this model.
    #[must_use]
    pub fn middleware(&self, id: MiddlewareId) -> Option<&Middleware> {
        self.middlewares.get(id.0 as usize)
    }

    /// The middlewares of a list as they run, outermost first: those of the recorder in its layers,
    /// then the others in list order (MW-GEN-7).
    #[must_use]
    pub fn in_order(&self, listed: &[MiddlewareId]) -> Vec<MiddlewareId> {
        let place = |at: usize, id: MiddlewareId| {
            let middleware = self.middleware(id)?;
            let layer = middleware.rule.layer()?;
            let outer_first = (Reverse(middleware.specificity()), Reverse(at));
            Some((layer, layer.last_wins().then_some(outer_first), at))
        };
        let mut placed: Vec<_> = listed
            .iter()
            .enumerate()
            .map(|(at, id)| (place(at, *id), *id))
            .collect();
        // Stable, so those without a place in the recorder keep their order.
        placed.sort_by_key(|(place, _)| (place.is_none(), *place));
        placed.into_iter().map(|(_, id)| id).collect()
    }

    /// Headers from which authentication types read secrets on the routes of a middleware.
    #[must_use]
    pub fn credentials_beside(&self, id: MiddlewareId) -> Vec<&'static str> {
        let routes = self.routes.iter();
        let beside = routes.filter(|route| route.middlewares.contains(&id));
        let all = beside.flat_map(|route| &route.middlewares);
        let rules = all.filter_map(|id| Some(&self.middleware(*id)?.rule));
        rules.flat_map(Rule::credentials).copied().collect()
    }

    /// Routes with their ids.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, &Route)> {
        (0..).map(RouteId).zip(&self.routes)
    }

    /// Middlewares with their ids.
    pub fn middlewares(&self) -> impl Iterator<Item = (MiddlewareId, &Middleware)> {
        (0..).map(MiddlewareId).zip(&self.middlewares)
    }
}

/// The `gateway` section without its routes.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The key `gateway`; the start of the main file when absent.
    pub span: Span,
    /// The key `gateway.routes`; `span` when absent.
    pub routes_span: Span,
    /// Whether GET and HEAD are redirected to the registered form of an endpoint (RT-ROUTE-12).
    pub strict_slash: bool,
    /// `debug` (bool).
    pub debug: Value,
    /// `entryPoints.web.address` (addr).
    pub web_address: Value,
    /// `entryPoints.web.proxyProtocol`.
    pub web_proxy_protocol: ProxyProtocol,
    /// `entryPoints.passThrough.forwards`.
    pub forwards: Vec<Forward>,
    /// `limits`.
    pub limits: Limits,
    /// `proxy`; `None`: not enabled.
    pub proxy: Option<Proxy>,
    /// `timeouts`.
    pub timeouts: Timeouts,
    /// `log.level`: `trace debug info warn error off`, any case.
    pub log_level: Value,
    /// `log.format`: `text` or `json`.
    pub log_format: Value,
    /// `log.filePath`; empty: standard output.
    pub log_file: Value,
    /// `log.maxSizeMB` (int), at least 1.
    pub log_megabytes_max: Value,
    /// `log.maxBackups` (int); 0: any number.
    pub log_backups_max: Value,
    /// `log.maxAgeDays` (int); 0: any age.
    pub log_days_max: Value,
    /// `monitoring.enableReadiness` (bool).
    pub readiness: Value,
    /// `monitoring.enableLiveness` (bool).
    pub liveness: Value,
    /// `monitoring.enableRouteHealthCheck`.
    pub route_health: bool,
    /// `monitoring.includeRouteHealthErrors`.
    pub route_health_errors: bool,
    /// `monitoring.enableBuildInfo`.
    pub build_info: bool,
    /// `monitoring.host`; `None`: any.
    pub monitoring_host: Option<HostPattern>,
    /// `networking.dnsCache`.
    pub dns_cache: DnsCache,
    /// `networking.passiveHealthCheck`; `None`: not enabled.
    pub passive_health_check: Option<PassiveHealthCheck>,
    /// `networking.transport`.
    pub transport: Transport,
}

/// `gateway.timeouts`, all `secs`.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Whole request including body; 0 = none.
    pub read: Value,
    /// End of request headers to end of response; 0 = none.
    pub write: Value,
    /// Keep-alive idle.
    pub idle: Value,
    /// Request header section, 1 to 300.
    pub header: Value,
    /// How long in-flight requests may take after a stop signal.
    pub drain: Value,
    /// Wait between a stop signal and closing the listeners.
    pub drain_delay: Value,
}

/// One entry of `gateway.routes`.
#[derive(Clone, Debug)]
pub struct Route {
    /// Dotted key: `gateway.routes[2]`.
    pub key: String,
    /// Unique.
    pub name: Name,
    /// The value of `name`: the place that generated code and `explain` show.
    pub span: Span,
    /// The value of `path`.
    pub path_span: Span,
    /// False: built, not served.
    pub enabled: bool,
    /// Routes with one come first, the lowest before others (RT-ROUTE-6).
    pub priority: Option<i64>,
    /// What it matches.
    pub path: PathPattern,
    /// Empty: any.
    pub hosts: Vec<HostPattern>,
    /// `match`: all must hold (RT-ROUTE-13).
    pub conditions: Vec<Condition>,
    /// Empty: all.
    pub methods: Vec<Method>,
    /// Replaces `path` in front of the forwarded path.
    pub rewrite: Option<Rewrite>,
    /// Answers in place of the backend.
    pub maintenance: Option<Maintenance>,
    /// Whether the backend sees the client's `Host` (RT-HDR-6).
    pub forward_host: bool,
    /// At least one; `target` counts as one.
    pub backends: Vec<Backend>,
    /// How one of them is chosen; `None`: no key says (RT-LB-2).
    pub policy: Option<Policy>,
    /// By which a client stays with its backend.
    pub sticky: Option<Sticky>,
    /// How those that speak TLS are spoken to.
    pub tls: BackendTls,
    /// How they are asked whether they are well.
    pub health_check: Option<HealthCheck>,
    /// What it does about trouble with them.
    pub resilience: resilience::Resilience,
    /// Outermost first, each at most once.
    pub middlewares: Vec<MiddlewareId>,
    /// For each of `middlewares`, the place it is named.
    pub middleware_spans: Vec<Span>,
}

impl Route {
    /// The shares of the backends in their order; none: they are used in turn (RT-LB-1, RT-LB-2).
    #[must_use]
    pub fn weights(&self) -> Vec<u32> {
        let backends = &self.backends;
        if matches!(self.policy, Some(Policy::RoundRobin)) {
            return Vec::new();
        }
        if backends.len() < 2 || backends.iter().all(|backend| backend.weight.is_none()) {
            return Vec::new();
        }
        let weights = backends.iter().map(|backend| backend.weight);
        weights.map(Option::unwrap_or_default).collect()
    }

    /// Backends that have requests of their own, with their places (RT-LB-1, RT-CANARY-1).
    pub fn canaries(&self) -> impl Iterator<Item = (usize, &Canary)> {
        let several = self.backends.len() > 1;
        let all = self.backends.iter().enumerate();
        all.filter(move |_| several)
            .filter_map(|(index, backend)| Some((index, backend.canary.as_ref()?)))
    }
}

/// What a route in maintenance answers (RT-MAINT-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// 200 to 599.
    pub status: u16,
    /// Text of the answer; `None`: `<status> <reason>`.
    pub message: Option<String>,
    /// `Retry-After`.
    pub retry_after_seconds: Option<u32>,
}

/// One entry of `middlewares`.
#[derive(Clone, Debug)]
pub struct Middleware {
    /// Dotted key: `middlewares[2]`.
    pub key: String,
    /// Unique.
    pub name: Name,
    /// The value of `name`.
    pub span: Span,
    /// Where on its routes it acts; `None`: everywhere.
    pub scope: Option<scope::Scope>,
    /// Its type and what the type needs.
    pub rule: Rule,
    /// Whether its rule is encrypted, so that nothing of it may be shown.
    pub encrypted: bool,
}

impl Middleware {
    /// How specific its scope is: the length of the first entry of `paths`, none counting as 0
    /// (MW-RESH-1).
    #[must_use]
    pub fn specificity(&self) -> usize {
        let first = self.scope.as_ref().and_then(|scope| scope.patterns.first());
        first.map_or(0, |pattern| pattern.as_str().len())
    }
}
