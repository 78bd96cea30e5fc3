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
            if middleware.rule.is_authentication() {
                auth = auth.or(Some((middleware, span)));
            }
            let redirects = matches!(middleware.rule, Rule::RedirectScheme(_));
            let Some((first, place)) = auth.filter(|_| redirects) else {
                continue;
            };
            let (late, early) = (&middleware.name, &first.name);
            let message = format!("`{late}` redirects after `{early}` has asked for credentials");
            let key = format!("{}.middlewares", route.key);
            let warning = Diagnostic::new(Code::RedirectSchemeAfterAuth, key, span, message);
            let warning = warning.label(place, "credentials are asked for here");
            diags.push(warning.help(format!("list `{late}` before `{early}`")));
        }
    }
}
