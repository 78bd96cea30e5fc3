//! Where a request goes: `rewrite` and the backend's URL (RT-REWRITE, RT-UP-1, RT-UP-2, RT-HDR-6).

use super::path::{Canonical, canonicalize};
use super::{Request, Role, Upstream, resilience};
use crate::model::endpoint::split_socket;
use crate::model::{Part, Policy, Route, Value};

/// The forwarded request of a route; `routed`: the path as it came to the route, `host`: what a
/// middleware has set. `None`: `rewrite` would make a dot segment, which is answered with 400
/// (RT-REWRITE-3).
pub(super) fn forward(
    request: &Request,
    route: &Route,
    routed: &Canonical,
    (path, query): (&Canonical, &str),
    host: Option<String>,
) -> Option<Upstream> {
    let rewrite = route.rewrite.as_ref();
    let rewritten = rewrite.and_then(|rewrite| {
        let (now, then) = (path, &routed.forwarded);
        rewrite.apply(&route.path, &now.matched, &now.forwarded, then)
    });
    let applied = rewrite.filter(|_| rewritten.is_some());
    let forwarded = rewritten.as_ref().unwrap_or(&path.forwarded);
    if canonicalize(forwarded).is_ok_and(|canonical| canonical.forwarded == *forwarded) {
        let backends = route.backends.iter();
        let backends: Vec<String> = backends.map(|item| shown(&item.endpoint)).collect();
        let weights = route.weights();
        let roles = roles(route, request);
        let base = backends.get(first(&weights, &roles));
        let base = base.map_or("", String::as_str);
        let authority = || {
            if split_socket(base).is_some() {
                return "localhost".to_owned();
            }
            let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().to_owned()
        };
        return Some(Upstream {
            url: format!("{}{}", url_of(base, forwarded), query),
            host: host.unwrap_or_else(|| match route.forward_host {
                true => request.authority(),
                false => authority(),
            }),
            rewrite: applied
                .map(|rewrite| format!("rewrite {} -> {}", route.path.as_str(), rewrite.as_str())),
            policy: policy(route),
            sticky: sticky(route),
            resilience: resilience::lines(&route.resilience),
            resilience_keys: resilience::json(&route.resilience),
            backends,
            weights,
            roles,
            fields: Vec::new(),
        });
    }
    None
}

impl Upstream {
    /// The index of the backend that `url` shows.
    pub(super) fn first(&self) -> usize {
        first(&self.weights, &self.roles)
    }
}

/// The exclusive canary, or the first that gets requests; of none, the first.
fn first(weights: &[u32], roles: &[Role]) -> usize {
    let exclusive = roles.iter().position(|role| *role == Role::Exclusive);
    let shares = |(index, role): (usize, &Role)| {
        role.shares() && weights.get(index).is_none_or(|weight| *weight > 0)
    };
    let mut roles = roles.iter().enumerate();
    let first = || roles.find(|item| shares(*item)).map(|(index, _)| index);
    exclusive.or_else(first).unwrap_or_default()
}

impl Role {
    /// Whether it is one of several that share the request (RT-CANARY-4).
    pub(super) const fn shares(self) -> bool {
        matches!(self, Self::Canary | Self::Stable)
    }
}

fn roles(route: &Route, request: &Request) -> Vec<Role> {
    let mut roles = vec![Role::Stable; route.backends.len()];
    let mut alone: Option<(i64, usize)> = None;
    for (index, canary) in route.canaries() {
        let fits = canary.fits(|source| super::matching::first(source, request));
        let role = match (fits, canary.exclusive) {
            (false, _) => Role::Bypassed,
            (true, false) => Role::Canary,
            (true, true) => Role::Reserve,
        };
        if role == Role::Reserve && alone.is_none_or(|(highest, _)| canary.priority > highest) {
            alone = Some((canary.priority, index));
        }
        if let Some(place) = roles.get_mut(index) {
            *place = role;
        }
    }
    if let Some(place) = alone.and_then(|(_, index)| roles.get_mut(index)) {
        *place = Role::Exclusive;
    }
    roles
}

fn sticky(route: &Route) -> Option<String> {
    let sticky = route.sticky.as_ref().filter(|_| route.backends.len() > 1);
    sticky.map(|sticky| sticky.cookie.clone())
}

/// RT-LB-1, RT-LB-2
fn policy(route: &Route) -> Option<&'static str> {
    let usual = match route.weights().is_empty() {
        true => Policy::RoundRobin,
        false => Policy::Weighted,
    };
    let policy = route.policy.as_ref().unwrap_or(&usual);
    (route.backends.len() > 1).then(|| policy.as_str())
}

/// An endpoint with the path that is forwarded to it; behind a socket's name there is a `:` between them.
fn url_of(base: &str, path: &str) -> String {
    match split_socket(base) {
        Some((socket, prefix)) => format!("{socket}:{}", join(prefix, path)),
        None => join(base, path),
    }
}

/// Exactly one `/` at the seam (RT-UP-2, MW-PREFIX-1).
pub(super) fn join(prefix: &str, path: &str) -> String {
    format!(
        "{}/{}",
        prefix.trim_end_matches('/'),
        path.strip_prefix('/').unwrap_or(path)
    )
}

/// A value with the defaults of its references; one without a default is shown as it is written.
pub(super) fn shown(value: &Value) -> String {
    if value.secret {
        return "(encrypted)".to_owned();
    }
    let shown_part = |part: &Part| match part {
        Part::Encrypted { .. } => String::new(),
        Part::Env { name, default } => default.clone().unwrap_or_else(|| format!("${{{name}}}")),
        Part::Text(text) => text.clone(),
    };
    value.parts.iter().map(shown_part).collect()
}
