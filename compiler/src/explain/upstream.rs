//! Where a request goes: `rewrite` and the backend's URL (RT-REWRITE, RT-UP-1, RT-UP-2, RT-HDR-6).

use super::path::{Canonical, canonicalize};
use super::{Request, Upstream};
use crate::model::{Part, Route, Value};

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
        let base = backends.get(first(&weights)).map_or("", String::as_str);
        let authority = || {
            let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().to_owned()
        };
        return Some(Upstream {
            url: format!("{}{}", join(base, forwarded), query),
            host: host.unwrap_or_else(|| match route.forward_host {
                true => request.authority(),
                false => authority(),
            }),
            rewrite: applied
                .map(|rewrite| format!("rewrite {} -> {}", route.path.as_str(), rewrite.as_str())),
            backends,
            weights,
            fields: Vec::new(),
        });
    }
    None
}

impl Upstream {
    /// The index of the backend that `url` shows.
    pub(super) fn first(&self) -> usize {
        first(&self.weights)
    }
}

/// The first that gets requests; of none, the first.
fn first(weights: &[u32]) -> usize {
    let first = weights.iter().position(|weight| *weight > 0);
    first.unwrap_or_default()
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
