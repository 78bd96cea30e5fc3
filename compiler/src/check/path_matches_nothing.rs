//! [`Code::PathMatchesNothing`] (MW-PATH-11): a scope of a middleware without a path of a route that
//! lists it. Claimed only where that is certain.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::scope::Pattern;
use crate::model::{Model, PathType, Route};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in model.routes.iter().filter(|route| route.enabled) {
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            // An entry that has changed the path may have made any other of it.
            if middleware.rule.changes_path() {
                break;
            }
            let patterns = middleware.scope.iter().flat_map(|scope| &scope.patterns);
            for pattern in patterns.filter(|pattern| matches_nothing(pattern, route)) {
                let (name, scope) = (&middleware.name, pattern.as_str());
                let (path, own) = (route.path.as_str(), &route.name);
                let message = format!("the scope `{scope}` of `{name}` fits no path of `{own}`");
                let key = format!("{}.middlewares", route.key);
                let warning = Diagnostic::new(Code::PathMatchesNothing, key, span, message);
                let warning =
                    warning.label(route.path_span, format!("all its paths are below `{path}`"));
                diags.push(
                    warning.help(
                        "write the scope from the root, or below the route's path without `^`",
                    ),
                );
            }
        }
    }
}

fn matches_nothing(pattern: &Pattern, route: &Route) -> bool {
    match pattern {
        // Below a prefix there is everything; a single path is decided.
        Pattern::Literal(_) => {
            let plain = route.path.parameters().next().is_none();
            let single = route.path.path_type() == PathType::Exact && plain;
            single && !pattern.covers(route.path.as_str()) && !pattern.covers("/")
        }
        // With `^` it is tried on the whole path only, which begins with the route's.
        Pattern::Regex(regex) if regex.as_str().starts_with('^') => {
            let start: String = route.path.leading().flat_map(|part| ["/", part]).collect();
            let literal = regex.literal();
            let pairs = literal.bytes().zip(start.bytes());
            pairs
                .into_iter()
                .any(|(wanted, sent)| !wanted.eq_ignore_ascii_case(&sent))
        }
        Pattern::Regex(_) => false,
    }
}
