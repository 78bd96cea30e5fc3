//! The choice of a route (RT-ROUTE-1 to RT-ROUTE-8, RT-ROUTE-13 to -15): every route is asked, and
//! says why it does not answer.

use std::cmp::Reverse;

use super::{Loser, Request, matching};
use crate::model::{Condition, HostKind, HostPattern, Model, PathRank, Route, RouteId, Value};

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

/// A route whose path and host fit, with its rank: smaller is better (RT-ROUTE-5).
struct Candidate<'a> {
    rank: Rank,
    id: RouteId,
    route: &'a Route,
    host: Option<&'a HostPattern>,
    /// The first condition that does not hold.
    unmet: Option<&'a Condition>,
}

/// List order is the order of candidates.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Routes with a priority first, ascending (RT-ROUTE-6).
    priority: (bool, i64),
    path: PathRank,
    host: HostRank,
    conditions: Reverse<usize>,
}

/// Kind; longer suffix first; with port first.
type HostRank = (HostKind, Reverse<usize>, bool);

/// The enabled route that answers a canonical path.
pub(super) fn choose<'a>(model: &'a Model, request: &Request, path: &str) -> Choice<'a> {
    let on_path = || model.routes().filter(|(_, route)| route.path.matches(path));
    let mut candidates: Vec<Candidate<'a>> = on_path()
        .filter_map(|(id, route)| candidate(id, route, request))
        .collect();
    // Stable, so that equal ranks stay in list order.
    candidates.sort_by(|left, right| left.rank.cmp(&right.rank));
    let answers = |candidate: &&Candidate<'_>| candidate.route.enabled && candidate.unmet.is_none();
    let Some(best) = candidates.iter().find(answers) else {
        let near = on_path().map(|(id, route)| {
            let candidate = candidates.iter().find(|candidate| candidate.id == id);
            loser(route, near_miss(route, candidate))
        });
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

/// The key of the gateway's own endpoint at a path (RT-ROUTE-10), unless it is switched off.
pub(super) fn probe<'a>(model: &'a Model, request: &Request, path: &str) -> Option<&'a str> {
    let gateway = &model.gateway;
    let for_operators = |key| {
        let host = gateway.monitoring_host.as_ref();
        let fits = host.is_none_or(|host| host.matches(request.host(), request.port()));
        fits.then_some(key)
    };
    let value: &Value = match path {
        "/readyz" => &gateway.readiness,
        "/healthz" => &gateway.liveness,
        "/healthz/build" if gateway.build_info => {
            return for_operators("gateway.monitoring.enableBuildInfo");
        }
        "/healthz/routes" if gateway.route_health => {
            return for_operators("gateway.monitoring.enableRouteHealthCheck");
        }
        _ => return None,
    };
    let off = value
        .default_text()
        .and_then(|text| crate::model::scalar::parse_bool(&text).ok())
        == Some(false);
    (!off).then_some(value.key.as_str())
}

/// Whether only a slash at the end keeps a request from one of the gateway's own endpoints
/// (RT-ROUTE-12).
pub(super) fn redirects(model: &Model, request: &Request, path: &str) -> bool {
    let registered = path.strip_suffix('/');
    model.gateway.strict_slash
        && matches!(request.method(), "GET" | "HEAD")
        && registered.is_some_and(|path| probe(model, request, path).is_some())
}

fn candidate<'a>(id: RouteId, route: &'a Route, request: &Request) -> Option<Candidate<'a>> {
    let hosts = route.hosts.iter();
    let host = hosts
        .filter(|host| host.matches(request.host(), request.port()))
        .min_by_key(|host| host_rank(host));
    if host.is_none() && !route.hosts.is_empty() {
        return None;
    }
    let conditions = route.conditions.iter();
    let unmet = conditions
        .clone()
        .find(|item| !matching::holds(item, request));
    let rank = Rank {
        priority: (route.priority.is_none(), route.priority.unwrap_or_default()),
        path: route.path.rank(),
        host: host.map_or((HostKind::Any, Reverse(0), true), host_rank),
        conditions: Reverse(conditions.count()),
    };
    Some(Candidate {
        rank,
        id,
        route,
        host,
        unmet,
    })
}

fn host_rank(host: &HostPattern) -> HostRank {
    (
        host.kind(),
        Reverse(host.name().len()),
        host.port().is_none(),
    )
}

fn lost_by(candidate: &Candidate<'_>, best: &Candidate<'_>) -> String {
    let (rank, better) = (&candidate.rank, &best.rank);
    if !candidate.route.enabled {
        "disabled".to_owned()
    } else if let Some(condition) = candidate.unmet {
        format!("not {}", condition.described())
    } else if rank.priority != better.priority {
        let priority = candidate.route.priority;
        priority.map_or_else(
            || "no priority".to_owned(),
            |priority| format!("priority {priority}"),
        )
    } else if rank.path != better.path {
        rank.path.lost_by(&better.path).to_owned()
    } else if rank.host != better.host {
        "less specific host".to_owned()
    } else if rank.conditions != better.conditions {
        "fewer conditions".to_owned()
    } else {
        "later in the list".to_owned()
    }
}

fn near_miss(route: &Route, candidate: Option<&Candidate<'_>>) -> String {
    match candidate.and_then(|candidate| candidate.unmet) {
        _ if !route.enabled => "disabled".to_owned(),
        Some(condition) => format!("not {}", condition.described()),
        None => "other host".to_owned(),
    }
}

fn loser(route: &Route, reason: String) -> Loser {
    Loser {
        name: route.name.to_string(),
        span: route.span,
        reason,
    }
}
