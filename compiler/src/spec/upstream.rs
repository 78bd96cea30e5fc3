//! What a route says of its backends (config.md 7.2, 7.3).

use super::fields::{Fields, Item, Leaf, Leaves};
use super::node::Kind;
use crate::source::Span;

/// One entry of `backends`.
pub(crate) struct Backend {
    /// Dotted key: `gateway.routes[2].backends[0]`.
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) endpoint: Option<Leaf>,
    pub(crate) weight: Option<Leaf>,
    /// `None`: absent.
    pub(crate) matching: Option<Vec<CanaryTest>>,
    pub(crate) exclusive: Option<Leaf>,
    pub(crate) priority: Option<Leaf>,
    /// Already reported: not even a mapping, or without a readable endpoint.
    pub(crate) broken: bool,
}

/// One entry of `match`.
pub(crate) struct CanaryTest {
    /// Dotted key: `gateway.routes[2].backends[0].match[1]`.
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) source: Option<Leaf>,
    pub(crate) name: Option<Leaf>,
    pub(crate) operator: Option<Leaf>,
    pub(crate) value: Option<Leaf>,
}

/// `loadBalancer`
pub(crate) struct LoadBalancer {
    pub(crate) policy: Option<Leaf>,
    pub(crate) hash_on: Option<HashOn>,
    pub(crate) sticky: Option<Sticky>,
}

/// `loadBalancer.sticky`
pub(crate) struct Sticky {
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) cookie: Option<Leaf>,
    pub(crate) ttl: Option<Leaf>,
    pub(crate) path: Option<Leaf>,
    pub(crate) domain: Option<Leaf>,
    pub(crate) same_site: Option<Leaf>,
    pub(crate) secure: Option<Leaf>,
    pub(crate) secret: Option<Leaf>,
}

/// `loadBalancer.hashOn`
pub(crate) struct HashOn {
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) source: Option<Leaf>,
    pub(crate) name: Option<Leaf>,
}

/// `security.tls`
#[derive(Default)]
pub(crate) struct BackendTls {
    pub(crate) insecure_skip_verify: Option<Leaf>,
    pub(crate) root_cas: Option<Leaf>,
    pub(crate) client_cert: Option<Leaf>,
    pub(crate) client_key: Option<Leaf>,
}

/// `healthCheck`
pub(crate) struct HealthCheck {
    pub(crate) path: Option<Leaf>,
    pub(crate) interval: Option<Leaf>,
    pub(crate) timeout: Option<Leaf>,
    pub(crate) healthy_statuses: Option<Leaves>,
}

pub(super) fn tls(security: &mut Fields<'_>) -> BackendTls {
    let Some(mut fields) = security.section("tls") else {
        return BackendTls::default();
    };
    let tls = BackendTls {
        insecure_skip_verify: fields.leaf("insecureSkipVerify"),
        root_cas: fields.leaf("rootCAs"),
        client_cert: fields.leaf("clientCert"),
        client_key: fields.leaf("clientKey"),
    };
    fields.finish();
    tls
}

/// `None`: absent. A `backends` of the wrong shape is reported; it is not a missing target as well.
pub(super) fn backends(route: &mut Fields<'_>) -> Option<Vec<Backend>> {
    let present = route.has("backends");
    match route.list("backends") {
        Some(items) => Some(items.iter().map(backend).collect()),
        None if present => Some(vec![Backend {
            path_key: route.key("backends"),
            head: route.head,
            endpoint: None,
            weight: None,
            matching: None,
            exclusive: None,
            priority: None,
            broken: true,
        }]),
        None => None,
    }
}

fn backend(item: &Item<'_>) -> Backend {
    let path_key = item.path.clone();
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let endpoint = fields.leaf("endpoint");
    let weight = fields.leaf("weight");
    let matching = fields.list("match");
    let matching = matching.map(|items| items.iter().map(canary_test).collect());
    let exclusive = fields.leaf("exclusive");
    let priority = fields.leaf("priority");
    let broken = endpoint.as_ref().is_some_and(|leaf| leaf.broken)
        || !matches!(item.node.kind, Kind::Map(_));
    let head = fields.head;
    fields.finish();
    Backend {
        path_key,
        head,
        endpoint,
        weight,
        matching,
        exclusive,
        priority,
        broken,
    }
}

fn canary_test(item: &Item<'_>) -> CanaryTest {
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let test = CanaryTest {
        path_key: item.path.clone(),
        head: fields.head,
        source: fields.leaf("source"),
        name: fields.leaf("name"),
        operator: fields.leaf("operator"),
        value: fields.leaf("value"),
    };
    fields.finish();
    test
}

pub(super) fn load_balancer(route: &mut Fields<'_>) -> Option<LoadBalancer> {
    let mut fields = route.section("loadBalancer")?;
    let balancer = LoadBalancer {
        policy: fields.leaf("policy"),
        hash_on: hash_on(&mut fields),
        sticky: sticky(&mut fields),
    };
    fields.finish();
    Some(balancer)
}

fn hash_on(balancer: &mut Fields<'_>) -> Option<HashOn> {
    let mut fields = balancer.section("hashOn")?;
    let hash_on = HashOn {
        path_key: fields.path.clone(),
        head: fields.head,
        source: fields.leaf("source"),
        name: fields.leaf("name"),
    };
    fields.finish();
    Some(hash_on)
}

fn sticky(balancer: &mut Fields<'_>) -> Option<Sticky> {
    let present = balancer.has("sticky");
    let mut fields = balancer.section("sticky")?;
    let sticky = Sticky {
        path_key: fields.path.clone(),
        head: fields.head,
        cookie: fields.leaf("cookie"),
        ttl: fields.leaf("ttl"),
        path: fields.leaf("path"),
        domain: fields.leaf("domain"),
        same_site: fields.leaf("sameSite"),
        secure: fields.leaf("secure"),
        secret: fields.leaf("secret"),
    };
    fields.finish();
    present.then_some(sticky)
}

pub(super) fn health_check(route: &mut Fields<'_>) -> Option<HealthCheck> {
    let mut fields = route.section("healthCheck")?;
    let check = HealthCheck {
        path: fields.leaf("path"),
        interval: fields.leaf("interval"),
        timeout: fields.leaf("timeout"),
        healthy_statuses: fields.leaves("healthyStatuses"),
    };
    fields.finish();
    Some(check)
}
