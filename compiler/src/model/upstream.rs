//! Backends of a route, and what is known of them.

use super::cookie::SameSite;
use super::regex::Regex;
use super::{HeaderName, Value};

/// Where a route forwards to.
#[derive(Clone, Debug)]
pub struct Backend {
    /// A url.
    pub endpoint: Value,
    /// Its share among the backends of its route (RT-LB-4); `None`: no key says.
    pub weight: Option<u32>,
    /// What makes it a canary; `None`: it is stable.
    pub canary: Option<Canary>,
}

/// `match` of a backend (RT-CANARY).
#[derive(Clone, Debug)]
pub struct Canary {
    /// All must hold; never none.
    pub tests: Vec<CanaryTest>,
    /// Whether its requests go to it alone.
    pub exclusive: bool,
    /// Among exclusive ones the highest wins.
    pub priority: i64,
}

/// One entry of `match`.
#[derive(Clone, Debug)]
pub struct CanaryTest {
    /// Where the value comes from; nothing there is an empty text.
    pub source: Source,
    /// What is asked of it.
    pub operator: Operator,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first cookie of this name.
    Cookie(String),
    /// The first value of this header.
    Header(HeaderName),
    /// The client's address.
    Ip,
    /// The path.
    Path,
    /// The first query parameter of this name, decoded.
    Query(String),
}

/// How a value is compared (RT-CANARY-6).
#[derive(Clone, Debug)]
pub enum Operator {
    /// Holds this.
    Contains(String),
    /// Ends like this.
    EndsWith(String),
    /// Is this.
    Equals(String),
    /// Is one of these.
    In(Vec<String>),
    /// Does not hold this.
    NotContains(String),
    /// Is not this.
    NotEquals(String),
    /// Contains a match.
    Regex(Regex, regex::bytes::Regex),
    /// Begins like this.
    StartsWith(String),
}

/// `loadBalancer.policy` (RT-LB-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The same backend for the same value.
    ConsistentHash(Source),
    /// The fewest requests in flight.
    LeastConn,
    /// The better of two.
    P2cEwma,
    /// By chance.
    Random,
    /// In turn, weights or not.
    RoundRobin,
    /// By weight.
    Weighted,
}

/// `loadBalancer.sticky` (RT-LB-9).
#[derive(Clone, Debug)]
pub struct Sticky {
    /// A token.
    pub cookie: String,
    /// `None`: until the browser is closed.
    pub ttl_seconds: Option<u64>,
    /// Begins with `/`.
    pub path: String,
    /// Without a leading dot.
    pub domain: Option<String>,
    /// With requests of other sites.
    pub same_site: SameSite,
    /// `None`: on TLS.
    pub secure: Option<bool>,
    /// Keys the value; empty: anyone can tell which backend it names.
    pub secret: Value,
}

impl Canary {
    /// Whether all tests hold of what `read` finds.
    pub fn fits(&self, read: impl Fn(&Source) -> Vec<u8>) -> bool {
        let mut tests = self.tests.iter();
        tests.all(|test| test.operator.holds(&read(&test.source)))
    }
}

impl Operator {
    /// With case.
    #[must_use]
    pub fn holds(&self, value: &[u8]) -> bool {
        let contains = |text: &str| {
            let mut parts = value.windows(text.len().max(1));
            text.is_empty() || parts.any(|part| part == text.as_bytes())
        };
        match self {
            Self::Contains(text) => contains(text),
            Self::EndsWith(text) => value.ends_with(text.as_bytes()),
            Self::Equals(text) => value == text.as_bytes(),
            Self::In(texts) => texts.iter().any(|text| value == text.as_bytes()),
            Self::NotContains(text) => !contains(text),
            Self::NotEquals(text) => value != text.as_bytes(),
            Self::Regex(_, engine) => engine.is_match(value),
            Self::StartsWith(text) => value.starts_with(text.as_bytes()),
        }
    }
}

impl Policy {
    /// The word in the spec.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ConsistentHash(_) => "consistentHash",
            Self::LeastConn => "leastConn",
            Self::P2cEwma => "p2cEwma",
            Self::Random => "random",
            Self::RoundRobin => "roundRobin",
            Self::Weighted => "weighted",
        }
    }
}

/// `security.tls` (RT-UP-3, RT-MTLS-2).
#[derive(Clone, Debug, Default)]
pub struct BackendTls {
    /// Whether any certificate will do; `None`: as the gateway's transport has it.
    pub insecure: Option<bool>,
    /// Authorities in place of the system's.
    pub roots: Option<Value>,
    /// Certificate and key that are shown.
    pub client: Option<(Value, Value)>,
}

/// `networking.dnsCache` (RT-DNS).
#[derive(Clone, Debug)]
pub struct DnsCache {
    /// How long an answer is good; never 0.
    pub ttl_ms: u64,
    /// Whether taking over live values makes answers be forgotten.
    pub clear_on_reload: bool,
    /// DNS servers in order; none: those of the system.
    pub servers: Vec<Value>,
}

/// `networking.transport`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Whether backends that speak TLS are offered HTTP/2.
    pub http2: bool,
    /// Idle connections of the process; 0: no limit.
    pub idle_connections: u64,
    /// Idle connections per backend; 0: no limit.
    pub idle_per_host: u64,
    /// Connections per backend; 0: no limit.
    pub per_host: u64,
    /// How long a connection may be idle; 0: no limit.
    pub idle_timeout_ms: u64,
    /// For routes that do not say: until the head of a response; 0: no limit.
    pub response_header_timeout_ms: u64,
    /// For routes that do not say: whether any certificate of a backend will do.
    pub insecure: bool,
    /// 0: none.
    pub handshake_timeout_ms: u64,
}

/// `healthCheck` with a path (RT-HEALTH-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Asked for below each endpoint.
    pub path: String,
    /// From one check to the next.
    pub interval_ms: u64,
    /// Longest time until an answer.
    pub timeout_ms: u64,
    /// None: below 400.
    pub healthy_statuses: Vec<u16>,
}

/// `networking.passiveHealthCheck` (RT-HEALTH-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassiveHealthCheck {
    /// Failures in a row.
    pub fails_max: u32,
    /// How long a backend gets no requests then.
    pub eject_ms: u64,
}
