//! The shape of `rule` per middleware type (middlewares.md section 5).

use super::fields::{Fields, Item, Leaf, Leaves, Others, Pair, leaf};
use super::node::{Kind, Node};
use crate::diag::Diagnostics;
use crate::source::Span;

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

const BASIC_AUTH: Others = Others {
    later: &[
        ("failureWindow", ""),
        ("lockDuration", ""),
        ("maxFailures", ""),
        ("usersFile", ""),
    ],
    hints: &[],
};

const BODY_LIMIT: Others = Others {
    later: &[("buffer", "")],
    hints: &[],
};

const RESPONSE_HEADERS: Others = Others {
    later: &[
        ("cacheControl", "use `setHeaders: {Cache-Control: …}`"),
        ("cacheStatuses", ""),
        ("setCookies", "use `setHeaders: {Set-Cookie: …}`"),
        ("statuses", ""),
    ],
    hints: &[],
};

/// Reads the rule of an `addPrefix`.
pub(crate) fn add_prefix(mut fields: Fields<'_>, diags: &mut Diagnostics) -> AddPrefix {
    let rule = AddPrefix {
        prefix: fields.leaf("prefix", diags),
    };
    fields.finish(&Others::NONE, diags);
    rule
}

/// Reads the rule of a `basicAuth`.
pub(crate) fn basic_auth(mut fields: Fields<'_>, diags: &mut Diagnostics) -> BasicAuth {
    let users_span = fields.key_span("users");
    let users = fields.list("users", diags);
    let users = users.map(|items| items.iter().filter_map(|item| user(item, diags)).collect());
    let rule = BasicAuth {
        users,
        users_span,
        realm: fields.leaf("realm", diags),
        forward_username: fields.leaf("forwardUsername", diags),
        username_header: fields.leaf("usernameHeader", diags),
        remove_authorization: fields.leaf("removeAuthorization", diags),
    };
    fields.finish(&BASIC_AUTH, diags);
    rule
}

fn user(item: &Item<'_>, diags: &mut Diagnostics) -> Option<User> {
    match &item.node.kind {
        Kind::Scalar { .. } => Some(User::Pair(leaf(
            item.node,
            item.path.clone(),
            item.node.span,
            diags,
        ))),
        Kind::Map(_) | Kind::Seq(_) => {
            let mut fields = Fields::new(item.node, item.path.as_str(), diags).folding(true);
            let whole = matches!(item.node.kind, Kind::Map(_));
            let username = fields.leaf("username", diags);
            let password = fields.leaf("password", diags);
            let head = fields.head;
            let path_key = item.path.clone();
            fields.finish(&Others::NONE, diags);
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
pub(crate) fn body_limit(mut fields: Fields<'_>, diags: &mut Diagnostics) -> BodyLimit {
    let rule = BodyLimit {
        limit: fields.leaf("limit", diags),
    };
    fields.finish(&BODY_LIMIT, diags);
    rule
}

/// Reads the rule of a `redirectScheme`.
pub(crate) fn redirect_scheme(mut fields: Fields<'_>, diags: &mut Diagnostics) -> RedirectScheme {
    let rule = RedirectScheme {
        scheme: fields.leaf("scheme", diags),
        port: fields.leaf("port", diags),
        permanent: fields.leaf("permanent", diags),
        preserve_method: fields.leaf("preserveMethod", diags),
    };
    fields.finish(&Others::NONE, diags);
    rule
}

/// Reads the rule of a `requestHeaders`.
pub(crate) fn request_headers(mut fields: Fields<'_>, diags: &mut Diagnostics) -> RequestHeaders {
    let rule = RequestHeaders {
        any: fields.has_keys(),
        set: fields.pairs("setHeaders", diags),
        remove: fields.leaves("removeHeaders", diags),
        add: fields.pairs("addHeaders", diags),
    };
    fields.finish(&Others::NONE, diags);
    rule
}

/// Reads the rule of a `responseHeaders`.
pub(crate) fn response_headers(mut fields: Fields<'_>, diags: &mut Diagnostics) -> ResponseHeaders {
    let any = fields.has_keys();
    let set = fields.pairs("setHeaders", diags);
    let cors = fields
        .section("cors", diags)
        .map(|cors| read_cors(cors, diags));
    fields.finish(&RESPONSE_HEADERS, diags);
    ResponseHeaders { set, cors, any }
}

fn read_cors(mut fields: Fields<'_>, diags: &mut Diagnostics) -> Cors {
    let rule = Cors {
        path_key: fields.path.clone(),
        head: fields.head,
        enabled: fields.leaf("enabled", diags),
        origins: fields.leaves("origins", diags),
        allow_methods: fields.leaves("allowMethods", diags),
        allowed_headers: fields.leaves("allowedHeaders", diags),
        expose_headers: fields.leaves("exposeHeaders", diags),
        max_age: fields.leaf("maxAge", diags),
        allow_credentials: fields.leaf("allowCredentials", diags),
    };
    fields.finish(&Others::NONE, diags);
    rule
}

/// The mapping of a rule; an absent one is empty. Letter case of its keys is forgiven.
pub(crate) fn fields<'n>(rule: &'n Node, path: &str, diags: &mut Diagnostics) -> Fields<'n> {
    Fields::new(rule, path, diags).folding(true)
}

/// Reads the rule of a `stripPrefix`.
pub(crate) fn strip_prefix(mut fields: Fields<'_>, diags: &mut Diagnostics) -> StripPrefix {
    let rule = StripPrefix {
        prefixes: fields.leaves("prefixes", diags),
    };
    fields.finish(&Others::NONE, diags);
    rule
}
