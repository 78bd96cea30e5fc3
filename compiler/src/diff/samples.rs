//! Requests that something else becomes of: a few are made for every route, host, method and scope of
//! either side, and asked of both by the code of `goma explain`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Sample;
use crate::explain::{Request, explain};
use crate::model::endpoint::split_socket;
use crate::model::scope::Pattern;
use crate::model::{Condition, HostPattern, Model, Route, Rule, Test};

/// The most requests that are asked.
const ASKED_MAX: usize = 4_000;
/// Of many routes, the least.
const ASKED_MIN: usize = 200;
/// How often a route may be looked at, in all.
const EVALUATED_MAX: usize = 5_000_000;
/// The most that are told.
const TOLD_MAX: usize = 10;
/// The most of a list that is tried.
const TRIED_MAX: usize = 8;

/// The requests that differ, those first that get through now; of each kind the first. `touched` are the
/// routes that something changes about.
pub(super) fn changed(old: &Model, new: &Model, touched: &BTreeSet<&str>) -> Vec<Sample> {
    let routes = old.routes.iter().map(|route| (old, route));
    let routes = routes.chain(new.routes.iter().map(|route| (new, route)));
    let mut asked = Vec::new();
    for (model, route) in routes {
        let far = !touched.contains(route.name.as_str());
        for (request, text) in requests(model, route) {
            let unusual = usual(request.method());
            asked.push((far, unusual, text.len(), text, request));
        }
    }
    // The same from both sides.
    asked.sort_by(|one, other| {
        let key =
            |item: &(bool, usize, usize, String, Request)| (item.0, item.1, item.2, item.3.clone());
        key(one).cmp(&key(other))
    });
    asked.dedup_by(|one, other| one.3 == other.3);
    let most = EVALUATED_MAX / (old.routes.len() + new.routes.len()).max(1);
    asked.truncate(most.clamp(ASKED_MIN, ASKED_MAX));
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    let mut samples = Vec::new();
    for (_, _, _, text, request) in asked {
        let (Some(before), Some(after)) = (outcome(old, &request), outcome(new, &request)) else {
            continue;
        };
        if before.text != after.text && told.insert((before.key(), after.key())) {
            samples.push(Sample {
                request: text,
                opened: before.refused && !after.refused,
                before: before.text,
                after: after.text,
            });
        }
    }
    samples.sort_by_key(|sample| !sample.opened);
    samples.truncate(TOLD_MAX);
    samples
}

/// Methods in the order in which they are tried.
fn usual(method: &str) -> usize {
    let usual = ["GET", "POST"];
    usual
        .iter()
        .position(|known| *known == method)
        .unwrap_or(usual.len())
}

/// What becomes of a request.
struct Outcome {
    text: String,
    route: String,
    /// It does not get to a backend.
    refused: bool,
}

impl Outcome {
    /// Equal for outcomes that differ in the path only.
    fn key(&self) -> String {
        if let Some((socket, _)) = split_socket(&self.text) {
            return format!("{} {socket}", self.route);
        }
        let (scheme, rest) = self.text.split_once("://").unwrap_or(("", &self.text));
        let authority = rest.split('/').next().unwrap_or_default();
        format!("{} {scheme} {authority}", self.route)
    }
}

/// `None`: the request does not say what decides.
fn outcome(model: &Model, request: &Request) -> Option<Outcome> {
    let explanation = explain(model, request);
    let outcome = explanation.outcome();
    if outcome.open.is_some() {
        return None;
    }
    let route = outcome
        .route
        .map_or_else(String::new, |route| route.name.clone());
    let (text, refused) = match (outcome.upstream, outcome.status, outcome.location) {
        (Some(upstream), _, _) => (upstream.url.clone(), false),
        (None, Some(status), Some(location)) => (format!("{status} to {location}"), true),
        (None, status, _) => {
            let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            (status, true)
        }
    };
    Some(Outcome {
        text,
        route,
        refused,
    })
}

/// Requests that a route is for, with how they are shown.
fn requests(model: &Model, route: &Route) -> Vec<(Request, String)> {
    let mut made = Vec::new();
    let methods: Vec<&str> = match route.methods.as_slice() {
        [] => vec!["GET", "POST"],
        methods => methods
            .iter()
            .map(crate::model::Method::as_str)
            .take(TRIED_MAX)
            .collect(),
    };
    let addresses = addresses(model, route);
    for host in hosts(route) {
        for path in paths(model, route) {
            for method in methods.iter().chain(&["DELETE"]) {
                let Ok(request) = Request::parse(method, &format!("http://{host}{path}")) else {
                    continue;
                };
                let request = conditions(route, request);
                let text = request.shown();
                for address in &addresses {
                    made.push((
                        request.clone().sent_by(*address),
                        format!("{text} from {address}"),
                    ));
                }
                if addresses.is_empty() {
                    made.push((request, text));
                }
            }
        }
    }
    made
}

fn hosts(route: &Route) -> Vec<String> {
    let name = |host: &HostPattern| {
        let name = match host.name() {
            "" => "example.com".to_owned(),
            name if host.as_str().contains('*') => format!("x.{name}"),
            name => name.to_owned(),
        };
        host.port()
            .map_or(name.clone(), |port| format!("{name}:{port}"))
    };
    match route.hosts.as_slice() {
        [] => vec!["example.com".to_owned()],
        hosts => hosts.iter().take(TRIED_MAX).map(name).collect(),
    }
}

/// The route's own path, one below it, and those of the scopes of its middlewares.
fn paths(model: &Model, route: &Route) -> Vec<String> {
    let own = match route.path.regex_literal() {
        Some(literal) => literal,
        None => filled(route.path.as_str()),
    };
    let below = |rest: &str| {
        format!(
            "{}/{}",
            own.trim_end_matches('/'),
            rest.trim_start_matches('/')
        )
    };
    let mut paths = vec![own.clone(), below("x")];
    let middlewares = route
        .middlewares
        .iter()
        .filter_map(|id| model.middleware(*id));
    let scopes = middlewares.filter_map(|middleware| middleware.scope.as_ref());
    for pattern in scopes.flat_map(|scope| &scope.patterns).take(TRIED_MAX) {
        if let Pattern::Literal(text) = pattern {
            let text = text.replace('*', "x");
            paths.extend([below(&text), text]);
        }
    }
    paths
}

/// `/users/{id}` as `/users/x`
fn filled(path: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, braced)) = rest.split_once('{') {
        filled.push_str(before);
        filled.push('x');
        rest = braced.split_once('}').map_or("", |(_, after)| after);
    }
    filled + rest
}

/// Addresses at the edges of what policies list, and one of nobody.
fn addresses(model: &Model, route: &Route) -> Vec<IpAddr> {
    let middlewares = route
        .middlewares
        .iter()
        .filter_map(|id| model.middleware(*id));
    let mut addresses = Vec::new();
    for middleware in middlewares {
        // What is encrypted is not told by its edges.
        if middleware.encrypted {
            continue;
        }
        if let Rule::AccessPolicy(rule) = &middleware.rule {
            let edges = rule
                .ranges
                .iter()
                .take(TRIED_MAX)
                .flat_map(|range| [range.first, range.last]);
            addresses.extend(edges);
            addresses.push(IpAddr::from([192, 0, 2, 1]));
        }
    }
    addresses
}

/// The headers that a route's conditions ask for.
fn conditions(route: &Route, mut request: Request) -> Request {
    for condition in &route.conditions {
        let field = match condition {
            Condition::Header(name, Test::Equals(value)) => format!("{}: {value}", name.as_str()),
            Condition::Header(name, Test::Present(true)) => format!("{}: x", name.as_str()),
            Condition::Cookie(name, Test::Equals(value)) => format!("Cookie: {name}={value}"),
            Condition::Cookie(..)
            | Condition::Header(..)
            | Condition::Methods(_)
            | Condition::Query(..) => {
                continue;
            }
        };
        if let Ok(next) = request.clone().with_field(&field) {
            request = next;
        }
    }
    request
}
