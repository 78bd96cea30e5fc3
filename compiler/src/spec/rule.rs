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
    pub(crate) realm: Option<Leaf>,
    pub(crate) forward_username: Option<Leaf>,
    pub(crate) username_header: Option<Leaf>,
    pub(crate) remove_authorization: Option<Leaf>,
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
}

/// `redirectScheme`
pub(crate) struct RedirectScheme {
    pub(crate) scheme: Option<Leaf>,
    pub(crate) port: Option<Leaf>,
    pub(crate) permanent: Option<Leaf>,
    pub(crate) preserve_method: Option<Leaf>,
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
    pub(crate) cors: Option<Cors>,
    /// Whether one of the keys is there, in whatever shape.
    pub(crate) any: bool,
}

/// `stripPrefix`
pub(crate) struct StripPrefix {
    pub(crate) prefixes: Option<Leaves>,
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
        realm: fields.leaf("realm"),
        forward_username: fields.leaf("forwardUsername"),
        username_header: fields.leaf("usernameHeader"),
        remove_authorization: fields.leaf("removeAuthorization"),
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
    let any = fields.has_keys();
    let set = fields.pairs("setHeaders");
    let cors = fields.section("cors").map(read_cors);
    fields.finish();
    ResponseHeaders { set, cors, any }
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
