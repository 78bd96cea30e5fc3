//! Entries of `gateway.routes` (config.md section 7).

use super::fields::{Fields, Item, Leaf, Leaves, leaf};
use super::node::{Entry, Kind, Node, join};
use super::resilience::{self, Resilience};
use super::upstream::{self, Backend, BackendTls, HealthCheck, LoadBalancer};
use crate::dialect::CONDITION;
use crate::source::{Span, Spanned};

/// Keys that rules about several keys do not ask for, but which every route has.
const OWN: &[&str] = &[
    "hosts",
    "methods",
    "middlewares",
    "name",
    "path",
    "rewrite",
    "target",
];

/// One route.
pub(crate) struct Route {
    /// Dotted key: `gateway.routes[2]`.
    pub(crate) path_key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) name: Option<Leaf>,
    pub(crate) path: Option<Leaf>,
    pub(crate) path_type: Option<Leaf>,
    pub(crate) matching: Matching,
    pub(crate) rewrite: Option<Leaf>,
    pub(crate) priority: Option<Leaf>,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) hosts: Option<Leaves>,
    pub(crate) methods: Option<Leaves>,
    pub(crate) target: Option<Leaf>,
    /// The key `target`.
    pub(crate) target_span: Option<Span>,
    /// `None`: absent.
    pub(crate) backends: Option<Vec<Backend>>,
    pub(crate) load_balancer: Option<LoadBalancer>,
    pub(crate) health_check: Option<HealthCheck>,
    pub(crate) resilience: Resilience,
    pub(crate) middlewares: Option<Leaves>,
    pub(crate) security: Security,
    pub(crate) maintenance: Option<Maintenance>,
    /// The mapping without [`OWN`].
    pub(crate) rest: Node,
}

/// `security`
#[derive(Default)]
pub(crate) struct Security {
    pub(crate) forward_host_headers: Option<Leaf>,
    pub(crate) tls: BackendTls,
}

/// `match`
#[derive(Default)]
pub(crate) struct Matching {
    pub(crate) headers: Vec<Condition>,
    pub(crate) query: Vec<Condition>,
    pub(crate) cookies: Vec<Condition>,
    pub(crate) methods: Option<Leaves>,
}

/// One entry of `match.headers` and the like.
pub(crate) struct Condition {
    pub(crate) name: Spanned<String>,
    /// Dotted key: `gateway.routes[2].match.headers.X-Beta`.
    pub(crate) path_key: String,
    /// In the order of the dialect; a single value is `equals`.
    pub(crate) equals: Option<Leaf>,
    pub(crate) regex: Option<Leaf>,
    pub(crate) present: Option<Leaf>,
    /// Neither a single value nor a mapping, which is reported.
    pub(crate) broken: bool,
}

/// `maintenance`
pub(crate) struct Maintenance {
    pub(crate) enabled: Option<Leaf>,
    pub(crate) status_code: Option<Leaf>,
    pub(crate) message: Option<Leaf>,
    pub(crate) retry_after: Option<Leaf>,
}

/// Reads one item of the list.
pub(super) fn decode(item: &Item<'_>) -> Route {
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let target_span = fields.key_span("target");
    let route = Route {
        path_key: item.path.clone(),
        head: fields.head,
        name: fields.leaf("name"),
        path: fields.leaf("path"),
        path_type: fields.leaf("pathType"),
        matching: matching(&mut fields),
        rewrite: fields.leaf("rewrite"),
        priority: fields.leaf("priority"),
        enabled: fields.leaf("enabled"),
        hosts: fields.leaves("hosts"),
        methods: fields.leaves("methods"),
        target: fields.leaf("target"),
        target_span,
        backends: upstream::backends(&mut fields),
        load_balancer: upstream::load_balancer(&mut fields),
        health_check: upstream::health_check(&mut fields),
        resilience: resilience::decode(&mut fields),
        middlewares: fields.leaves("middlewares"),
        security: security(&mut fields),
        maintenance: maintenance(&mut fields),
        rest: item.node.without(OWN),
    };
    fields.finish();
    route
}

fn matching(route: &mut Fields<'_>) -> Matching {
    let Some(mut fields) = route.section("match") else {
        return Matching::default();
    };
    let matching = Matching {
        headers: conditions(&mut fields, "headers"),
        query: conditions(&mut fields, "query"),
        cookies: conditions(&mut fields, "cookies"),
        methods: fields.leaves("methods"),
    };
    fields.finish();
    matching
}

fn conditions(matching: &mut Fields<'_>, name: &'static str) -> Vec<Condition> {
    let key = matching.key(name);
    let Some(Kind::Map(members)) = matching.entry(name).map(|entry| &entry.value.kind) else {
        return Vec::new();
    };
    members
        .iter()
        .map(|member| condition(member, &key))
        .collect()
}

fn condition(member: &Entry, key: &str) -> Condition {
    let path_key = join(key, &member.key.value);
    let mut condition = Condition {
        name: member.key.clone(),
        path_key: path_key.clone(),
        equals: None,
        regex: None,
        present: None,
        broken: false,
    };
    match &member.value.kind {
        Kind::Map(_) => {
            let mut fields = Fields::new(&member.value, &CONDITION, path_key);
            condition.equals = fields.leaf("equals");
            condition.regex = fields.leaf("regex");
            condition.present = fields.leaf("present");
            fields.finish();
        }
        Kind::Scalar { .. } => {
            let leaf = leaf(&member.value, path_key, member.key.span);
            condition.equals = Some(leaf).filter(|leaf| !leaf.null);
        }
        Kind::Seq(_) => condition.broken = true,
    }
    condition
}

fn security(route: &mut Fields<'_>) -> Security {
    let Some(mut fields) = route.section("security") else {
        return Security::default();
    };
    let security = Security {
        forward_host_headers: fields.leaf("forwardHostHeaders"),
        tls: upstream::tls(&mut fields),
    };
    fields.finish();
    security
}

fn maintenance(route: &mut Fields<'_>) -> Option<Maintenance> {
    let mut fields = route.section("maintenance")?;
    let maintenance = Maintenance {
        enabled: fields.leaf("enabled"),
        status_code: fields.leaf("statusCode"),
        message: fields.leaf("message"),
        retry_after: fields.leaf("retryAfter"),
    };
    fields.finish();
    Some(maintenance)
}
