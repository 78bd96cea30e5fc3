//! Entries of `middlewares`: names and types; the rules themselves are in `rules`.

use super::names::Names;
use super::read::Cx;
use super::rules;
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::model::{Middleware, MiddlewareId, Name, Rule};
use crate::source::Span;
use crate::spec;
use crate::spec::Spec;
use crate::spec::node::{Kind, Node};
use crate::spec::rule as shape;

/// Types of this release, other spellings after the first.
const TYPES: &[(&str, Type)] = &[
    ("addPrefix", Type::AddPrefix),
    ("basic", Type::BasicAuth),
    ("basicAuth", Type::BasicAuth),
    ("bodyLimit", Type::BodyLimit),
    ("redirectScheme", Type::RedirectScheme),
    ("requestHeaders", Type::RequestHeaders),
    ("responseHeaders", Type::ResponseHeaders),
    ("stripPrefix", Type::StripPrefix),
];

/// Types of the dialect that this release cannot do yet (middlewares.md 1.2).
const LATER_TYPES: &[&str] = &[
    "access",
    "accessLog",
    "accessPolicy",
    "apiKey",
    "apiKeyAuth",
    "buffering",
    "compress",
    "errorInterceptor",
    "exploitProtection",
    "forwardAuth",
    "geoBlock",
    "hmacAuth",
    "httpCache",
    "inFlight",
    "inFlightReq",
    "ipAllowList",
    "ipDenyList",
    "jwt",
    "jwtAuth",
    "ldap",
    "ldapAuth",
    "mirror",
    "oauth",
    "oauth2",
    "oidc",
    "rateLimit",
    "ratelimit",
    "redirect",
    "redirectRegex",
    "replacePath",
    "requestId",
    "requestTimeout",
    "rewriteRegex",
    "securityHeaders",
    "stripQuery",
    "userAgentBlock",
];

/// Types of other gateways that are keys of a route here.
const ROUTE_KEYS: &[(&str, &str)] = &[
    ("circuitBreaker", "circuitBreaker"),
    ("headerRouting", "match.headers"),
    ("loadBalancer", "loadBalancer"),
    ("retry", "retry"),
    ("sticky", "loadBalancer.sticky"),
    ("timeout", "timeouts"),
];

#[derive(Clone, Copy)]
enum Type {
    AddPrefix,
    BasicAuth,
    BodyLimit,
    RedirectScheme,
    RequestHeaders,
    ResponseHeaders,
    StripPrefix,
}

/// All middlewares without fault, and all names.
pub(super) fn resolve(spec: &Spec, cx: &mut Cx<'_>) -> (Vec<Middleware>, Names) {
    let mut names = Names::new(spec.middlewares_readable);
    let mut middlewares = Vec::new();
    for middleware in spec.middlewares.iter().flatten() {
        let name = name(middleware, &mut names, cx);
        let rule = rule(middleware, cx);
        if let (Some((name, span)), Some(rule)) = (name, rule) {
            let id = MiddlewareId(u32::try_from(middlewares.len()).unwrap_or(u32::MAX));
            names.set(name.as_str(), id);
            middlewares.push(Middleware {
                key: middleware.path_key.clone(),
                name,
                span,
                rule,
            });
        }
    }
    (middlewares, names)
}

fn name(spec: &spec::Middleware, names: &mut Names, cx: &mut Cx<'_>) -> Option<(Name, Span)> {
    let leaf = spec.name.as_ref();
    let help = "routes list a middleware by its name";
    let Some(text) = cx.required(leaf, &spec.path_key, "name", spec.head, help) else {
        names.incomplete();
        return None;
    };
    let leaf = leaf?;
    if let Some(first) = names.add(&text.text, leaf.span) {
        let message = format!(
            "the middleware name `{}` is taken",
            text.text.escape_debug()
        );
        let fault = Diagnostic::new(Code::DuplicateName, leaf.key.as_str(), leaf.span, message);
        cx.diags.push(fault.label(first, "first used here"));
        return None;
    }
    let name =
        Name::new(&text.text, false).map_err(|invalid| cx.fault(Code::BadName, leaf, invalid));
    Some((name.ok()?, leaf.span))
}

fn rule(spec: &spec::Middleware, cx: &mut Cx<'_>) -> Option<Rule> {
    let kind = kind(spec, cx)?;
    let key = format!("{}.rule", spec.path_key);
    // An absent rule has the place of the type, and no keys.
    let absent = |leaf: &spec::fields::Leaf| {
        (
            leaf.span,
            Node {
                span: leaf.span,
                kind: Kind::Map(Vec::new()),
            },
        )
    };
    let (head, node) = spec
        .rule
        .clone()
        .or_else(|| spec.kind.as_ref().map(absent))?;
    let mut fields = shape::fields(&node, &key, cx.diags);
    if !fields.has_keys() {
        fields.head = head;
    }
    let home = rules::Home {
        key: &key,
        head: fields.head,
    };
    let broken = !matches!(node.kind, Kind::Map(_)) && !node.is_null();
    if broken {
        return None;
    }
    match kind {
        Type::AddPrefix => {
            let rule = shape::add_prefix(fields, cx.diags);
            rules::add_prefix(&rule, home, cx).map(Rule::AddPrefix)
        }
        Type::BasicAuth => {
            let rule = shape::basic_auth(fields, cx.diags);
            rules::basic_auth(&rule, home, cx).map(Rule::BasicAuth)
        }
        Type::BodyLimit => {
            let rule = shape::body_limit(fields, cx.diags);
            rules::body_limit(&rule, home, cx).map(Rule::BodyLimit)
        }
        Type::RedirectScheme => {
            let rule = shape::redirect_scheme(fields, cx.diags);
            rules::redirect_scheme(&rule, home, cx).map(Rule::RedirectScheme)
        }
        Type::RequestHeaders => {
            let rule = shape::request_headers(fields, cx.diags);
            rules::request_headers(&rule, home, cx).map(Rule::RequestHeaders)
        }
        Type::ResponseHeaders => {
            let rule = shape::response_headers(fields, cx.diags);
            rules::response_headers(&rule, home, cx).map(Rule::ResponseHeaders)
        }
        Type::StripPrefix => {
            let rule = shape::strip_prefix(fields, cx.diags);
            rules::strip_prefix(&rule, home, cx).map(Rule::StripPrefix)
        }
    }
}

fn kind(spec: &spec::Middleware, cx: &mut Cx<'_>) -> Option<Type> {
    let leaf = spec.kind.as_ref();
    let text = cx
        .required(
            leaf,
            &spec.path_key,
            "type",
            spec.head,
            "say what it does: `type: requestHeaders`",
        )?
        .text;
    let leaf = leaf?;
    if let Some(&(_, kind)) = TYPES.iter().find(|(name, _)| *name == text) {
        return Some(kind);
    }
    let shown = text.escape_debug();
    let report =
        |code, message: String| Diagnostic::new(code, leaf.key.as_str(), leaf.span, message);
    if let Some((name, kind)) = TYPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&text))
    {
        let warning = report(
            Code::RuleKeyCase,
            format!("the type `{shown}` is spelt `{name}`"),
        );
        cx.diags.push(warning.fix(leaf.span, *name));
        return Some(*kind);
    }
    let fault = if LATER_TYPES
        .iter()
        .any(|name| name.eq_ignore_ascii_case(&text))
    {
        report(
            Code::NotYetSupported,
            format!("the middleware type `{shown}` is not supported yet"),
        )
    } else if let Some((_, key)) = ROUTE_KEYS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&text))
    {
        let message = format!("`{shown}` is not a middleware but a key of the route");
        report(Code::MiddlewareIsRouteKey, message).help(format!("set `{key}` on the route"))
    } else {
        let fault = report(
            Code::UnknownType,
            format!("the middleware type `{shown}` does not exist"),
        );
        let all = TYPES
            .iter()
            .map(|(name, _)| *name)
            .chain(LATER_TYPES.iter().copied());
        match nearest(&text, all) {
            Some(name) => fault.help(format!("did you mean `{name}`?")).fix(leaf.span, name),
            None => fault.help("the types are: addPrefix, basicAuth, bodyLimit, redirectScheme, requestHeaders, responseHeaders, stripPrefix"),
        }
    };
    cx.diags.push(fault);
    None
}
