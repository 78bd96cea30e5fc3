//! [`Code::UndefinedName`] of a `replacePath`: a parameter that the path of a route that lists it has
//! not (MW-REPL-1).

use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in &model.routes {
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some((name, Rule::ReplacePath(rule))) = model
                .middleware(id)
                .map(|middleware| (&middleware.name, &middleware.rule))
            else {
                continue;
            };
            let known = |wanted: &&str| route.path.parameters().any(|own| own == *wanted);
            let Some(missing) = rule.path.parameters().find(|wanted| !known(wanted)) else {
                continue;
            };
            let path = route.path.as_str().escape_debug();
            let message = format!(
                "`{name}` needs the parameter `{missing}`, which the path `{path}` has not"
            );
            let key = format!("{}.middlewares", route.key);
            let fault = Diagnostic::new(Code::UndefinedName, key, span, message);
            let fault = fault
                .label(rule.span, format!("`{{{missing}}}` is here"))
                .label(route.path_span, "the path of the route");
            diags.push(match nearest(missing, route.path.parameters()) {
                Some(near) => fault.help(format!("did you mean `{{{near}}}`?")),
                None => fault,
            });
        }
    }
}
