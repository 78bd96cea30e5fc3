//! The rules of the middleware types, one function per type (middlewares.md sections 5 and 6).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::read::Cx;
use super::{cookies, cors, grammar, tokens, users};
use crate::diag::{Code, Diagnostic};
use crate::dialect::Scalar;
use crate::model::rule::{
    AddPrefix, BasicAuth, BodyLimit, HELD_BYTES_MAX, RedirectScheme, RequestHeaders,
    ResponseHeaders, Scheme, StripPrefix,
};
use crate::model::scalar::{self, Invalid};
use crate::model::{FORWARDING, HeaderName, HeaderPattern, Part, RoutePath, Value, is_authority};
use crate::source::Span;
use crate::spec::fields::{Leaf, Leaves, Pair};
use crate::spec::rule as shape;

/// Headers that frame a message; the gateway alone sets them (MW-REQH-2).
pub(super) const REQUEST_FRAMING: &[&str] = &[
    "Connection",
    "Content-Length",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];
/// Likewise for answers (5.19).
pub(super) const RESPONSE_FRAMING: &[&str] = &[
    "Connection",
    "Content-Length",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];
/// The rule that is read: its dotted key and what to blame for something missing.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    pub(super) key: &'a str,
    pub(super) head: Span,
}

pub(super) fn add_prefix(
    rule: &shape::AddPrefix,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<AddPrefix> {
    let leaf = rule.prefix.as_ref();
    let mut text = cx
        .required(leaf, home.key, "prefix", home.head, "write `prefix: /v1`")?
        .text;
    let leaf = leaf?;
    if text.contains(['?', '#']) {
        cx.fault(
            Code::BadRule,
            leaf,
            Invalid::new("a prefix is a path, without `?` and `#`"),
        );
        return None;
    }
    if !text.starts_with('/') {
        text.insert(0, '/');
        let message = format!(
            "the prefix does not begin with `/`; it is read as `{}`",
            text.escape_debug()
        );
        let warning = Diagnostic::new(Code::PrefixNoSlash, leaf.key.as_str(), leaf.span, message);
        cx.diags.push(warning.fix(leaf.span, text.as_str()));
    }
    let prefix = RoutePath::new(&text)
        .map_err(|invalid| cx.fault(Code::BadPath, leaf, invalid))
        .ok()?;
    if prefix.as_str() == "/" {
        cx.fault(
            Code::BadValue,
            leaf,
            Invalid::new("the prefix `/` adds nothing"),
        );
        return None;
    }
    Some(AddPrefix { prefix })
}

pub(super) fn basic_auth(
    rule: &shape::BasicAuth,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<BasicAuth> {
    let users = users::resolve(rule, home, cx);
    let realm = match rule.realm.as_ref().filter(|leaf| !leaf.null) {
        None => Some("Restricted".to_owned()),
        Some(leaf) => cx.text(leaf).map(|text| text.text).filter(|text| {
            let fits = !text.chars().any(char::is_control);
            if !fits {
                cx.fault(
                    Code::BadRule,
                    leaf,
                    Invalid::new("a realm has no line breaks or control characters"),
                );
            }
            fits
        }),
    };
    let username_header = match rule.username_header.as_ref().filter(|leaf| !leaf.null) {
        None => HeaderName::new("Username").ok(),
        Some(leaf) => cx
            .text(leaf)
            .and_then(|text| header_name(&text.text, leaf, REQUEST_FRAMING, cx)),
    };
    let users_file = rule.users_file.as_ref().filter(|leaf| !leaf.null);
    let users_file = users_file.map(|leaf| cx.value(leaf));
    let limit = users::limit(rule, cx);
    let forward_username = cx.boolean(rule.forward_username.as_ref(), false);
    let remove_authorization = cx.boolean(rule.remove_authorization.as_ref(), false);
    Some(BasicAuth {
        users: users?,
        users_file,
        realm: realm?,
        forward_username,
        username_header: username_header?,
        remove_authorization,
        limit: limit?,
    })
}

pub(super) fn body_limit(
    rule: &shape::BodyLimit,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<BodyLimit> {
    let buffer = cx.boolean(rule.buffer.as_ref(), false);
    let leaf = rule.limit.as_ref();
    let text = cx
        .required(leaf, home.key, "limit", home.head, "write `limit: 1Mi`")?
        .text;
    let leaf = leaf?;
    let limit = scalar::parse_size(&text).and_then(|limit| match limit {
        0 => Err(Invalid::range("a body limit is more than 0")),
        limit if buffer && limit > HELD_BYTES_MAX => {
            let fault = Invalid::range("with `buffer` a body limit is at most 1Gi");
            Err(fault.help("each such request takes as much memory as its body"))
        }
        limit => Ok(limit),
    });
    let limit = limit
        .map_err(|invalid| cx.fault(Code::BadSize, leaf, invalid))
        .ok()?;
    Some(BodyLimit { limit, buffer })
}

pub(super) fn redirect_scheme(
    rule: &shape::RedirectScheme,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<RedirectScheme> {
    let leaf = rule.scheme.as_ref();
    let scheme = cx.required(leaf, home.key, "scheme", home.head, "write `scheme: https`");
    let scheme =
        scheme.zip(leaf).and_then(
            |(text, leaf)| match text.text.to_ascii_lowercase().as_str() {
                "http" => Some(Scheme::Http),
                "https" => Some(Scheme::Https),
                _ => {
                    let fault = Invalid::new(format!(
                        "`{}` is not a scheme to redirect to",
                        text.text.escape_debug()
                    ));
                    cx.fault(Code::BadValue, leaf, fault.help("allowed: `http`, `https`"));
                    None
                }
            },
        );
    let port = rule.port.as_ref().filter(|leaf| !leaf.null);
    let port = port.map(|leaf| {
        cx.checked(
            Some(leaf),
            Scalar::Int(1, 65535),
            (&leaf.key, ""),
            leaf.span,
        )
    });
    let permanent = cx.boolean(rule.permanent.as_ref(), false);
    let preserve_method = cx.boolean(rule.preserve_method.as_ref(), false);
    Some(RedirectScheme {
        scheme: scheme?,
        port,
        permanent,
        preserve_method,
    })
}

pub(super) fn request_headers(
    rule: &shape::RequestHeaders,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<RequestHeaders> {
    if !rule.any {
        let help = "write `setHeaders`, `removeHeaders` or `addHeaders`";
        cx.fault_at(
            Code::MissingKey,
            home.key,
            home.head,
            Invalid::new("the rule changes no header").help(help),
        );
        return None;
    }
    let set = headers(rule.set.as_deref(), REQUEST_FRAMING, cx);
    let add = headers(rule.add.as_deref(), REQUEST_FRAMING, cx);
    for pair in rule.set.iter().chain(&rule.add).flatten() {
        if let Some(name) = FORWARDING
            .iter()
            .find(|name| name.eq_ignore_ascii_case(&pair.name.value))
        {
            let message = format!("`{name}` replaces what the gateway says about the client");
            let warning = Diagnostic::new(
                Code::ForwardedHeaderSet,
                pair.value.key.as_str(),
                pair.name.span,
                message,
            );
            cx.diags
                .push(warning.help("leave it out: the gateway sets it"));
        }
    }
    for (name, value) in set.iter().chain(&add) {
        if is_one_of(name.as_str(), &["Host"]) {
            check_host(value, cx);
        }
    }
    let mut remove = Vec::new();
    for (leaf, text) in cx.texts(rule.remove.as_ref()).items {
        match HeaderPattern::new(&text) {
            Ok(_) if is_one_of(&text, REQUEST_FRAMING) => {
                cx.fault(Code::BadRule, leaf, framing(&text))
            }
            Ok(pattern) if remove.contains(&pattern) => {}
            Ok(pattern) => remove.push(pattern),
            Err(invalid) => cx.fault(Code::BadRule, leaf, invalid),
        }
    }
    Some(RequestHeaders { set, remove, add })
}

/// A `Host` that is known already must be one (MW-REQH-2); an empty one stands for the usual.
fn check_host(value: &Value, cx: &mut Cx<'_>) {
    let [Part::Text(text)] = value.parts.as_slice() else {
        return;
    };
    let text = text.trim();
    if text.is_empty() || text.contains('{') || is_authority(text) {
        return;
    }
    let fault = Invalid::new(format!("`{}` is not a host", text.escape_debug()));
    let fault = fault.help("write `name` or `name:port`, without scheme and path");
    cx.fault_at(Code::BadRule, &value.key, value.span, fault);
}

pub(super) fn response_headers(
    rule: &shape::ResponseHeaders,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<ResponseHeaders> {
    if !rule.any {
        let help = "write `setHeaders`, `setCookies`, `cacheControl` or `cors`";
        let fault = Invalid::new("the rule sets nothing").help(help);
        cx.fault_at(Code::MissingKey, home.key, home.head, fault);
        return None;
    }
    let set = headers(rule.set.as_deref(), RESPONSE_FRAMING, cx);
    let cookies = cookies::cookies(rule.cookies.as_deref().unwrap_or_default(), cx);
    let cache_control = rule.cache_control.as_ref().filter(|leaf| !leaf.broken);
    let cache_control = cache_control.map(|leaf| header_value(leaf, cx));
    let mut limited = rule.statuses.iter().flat_map(|list| &list.items);
    if let Some(leaf) = limited
        .next()
        .filter(|_| set.is_empty() && cookies.is_empty())
    {
        let fault = Invalid::new("`statuses` says nothing without `setHeaders` or `setCookies`");
        cx.fault(Code::KeyConflict, leaf, fault);
    }
    Some(ResponseHeaders {
        set,
        cookies,
        cache_control,
        cache_statuses: statuses(rule.cache_statuses.as_ref(), cx),
        statuses: statuses(rule.statuses.as_ref(), cx),
        cors: rule.cors.as_ref().and_then(|rule| cors::cors(rule, cx)),
    })
}

/// Status codes, each once, in order.
fn statuses(list: Option<&Leaves>, cx: &mut Cx<'_>) -> Vec<u16> {
    let mut statuses = BTreeSet::new();
    for (leaf, text) in cx.texts(list).items {
        match grammar::check(Scalar::Int(100, 599), &text) {
            Ok(()) => {
                let status = scalar::parse_int(&text).ok();
                statuses.extend(status.and_then(|status| u16::try_from(status).ok()));
            }
            Err((code, invalid)) => cx.fault(code, leaf, invalid),
        }
    }
    statuses.into_iter().collect()
}

pub(super) fn strip_prefix(
    rule: &shape::StripPrefix,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<StripPrefix> {
    let list = rule.prefixes.as_ref();
    if list.is_none_or(|list| list.items.is_empty() && !list.broken) {
        cx.missing(home.key, "prefixes", home.head, "write `prefixes: [/api]`");
        return None;
    }
    let mut prefixes = Vec::new();
    for (leaf, text) in cx.texts(list).items {
        match RoutePath::new(&text) {
            Ok(prefix) if prefix.as_str() == "/" => {
                let fault = Invalid::new("without the prefix `/` nothing is left");
                cx.fault(Code::BadValue, leaf, fault);
            }
            Ok(prefix) if prefixes.contains(&prefix) => {}
            Ok(prefix) => prefixes.push(prefix),
            Err(invalid) => cx.fault(Code::BadPath, leaf, invalid),
        }
    }
    // The longest that fits is removed (MW-STRIPP-1): the first that fits, in this order.
    prefixes.sort_by_key(|prefix| Reverse(prefix.as_str().len()));
    Some(StripPrefix { prefixes })
}

/// A map of header names to values.
fn headers(pairs: Option<&[Pair]>, framing: &[&str], cx: &mut Cx<'_>) -> Vec<(HeaderName, Value)> {
    let mut headers: Vec<(HeaderName, Value)> = Vec::new();
    let mut places: Vec<Span> = Vec::new();
    for pair in pairs.unwrap_or_default() {
        let key = Leaf {
            span: pair.name.span,
            ..pair.value.clone()
        };
        let name = header_name(&pair.name.value, &key, framing, cx);
        let value = header_value(&pair.value, cx);
        let Some(name) = name else { continue };
        let twin = headers
            .iter()
            .position(|(other, _)| other.as_str().eq_ignore_ascii_case(name.as_str()));
        if let Some(first) = twin.and_then(|at| places.get(at)) {
            let message = format!("the header `{}` is given twice", name.as_str());
            let fault = Diagnostic::new(Code::DuplicateKey, key.key.as_str(), key.span, message);
            cx.diags.push(fault.label(*first, "first given here"));
            continue;
        }
        headers.push((name, value));
        places.push(pair.name.span);
    }
    headers
}

pub(super) fn header_name(
    text: &str,
    leaf: &Leaf,
    framing_names: &[&str],
    cx: &mut Cx<'_>,
) -> Option<HeaderName> {
    if is_one_of(text, framing_names) {
        cx.fault(Code::BadRule, leaf, framing(text));
        return None;
    }
    HeaderName::new(text)
        .map_err(|invalid| cx.fault(Code::BadRule, leaf, invalid))
        .ok()
}

pub(super) fn header_value(leaf: &Leaf, cx: &mut Cx<'_>) -> Value {
    let value = cx.value(leaf);
    let is_odd = |c: char| c.is_ascii_control() && c != '\t';
    if !goma_openpgp::is_message(&leaf.text) && leaf.text.contains(is_odd) {
        let fault = Invalid::new("a header value has no line breaks and no control characters");
        cx.fault(Code::BadRule, leaf, fault);
    }
    tokens::check(&value, leaf, cx);
    value
}

pub(super) fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn framing(name: &str) -> Invalid {
    Invalid::new(format!("`{name}` is set by the gateway alone"))
        .help("it says where a message ends, or belongs to one connection")
}
