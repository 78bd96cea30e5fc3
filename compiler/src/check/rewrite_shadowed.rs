//! [`Code::RewriteShadowed`] (MW-PREFIX-3, RT-REWRITE-1)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Rule};

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
                | Rule::RedirectScheme(_)
                | Rule::RequestHeaders(_)
                | Rule::RequestId(_)
                | Rule::ResponseHeaders(_)
                | Rule::SecurityHeaders(_) => None,
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
