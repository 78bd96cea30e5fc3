//! [`Code::RewriteShadowed`] (MW-PREFIX-3, RT-REWRITE-1)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::rule::{ReplacePath, RewriteRegex};
use crate::model::{Model, PathPattern, RoutePath, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in model.routes.iter().filter(|route| route.rewrite.is_some()) {
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            let path = route.path.as_str();
            let message = match &middleware.rule {
                Rule::AddPrefix(rule) if route.path.keeps(rule.prefix.as_str()) == Some(false) => {
                    let prefix = rule.prefix.as_str();
                    Some(format!(
                        "the prefix `{prefix}` leads out of `{path}`, so `rewrite` does nothing"
                    ))
                }
                Rule::ReplacePath(rule) if replaced_outside(rule, &route.path) => Some(format!(
                    "`{}` leads out of `{path}`, so `rewrite` does nothing",
                    rule.path.as_str()
                )),
                Rule::RewriteRegex(rule) if leads_out(rule, &route.path) => Some(format!(
                    "the replacement leads out of `{path}`, so `rewrite` does nothing"
                )),
                Rule::StripPrefix(rule) => {
                    let mut prefixes = rule.prefixes.iter();
                    let stripped = prefixes.find(|prefix| route.path.within(prefix.as_str()));
                    stripped.map(|prefix| {
                        format!(
                            "without `{}` nothing is below `{path}`, so `rewrite` does nothing",
                            prefix.as_str()
                        )
                    })
                }
                Rule::Access(_)
                | Rule::AccessLog(_)
                | Rule::AccessPolicy(_)
                | Rule::AddPrefix(_)
                | Rule::BasicAuth(_)
                | Rule::BodyLimit(_)
                | Rule::ErrorInterceptor(_)
                | Rule::Redirect(_)
                | Rule::RedirectRegex(_)
                | Rule::RedirectScheme(_)
                | Rule::ReplacePath(_)
                | Rule::RequestHeaders(_)
                | Rule::RequestId(_)
                | Rule::ResponseHeaders(_)
                | Rule::RewriteRegex(_)
                | Rule::SecurityHeaders(_)
                | Rule::StripQuery(_) => None,
            };
            if let Some(message) = message {
                let warning = Diagnostic::new(
                    Code::RewriteShadowed,
                    format!("{}.middlewares", route.key),
                    span,
                    message,
                );
                diags.push(warning.help("let `rewrite` alone change the path"));
                break;
            }
        }
    }
}

/// Whether every match becomes a path that is not below the route's: the pattern begins where the
/// path does, and the whole segments of the text that comes first are others.
fn leads_out(rule: &RewriteRegex, route: &PathPattern) -> bool {
    let pattern = rule.pattern.as_str();
    let text = rule.replacement.beginning();
    let text = text.split('?').next().unwrap_or_default();
    pattern.starts_with('^') && !pattern.contains('|') && begins_outside(text, route)
}

/// Whether the path that takes the place of every other is not below the route's.
fn replaced_outside(rule: &ReplacePath, route: &PathPattern) -> bool {
    let path = rule.path.as_str();
    match path.split_once('{') {
        Some((text, _)) => begins_outside(text, route),
        None => !route.matches(path),
    }
}

/// Whether the whole segments of the beginning of a path are others than those of the route's.
fn begins_outside(text: &str, route: &PathPattern) -> bool {
    let whole = text.rsplit_once('/').map_or("", |(whole, _)| whole);
    let Ok(whole) = RoutePath::new(whole) else {
        return false;
    };
    let segments = whole.as_str().split('/').filter(|part| !part.is_empty());
    segments.zip(route.leading()).any(|(new, own)| new != own)
}
