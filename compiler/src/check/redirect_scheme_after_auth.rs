//! [`Code::RedirectSchemeAfterAuth`] (MW-INT-2)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in &model.routes {
        let mut auth = None;
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            match (&middleware.rule, auth) {
                (Rule::BasicAuth(_), None) => auth = Some((middleware, span)),
                (Rule::RedirectScheme(_), Some((first, place))) => {
                    let (late, early) = (&middleware.name, &first.name);
                    let message =
                        format!("`{late}` redirects after `{early}` has asked for credentials");
                    let warning = Diagnostic::new(
                        Code::RedirectSchemeAfterAuth,
                        format!("{}.middlewares", route.key),
                        span,
                        message,
                    );
                    let warning = warning.label(place, "credentials are asked for here");
                    diags.push(warning.help(format!("list `{late}` before `{early}`")));
                }
                (
                    Rule::Access(_)
                    | Rule::AccessPolicy(_)
                    | Rule::AddPrefix(_)
                    | Rule::BasicAuth(_)
                    | Rule::BodyLimit(_)
                    | Rule::RedirectScheme(_)
                    | Rule::RequestHeaders(_)
                    | Rule::ResponseHeaders(_)
                    | Rule::StripPrefix(_),
                    _,
                ) => {}
            }
        }
    }
}
