//! Where a request goes: `rewrite` and the backend's URL (RT-REWRITE, RT-UP-1, RT-UP-2).

use super::path::Canonical;
use super::route::is_below;
use super::{Request, Upstream};
use crate::model::{Part, Route, Value};

/// The forwarded request of a route.
pub(super) fn forward(
    request: &Request,
    route: &Route,
    path: &Canonical,
    host: Option<String>,
) -> Upstream {
    let route_path = route.path.as_str();
    let rewrite = route
        .rewrite
        .as_ref()
        .map(|rewrite| rewrite.as_str())
        .filter(|_| is_below(&path.matched, route_path));
    let forwarded = rewrite.map_or_else(
        || path.forwarded.clone(),
        |rewrite| rewritten(route_path, rewrite, &path.forwarded),
    );
    let backends: Vec<String> = route
        .backends
        .iter()
        .map(|backend| shown(&backend.endpoint))
        .collect();
    let base = backends.first().map_or("", String::as_str);
    Upstream {
        url: format!("{}{}", join(base, &forwarded), request.query()),
        // RT-HDR-6: the client's host is forwarded.
        host: host.unwrap_or_else(|| request.authority()),
        rewrite: rewrite.map(|rewrite| format!("rewrite {route_path} -> {rewrite}")),
        backends,
    }
}

/// `path` with the segments of `route_path` replaced by `rewrite` (RT-REWRITE-1): by segments, as
/// an escaped spelling of the prefix is longer than the prefix; duplicate slashes are cleaned.
#[must_use]
pub fn rewritten(route_path: &str, rewrite: &str, path: &str) -> String {
    let skipped = segments(route_path).count();
    let kept = segments(rewrite).chain(segments(path).skip(skipped));
    let mut result: String = kept.flat_map(|segment| ["/", segment]).collect();
    if path.ends_with('/') || result.is_empty() {
        result.push('/');
    }
    result
}

/// Exactly one `/` at the seam (RT-UP-2, MW-PREFIX-1).
pub(super) fn join(prefix: &str, path: &str) -> String {
    format!(
        "{}/{}",
        prefix.trim_end_matches('/'),
        path.strip_prefix('/').unwrap_or(path)
    )
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// A value with the defaults of its references; one without a default is shown as it is written.
fn shown(value: &Value) -> String {
    let shown_part = |part: &Part| match part {
        Part::Env { name, default } => default.clone().unwrap_or_else(|| format!("${{{name}}}")),
        Part::Text(text) => text.clone(),
    };
    value.parts.iter().map(shown_part).collect()
}
