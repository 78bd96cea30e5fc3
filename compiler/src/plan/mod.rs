//! The plan: what the generated crate will contain, and nothing that has to be decided again.
//!
//! Separate from `model` because a gateway's model is about meaning (ids, rules, defaults) and
//! its plan about Rust (identifiers, chains, cargo features). `lower` makes it, `emit` prints it.
//! No YAML and no tokens here. An `Option` in these types is an `Option` in generated code.

mod chain;
mod cookie;
mod features;
mod lower;
mod lower_route;
mod matching;
mod message;
pub mod names;
mod path;
mod recorder;
mod resilience;
mod revision;
mod settings;
mod upstream;
mod variables;

use std::fmt;

use serde::Serialize;

pub use chain::{Chain, Member, RouteName};
pub use cookie::{Age, Cookie};
pub use features::{Feature, Need, needs};
pub use lower::lower;
pub use matching::{Condition, Maintenance, PathType, Test};
pub use message::{Cut, Message};
pub use names::Ident;
pub use path::{
    Piece, Redirect, RedirectRegex, ReplacePath, RewriteRegex, StripQuery, TemplatePiece,
};
pub use recorder::{
    AccessLog, ErrorInterceptor, Intercepted, LogItem, PAGE_PREFIX, RequestId, SecurityHeaders,
};
pub use resilience::{CircuitBreaker, Resilience, Retry, Timeouts};
pub use revision::revision;
pub use settings::{Forward, Limits, Proxy, ProxyProtocol, Settings};
pub use upstream::{
    BackendTls, Canary, CanaryTest, DnsCache, HealthCheck, Operator, PassiveHealthCheck, Policy,
    Source, Sticky, Transport,
};

/// A whole generated crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Name of the generated package and of the gateway.
    pub name: String,
    /// The main file, as the header of every generated file names it.
    pub main_file: String,
    /// Cargo features of the runtime, sorted by name, each once (MW-GEN-21).
    pub features: Vec<Feature>,
    /// Listener, timeouts, log and probes.
    pub settings: Settings,
    /// The route table.
    pub routes: RouteTable,
    /// Every distinct list of middlewares, in the order of [`Chain::id`].
    pub chains: Vec<Chain>,
    /// Every middleware that a chain names, in spec order.
    pub middlewares: Vec<Middleware>,
    /// Every encrypted message that a value is taken from, sorted by constant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// Where something stands in the spec.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// File, relative to the directory of the main file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// `goma.yaml:12:15`, for a value.
    pub fn exact(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

/// `goma.yaml:12`, for an item.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A class V key: text with references that the gateway looks up when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    /// Dotted key path, for messages at start.
    pub key: String,
    /// The value in the spec, or the section whose default it is.
    pub place: Place,
    /// The text in pieces.
    pub parts: Vec<Part>,
}

/// A piece of a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Part {
    /// `${NAME}` or `${NAME:-default}` (C-ENV-1).
    Env {
        /// Name of the environment variable.
        name: String,
        /// Text that stands in when the variable is unset or empty.
        default: Option<String>,
    },
    /// An encrypted message, which is decrypted at start (C-SEC-1).
    Encrypted {
        /// One of [`Plan::messages`].
        message: Ident,
        /// Which part of what it holds.
        cut: Cut,
    },
    /// Literal text.
    Text(String),
}

/// The rows of `gateway.routes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteTable {
    /// The `gateway.routes` section.
    pub place: Place,
    /// One row per route, in spec order; disabled ones are built too (RT-ROUTE-2).
    pub rows: Vec<Route>,
}

/// One row of the route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Name in the spec.
    pub name: String,
    /// The entry in the list.
    pub place: Place,
    /// `false`: built, not served.
    pub enabled: bool,
    /// Routes with one come first, the lowest before others.
    pub priority: Option<i64>,
    /// Canonical, without a trailing `/` unless it is `/`; or a regular expression.
    pub path: String,
    /// How `path` is read.
    pub path_type: PathType,
    /// Host patterns in lower case; none means any host.
    pub hosts: Vec<String>,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Methods in upper case; none means all.
    pub methods: Vec<String>,
    /// Canonical replacement of the path.
    pub rewrite: Option<String>,
    /// Answers in place of the backends.
    pub maintenance: Option<Maintenance>,
    /// Whether backends see the client's `Host`.
    pub forward_host: bool,
    /// Endpoints; a `target` is one endpoint.
    pub backends: Vec<Value>,
    /// Shares of the endpoints in their order; none: they are used in turn.
    pub weights: Vec<u32>,
    /// Those of the endpoints that have requests of their own.
    pub canaries: Vec<Canary>,
    /// How an endpoint is chosen.
    pub policy: Policy,
    /// By which a client stays with its endpoint.
    pub sticky: Option<Sticky>,
    /// How those that speak TLS are spoken to; `None`: as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<BackendTls>,
    /// Active checks of the endpoints.
    pub health_check: Option<HealthCheck>,
    /// What it does about trouble with them, beyond the usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resilience: Option<Resilience>,
    /// The constant of the chain that the row names.
    pub chain: Ident,
}

/// One middleware that some chain uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Middleware {
    /// Name in the spec.
    pub name: String,
    /// The entry in the list.
    pub place: Place,
    /// The function that builds it.
    pub function: Ident,
    /// Where on its routes it acts; `None`: everywhere, at no cost.
    pub scope: Option<Scope>,
    /// What it does.
    pub filter: Filter,
}

/// `paths` (MW-PATH).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// In spec order.
    pub patterns: Vec<Pattern>,
    /// Escaped slashes count as slashes too (MW-PATH-10).
    pub guard: bool,
}

/// One entry of `paths`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Pattern {
    /// Canonical segments, perhaps with `*`.
    Literal(String),
    /// Anchored at the start.
    Regex(String),
}

/// A middleware's type with its rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Filter {
    /// `access`.
    Access(Access),
    /// `accessLog`.
    AccessLog(AccessLog),
    /// `accessPolicy`, `ipAllowList`, `ipDenyList`.
    AccessPolicy(AccessPolicy),
    /// `addPrefix`.
    AddPrefix(AddPrefix),
    /// `basicAuth`.
    BasicAuth(BasicAuth),
    /// `bodyLimit`.
    BodyLimit(BodyLimit),
    /// `errorInterceptor`.
    ErrorInterceptor(ErrorInterceptor),
    /// `redirect`.
    Redirect(Redirect),
    /// `redirectRegex`.
    RedirectRegex(RedirectRegex),
    /// `redirectScheme`.
    RedirectScheme(RedirectScheme),
    /// `replacePath`.
    ReplacePath(ReplacePath),
    /// `requestHeaders`.
    RequestHeaders(RequestHeaders),
    /// `requestId`.
    RequestId(RequestId),
    /// `responseHeaders`.
    ResponseHeaders(ResponseHeaders),
    /// `rewriteRegex`.
    RewriteRegex(RewriteRegex),
    /// `securityHeaders`.
    SecurityHeaders(SecurityHeaders),
    /// `stripPrefix`.
    StripPrefix(StripPrefix),
    /// `stripQuery`.
    StripQuery(StripQuery),
}

impl Filter {
    /// The word in the spec.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Access(_) => "access",
            Self::AccessLog(_) => "accessLog",
            Self::AccessPolicy(_) => "accessPolicy",
            Self::AddPrefix(_) => "addPrefix",
            Self::BasicAuth(_) => "basicAuth",
            Self::BodyLimit(_) => "bodyLimit",
            Self::ErrorInterceptor(_) => "errorInterceptor",
            Self::Redirect(_) => "redirect",
            Self::RedirectRegex(_) => "redirectRegex",
            Self::RedirectScheme(_) => "redirectScheme",
            Self::ReplacePath(_) => "replacePath",
            Self::RequestHeaders(_) => "requestHeaders",
            Self::RequestId(_) => "requestId",
            Self::ResponseHeaders(_) => "responseHeaders",
            Self::RewriteRegex(_) => "rewriteRegex",
            Self::SecurityHeaders(_) => "securityHeaders",
            Self::StripPrefix(_) => "stripPrefix",
            Self::StripQuery(_) => "stripQuery",
        }
    }

    /// Every class V value of the rule.
    pub fn values(&self) -> Vec<&Value> {
        match self {
            Self::Access(_)
            | Self::AccessLog(_)
            | Self::AccessPolicy(_)
            | Self::AddPrefix(_)
            | Self::BodyLimit(_)
            | Self::ErrorInterceptor(_)
            | Self::RedirectRegex(_)
            | Self::ReplacePath(_)
            | Self::RequestId(_)
            | Self::RewriteRegex(_)
            | Self::StripPrefix(_)
            | Self::StripQuery(_) => Vec::new(),
            Self::BasicAuth(rule) => rule
                .users
                .iter()
                .flat_map(|user| [&user.username, &user.password])
                .chain(&rule.users_file)
                .collect(),
            Self::Redirect(rule) => vec![&rule.url],
            Self::RedirectScheme(rule) => rule.port.iter().collect(),
            Self::RequestHeaders(rule) => rule
                .set
                .iter()
                .chain(&rule.add)
                .map(|header| &header.value)
                .collect(),
            Self::ResponseHeaders(rule) => {
                let set = rule.set.iter().map(|header| &header.value);
                let cookies = rule.cookies.iter().map(|cookie| &cookie.value);
                let origins = rule.cors.iter().flat_map(|cors| &cors.origins);
                set.chain(cookies)
                    .chain(&rule.cache_control)
                    .chain(origins)
                    .collect()
            }
            Self::SecurityHeaders(rule) => rule.set.iter().map(|header| &header.value).collect(),
        }
    }
}

/// Rule of `access` (MW-ACCESS-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// Of the answer.
    pub status: u16,
}

/// Rule of `accessPolicy` (MW-POLICY-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessPolicy {
    /// Whether the ranges are let in; otherwise they are kept out.
    pub allow: bool,
    /// First and last address; sorted and merged.
    pub ranges: Vec<(String, String)>,
    /// Of a refusal.
    pub status: u16,
    /// Of a refusal.
    pub message: Option<String>,
}

/// Rule of `addPrefix` (MW-PREFIX-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddPrefix {
    /// Canonical, without a trailing `/`.
    pub prefix: String,
}

/// Rule of `basicAuth` (MW-BASIC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BasicAuth {
    /// In spec order: the first entry of a name decides (MW-BASIC-3).
    pub users: Vec<User>,
    /// Where more of them are.
    pub users_file: Option<Value>,
    /// Text of the challenge.
    pub realm: String,
    /// Whether the name goes upstream.
    pub forward_username: bool,
    /// In this field.
    pub username_header: String,
    /// Whether `Authorization` stays here.
    pub remove_authorization: bool,
    /// How often an address may fail.
    pub limit: Option<FailureLimit>,
}

/// When an address has failed too often (MW-BASIC-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FailureLimit {
    /// Failures of one address.
    pub failures: u32,
    /// Over which they count.
    pub window_ms: u64,
    /// How long the address is refused.
    pub lock_ms: u64,
}

/// One user of `basicAuth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Name as sent by the client.
    pub username: Value,
    /// Hash or plain text.
    pub password: Value,
}

/// Rule of `bodyLimit` (MW-BODY-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BodyLimit {
    /// Largest body that passes.
    pub limit_bytes: u64,
    /// Whether it is read whole before the next filter.
    pub buffer: bool,
}

/// Rule of `redirectScheme` (MW-SCHEME-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedirectScheme {
    /// `http` or `https`.
    pub scheme: String,
    /// Port in the location; none means the default of the scheme.
    pub port: Option<Value>,
    /// 301 and 308 instead of 302 and 307.
    pub permanent: bool,
    /// 307 and 308 instead of 302 and 301.
    pub preserve_method: bool,
}

/// Rule of `requestHeaders` (MW-REQH-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestHeaders {
    /// Fields to set, in spec order.
    pub set: Vec<Header>,
    /// Names, or prefixes that end in `*`.
    pub remove: Vec<String>,
    /// Fields to append, in spec order.
    pub add: Vec<Header>,
}

/// A field name with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// As written in the spec.
    pub name: String,
    /// May hold tokens (MW-GEN-24), which the runtime expands.
    pub value: Value,
}

/// Rule of `responseHeaders` (MW-RESH-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResponseHeaders {
    /// Fields to set, in spec order.
    pub set: Vec<Header>,
    /// Cookies to add, in spec order.
    pub cookies: Vec<Cookie>,
    /// Replaces `Cache-Control`.
    pub cache_control: Option<Value>,
    /// Of answers that `cache_control` is for; none means all.
    pub cache_statuses: Vec<u16>,
    /// Of answers that `set` and `cookies` are for; none means all.
    pub statuses: Vec<u16>,
    /// The CORS policy, if one is enabled.
    pub cors: Option<Cors>,
}

/// Rule of `responseHeaders.cors` (MW-CORS-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cors {
    /// Origins or patterns of origins.
    pub origins: Vec<Value>,
    /// None means echo.
    pub allow_methods: Vec<String>,
    /// None means echo.
    pub allowed_headers: Vec<String>,
    /// Fields that scripts may read.
    pub expose_headers: Vec<String>,
    /// Seconds; absent means not sent.
    pub max_age_seconds: Option<u32>,
    /// Whether credentials may be sent.
    pub allow_credentials: bool,
}

/// Rule of `stripPrefix` (MW-STRIPP-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StripPrefix {
    /// Canonical, without a trailing `/`; longer ones first.
    pub prefixes: Vec<String>,
}
