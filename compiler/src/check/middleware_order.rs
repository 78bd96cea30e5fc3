//! [`Code::MiddlewareOrder`]: an entry that changes the path before one that guards part of it.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in &model.routes {
        let mut changer = None;
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            let rule = &middleware.rule;
            if rule.changes_path() {
                changer = changer.or(Some((middleware, span)));
                continue;
            }
            let guards =
                rule.is_authentication() || matches!(rule, Rule::Access(_) | Rule::AccessPolicy(_));
            let Some((first, place)) = changer.filter(|_| guards && middleware.scope.is_some())
            else {
                continue;
            };
            let (guard, early) = (&middleware.name, &first.name);
            let message = format!("`{guard}` guards some paths, but `{early}` changes them before");
            let key = format!("{}.middlewares", route.key);
            let warning = Diagnostic::new(Code::MiddlewareOrder, key, span, message);
            let warning = warning.label(place, "the path changes here");
            diags.push(warning.help(format!("list `{guard}` before `{early}`")));
        }
    }
}
