//! [`Code::UnusedMiddleware`] (MW-GEN-22)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::Resolved;

pub(super) fn check(resolved: &Resolved, diags: &mut Diagnostics) {
    let Some(mentioned) = &resolved.mentioned else {
        return;
    };
    for middleware in &resolved.model.middlewares {
        let name = middleware.name.as_str();
        if !mentioned.contains(name) {
            let message = format!("no route uses the middleware `{name}`");
            let key = format!("{}.name", middleware.key);
            let warning = Diagnostic::new(Code::UnusedMiddleware, key, middleware.span, message);
            diags.push(warning.help("list it in `middlewares` of a route, or delete it"));
        }
    }
}
