//! The shape of `rule` of the middleware types of the recorder (middlewares.md 5.3, 5.7, 6.8, 6.9).

use super::fields::{Fields, Item, Leaf, Leaves, Pair};
use super::node::Kind;
use crate::source::Span;

/// `accessLog`
pub(crate) struct AccessLog {
    pub(crate) headers: Option<Leaves>,
    pub(crate) query: Option<Leaves>,
    pub(crate) cookies: Option<Leaves>,
    pub(crate) response_headers: Option<Leaves>,
    pub(crate) fields: Option<Vec<Pair>>,
    pub(crate) user: Option<Leaf>,
    pub(crate) redact: Option<Leaf>,
    pub(crate) emit_missing: Option<Leaf>,
    /// Whether anything is to be logged, in whatever shape.
    pub(crate) any: bool,
}

/// `errorInterceptor`
pub(crate) struct ErrorInterceptor {
    pub(crate) enabled: Option<Leaf>,
    pub(crate) content_type: Option<Leaf>,
    /// `None`: absent, null or reported.
    pub(crate) errors: Option<Vec<Intercepted>>,
    /// Whether `errors` is there in a wrong shape, which is reported.
    pub(crate) broken: bool,
}

/// One entry of `errorInterceptor.errors`.
pub(crate) struct Intercepted {
    /// Dotted key: `middlewares[0].rule.errors[1]`.
    pub(crate) path_key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) status_code: Option<Leaf>,
    pub(crate) body: Option<Leaf>,
    pub(crate) file: Option<Leaf>,
}

/// `requestId`
pub(crate) struct RequestId {
    pub(crate) header: Option<Leaf>,
    pub(crate) response_header: Option<Leaf>,
    pub(crate) trust: Option<Leaf>,
    pub(crate) format: Option<Leaf>,
}

/// `securityHeaders`
pub(crate) struct SecurityHeaders {
    pub(crate) preset: Option<Leaf>,
    pub(crate) hsts: Option<Hsts>,
    /// By key.
    pub(crate) fields: Vec<(&'static str, Leaf)>,
    pub(crate) overwrite: Option<Leaf>,
}

/// `securityHeaders.hsts`
pub(crate) enum Hsts {
    /// `off`, or a value that is none.
    Word(Leaf),
    /// A mapping.
    Map(HstsFields),
}

/// The mapping.
pub(crate) struct HstsFields {
    /// The key `hsts`.
    pub(crate) span: Span,
    pub(crate) max_age: Option<Leaf>,
    pub(crate) include_sub_domains: Option<Leaf>,
    pub(crate) preload: Option<Leaf>,
}

/// Reads the rule of an `accessLog`.
pub(crate) fn access_log(mut fields: Fields<'_>) -> AccessLog {
    let lists = ["headers", "query", "cookies", "responseHeaders"].map(|key| fields.leaves(key));
    let some = |list: &Option<Leaves>| {
        let list = list.as_ref();
        list.is_some_and(|list| list.broken || !list.items.is_empty())
    };
    let any = lists.iter().any(some);
    let [headers, query, cookies, response_headers] = lists;
    let pairs = fields.pairs("fields");
    let rule = AccessLog {
        any: any || fields.has("fields") || fields.has("user"),
        headers,
        query,
        cookies,
        response_headers,
        fields: pairs,
        user: fields.leaf("user"),
        redact: fields.leaf("redact"),
        emit_missing: fields.leaf("emitMissing"),
    };
    fields.finish();
    rule
}

/// Reads the rule of an `errorInterceptor`.
pub(crate) fn error_interceptor(mut fields: Fields<'_>) -> ErrorInterceptor {
    let items = fields.list("errors");
    let broken = items.is_none() && fields.has("errors");
    let rule = ErrorInterceptor {
        enabled: fields.leaf("enabled"),
        content_type: fields.leaf("contentType"),
        errors: items.map(|items| items.iter().map(intercepted).collect()),
        broken,
    };
    fields.finish();
    rule
}

fn intercepted(item: &Item<'_>) -> Intercepted {
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let error = Intercepted {
        path_key: item.path.clone(),
        head: fields.head,
        status_code: fields.leaf("statusCode"),
        body: fields.leaf("body"),
        file: fields.leaf("file"),
    };
    fields.finish();
    error
}

/// Reads the rule of a `requestId`.
pub(crate) fn request_id(mut fields: Fields<'_>) -> RequestId {
    let rule = RequestId {
        header: fields.leaf("header"),
        response_header: fields.leaf("responseHeader"),
        trust: fields.leaf("trust"),
        format: fields.leaf("format"),
    };
    fields.finish();
    rule
}

/// Keys of `securityHeaders` that hold the value of a field.
pub(crate) const SECURITY_FIELDS: &[&str] = &[
    "csp",
    "cspReportOnly",
    "frameOptions",
    "referrerPolicy",
    "permissionsPolicy",
    "coop",
    "coep",
    "corp",
    "nosniff",
];

/// Reads the rule of a `securityHeaders`.
pub(crate) fn security_headers(mut fields: Fields<'_>) -> SecurityHeaders {
    let values = SECURITY_FIELDS.iter().copied();
    let rule = SecurityHeaders {
        preset: fields.leaf("preset"),
        hsts: hsts(&mut fields),
        fields: values
            .filter_map(|key| Some((key, fields.leaf(key)?)))
            .filter(|(_, leaf)| !leaf.null)
            .collect(),
        overwrite: fields.leaf("overwrite"),
    };
    fields.finish();
    rule
}

fn hsts(fields: &mut Fields<'_>) -> Option<Hsts> {
    let entry = fields.entry("hsts")?;
    if !matches!(entry.value.kind, Kind::Map(_)) {
        let leaf = fields.leaf("hsts").filter(|leaf| !leaf.null);
        return leaf.map(Hsts::Word);
    }
    let mut inner = fields.section("hsts")?;
    let map = HstsFields {
        span: entry.key.span,
        max_age: inner.leaf("maxAge"),
        include_sub_domains: inner.leaf("includeSubDomains"),
        preload: inner.leaf("preload"),
    };
    inner.finish();
    Some(Hsts::Map(map))
}
