//! [`Code::RewriteShadowed`] (MW-PREFIX-3)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in model.routes.iter().filter(|route| route.rewrite.is_some()) {
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            let Rule::AddPrefix(rule) = &middleware.rule else {
                continue;
            };
            if !rule.prefix.within(&route.path) {
                let (prefix, path) = (rule.prefix.as_str(), route.path.as_str());
                let message = format!(
                    "the prefix `{prefix}` leads out of `{path}`, so `rewrite` does nothing"
                );
                let warning = Diagnostic::new(
                    Code::RewriteShadowed,
                    format!("{}.middlewares", route.key),
                    span,
                    message,
                );
                diags.push(warning.help("put the prefix into `rewrite`"));
                break;
            }
        }
    }
}
