//! [`Code::IdentityHeaderOverwritten`] (MW-INT-4)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{HeaderName, Middleware, Model, Rule};

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in &model.routes {
        let mut identity: Vec<(&HeaderName, &Middleware)> = Vec::new();
        for (&id, &span) in route.middlewares.iter().zip(&route.middleware_spans) {
            let Some(middleware) = model.middleware(id) else {
                continue;
            };
            match &middleware.rule {
                Rule::BasicAuth(rule) if rule.forward_username => {
                    identity.push((&rule.username_header, middleware))
                }
                Rule::RequestHeaders(rule) => {
                    let set = rule.set.iter().map(|(name, _)| name.as_str());
                    let remove = rule.remove.iter().map(|pattern| pattern.as_str());
                    let changed: Vec<&str> = set.chain(remove).collect();
                    let hit = identity
                        .iter()
                        .find(|(name, _)| changed.iter().any(|other| touches(name, other)));
                    if let Some((name, auth)) = hit {
                        let (header, list, auth) = (name.as_str(), &middleware.name, &auth.name);
                        let message =
                            format!("`{list}` changes `{header}`, which `{auth}` sets before it");
                        let warning = Diagnostic::new(
                            Code::IdentityHeaderOverwritten,
                            format!("{}.middlewares", route.key),
                            span,
                            message,
                        );
                        diags.push(warning.help(format!(
                            "list `{list}` before `{auth}`, or use another header"
                        )));
                    }
                }
                Rule::Access(_)
                | Rule::AccessLog(_)
                | Rule::AccessPolicy(_)
                | Rule::AddPrefix(_)
                | Rule::BasicAuth(_)
                | Rule::BodyLimit(_)
                | Rule::RedirectScheme(_)
                | Rule::RequestId(_)
                | Rule::ResponseHeaders(_)
                | Rule::SecurityHeaders(_)
                | Rule::StripPrefix(_) => {}
            }
        }
    }
}

fn touches(name: &HeaderName, changed: &str) -> bool {
    match changed.strip_suffix('*') {
        Some(prefix) => {
            let start = name.as_str().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        }
        None => name.same(changed),
    }
}
