//! Entries of `middlewares`: names and types; the rules themselves are in `rules`.

use super::grammar;
use super::names::Names;
use super::read::Cx;
use super::rules::{self, Home};
use super::{access_log, interceptor, paths, pending, policy, request_id, security_headers};
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::dialect::rules::ROUTE_KEYS;
use crate::dialect::{TYPES, Type};
use crate::model::scope::{Pattern, Scope};
use crate::model::{Middleware, MiddlewareId, Name, Rule};
use crate::source::Span;
use crate::spec;
use crate::spec::Spec;
use crate::spec::fields::Fields;
use crate::spec::node::{Kind, Node};
use crate::spec::recorder;
use crate::spec::rule as shape;
use crate::spec::shape::check as check_shape;

/// Reads and resolves a rule.
type Resolver = fn(Fields<'_>, Home<'_>, &mut Cx<'_>) -> Option<Rule>;

/// One per type that this release can do.
const RESOLVERS: &[(&str, Resolver)] = &[
    ("access", |fields, _, cx| {
        policy::access(&shape::access(fields), cx).map(Rule::Access)
    }),
    ("accessLog", |fields, home, cx| {
        access_log::resolve(&recorder::access_log(fields), home, cx).map(Rule::AccessLog)
    }),
    ("accessPolicy", |fields, home, cx| {
        let rule = shape::access_policy(fields);
        policy::access_policy(&rule, None, home, cx).map(Rule::AccessPolicy)
    }),
    ("addPrefix", |fields, home, cx| {
        rules::add_prefix(&shape::add_prefix(fields), home, cx).map(Rule::AddPrefix)
    }),
    ("basicAuth", |fields, home, cx| {
        rules::basic_auth(&shape::basic_auth(fields), home, cx).map(Rule::BasicAuth)
    }),
    ("bodyLimit", |fields, home, cx| {
        rules::body_limit(&shape::body_limit(fields), home, cx).map(Rule::BodyLimit)
    }),
    ("errorInterceptor", |fields, home, cx| {
        let rule = recorder::error_interceptor(fields);
        interceptor::resolve(&rule, home, cx).map(Rule::ErrorInterceptor)
    }),
    ("ipAllowList", |fields, home, cx| {
        let rule = shape::ip_list(fields);
        policy::access_policy(&rule, Some(true), home, cx).map(Rule::AccessPolicy)
    }),
    ("ipDenyList", |fields, home, cx| {
        let rule = shape::ip_list(fields);
        policy::access_policy(&rule, Some(false), home, cx).map(Rule::AccessPolicy)
    }),
    ("redirect", |fields, home, cx| {
        paths::redirect(&shape::redirect(fields), home, cx).map(Rule::Redirect)
    }),
    ("redirectRegex", |fields, home, cx| {
        paths::redirect_regex(&shape::redirect_regex(fields), home, cx).map(Rule::RedirectRegex)
    }),
    ("redirectScheme", |fields, home, cx| {
        rules::redirect_scheme(&shape::redirect_scheme(fields), home, cx).map(Rule::RedirectScheme)
    }),
    ("replacePath", |fields, home, cx| {
        paths::replace_path(&shape::replace_path(fields), home, cx).map(Rule::ReplacePath)
    }),
    ("requestHeaders", |fields, home, cx| {
        rules::request_headers(&shape::request_headers(fields), home, cx).map(Rule::RequestHeaders)
    }),
    ("requestId", |fields, _, cx| {
        request_id::resolve(&recorder::request_id(fields), cx).map(Rule::RequestId)
    }),
    ("responseHeaders", |fields, home, cx| {
        let rule = shape::response_headers(fields);
        rules::response_headers(&rule, home, cx).map(Rule::ResponseHeaders)
    }),
    ("rewriteRegex", |fields, home, cx| {
        paths::rewrite_regex(&shape::rewrite_regex(fields), home, cx).map(Rule::RewriteRegex)
    }),
    ("securityHeaders", |fields, home, cx| {
        let rule = recorder::security_headers(fields);
        security_headers::resolve(&rule, home, cx).map(Rule::SecurityHeaders)
    }),
    ("stripPrefix", |fields, home, cx| {
        rules::strip_prefix(&shape::strip_prefix(fields), home, cx).map(Rule::StripPrefix)
    }),
    ("stripQuery", |fields, home, cx| {
        paths::strip_query(&shape::strip_query(fields), home, cx).map(Rule::StripQuery)
    }),
];

/// All middlewares without fault, and all names.
pub(super) fn resolve(spec: &Spec, cx: &mut Cx<'_>) -> (Vec<Middleware>, Names) {
    let mut names = Names::new(spec.middlewares_readable);
    let mut middlewares = Vec::new();
    let plugins = spec.plugin_types();
    for middleware in spec.middlewares.iter().flatten() {
        let name = name(middleware, &mut names, cx);
        let rule = rule(middleware, &plugins, cx);
        let scope = scope(middleware, cx);
        if let (Some(Rule::Access(_)), Ok(None)) = (&rule, &scope) {
            access_everywhere(middleware, cx);
        }
        if let (Some((name, span)), Some(rule), Ok(scope)) = (name, rule, scope) {
            let id = MiddlewareId(u32::try_from(middlewares.len()).unwrap_or(u32::MAX));
            names.set(name.as_str(), id);
            middlewares.push(Middleware {
                key: middleware.path_key.clone(),
                name,
                span,
                scope,
                rule,
                encrypted: is_encrypted(middleware),
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

/// `paths`; none: the whole route (MW-PATH-6).
fn scope(spec: &spec::Middleware, cx: &mut Cx<'_>) -> Result<Option<Scope>, Reported> {
    let texts = cx.texts(spec.paths.as_ref());
    let mut whole = texts.whole;
    let mut patterns = Vec::new();
    for (leaf, text) in texts.items {
        match Pattern::new(&text) {
            Ok(pattern) => {
                if let Some(base) = pattern.uncovered_base() {
                    let message =
                        format!("`{}` does not cover `{base}` itself", text.escape_debug());
                    let code = Code::PathBaseNotCovered;
                    let warning = Diagnostic::new(code, leaf.key.as_str(), leaf.span, message);
                    let help = format!("write `{base}` for it and everything below");
                    cx.diags.push(warning.help(help).fix(leaf.span, base));
                }
                patterns.push(pattern);
            }
            Err(bad) => {
                whole = false;
                let (code, invalid) = grammar::code_of(bad);
                cx.fault(code, leaf, invalid);
            }
        }
    }
    match (whole, patterns.is_empty()) {
        (false, _) => Err(Reported),
        (true, true) => Ok(None),
        (true, false) => Ok(Some(Scope { patterns })),
    }
}

/// `access` without `paths` would refuse every request of its routes (MW-PATH-6).
fn access_everywhere(spec: &spec::Middleware, cx: &mut Cx<'_>) {
    let message = "`access` without `paths` would refuse every request";
    let key = format!("{}.paths", spec.path_key);
    let span = spec.kind.as_ref().map_or(spec.head, |kind| kind.span);
    let fault = Diagnostic::new(Code::AccessNoPaths, key, span, message);
    cx.diags
        .push(fault.help("say which paths are closed: `paths: [/internal]`"));
}

/// Something is faulty, and the user knows.
struct Reported;

fn is_encrypted(spec: &spec::Middleware) -> bool {
    let rule = spec.rule.as_ref();
    rule.is_some_and(|(_, node)| node.span.source.is_decrypted())
}

fn rule(spec: &spec::Middleware, plugins: &[&str], cx: &mut Cx<'_>) -> Option<Rule> {
    let kind = kind(spec, plugins, cx)?;
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
    // One that could not be decrypted is reported.
    if matches!(&node.kind, Kind::Scalar { text, .. } if goma_openpgp::is_message(text)) {
        return None;
    }
    let found = check_shape(&node, kind.rule, &key, kind.later, cx.diags);
    pending::check(&found, cx);
    let broken = !matches!(node.kind, Kind::Map(_)) && !node.is_null();
    let (_, resolver) = RESOLVERS.iter().find(|(name, _)| *name == kind.name)?;
    if broken {
        return None;
    }
    let mut fields = Fields::new(&node, kind.rule, key.as_str());
    if !fields.has_keys() {
        fields.head = head;
    }
    let home = Home {
        key: &key,
        head: fields.head,
    };
    resolver(fields, home, cx)
}

/// `None`: it has none that is built in, and the user knows.
fn kind(spec: &spec::Middleware, plugins: &[&str], cx: &mut Cx<'_>) -> Option<&'static Type> {
    let leaf = spec.kind.as_ref();
    let help = "say what it does: `type: requestHeaders`";
    let text = cx
        .required(leaf, &spec.path_key, "type", spec.head, help)?
        .text;
    let leaf = leaf?;
    let shown = text.escape_debug();
    let report =
        |code, message: String| Diagnostic::new(code, leaf.key.as_str(), leaf.span, message);
    if let Some((kind, name)) = Type::find_folded(&text) {
        if name != text && Type::find(&text).is_none() {
            let message = format!("the type `{shown}` is spelt `{name}`");
            cx.diags
                .push(report(Code::RuleKeyCase, message).fix(leaf.span, name));
        }
        if kind.later {
            let message = format!("the middleware type `{shown}` is not supported yet");
            cx.diags.push(report(Code::NotYetSupported, message));
        }
        return Some(Type::find(&text).unwrap_or(kind));
    }
    let same = |name: &str| name.eq_ignore_ascii_case(&text);
    let fault = if plugins.contains(&text.as_str()) {
        let message = format!("the type `{shown}` of a plugin is not supported yet");
        report(Code::NotYetSupported, message)
    } else if let Some((_, key)) = ROUTE_KEYS.iter().find(|(name, _)| same(name)) {
        let message = format!("`{shown}` is not a middleware but a key of the route");
        report(Code::MiddlewareIsRouteKey, message).help(format!("set `{key}` on the route"))
    } else {
        let message = format!("the middleware type `{shown}` does not exist");
        let fault = report(Code::UnknownType, message);
        match nearest(&text, TYPES.iter().flat_map(Type::spellings)) {
            Some(name) => fault
                .help(format!("did you mean `{name}`?"))
                .fix(leaf.span, name),
            None => {
                let ready = TYPES.iter().filter(|kind| !kind.later);
                let names: Vec<_> = ready.map(|kind| kind.name).collect();
                fault.help(format!("the types are: {}", names.join(", ")))
            }
        }
    };
    cx.diags.push(fault);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_ready_has_a_resolver() {
        let ready = TYPES.iter().filter(|kind| !kind.later);
        let ready: Vec<_> = ready.map(|kind| kind.name).collect();
        let resolvers: Vec<_> = RESOLVERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(ready, resolvers);
    }
}
