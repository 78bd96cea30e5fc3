//! The shape of `rule` per middleware type (middlewares.md section 5).

use super::fields::{Fields, Item, Leaf, Leaves, Pair, leaf};
use super::node::Kind;
use crate::source::Span;

/// `access`
pub(crate) struct Access {
    pub(crate) status_code: Option<Leaf>,
}

/// `accessPolicy`, `ipAllowList`, `ipDenyList`
pub(crate) struct AccessPolicy {
    /// Not of the short forms.
    pub(crate) action: Option<Leaf>,
    pub(crate) source_ranges: Option<Leaves>,
    pub(crate) status_code: Option<Leaf>,
    pub(crate) message: Option<Leaf>,
}

/// `addPrefix`
pub(crate) struct AddPrefix {
    pub(crate) prefix: Option<Leaf>,
}

/// `basicAuth`
pub(crate) struct BasicAuth {
    /// `None`: absent or reported.
    pub(crate) users: Option<Vec<User>>,
    /// The key `users`.
    pub(crate) users_span: Option<Span>,
    pub(crate) users_file: Option<Leaf>,
    pub(crate) realm: Option<Leaf>,
    pub(crate) forward_username: Option<Leaf>,
    pub(crate) username_header: Option<Leaf>,
    pub(crate) remove_authorization: Option<Leaf>,
    pub(crate) max_failures: Option<Leaf>,
    pub(crate) failure_window: Option<Leaf>,
    pub(crate) lock_duration: Option<Leaf>,
}

/// One entry of `users`.
pub(crate) enum User {
    /// `user:password`
    Pair(Leaf),
    /// `{username, password}`
    Split {
        path_key: String,
        head: Span,
        username: Option<Leaf>,
        password: Option<Leaf>,
    },
}

/// `bodyLimit`
pub(crate) struct BodyLimit {
    pub(crate) limit: Option<Leaf>,
    pub(crate) buffer: Option<Leaf>,
}

/// `redirect`
pub(crate) struct Redirect {
    pub(crate) url: Option<Leaf>,
    pub(crate) permanent: Option<Leaf>,
    pub(crate) preserve_path: Option<Leaf>,
    pub(crate) preserve_query: Option<Leaf>,
    pub(crate) preserve_method: Option<Leaf>,
}

/// `redirectRegex` and `rewriteRegex`
pub(crate) struct Replace {
    pub(crate) pattern: Option<Leaf>,
    pub(crate) replacement: Option<Leaf>,
    /// Of `redirectRegex` only.
    pub(crate) permanent: Option<Leaf>,
}

/// `redirectScheme`
pub(crate) struct RedirectScheme {
    pub(crate) scheme: Option<Leaf>,
    pub(crate) port: Option<Leaf>,
    pub(crate) permanent: Option<Leaf>,
    pub(crate) preserve_method: Option<Leaf>,
}

/// `replacePath`
pub(crate) struct ReplacePath {
    pub(crate) path: Option<Leaf>,
}

/// `requestHeaders`
pub(crate) struct RequestHeaders {
    pub(crate) set: Option<Vec<Pair>>,
    pub(crate) remove: Option<Leaves>,
    pub(crate) add: Option<Vec<Pair>>,
    /// Whether one of the three keys is there, in whatever shape.
    pub(crate) any: bool,
}

/// `responseHeaders`
pub(crate) struct ResponseHeaders {
    pub(crate) set: Option<Vec<Pair>>,
    pub(crate) cookies: Option<Vec<Cookie>>,
    pub(crate) cache_control: Option<Leaf>,
    pub(crate) cache_statuses: Option<Leaves>,
    pub(crate) statuses: Option<Leaves>,
    pub(crate) cors: Option<Cors>,
    /// Whether one of the keys that do something is there, in whatever shape.
    pub(crate) any: bool,
}

/// One entry of `responseHeaders.setCookies`
pub(crate) struct Cookie {
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) name: Option<Leaf>,
    pub(crate) value: Option<Leaf>,
    pub(crate) attributes: Option<CookieAttributes>,
}

/// `attributes` of a cookie
pub(crate) struct CookieAttributes {
    pub(crate) path: Option<Leaf>,
    pub(crate) domain: Option<Leaf>,
    pub(crate) max_age: Option<Leaf>,
    pub(crate) secure: Option<Leaf>,
    pub(crate) http_only: Option<Leaf>,
    pub(crate) same_site: Option<Leaf>,
}

/// `stripPrefix`
pub(crate) struct StripPrefix {
    pub(crate) prefixes: Option<Leaves>,
}

/// `stripQuery`
pub(crate) struct StripQuery {
    pub(crate) params: Option<Leaves>,
    pub(crate) methods: Option<Leaves>,
    pub(crate) path_pattern: Option<Leaf>,
}

/// `responseHeaders.cors`
pub(crate) struct Cors {
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) origins: Option<Leaves>,
    pub(crate) allow_methods: Option<Leaves>,
    pub(crate) allowed_headers: Option<Leaves>,
    pub(crate) expose_headers: Option<Leaves>,
    pub(crate) max_age: Option<Leaf>,
    pub(crate) allow_credentials: Option<Leaf>,
}

/// Reads the rule of an `access`.
pub(crate) fn access(mut fields: Fields<'_>) -> Access {
    let rule = Access {
        status_code: fields.leaf("statusCode"),
    };
    fields.finish();
    rule
}

/// Reads the rule of an `accessPolicy`.
pub(crate) fn access_policy(mut fields: Fields<'_>) -> AccessPolicy {
    let rule = AccessPolicy {
        action: fields.leaf("action"),
        source_ranges: fields.leaves("sourceRanges"),
        status_code: fields.leaf("statusCode"),
        message: fields.leaf("message"),
    };
    fields.finish();
    rule
}

/// Reads the rule of an `ipAllowList` or `ipDenyList`, which has two spellings of its ranges.
pub(crate) fn ip_list(mut fields: Fields<'_>) -> AccessPolicy {
    let (plural, singular) = (fields.leaves("sourceRanges"), fields.leaves("sourceRange"));
    let rule = AccessPolicy {
        action: None,
        source_ranges: plural.or(singular),
        status_code: fields.leaf("statusCode"),
        message: fields.leaf("message"),
    };
    fields.finish();
    rule
}

/// Reads the rule of an `addPrefix`.
pub(crate) fn add_prefix(mut fields: Fields<'_>) -> AddPrefix {
    let rule = AddPrefix {
        prefix: fields.leaf("prefix"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `basicAuth`.
pub(crate) fn basic_auth(mut fields: Fields<'_>) -> BasicAuth {
    let users_span = fields.key_span("users");
    let users = fields.list("users");
    let users = users.map(|items| items.iter().filter_map(|item| user(item)).collect());
    let rule = BasicAuth {
        users,
        users_span,
        users_file: fields.leaf("usersFile"),
        realm: fields.leaf("realm"),
        forward_username: fields.leaf("forwardUsername"),
        username_header: fields.leaf("usernameHeader"),
        remove_authorization: fields.leaf("removeAuthorization"),
        max_failures: fields.leaf("maxFailures"),
        failure_window: fields.leaf("failureWindow"),
        lock_duration: fields.leaf("lockDuration"),
    };
    fields.finish();
    rule
}

fn user(item: &Item<'_>) -> Option<User> {
    match &item.node.kind {
        Kind::Scalar { .. } => Some(User::Pair(leaf(
            item.node,
            item.path.clone(),
            item.node.span,
        ))),
        Kind::Map(_) | Kind::Seq(_) => {
            let mut fields = Fields::new(item.node, item.section, item.path.as_str());
            let whole = matches!(item.node.kind, Kind::Map(_));
            let username = fields.leaf("username");
            let password = fields.leaf("password");
            let head = fields.head;
            let path_key = item.path.clone();
            fields.finish();
            whole.then_some(User::Split {
                path_key,
                head,
                username,
                password,
            })
        }
    }
}

/// Reads the rule of a `bodyLimit`.
pub(crate) fn body_limit(mut fields: Fields<'_>) -> BodyLimit {
    let rule = BodyLimit {
        limit: fields.leaf("limit"),
        buffer: fields.leaf("buffer"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `redirect`.
pub(crate) fn redirect(mut fields: Fields<'_>) -> Redirect {
    let rule = Redirect {
        url: fields.leaf("url"),
        permanent: fields.leaf("permanent"),
        preserve_path: fields.leaf("preservePath"),
        preserve_query: fields.leaf("preserveQuery"),
        preserve_method: fields.leaf("preserveMethod"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `redirectRegex`.
pub(crate) fn redirect_regex(mut fields: Fields<'_>) -> Replace {
    let rule = Replace {
        pattern: fields.leaf("pattern"),
        replacement: fields.leaf("replacement"),
        permanent: fields.leaf("permanent"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `rewriteRegex`.
pub(crate) fn rewrite_regex(mut fields: Fields<'_>) -> Replace {
    let rule = Replace {
        pattern: fields.leaf("pattern"),
        replacement: fields.leaf("replacement"),
        permanent: None,
    };
    fields.finish();
    rule
}

/// Reads the rule of a `redirectScheme`.
pub(crate) fn redirect_scheme(mut fields: Fields<'_>) -> RedirectScheme {
    let rule = RedirectScheme {
        scheme: fields.leaf("scheme"),
        port: fields.leaf("port"),
        permanent: fields.leaf("permanent"),
        preserve_method: fields.leaf("preserveMethod"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `replacePath`.
pub(crate) fn replace_path(mut fields: Fields<'_>) -> ReplacePath {
    let rule = ReplacePath {
        path: fields.leaf("path"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `requestHeaders`.
pub(crate) fn request_headers(mut fields: Fields<'_>) -> RequestHeaders {
    let rule = RequestHeaders {
        any: fields.has_keys(),
        set: fields.pairs("setHeaders"),
        remove: fields.leaves("removeHeaders"),
        add: fields.pairs("addHeaders"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `responseHeaders`.
pub(crate) fn response_headers(mut fields: Fields<'_>) -> ResponseHeaders {
    let acting = ["setHeaders", "setCookies", "cacheControl", "cors"];
    let any = acting.iter().any(|name| fields.key_span(name).is_some());
    let cookies = fields.list("setCookies");
    let rule = ResponseHeaders {
        set: fields.pairs("setHeaders"),
        cookies: cookies.map(|items| items.iter().filter_map(cookie).collect()),
        cache_control: fields.leaf("cacheControl"),
        cache_statuses: fields.leaves("cacheStatuses"),
        statuses: fields.leaves("statuses"),
        cors: fields.section("cors").map(read_cors),
        any,
    };
    fields.finish();
    rule
}

fn cookie(item: &Item<'_>) -> Option<Cookie> {
    if !matches!(item.node.kind, Kind::Map(_)) {
        return None;
    }
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let attributes = fields.section("attributes").map(cookie_attributes);
    let attrs = fields.section("attrs").map(cookie_attributes);
    let cookie = Cookie {
        path_key: fields.path.clone(),
        head: fields.head,
        name: fields.leaf("name"),
        value: fields.leaf("value"),
        attributes: attributes.or(attrs),
    };
    fields.finish();
    Some(cookie)
}

fn cookie_attributes(mut fields: Fields<'_>) -> CookieAttributes {
    let attributes = CookieAttributes {
        path: fields.leaf("path"),
        domain: fields.leaf("domain"),
        max_age: fields.leaf("maxAge"),
        secure: fields.leaf("secure"),
        http_only: fields.leaf("httpOnly"),
        same_site: fields.leaf("sameSite"),
    };
    fields.finish();
    attributes
}

fn read_cors(mut fields: Fields<'_>) -> Cors {
    let rule = Cors {
        path_key: fields.path.clone(),
        head: fields.head,
        enabled: fields.leaf("enabled"),
        origins: fields.leaves("origins"),
        allow_methods: fields.leaves("allowMethods"),
        allowed_headers: fields.leaves("allowedHeaders"),
        expose_headers: fields.leaves("exposeHeaders"),
        max_age: fields.leaf("maxAge"),
        allow_credentials: fields.leaf("allowCredentials"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `stripPrefix`.
pub(crate) fn strip_prefix(mut fields: Fields<'_>) -> StripPrefix {
    let rule = StripPrefix {
        prefixes: fields.leaves("prefixes"),
    };
    fields.finish();
    rule
}

/// Reads the rule of a `stripQuery`.
pub(crate) fn strip_query(mut fields: Fields<'_>) -> StripQuery {
    let rule = StripQuery {
        params: fields.leaves("params"),
        methods: fields.leaves("methods"),
        path_pattern: fields.leaf("pathPattern"),
    };
    fields.finish();
    rule
}
