//! [`Code::RedirectLoop`] (MW-REDIR-4)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::rule::Redirect;
use crate::model::{Model, Route, RoutePath, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in &model.routes {
        let mut moved = false;
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            let Rule::Redirect(rule) = &middleware.rule else {
                moved |= middleware.rule.changes_path();
                continue;
            };
            let Some(target) = own_path(rule).filter(|target| answers(model, route, target)) else {
                continue;
            };
            // Behind a change of the path nothing is certain of a part of the route.
            let covered = middleware.scope.as_ref().is_none_or(|scope| {
                let target = target.as_str();
                !moved
                    && scope.covers(
                        target,
                        |path| route.path.below(path),
                        middleware.rule.is_guard(),
                    )
            });
            if covered {
                let (name, target) = (&middleware.name, target.as_str());
                let message = format!("`{name}` leads to `{target}`, which it redirects again");
                let key = format!("{}.middlewares", route.key);
                let fault = Diagnostic::new(Code::RedirectLoop, key, span, message);
                let fault = fault.label(rule.url.span, "it leads here");
                diags.push(fault.help("redirect only part of the route, by `paths`, or elsewhere"));
            }
        }
    }
}

/// The path that a redirect surely leads to, if it stays on the host.
fn own_path(rule: &Redirect) -> Option<RoutePath> {
    let text = rule.url.text()?;
    let path = text.split(['?', '#']).next()?;
    let own = path.starts_with('/') && !path.starts_with("//");
    own.then(|| RoutePath::new(path).ok())?
}

/// Whether a route surely answers a path: it fits, and no route that fits too could come before it.
fn answers(model: &Model, route: &Route, path: &RoutePath) -> bool {
    let path = path.as_str();
    let before = |other: &Route| {
        other.enabled
            && other.name != route.name
            && other.path.matches(path)
            && (other.priority.is_some()
                || !other.conditions.is_empty()
                || other.path.rank() < route.path.rank())
    };
    route.conditions.is_empty() && route.path.matches(path) && !model.routes.iter().any(before)
}
