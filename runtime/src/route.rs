//! Routes as rows of static data, and the table that finds one for a request.
//!
//! Lookup does not grow with the number of routes: hosts by hash and by a trie of labels from the
//! right, paths by a trie of segments per host; what is left of candidates is decided by a rank that
//! was computed when the table was built (RT-ROUTE-5).

use crate::values::Value;

mod canary;
mod condition;
mod conflict;
mod host;
mod pattern;
mod rank;
mod regex;
mod resilience;
pub mod rewrite;
mod source;
mod table;
mod trie;

pub(crate) use canary::Prepared as PreparedCanary;
pub use canary::{Canary, CanaryTest, Operator};
pub(crate) use condition::cookies;
pub use condition::{Condition, Test};
pub use conflict::conflict;
pub use host::HostFilter;
pub use pattern::{below, parameter};
pub use regex::Regex;
pub use resilience::{CircuitBreaker, Resilience, Retry, Timeouts};
pub use source::Source;
pub use table::{RouteId, Table, TableError};

/// One entry of `gateway.routes`. Rows name what differs from [`Route::PLAIN`].
#[derive(Debug)]
pub struct Route {
    /// Unique name.
    pub name: &'static str,
    /// `file:line` of the route.
    pub source: &'static str,
    /// Disabled routes are as if absent (RT-ROUTE-2).
    pub enabled: bool,
    /// Routes with one come first, the lowest before others (RT-ROUTE-6).
    pub priority: Option<i64>,
    /// Canonical, without trailing `/`, except `/` itself; segments may be `{name}` (RT-ROUTE-15).
    pub path: &'static str,
    /// How `path` is read.
    pub path_type: PathType,
    /// Host patterns (C-HOST) in lower case; none = any host.
    pub hosts: &'static [&'static str],
    /// `match`: all must hold (RT-ROUTE-13).
    pub conditions: &'static [Condition],
    /// Allowed methods in upper case; none = all (RT-METHOD-1).
    pub methods: &'static [&'static str],
    /// Replacement of `path` in the forwarded path (RT-REWRITE).
    pub rewrite: Option<&'static str>,
    /// Answers in place of the backend (RT-MAINT-1).
    pub maintenance: Option<Maintenance>,
    /// Whether the backend sees the client's `Host` (RT-HDR-6).
    pub forward_host: bool,
    /// Where requests go; one or more.
    pub backends: &'static [Backend],
    /// Shares of `backends` in their order (RT-LB-4); none: they are used in turn (RT-LB-3).
    pub weights: &'static [u32],
    /// Those of `backends` that have requests of their own (RT-CANARY).
    pub canaries: &'static [Canary],
    /// How a backend is chosen (RT-LB-8).
    pub policy: Policy,
    /// By which a client stays with its backend (RT-LB-9).
    pub sticky: Option<Sticky>,
    /// How `https` backends are spoken to; `None`: as [`BackendTls::PLAIN`] says.
    pub tls: Option<&'static BackendTls>,
    /// Active checks of `backends` (RT-HEALTH-1).
    pub health_check: Option<HealthCheck>,
    /// What it does about trouble with them (config.md 7.6).
    pub resilience: Option<&'static Resilience>,
    /// The chain that requests pass.
    pub chain: ChainId,
}

/// How a route's path is read (C-PATH).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathType {
    /// The whole path, a trailing `/` ignored (RT-ROUTE-14).
    Exact,
    /// On segment boundaries (RT-ROUTE-3).
    Prefix,
    /// A regular expression, anchored at the start (RT-ROUTE-14).
    Regex {
        /// The whole segments that every match begins with: `/api/v1`, or nothing.
        literal: &'static str,
    },
}

/// What a route in maintenance answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// `statusCode`
    pub status: u16,
    /// `None`: `<status> <reason>`.
    pub message: Option<&'static str>,
    /// Sent raw to clients that ask for JSON (MW-ERR-5).
    pub message_is_json: bool,
    /// `retryAfter`
    pub retry_after_seconds: Option<u32>,
}

/// One entry of `backends`, or `target`.
#[derive(Debug)]
pub struct Backend {
    /// The backend's URL.
    pub endpoint: Value,
}

/// How a backend is chosen among those that are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The same backend for the same value.
    ConsistentHash(Source),
    /// The fewest requests in flight.
    LeastConn,
    /// The better of two, by what is in flight and how long that takes.
    P2cEwma,
    /// By chance.
    Random,
    /// By weight, or in turn (RT-LB-2).
    Shares,
}

/// A cookie that names a backend (RT-LB-9).
#[derive(Debug)]
pub struct Sticky {
    /// Its name.
    pub cookie: &'static str,
    /// What comes behind its value: `; Path=/; …`.
    pub attributes: &'static str,
    /// Only over TLS; `None`: if the client speaks TLS.
    pub secure: Option<bool>,
    /// Keys the value.
    pub secret: Value,
}

/// TLS towards backends (RT-UP-3, RT-MTLS-2).
#[derive(Debug)]
pub struct BackendTls {
    /// Whether any certificate will do (`insecureSkipVerify`).
    pub insecure: bool,
    /// Authorities in place of the system's (`rootCAs`).
    pub roots: Option<Value>,
    /// Certificate and key that are shown (`clientCert`, `clientKey`).
    pub client: Option<(Value, Value)>,
}

impl BackendTls {
    /// Verified by the system's authorities, nothing shown.
    pub const PLAIN: Self = Self {
        insecure: false,
        roots: None,
        client: None,
    };
}

/// How backends are asked whether they are well (RT-HEALTH).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked for, below the endpoint.
    pub path: &'static str,
    /// From one check to the next.
    pub interval_ms: u64,
    /// Longest time until an answer.
    pub timeout_ms: u64,
    /// What is well; none: below 400.
    pub healthy_statuses: &'static [u16],
}

/// Index of a chain in [`crate::gateway::Gateway::chains`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainId(pub u32);

impl Route {
    /// A row of defaults.
    pub const PLAIN: Self = Self {
        name: "",
        source: "",
        enabled: true,
        priority: None,
        path: "/",
        path_type: PathType::Prefix,
        hosts: &[],
        conditions: &[],
        methods: &[],
        rewrite: None,
        maintenance: None,
        forward_host: true,
        backends: &[],
        weights: &[],
        canaries: &[],
        policy: Policy::Shares,
        sticky: None,
        tls: None,
        health_check: None,
        resilience: None,
        chain: ChainId(u32::MAX),
    };
}

impl ChainId {
    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
