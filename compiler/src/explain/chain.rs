//! The walk through a route's middlewares (RT-CHAIN-1): what each does to this request.

use super::path::{Canonical, canonicalize};
use super::upstream::{self, join};
use super::{Field, Request, Step, headers, target};
use crate::model::recorder::ErrorInterceptor;
use crate::model::rule::{AccessPolicy, RedirectScheme, Scheme};
use crate::model::scope::{Pattern, Scope};
use crate::model::{Model, Route, RoutePath, Rule, is_authority};

/// What comes out at the end of a chain.
pub(super) struct Walked {
    /// The middlewares, outermost first.
    pub(super) steps: Vec<Step>,
    /// The path that the proxy step sees.
    pub(super) path: Canonical,
    /// The query that the proxy step sees, with its `?`, or empty.
    pub(super) query: String,
    /// `Host` for the backend, if a middleware sets it (MW-REQH-2).
    pub(super) host: Option<String>,
    /// Status and reason, if the route's maintenance or a middleware answers whatever the headers
    /// are.
    pub(super) status: Option<(u16, &'static str)>,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    /// Header fields that were set or removed.
    pub(super) fields: Vec<Field>,
}

/// Walks the chain of a route.
pub(super) fn walk(model: &Model, request: &Request, route: &Route, path: Canonical) -> Walked {
    let client = path.clone();
    let maintenance = route.maintenance.as_ref();
    let mut walked = Walked {
        steps: Vec::new(),
        path,
        query: request.query().to_owned(),
        host: None,
        // It comes before the filters (RT-CHAIN-1).
        status: maintenance.map(|maintenance| (maintenance.status, "the route is in maintenance")),
        location: None,
        fields: Vec::new(),
    };
    for id in model.in_order(&route.middlewares) {
        let Some(middleware) = model.middleware(id) else {
            continue;
        };
        // The recorder runs around every answer (MW-GEN-7), by the path that the client sent
        // (MW-PATH-8).
        let recorder = middleware.rule.layer().is_some();
        let reached = walked.status.is_none() || recorder;
        let at = if recorder { &client } else { &walked.path };
        let listed = middleware.scope.as_ref().map(listed);
        let covered = middleware.scope.as_ref().is_none_or(|scope| {
            let is_guard = middleware.rule.is_guard();
            scope.covers(&at.matched, |path| route.path.below(path), is_guard)
        });
        let (reason, status) = match (reached, covered) {
            (false, _) if maintenance.is_some() => {
                ("not reached, the route is in maintenance".to_owned(), None)
            }
            (false, _) => ("not reached, an earlier one answers".to_owned(), None),
            (true, false) => (format!("skipped, {}", listed.unwrap_or_default()), None),
            (true, true) => {
                let known = walked.fields.clone();
                let (effect, status) =
                    apply(&middleware.rule, (request, route), &client, &mut walked);
                if middleware.encrypted {
                    conceal(&mut walked, &known);
                }
                let effect = match middleware.encrypted {
                    true => "its rule is encrypted".to_owned(),
                    false => effect,
                };
                let place = listed.unwrap_or_else(|| "whole route".to_owned());
                let comma = if effect.is_empty() { "" } else { ", " };
                (format!("in scope ({place}){comma}{effect}"), status)
            }
        };
        let acts = (reached && covered).then_some(&middleware.rule);
        let answered = status.map(|status| (status, "the chain answers"));
        walked.status = walked.status.or(answered);
        walked.steps.push(Step {
            id,
            name: middleware.name.to_string(),
            type_name: middleware.rule.type_name(),
            span: middleware.span,
            in_scope: reached && covered,
            reason,
            terminates: status.is_some(),
            refuses: acts.and_then(|rule| refuses(rule, request)),
            open: acts.and_then(|rule| open(rule, request)),
        });
    }
    walked
}

/// Takes back what would tell what an encrypted rule says.
fn conceal(walked: &mut Walked, known: &[Field]) {
    walked.location = None;
    for field in &mut walked.fields {
        if !known.contains(field) {
            field.values = None;
        }
    }
}

/// The answer to a request that has none of the headers in which the rule finds credentials.
fn refuses(rule: &Rule, request: &Request) -> Option<u16> {
    let names = rule.credentials();
    let has = |name: &&str| request.values(name).next().is_some();
    (rule.is_authentication() && !names.iter().any(has)).then_some(401)
}

/// What decides whether a request passes, and is not known of this one.
fn open(rule: &Rule, request: &Request) -> Option<&'static str> {
    match rule {
        Rule::AccessPolicy(_) if request.client().is_none() => Some("the client's address"),
        Rule::ResponseHeaders(rule) if rule.cors.is_some() && is_preflight(request) => {
            Some("the CORS preflight")
        }
        _ => None,
    }
}

/// MW-CORS: answered before the chain.
fn is_preflight(request: &Request) -> bool {
    let has = |name: &&str| request.values(name).next().is_some();
    request.method() == "OPTIONS" && ["origin", "access-control-request-method"].iter().all(has)
}

/// `paths [/admin, ^/x]`
fn listed(scope: &Scope) -> String {
    let patterns: Vec<_> = scope.patterns.iter().map(Pattern::as_str).collect();
    format!("paths [{}]", patterns.join(", "))
}

/// Whether a canonical path is a prefix's own or below it, by segments (MW-STRIPP-1).
fn is_below(path: &str, prefix: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a middleware does, in words, and its answer if it surely answers.
fn apply(
    rule: &Rule,
    (request, route): (&Request, &Route),
    routed: &Canonical,
    walked: &mut Walked,
) -> (String, Option<u16>) {
    match rule {
        Rule::Access(rule) => (format!("answers {}", rule.status), Some(rule.status)),
        Rule::AccessPolicy(rule) => policy(rule, request),
        Rule::AddPrefix(rule) => {
            walked.path = prefixed(rule.prefix.as_str(), &walked.path);
            (format!("path becomes {}", walked.path.forwarded), None)
        }
        Rule::BasicAuth(_) => ("401 without valid credentials".to_owned(), None),
        Rule::BodyLimit(rule) => {
            let before = if rule.buffer {
                ", read whole first"
            } else {
                ""
            };
            (format!("413 above {} bytes{before}", rule.limit), None)
        }
        Rule::ErrorInterceptor(rule) => (statuses(rule), None),
        Rule::Redirect(rule) => target::redirect(rule, request, walked),
        Rule::RedirectRegex(rule) => target::redirect_regex(rule, request, walked),
        Rule::RedirectScheme(rule) => redirect_scheme(rule, request, routed, walked),
        Rule::ReplacePath(rule) => target::replace_path(rule, route, routed, walked),
        Rule::RequestHeaders(rule) => {
            headers::apply(rule, (request, route), walked);
            // Braces are tokens that only a gateway knows.
            let is_bad = |host: &String| !host.contains('{') && !is_authority(host);
            match walked.host.as_ref().filter(|host| is_bad(host)) {
                Some(host) => (
                    format!("400, `{}` is not a host", host.escape_debug()),
                    Some(400),
                ),
                None => (String::new(), None),
            }
        }
        Rule::AccessLog(_) => ("adds fields to the log line".to_owned(), None),
        Rule::RequestId(rule) => (format!("the id is in {}", rule.header.as_str()), None),
        Rule::ResponseHeaders(_) | Rule::SecurityHeaders(_) => (String::new(), None),
        Rule::RewriteRegex(rule) => target::rewrite_regex(rule, walked),
        Rule::StripQuery(rule) => target::strip_query(rule, request, walked),
        Rule::StripPrefix(rule) => {
            let matched = &walked.path.matched;
            let mut prefixes = rule.prefixes.iter().map(RoutePath::as_str);
            match prefixes.find(|prefix| is_below(matched, prefix)) {
                Some(prefix) => {
                    walked.path = stripped(prefix, &walked.path);
                    (format!("path becomes {}", walked.path.forwarded), None)
                }
                None => ("no prefix fits".to_owned(), None),
            }
        }
    }
}

/// `other bodies for 404, 500-599`
fn statuses(rule: &ErrorInterceptor) -> String {
    if !rule.enabled {
        return "switched off".to_owned();
    }
    let statuses: Vec<_> = rule
        .errors
        .iter()
        .map(|error| match (error.first, error.last) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        })
        .collect();
    format!("other bodies for {}", statuses.join(", "))
}

/// MW-POLICY-1; without a known client both outcomes are possible.
fn policy(rule: &AccessPolicy, request: &Request) -> (String, Option<u16>) {
    let Some(client) = request.client() else {
        let outside = if rule.allow { "outside" } else { "inside" };
        return (format!("{} {outside} its ranges", rule.status), None);
    };
    let listed = rule
        .ranges
        .iter()
        .any(|range| (range.first..=range.last).contains(&client));
    let place = if listed { "in" } else { "outside" };
    if listed == rule.allow {
        return (format!("{client} is {place} its ranges and passes"), None);
    }
    let text = format!("{} for {client}, {place} its ranges", rule.status);
    (text, Some(rule.status))
}

/// MW-PREFIX-1; a path that is canonical stays so under a canonical prefix.
fn prefixed(prefix: &str, path: &Canonical) -> Canonical {
    let forwarded = join(prefix, &path.forwarded);
    canonicalize(&forwarded).unwrap_or_else(|_| path.clone())
}

/// MW-STRIPP-1: by segments, because an escaped spelling of the prefix is longer than the prefix.
fn stripped(prefix: &str, path: &Canonical) -> Canonical {
    let mut rest = path.forwarded.as_str();
    for _ in prefix.split('/').filter(|part| !part.is_empty()) {
        rest = rest.trim_start_matches('/');
        rest = rest
            .find('/')
            .and_then(|at| rest.get(at..))
            .unwrap_or_default();
    }
    let forwarded = format!("/{}", rest.trim_start_matches('/'));
    canonicalize(&forwarded).unwrap_or_else(|_| path.clone())
}

/// MW-SCHEME-1: the path is the client's, whatever earlier middlewares make of it.
fn redirect_scheme(
    rule: &RedirectScheme,
    request: &Request,
    routed: &Canonical,
    walked: &mut Walked,
) -> (String, Option<u16>) {
    let scheme = rule.scheme.as_str();
    let same = request.secure() == (rule.scheme == Scheme::Https);
    if same {
        return (format!("already {scheme}"), None);
    }
    if target::is_challenge(request) {
        return ("lets ACME challenges pass".to_owned(), None);
    }
    let default = if rule.scheme == Scheme::Https {
        "443"
    } else {
        "80"
    };
    let port = rule.port.as_ref().map(upstream::shown);
    let port = port.filter(|port| port != default);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let status = target::status(rule.permanent, rule.preserve_method);
    let (host, path, query) = (request.host(), &routed.forwarded, &walked.query);
    let location = format!("{scheme}://{host}{port}{path}{query}");
    let text = format!("{status} to {location}");
    walked.location = Some(location);
    (text, Some(status))
}
