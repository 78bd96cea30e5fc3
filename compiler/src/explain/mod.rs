//! Who answers a request, and why: the routing rules of runtime.md evaluated on the model.
//!
//! Apart from the runtime, because nothing has to be built or started for it; tests hold the two
//! to the same vectors by rule id. Pure: no environment, no network. Values are shown with the
//! defaults of their references.

mod chain;
mod headers;
mod matching;
mod outcome;
mod path;
mod refusal;
mod render;
mod request;
mod resilience;
mod route;
mod target;
#[cfg(test)]
mod tests;
mod upstream;

use crate::model::{MiddlewareId, Model, RouteId};
use crate::source::Span;

pub use headers::Field;
pub use outcome::Outcome;
pub use path::{Canonical, canonicalize};
pub use request::Request;

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `METHOD URL` as asked.
    pub request: String,
    /// Who answers.
    pub answer: Answer,
    /// Routes that would have answered without the chosen one, best first; if no route answers,
    /// routes that fit but for one thing.
    pub losers: Vec<Loser>,
}

/// Who answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The gateway itself: a probe (RT-ROUTE-10) or an error.
    Gateway {
        /// Status of the answer.
        status: u16,
        /// Why no route is asked.
        reason: String,
    },
    /// A route.
    Route(Box<Routed>),
}

/// A request that a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// Index of the route.
    pub id: RouteId,
    /// Its name.
    pub name: String,
    /// Its place.
    pub span: Span,
    /// Its canonical path.
    pub path: String,
    /// Why it is chosen, in a few words.
    pub reason: String,
    /// The host pattern that fits; none: the route has no hosts.
    pub host: Option<String>,
    /// Its middlewares in list order.
    pub chain: Vec<Step>,
    /// Where the request goes, if nothing before it answers for sure.
    pub upstream: Option<Upstream>,
    /// Status, where it is decided without the backend: by the method, or by the chain.
    pub status: Option<u16>,
    /// Why the backend is not asked; empty if it is.
    pub ended_by: &'static str,
    /// Where a redirect of the chain leads.
    pub location: Option<String>,
}

/// A route that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loser {
    /// Its name.
    pub name: String,
    /// Its place.
    pub span: Span,
    /// Why, in a few words.
    pub reason: String,
}

/// A middleware of the chosen route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Index of the middleware.
    pub id: MiddlewareId,
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_name: &'static str,
    /// Its place.
    pub span: Span,
    /// Whether it runs for this request.
    pub in_scope: bool,
    /// Why it runs or not, and what it does.
    pub reason: String,
    /// Whether it answers the request itself, whatever the headers are.
    pub terminates: bool,
    /// What it answers to this request as it stands, which has no credentials. The explanation goes on
    /// as if it had.
    pub refuses: Option<u16>,
    /// Whether it lets the request pass cannot be told without what the request does not say.
    pub open: Option<&'static str>,
}

/// Where a request is forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// URL at the first backend.
    pub url: String,
    /// `Host` that the backend gets (RT-HDR-6).
    pub host: String,
    /// Base URLs of all backends.
    pub backends: Vec<String>,
    /// Their shares of the requests; none: they are equal.
    pub weights: Vec<u32>,
    /// What each is to this request.
    pub roles: Vec<Role>,
    /// How one of them is chosen (RT-LB-8), if there are several.
    pub policy: Option<&'static str>,
    /// The cookie by which a client stays with its backend (RT-LB-9).
    pub sticky: Option<String>,
    /// What the route does about trouble with them, a line for each key.
    pub resilience: Vec<String>,
    /// The same, as JSON has it.
    pub resilience_keys: Vec<(&'static str, serde_json::Value)>,
    /// `rewrite /api -> /v1`, if it applies.
    pub rewrite: Option<String>,
    /// Header fields of the request that the chain sets or removes.
    pub fields: Vec<Field>,
}

/// What a backend is to a request (RT-CANARY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A canary that the request does not fit.
    Bypassed,
    /// A canary that the request fits: one of those that share it.
    Canary,
    /// The canary that gets the request alone.
    Exclusive,
    /// Another exclusive canary that it fits: the next if the first is not available.
    Reserve,
    /// One of those that share it.
    Stable,
}

/// Evaluates a request.
#[must_use]
pub fn explain(model: &Model, request: &Request) -> Explanation {
    let answered = |status, reason: String, losers| Explanation {
        request: request.to_string(),
        answer: Answer::Gateway { status, reason },
        losers,
    };
    if let Some((status, reason)) = refusal::refusal(&model.gateway.limits, request) {
        return answered(status, reason, Vec::new());
    }
    let path = match canonicalize(request.path()) {
        Err(fault) => return answered(400, fault.to_string(), Vec::new()),
        Ok(path) => path,
    };
    let probe = route::probe(model, request, &path.matched);
    if let Some(key) = probe.filter(|_| matches!(request.method(), "GET" | "HEAD")) {
        return answered(
            200,
            format!("the gateway's own endpoint, see `{key}`"),
            Vec::new(),
        );
    }
    match route::choose(model, request, &path.matched) {
        route::Choice::None(losers) if probe.is_some() => answered(
            405,
            "the gateway's own endpoint is GET and HEAD only".to_owned(),
            losers,
        ),
        route::Choice::None(losers) if route::redirects(model, request, &path.matched) => answered(
            301,
            "to the gateway's own endpoint, see `gateway.strictSlash`".to_owned(),
            losers,
        ),
        route::Choice::None(losers) => answered(404, "no route fits".to_owned(), losers),
        route::Choice::Route {
            id,
            route,
            host,
            losers,
        } => Explanation {
            request: request.to_string(),
            answer: Answer::Route(Box::new(routed(model, request, path, id, route, host))),
            losers,
        },
    }
}

fn routed(
    model: &Model,
    request: &Request,
    path: Canonical,
    id: RouteId,
    route: &crate::model::Route,
    host: Option<String>,
) -> Routed {
    let mut walked = chain::walk(model, request, route, path.clone());
    // The method check follows the chain (RT-CHAIN-2).
    let by_method = || refusal::by_method(route, request);
    let mut ended = walked.status.or_else(by_method);
    let mut upstream = None;
    if ended.is_none() {
        upstream = upstream::forward(
            request,
            route,
            &path,
            (&walked.path, &walked.query),
            walked.host.take(),
        );
        if let Some(upstream) = &mut upstream {
            upstream.fields = walked.fields;
        }
        if upstream.is_none() {
            ended = Some((400, "`rewrite` would make a dot segment"));
        }
    }
    Routed {
        id,
        name: route.name.to_string(),
        span: route.span,
        path: route.path.as_str().to_owned(),
        reason: why(route, host.as_deref()),
        host,
        chain: walked.steps,
        upstream,
        status: ended.map(|(status, _)| status),
        ended_by: ended.map_or("", |(_, reason)| reason),
        location: walked.location,
    }
}

/// `prefix /api, host a.com, header X-Beta = `1`, priority 3`
fn why(route: &crate::model::Route, host: Option<&str>) -> String {
    let host = host.map_or_else(|| "any host".to_owned(), |host| format!("host {host}"));
    let conditions = route
        .conditions
        .iter()
        .map(crate::model::Condition::described);
    let priority = route
        .priority
        .map(|priority| format!("priority {priority}"));
    let parts = [route.path.described(), host].into_iter();
    let parts: Vec<_> = parts.chain(conditions).chain(priority).collect();
    parts.join(", ")
}
