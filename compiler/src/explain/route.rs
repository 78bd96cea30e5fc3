//! The choice of a route (RT-ROUTE-1 to RT-ROUTE-8, for prefixes without priorities).

use std::cmp::Reverse;

use super::{Loser, Request};
use crate::model::{HostKind, HostPattern, Model, Route, RouteId, Value};

/// The most routes that are named when no route fits.
const NEAR_MISSES_MAX: usize = 10;

/// The result of [`choose`].
pub(super) enum Choice<'a> {
    /// No route fits; these nearly do.
    None(Vec<Loser>),
    /// The best route.
    Route {
        id: RouteId,
        route: &'a Route,
        /// Its pattern that fits; none: it has no hosts.
        host: Option<String>,
        losers: Vec<Loser>,
    },
}

/// A route that fits, with its rank: smaller is better (RT-ROUTE-5).
struct Candidate<'a> {
    rank: Rank,
    id: RouteId,
    route: &'a Route,
    host: Option<&'a HostPattern>,
}

/// Longest path first (RT-ROUTE-4), then the host; list order is the order of candidates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    segments: Reverse<usize>,
    host: HostRank,
}

/// Kind; longer suffix first; with port first.
type HostRank = (HostKind, Reverse<usize>, bool);

/// The enabled route that answers a canonical path.
pub(super) fn choose<'a>(model: &'a Model, request: &Request, path: &str) -> Choice<'a> {
    let on_path = || {
        model
            .routes()
            .filter(|(_, route)| is_below(path, route.path.as_str()))
    };
    let mut candidates: Vec<Candidate<'a>> = on_path()
        .filter_map(|(id, route)| candidate(id, route, request))
        .collect();
    // Stable, so that equal ranks stay in list order.
    candidates.sort_by_key(|candidate| candidate.rank);
    let Some(best) = candidates.iter().find(|candidate| candidate.route.enabled) else {
        let near = on_path().map(|(_, route)| loser(route, near_miss(route)));
        return Choice::None(near.take(NEAR_MISSES_MAX).collect());
    };
    let losers = candidates
        .iter()
        .filter(|candidate| candidate.id != best.id)
        .map(|candidate| loser(candidate.route, lost_by(candidate, best)))
        .collect();
    Choice::Route {
        id: best.id,
        route: best.route,
        host: best.host.map(|host| host.as_str().to_owned()),
        losers,
    }
}

/// Whether a canonical path is a prefix's own or below it, by segments (RT-ROUTE-3).
pub(super) fn is_below(path: &str, prefix: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The key of the gateway's own endpoint at a path (RT-ROUTE-10), unless it is switched off.
pub(super) fn probe<'a>(model: &'a Model, path: &str) -> Option<&'a str> {
    let value: &Value = match path {
        "/readyz" => &model.gateway.readiness,
        "/healthz" => &model.gateway.liveness,
        _ => return None,
    };
    let off = value
        .default_text()
        .and_then(|text| crate::model::scalar::parse_bool(&text).ok())
        == Some(false);
    (!off).then_some(value.key.as_str())
}

fn candidate<'a>(id: RouteId, route: &'a Route, request: &Request) -> Option<Candidate<'a>> {
    let hosts = route.hosts.iter();
    let host = hosts
        .filter(|host| host.matches(request.host(), request.port()))
        .min_by_key(|host| host_rank(host));
    if host.is_none() && !route.hosts.is_empty() {
        return None;
    }
    let segments = route
        .path
        .as_str()
        .split('/')
        .filter(|segment| !segment.is_empty());
    let rank = Rank {
        segments: Reverse(segments.count()),
        host: host.map_or((HostKind::Any, Reverse(0), true), host_rank),
    };
    Some(Candidate {
        rank,
        id,
        route,
        host,
    })
}

fn host_rank(host: &HostPattern) -> HostRank {
    (
        host.kind(),
        Reverse(host.name().len()),
        host.port().is_none(),
    )
}

fn lost_by(candidate: &Candidate<'_>, best: &Candidate<'_>) -> &'static str {
    if !candidate.route.enabled {
        "disabled"
    } else if candidate.rank.segments != best.rank.segments {
        "shorter path"
    } else if candidate.rank.host != best.rank.host {
        "less specific host"
    } else {
        "later in the list"
    }
}

fn near_miss(route: &Route) -> &'static str {
    if route.enabled {
        "other host"
    } else {
        "disabled"
    }
}

fn loser(route: &Route, reason: &str) -> Loser {
    Loser {
        name: route.name.to_string(),
        span: route.span,
        reason: reason.to_owned(),
    }
}
