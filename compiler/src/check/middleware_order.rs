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
            match (&middleware.rule, changer) {
                (Rule::AddPrefix(_) | Rule::StripPrefix(_), None) => {
                    changer = Some((middleware, span));
                }
                (
                    Rule::Access(_) | Rule::AccessPolicy(_) | Rule::BasicAuth(_),
                    Some((first, place)),
                ) if middleware.scope.is_some() => {
                    let (guard, early) = (&middleware.name, &first.name);
                    let message =
                        format!("`{guard}` guards some paths, but `{early}` changes them before");
                    let key = format!("{}.middlewares", route.key);
                    let warning = Diagnostic::new(Code::MiddlewareOrder, key, span, message);
                    let warning = warning.label(place, "the path changes here");
                    diags.push(warning.help(format!("list `{guard}` before `{early}`")));
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
