//! Lowering: what a gateway means becomes what its crate contains.
//!
//! Here equal lists of middlewares become one chain, unused middlewares disappear, spans become
//! places. Nothing can fail: the model is valid, and `names::check` has refused clashes.

mod cookie;
mod path;
mod value;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::names::{self, Ident};
use super::{
    Access, AccessPolicy, AddPrefix, BasicAuth, BodyLimit, Chain, Cors, FailureLimit, Filter,
    Header, Member, Message, Middleware, Pattern, Place, Plan, RedirectScheme, RequestHeaders,
    ResponseHeaders, Route, RouteName, RouteTable, Scope, StripPrefix, User, features, lower_route,
    resilience, settings, upstream,
};
use crate::model::{self, MiddlewareId, Model, Rule};
use crate::source::{SourceMap, Span};

mod recorder;

pub(super) use value::lower_value;

/// The plan of the crate called `name`.
pub fn lower(model: &Model, sources: &SourceMap, name: &str) -> Plan {
    let cx = Cx {
        model,
        sources,
        messages: RefCell::default(),
    };
    let chains = lower_chains(&cx);
    let rows: Vec<Route> = model
        .routes
        .iter()
        .map(|route| lower_route(&cx, route, chain_of(&chains, &route.middlewares)))
        .collect();
    let middlewares = lower_middlewares(&cx);
    let settings = settings::lower(&cx, &model.gateway);
    let messages: Vec<Message> = cx.messages.take().into_values().collect();
    Plan {
        name: name.to_owned(),
        main_file: printable(sources.name(model.main)),
        features: features::select(
            &rows,
            &middlewares,
            &messages,
            (&settings.transport, &settings.forwards),
        ),
        settings,
        routes: RouteTable {
            place: cx.place(model.gateway.routes_span),
            rows,
        },
        chains: chains.into_values().collect::<ById>().0,
        middlewares,
        messages,
    }
}

/// What every step of lowering reads.
pub(super) struct Cx<'a> {
    pub(super) model: &'a Model,
    sources: &'a SourceMap,
    /// Encrypted messages in use, by the digits of their names.
    messages: RefCell<BTreeMap<String, Message>>,
}

impl Cx<'_> {
    pub(super) fn place(&self, span: Span) -> Place {
        let location = self.sources.locate(span);
        Place {
            file: printable(&location.file),
            line: location.line,
            column: location.column,
        }
    }
}

/// A file name that may stand in a comment of generated code: a line break in it would end one.
fn printable(name: &str) -> String {
    name.replace(char::is_control, "?")
}

/// Chains by their list of middlewares.
type Chains<'a> = BTreeMap<&'a [MiddlewareId], Chain>;

/// Chains in the order of their ids.
struct ById(Vec<Chain>);

impl FromIterator<Chain> for ById {
    fn from_iter<I: IntoIterator<Item = Chain>>(chains: I) -> Self {
        let mut chains: Vec<Chain> = chains.into_iter().collect();
        chains.sort_by_key(|chain| chain.id);
        Self(chains)
    }
}

fn lower_chains<'a>(cx: &Cx<'a>) -> Chains<'a> {
    let mut chains = Chains::new();
    let mut next_id = 0;
    for route in &cx.model.routes {
        chains
            .entry(route.middlewares.as_slice())
            .and_modify(|chain| chain.more_routes += 1)
            .or_insert_with(|| {
                let chain = lower_chain(cx, next_id, route);
                next_id += 1;
                chain
            });
    }
    chains
}

fn lower_chain(cx: &Cx<'_>, id: u32, route: &model::Route) -> Chain {
    let function = if route.middlewares.is_empty() {
        Ident::bare()
    } else {
        Ident::chain_of(route.name.as_str())
    };
    let ordered = cx.model.in_order(&route.middlewares);
    let (policies, filters) = ordered
        .into_iter()
        .filter_map(|id| cx.model.middleware(id))
        .filter(|middleware| !middleware.rule.is_off())
        .partition::<Vec<_>, _>(|middleware| middleware.rule.layer().is_some());
    let lower_all = |members: Vec<_>| members.into_iter().map(lower_member).collect();
    Chain {
        id,
        constant: function.constant(),
        function,
        policies: lower_all(policies),
        filters: lower_all(filters),
        first_route: RouteName {
            name: route.name.to_string(),
            place: cx.place(route.span),
        },
        more_routes: 0,
    }
}

fn lower_member(middleware: &model::Middleware) -> Member {
    Member {
        name: middleware.name.to_string(),
        function: names::ident(middleware.name.as_str()),
    }
}

/// The constant of the chain of a list; every route's list has one.
fn chain_of(chains: &Chains<'_>, middlewares: &[MiddlewareId]) -> Ident {
    chains
        .get(middlewares)
        .map_or_else(|| Ident::bare().constant(), |chain| chain.constant.clone())
}

fn lower_route(cx: &Cx<'_>, route: &model::Route, chain: Ident) -> Route {
    let endpoints = route.backends.iter();
    let endpoints = endpoints.map(|backend| lower_value(cx, &backend.endpoint));
    let endpoints: Vec<_> = endpoints.collect();
    Route {
        name: route.name.to_string(),
        place: cx.place(route.span),
        enabled: route.enabled,
        priority: route.priority,
        path: route.path.as_str().to_owned(),
        path_type: lower_route::path_type(&route.path),
        hosts: route
            .hosts
            .iter()
            .map(|host| host.as_str().to_owned())
            .collect(),
        conditions: route
            .conditions
            .iter()
            .map(lower_route::condition)
            .collect(),
        methods: methods(&route.methods),
        rewrite: route.rewrite.as_ref().map(|path| path.as_str().to_owned()),
        maintenance: route.maintenance.as_ref().map(lower_route::maintenance),
        forward_host: route.forward_host,
        weights: route.weights(),
        canaries: upstream::canaries(route),
        policy: upstream::policy(route),
        sticky: upstream::sticky(cx, route),
        tls: upstream::tls(cx, route, &endpoints),
        backends: endpoints,
        health_check: route.health_check.as_ref().map(upstream::health_check),
        resilience: resilience::lower(&route.resilience, &cx.model.gateway.transport),
        chain,
    }
}

fn methods(methods: &[model::Method]) -> Vec<String> {
    methods
        .iter()
        .map(|method| method.as_str().to_owned())
        .collect()
}

/// Only what a route uses (MW-GEN-21).
fn lower_middlewares(cx: &Cx<'_>) -> Vec<Middleware> {
    let routes = cx.model.routes.iter();
    let used: BTreeSet<MiddlewareId> = routes
        .flat_map(|route| &route.middlewares)
        .copied()
        .collect();
    used.into_iter()
        .filter_map(|id| Some((id, cx.model.middleware(id)?)))
        .filter(|(_, middleware)| !middleware.rule.is_off())
        .map(|(id, middleware)| Middleware {
            name: middleware.name.to_string(),
            place: cx.place(middleware.span),
            function: names::ident(middleware.name.as_str()),
            scope: middleware
                .scope
                .as_ref()
                .map(|scope| lower_scope(scope, &middleware.rule)),
            filter: lower_rule(cx, id, middleware),
        })
        .collect()
}

fn lower_scope(scope: &model::scope::Scope, rule: &Rule) -> Scope {
    let lower = |pattern: &model::scope::Pattern| match pattern {
        model::scope::Pattern::Literal(text) => Pattern::Literal(text.clone()),
        model::scope::Pattern::Regex(regex) => Pattern::Regex(regex.as_str().to_owned()),
    };
    Scope {
        patterns: scope.patterns.iter().map(lower).collect(),
        guard: rule.is_guard(),
    }
}

fn lower_rule(cx: &Cx<'_>, id: MiddlewareId, middleware: &model::Middleware) -> Filter {
    match &middleware.rule {
        Rule::Access(rule) => Filter::Access(Access {
            status: rule.status,
        }),
        Rule::AccessLog(rule) => {
            let credentials = cx.model.credentials_beside(id);
            Filter::AccessLog(recorder::access_log(rule, &credentials))
        }
        Rule::AccessPolicy(rule) => Filter::AccessPolicy(lower_access_policy(rule)),
        Rule::AddPrefix(rule) => Filter::AddPrefix(AddPrefix {
            prefix: rule.prefix.as_str().to_owned(),
        }),
        Rule::BasicAuth(rule) => Filter::BasicAuth(lower_basic_auth(cx, rule)),
        Rule::BodyLimit(rule) => Filter::BodyLimit(BodyLimit {
            limit_bytes: rule.limit,
            buffer: rule.buffer,
        }),
        Rule::ErrorInterceptor(rule) => {
            let function = names::ident(middleware.name.as_str());
            Filter::ErrorInterceptor(recorder::error_interceptor(rule, &function))
        }
        Rule::Redirect(rule) => Filter::Redirect(path::redirect(cx, rule)),
        Rule::RedirectRegex(rule) => Filter::RedirectRegex(path::redirect_regex(rule)),
        Rule::RedirectScheme(rule) => Filter::RedirectScheme(RedirectScheme {
            scheme: rule.scheme.as_str().to_owned(),
            port: rule.port.as_ref().map(|port| lower_value(cx, port)),
            permanent: rule.permanent,
            preserve_method: rule.preserve_method,
        }),
        Rule::ReplacePath(rule) => Filter::ReplacePath(path::replace_path(rule)),
        Rule::RequestHeaders(rule) => Filter::RequestHeaders(RequestHeaders {
            set: lower_headers(cx, &rule.set),
            remove: rule
                .remove
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect(),
            add: lower_headers(cx, &rule.add),
        }),
        Rule::RequestId(rule) => Filter::RequestId(recorder::request_id(rule)),
        Rule::ResponseHeaders(rule) => Filter::ResponseHeaders(ResponseHeaders {
            set: lower_headers(cx, &rule.set),
            cookies: rule
                .cookies
                .iter()
                .map(|cookie| cookie::cookie(cx, cookie))
                .collect(),
            cache_control: rule
                .cache_control
                .as_ref()
                .map(|text| lower_value(cx, text)),
            cache_statuses: rule.cache_statuses.clone(),
            statuses: rule.statuses.clone(),
            cors: rule.cors.as_ref().map(|cors| lower_cors(cx, cors)),
        }),
        Rule::RewriteRegex(rule) => Filter::RewriteRegex(path::rewrite_regex(rule)),
        Rule::SecurityHeaders(rule) => {
            Filter::SecurityHeaders(recorder::security_headers(cx, rule))
        }
        Rule::StripPrefix(rule) => {
            let prefixes = rule.prefixes.iter();
            Filter::StripPrefix(StripPrefix {
                prefixes: prefixes.map(|prefix| prefix.as_str().to_owned()).collect(),
            })
        }
        Rule::StripQuery(rule) => Filter::StripQuery(path::strip_query(rule)),
    }
}

fn lower_access_policy(rule: &model::rule::AccessPolicy) -> AccessPolicy {
    let ranges = rule.ranges.iter();
    AccessPolicy {
        allow: rule.allow,
        ranges: ranges
            .map(|range| (range.first.to_string(), range.last.to_string()))
            .collect(),
        status: rule.status,
        message: rule.message.clone(),
    }
}

fn lower_basic_auth(cx: &Cx<'_>, rule: &model::rule::BasicAuth) -> BasicAuth {
    let lower_user = |user: &model::rule::User| User {
        username: lower_value(cx, &user.username),
        password: lower_value(cx, &user.password),
    };
    BasicAuth {
        users: rule.users.iter().map(lower_user).collect(),
        users_file: rule.users_file.as_ref().map(|path| lower_value(cx, path)),
        realm: rule.realm.clone(),
        forward_username: rule.forward_username,
        username_header: rule.username_header.as_str().to_owned(),
        remove_authorization: rule.remove_authorization,
        limit: rule.limit.map(|limit| FailureLimit {
            failures: limit.failures,
            window_ms: limit.window_ms,
            lock_ms: limit.lock_ms,
        }),
    }
}

fn lower_cors(cx: &Cx<'_>, cors: &model::rule::Cors) -> Cors {
    Cors {
        origins: cors
            .origins
            .iter()
            .map(|origin| lower_value(cx, origin))
            .collect(),
        allow_methods: methods(&cors.allow_methods),
        allowed_headers: header_names(&cors.allowed_headers),
        expose_headers: header_names(&cors.expose_headers),
        max_age_seconds: cors.max_age,
        allow_credentials: cors.allow_credentials,
    }
}

fn header_names(names: &[model::HeaderName]) -> Vec<String> {
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

fn lower_headers(cx: &Cx<'_>, headers: &[(model::HeaderName, model::Value)]) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: lower_value(cx, value),
        })
        .collect()
}
