//! What a row says of its backends beside their addresses and shares.

use serde::Serialize;

use super::lower::{Cx, lower_value};
use super::{Value, features};
use crate::model;
use crate::model::Policy as Wanted;
use crate::model::cookie::SameSite;

/// A backend that has requests of its own (RT-CANARY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Canary {
    /// Its place among the endpoints.
    pub backend: usize,
    /// All must hold.
    pub tests: Vec<CanaryTest>,
    /// Whether its requests go to it alone.
    pub exclusive: bool,
    /// Among exclusive ones the highest wins.
    pub priority: i64,
}

/// One entry of `match`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CanaryTest {
    /// Where the value comes from.
    pub source: Source,
    /// What is asked of it.
    pub operator: Operator,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Source {
    /// A cookie.
    Cookie(String),
    /// A header.
    Header(String),
    /// The client's address.
    Ip,
    /// The path.
    Path,
    /// A query parameter.
    Query(String),
}

/// How a value is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    Regex(String),
    /// Begins like this.
    StartsWith(String),
}

/// How a backend is chosen (RT-LB-8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Policy {
    /// The same backend for the same value.
    ConsistentHash(Source),
    /// The fewest requests in flight.
    LeastConn,
    /// The better of two.
    P2cEwma,
    /// By chance.
    Random,
    /// By weight, or in turn; the usual one, which rows do not mention.
    Shares,
}

/// A cookie that names a backend (RT-LB-9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sticky {
    /// Its name.
    pub cookie: String,
    /// `; Path=/; HttpOnly; SameSite=Lax`
    pub attributes: String,
    /// `None`: on TLS.
    pub secure: Option<bool>,
    /// Keys its value.
    pub secret: Value,
}

impl Canary {
    /// Whether the regex engine is needed.
    pub(super) fn is_regex(&self) -> bool {
        let mut tests = self.tests.iter();
        tests.any(|test| matches!(test.operator, Operator::Regex(_)))
    }
}

pub(super) fn canaries(route: &model::Route) -> Vec<Canary> {
    let canary = |(backend, canary): (usize, &model::Canary)| Canary {
        backend,
        tests: canary.tests.iter().map(test).collect(),
        exclusive: canary.exclusive,
        priority: canary.priority,
    };
    route.canaries().map(canary).collect()
}

fn test(test: &model::CanaryTest) -> CanaryTest {
    use model::Operator as Wanted;
    CanaryTest {
        source: source(&test.source),
        operator: match &test.operator {
            Wanted::Contains(text) => Operator::Contains(text.clone()),
            Wanted::EndsWith(text) => Operator::EndsWith(text.clone()),
            Wanted::Equals(text) => Operator::Equals(text.clone()),
            Wanted::In(texts) => Operator::In(texts.clone()),
            Wanted::NotContains(text) => Operator::NotContains(text.clone()),
            Wanted::NotEquals(text) => Operator::NotEquals(text.clone()),
            Wanted::Regex(regex, _) => Operator::Regex(regex.as_str().to_owned()),
            Wanted::StartsWith(text) => Operator::StartsWith(text.clone()),
        },
    }
}

fn source(source: &model::Source) -> Source {
    match source {
        model::Source::Cookie(name) => Source::Cookie(name.clone()),
        model::Source::Header(name) => Source::Header(name.as_str().to_owned()),
        model::Source::Ip => Source::Ip,
        model::Source::Path => Source::Path,
        model::Source::Query(name) => Source::Query(name.clone()),
    }
}

/// With one backend there is nobody to stay with (RT-LB-1).
pub(super) fn sticky(cx: &Cx<'_>, route: &model::Route) -> Option<Sticky> {
    let sticky = route.sticky.as_ref().filter(|_| route.backends.len() > 1)?;
    let mut attributes = format!("; Path={}", sticky.path);
    if let Some(domain) = &sticky.domain {
        attributes.push_str(&format!("; Domain={domain}"));
    }
    if let Some(seconds) = sticky.ttl_seconds {
        attributes.push_str(&format!("; Max-Age={seconds}"));
    }
    attributes.push_str(match sticky.same_site {
        SameSite::Lax => "; HttpOnly; SameSite=Lax",
        SameSite::None => "; HttpOnly; SameSite=None",
        SameSite::Strict => "; HttpOnly; SameSite=Strict",
    });
    Some(Sticky {
        cookie: sticky.cookie.clone(),
        attributes,
        secure: sticky.secure,
        secret: lower_value(cx, &sticky.secret),
    })
}

/// With one backend there is nothing to be chosen (RT-LB-1).
pub(super) fn policy(route: &model::Route) -> Policy {
    match &route.policy {
        Some(_) if route.backends.len() < 2 => Policy::Shares,
        Some(Wanted::ConsistentHash(on)) => Policy::ConsistentHash(source(on)),
        Some(Wanted::LeastConn) => Policy::LeastConn,
        Some(Wanted::P2cEwma) => Policy::P2cEwma,
        Some(Wanted::Random) => Policy::Random,
        Some(Wanted::RoundRobin | Wanted::Weighted) | None => Policy::Shares,
    }
}

/// TLS towards the endpoints of a route (RT-UP-3, RT-MTLS-2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendTls {
    /// Whether any certificate will do.
    pub insecure: bool,
    /// Authorities in place of the system's.
    pub roots: Option<Value>,
    /// Certificate and key that are shown.
    pub client: Option<(Value, Value)>,
}

/// Names of backends (RT-DNS).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DnsCache {
    /// How long an answer is good; never 0.
    pub ttl_ms: u64,
    /// Whether taking over live values makes answers be forgotten.
    pub clear_on_reload: bool,
    /// DNS servers in order; none: those of the system.
    pub servers: Vec<Value>,
}

/// Connections to backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Transport {
    /// Whether endpoints that speak TLS are offered HTTP/2.
    pub http2: bool,
    /// Idle connections of the process; 0: no limit.
    pub idle_max: u64,
    /// Idle connections per endpoint; 0: no limit.
    pub idle_per_host_max: u64,
    /// Connections per endpoint; 0: no limit.
    pub per_host_max: u64,
    /// How long a connection may be idle; 0: no limit.
    pub idle_timeout_ms: u64,
    /// Until the head of a response; 0: no limit.
    pub response_header_timeout_ms: u64,
    /// Of a TLS handshake; 0: none.
    pub handshake_timeout_ms: u64,
}

/// `None`: verified by the system's authorities, nothing shown; or no endpoint speaks TLS.
pub(super) fn tls(cx: &Cx<'_>, route: &model::Route, endpoints: &[Value]) -> Option<BackendTls> {
    if !endpoints.iter().any(features::may_encrypt) {
        return None;
    }
    let model::BackendTls {
        insecure,
        roots,
        client,
    } = &route.tls;
    let insecure = insecure.unwrap_or(cx.model.gateway.transport.insecure);
    let tls = BackendTls {
        insecure,
        // Nobody would look at them.
        roots: roots
            .as_ref()
            .filter(|_| !insecure)
            .map(|roots| lower_value(cx, roots)),
        client: client
            .as_ref()
            .map(|(certificate, key)| (lower_value(cx, certificate), lower_value(cx, key))),
    };
    let plain = !tls.insecure && tls.roots.is_none() && tls.client.is_none();
    (!plain).then_some(tls)
}

pub(super) fn dns_cache(cx: &Cx<'_>, dns: &model::DnsCache) -> DnsCache {
    let servers = dns.servers.iter();
    DnsCache {
        ttl_ms: dns.ttl_ms,
        clear_on_reload: dns.clear_on_reload,
        servers: servers.map(|server| lower_value(cx, server)).collect(),
    }
}

pub(super) fn transport(transport: &model::Transport) -> Transport {
    Transport {
        http2: transport.http2,
        idle_max: transport.idle_connections,
        idle_per_host_max: transport.idle_per_host,
        per_host_max: transport.per_host,
        idle_timeout_ms: transport.idle_timeout_ms,
        response_header_timeout_ms: transport.response_header_timeout_ms,
        handshake_timeout_ms: transport.handshake_timeout_ms,
    }
}

/// How backends are asked whether they are well (RT-HEALTH-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// Printable ASCII, from `/` on.
    pub path: String,
    /// From one check to the next.
    pub interval_ms: u64,
    /// Longest time until an answer.
    pub timeout_ms: u64,
    /// None: below 400.
    pub healthy_statuses: Vec<u16>,
}

/// When a failing backend gets no requests for a while (RT-HEALTH-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PassiveHealthCheck {
    /// Failures in a row.
    pub fails_max: u32,
    /// For how long.
    pub eject_ms: u64,
}

pub(super) fn health_check(check: &model::HealthCheck) -> HealthCheck {
    HealthCheck {
        path: encoded(&check.path),
        interval_ms: check.interval_ms,
        timeout_ms: check.timeout_ms,
        healthy_statuses: check.healthy_statuses.clone(),
    }
}

pub(super) fn passive_health_check(passive: &model::PassiveHealthCheck) -> PassiveHealthCheck {
    PassiveHealthCheck {
        fails_max: passive.fails_max,
        eject_ms: passive.eject_ms,
    }
}

/// What does not belong into a request's target is escaped.
fn encoded(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'#' | b'\\' | 0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    path.bytes().map(escape).collect()
}
