//! What each middleware type needs, one struct per type (middlewares.md section 5).

use super::address::IpRange;
use super::cookie::Cookie;
use super::recorder::{AccessLog, ErrorInterceptor, RequestId, SecurityHeaders};
use super::{HeaderName, HeaderPattern, Method, RoutePath, Value};

mod path;

pub use path::{Redirect, RedirectRegex, ReplacePath, RewriteRegex, StripQuery};

/// A middleware's type with its settings.
#[derive(Clone, Debug)]
pub enum Rule {
    /// MW-ACCESS
    Access(Access),
    /// MW-LOG
    AccessLog(AccessLog),
    /// MW-POLICY
    AccessPolicy(AccessPolicy),
    /// MW-PREFIX
    AddPrefix(AddPrefix),
    /// MW-BASIC
    BasicAuth(BasicAuth),
    /// MW-BODY
    BodyLimit(BodyLimit),
    /// MW-EI
    ErrorInterceptor(ErrorInterceptor),
    /// MW-REDIR
    Redirect(Redirect),
    /// MW-REDIRRX
    RedirectRegex(RedirectRegex),
    /// MW-SCHEME
    RedirectScheme(RedirectScheme),
    /// MW-REPL
    ReplacePath(ReplacePath),
    /// MW-REQH
    RequestHeaders(RequestHeaders),
    /// MW-RID
    RequestId(RequestId),
    /// MW-RESH, MW-CORS
    ResponseHeaders(ResponseHeaders),
    /// MW-REWRITE
    RewriteRegex(RewriteRegex),
    /// MW-SEC
    SecurityHeaders(SecurityHeaders),
    /// MW-STRIPP
    StripPrefix(StripPrefix),
    /// MW-STRIPQ
    StripQuery(StripQuery),
}

impl Rule {
    /// The word after `type:` in its canonical spelling.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
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

    /// Whether it asks who the client is (MW-GEN-20).
    #[must_use]
    pub const fn is_authentication(&self) -> bool {
        match self {
            Self::BasicAuth(_) => true,
            Self::Access(_)
            | Self::AccessLog(_)
            | Self::AccessPolicy(_)
            | Self::AddPrefix(_)
            | Self::BodyLimit(_)
            | Self::ErrorInterceptor(_)
            | Self::Redirect(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::ReplacePath(_)
            | Self::RequestHeaders(_)
            | Self::RequestId(_)
            | Self::ResponseHeaders(_)
            | Self::RewriteRegex(_)
            | Self::SecurityHeaders(_)
            | Self::StripPrefix(_)
            | Self::StripQuery(_) => false,
        }
    }

    /// Headers that it reads secrets from (MW-LOG-6).
    #[must_use]
    pub const fn credentials(&self) -> &'static [&'static str] {
        match self {
            Self::BasicAuth(_) => &["Authorization"],
            Self::Access(_)
            | Self::AccessLog(_)
            | Self::AccessPolicy(_)
            | Self::AddPrefix(_)
            | Self::BodyLimit(_)
            | Self::ErrorInterceptor(_)
            | Self::Redirect(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::ReplacePath(_)
            | Self::RequestHeaders(_)
            | Self::RequestId(_)
            | Self::ResponseHeaders(_)
            | Self::RewriteRegex(_)
            | Self::SecurityHeaders(_)
            | Self::StripPrefix(_)
            | Self::StripQuery(_) => &[],
        }
    }

    /// Whether later middlewares see another path than the client sent (MW-PATH-8).
    #[must_use]
    pub const fn changes_path(&self) -> bool {
        match self {
            Self::AddPrefix(_)
            | Self::ReplacePath(_)
            | Self::RewriteRegex(_)
            | Self::StripPrefix(_) => true,
            Self::Access(_)
            | Self::AccessLog(_)
            | Self::AccessPolicy(_)
            | Self::BasicAuth(_)
            | Self::BodyLimit(_)
            | Self::ErrorInterceptor(_)
            | Self::Redirect(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::RequestHeaders(_)
            | Self::RequestId(_)
            | Self::ResponseHeaders(_)
            | Self::SecurityHeaders(_)
            | Self::StripQuery(_) => false,
        }
    }

    /// Whether it guards its routes: then escaped slashes count as slashes in its scope
    /// (MW-PATH-10).
    #[must_use]
    pub const fn is_guard(&self) -> bool {
        match self {
            Self::Access(_) | Self::AccessPolicy(_) | Self::BasicAuth(_) | Self::BodyLimit(_) => {
                true
            }
            Self::AccessLog(_)
            | Self::AddPrefix(_)
            | Self::ErrorInterceptor(_)
            | Self::Redirect(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::ReplacePath(_)
            | Self::RequestHeaders(_)
            | Self::RequestId(_)
            | Self::ResponseHeaders(_)
            | Self::RewriteRegex(_)
            | Self::SecurityHeaders(_)
            | Self::StripPrefix(_)
            | Self::StripQuery(_) => false,
        }
    }

    /// Where in the recorder it runs, lifted out of the list; `None`: in the chain, where it is
    /// listed (MW-GEN-7).
    #[must_use]
    pub const fn layer(&self) -> Option<Layer> {
        match self {
            Self::AccessLog(_) => Some(Layer::AccessLog),
            Self::ErrorInterceptor(_) => Some(Layer::ErrorInterceptor),
            Self::RequestId(_) => Some(Layer::RequestId),
            Self::ResponseHeaders(_) => Some(Layer::ResponseHeaders),
            Self::SecurityHeaders(_) => Some(Layer::SecurityHeaders),
            Self::Access(_)
            | Self::AccessPolicy(_)
            | Self::AddPrefix(_)
            | Self::BasicAuth(_)
            | Self::BodyLimit(_)
            | Self::Redirect(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::ReplacePath(_)
            | Self::RequestHeaders(_)
            | Self::RewriteRegex(_)
            | Self::StripPrefix(_)
            | Self::StripQuery(_) => None,
        }
    }

    /// Whether it is switched off, and no part of any chain.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        match self {
            Self::ErrorInterceptor(rule) => !rule.enabled,
            Self::Access(_)
            | Self::AccessLog(_)
            | Self::AccessPolicy(_)
            | Self::AddPrefix(_)
            | Self::BasicAuth(_)
            | Self::BodyLimit(_)
            | Self::Redirect(_)
            | Self::RedirectRegex(_)
            | Self::RedirectScheme(_)
            | Self::ReplacePath(_)
            | Self::RequestHeaders(_)
            | Self::RequestId(_)
            | Self::ResponseHeaders(_)
            | Self::RewriteRegex(_)
            | Self::SecurityHeaders(_)
            | Self::StripPrefix(_)
            | Self::StripQuery(_) => false,
        }
    }
}

/// The layers of the recorder, outermost first (MW-GEN-7, RT-CHAIN-1): requests pass them in this
/// order, answers in the opposite one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// `requestId`
    RequestId,
    /// `accessLog`
    AccessLog,
    /// `responseHeaders`
    ResponseHeaders,
    /// `securityHeaders`
    SecurityHeaders,
    /// `errorInterceptor`
    ErrorInterceptor,
}

impl Layer {
    /// Whether of several in one layer that which acts last decides: the outer one is then the more
    /// specific, and among equals the one listed later (MW-RESH-1).
    #[must_use]
    pub const fn last_wins(self) -> bool {
        match self {
            Self::ResponseHeaders | Self::SecurityHeaders => true,
            Self::AccessLog | Self::ErrorInterceptor | Self::RequestId => false,
        }
    }
}

/// `access`
#[derive(Clone, Debug)]
pub struct Access {
    /// Of the answer, 400 to 599.
    pub status: u16,
}

/// `accessPolicy`, `ipAllowList`, `ipDenyList`
#[derive(Clone, Debug)]
pub struct AccessPolicy {
    /// Whether the ranges are let in; otherwise they are kept out.
    pub allow: bool,
    /// At least one; sorted and merged (MW-POLICY-5).
    pub ranges: Vec<IpRange>,
    /// Of a refusal, 400 to 599.
    pub status: u16,
    /// Of a refusal; none: `<status> <reason>`.
    pub message: Option<String>,
}

/// `addPrefix`
#[derive(Clone, Debug)]
pub struct AddPrefix {
    /// Never `/`.
    pub prefix: RoutePath,
}

/// `basicAuth`
#[derive(Clone, Debug)]
pub struct BasicAuth {
    /// At least one, unless there is a file; literal user names are unique.
    pub users: Vec<User>,
    /// Path of an htpasswd file.
    pub users_file: Option<Value>,
    /// Without CR and LF.
    pub realm: String,
    /// Whether the backend gets `username_header`.
    pub forward_username: bool,
    /// Removed from every client request (MW-GEN-12).
    pub username_header: HeaderName,
    /// Whether `Authorization` stops here.
    pub remove_authorization: bool,
    /// How often an address may fail; `None`: any number of times.
    pub limit: Option<FailureLimit>,
}

/// When an address has failed too often (MW-BASIC-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimit {
    /// Failures of one address, 1 to 1000.
    pub failures: u32,
    /// Over which they count, in milliseconds.
    pub window_ms: u64,
    /// How long the address is refused, in milliseconds.
    pub lock_ms: u64,
}

/// One entry of `basicAuth.users`.
#[derive(Clone, Debug)]
pub struct User {
    /// Not empty.
    pub username: Value,
    /// Plain text or a hash; not empty.
    pub password: Value,
}

/// The most bytes of a body that is held in memory (MW-GEN-14).
pub const HELD_BYTES_MAX: u64 = 1 << 30;

/// `bodyLimit`
#[derive(Clone, Debug)]
pub struct BodyLimit {
    /// Bytes, more than 0.
    pub limit: u64,
    /// Whether the whole body is read before the next middleware; then the limit is at most
    /// [`HELD_BYTES_MAX`].
    pub buffer: bool,
}

/// The scheme a `redirectScheme` sends clients to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// `http` or `https`
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// `redirectScheme`
#[derive(Clone, Debug)]
pub struct RedirectScheme {
    /// Where to.
    pub scheme: Scheme,
    /// A port, 1 to 65535; the scheme's own when absent.
    pub port: Option<Value>,
    /// 301 or 308 in place of 302 or 307.
    pub permanent: bool,
    /// 307 or 308 in place of 302 or 301.
    pub preserve_method: bool,
}

/// `requestHeaders`; applied in the order remove, set, add.
#[derive(Clone, Debug)]
pub struct RequestHeaders {
    /// Replaces all values; an empty value deletes.
    pub set: Vec<(HeaderName, Value)>,
    /// Names and `Prefix-*`.
    pub remove: Vec<HeaderPattern>,
    /// Appended.
    pub add: Vec<(HeaderName, Value)>,
}

/// `responseHeaders`; CORS first, then the others in this order.
#[derive(Clone, Debug)]
pub struct ResponseHeaders {
    /// Replaces all values; an empty value deletes.
    pub set: Vec<(HeaderName, Value)>,
    /// Appended; names are unique.
    pub cookies: Vec<Cookie>,
    /// Replaces `Cache-Control`.
    pub cache_control: Option<Value>,
    /// Of answers that `cache_control` is for; empty: all.
    pub cache_statuses: Vec<u16>,
    /// Of answers that `set` and `cookies` are for; empty: all.
    pub statuses: Vec<u16>,
    /// Only when enabled.
    pub cors: Option<Cors>,
}

/// `responseHeaders.cors`
#[derive(Clone, Debug)]
pub struct Cors {
    /// At least one.
    pub origins: Vec<Value>,
    /// Empty: the asked one is echoed.
    pub allow_methods: Vec<Method>,
    /// Empty: echoed.
    pub allowed_headers: Vec<HeaderName>,
    /// `*` stands alone and not with credentials.
    pub expose_headers: Vec<HeaderName>,
    /// Seconds, at most 86400.
    pub max_age: Option<u32>,
    /// Not together with the origin `*`.
    pub allow_credentials: bool,
}

/// `stripPrefix`
#[derive(Clone, Debug)]
pub struct StripPrefix {
    /// At least one, none of them `/`; longer ones first.
    pub prefixes: Vec<RoutePath>,
}
