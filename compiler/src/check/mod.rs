//! Rules over a whole model: one file per rule, and the list of all. What concerns a single value
//! or section is found where it is read, in `spec` and `resolve`.

mod allow;
mod duplicate_backend;
mod host_less_shadow;
mod identity_header_overwritten;
mod log_unredacted;
mod middleware_order;
mod redirect_scheme_after_auth;
mod reserved_path;
mod rewrite_shadowed;
mod route_conflict;
mod unused_middleware;

use crate::diag::Diagnostics;
use crate::model::Model;
use crate::resolve::Resolved;

pub(crate) use allow::allow;

/// All rules that look at the model alone. Each must hold for a model with gaps too: it may report
/// only what no further item could undo.
const RULES: &[fn(&Model, &mut Diagnostics)] = &[
    duplicate_backend::check,
    host_less_shadow::check,
    identity_header_overwritten::check,
    log_unredacted::check,
    middleware_order::check,
    redirect_scheme_after_auth::check,
    reserved_path::check,
    rewrite_shadowed::check,
    route_conflict::check,
];

/// Applies every rule.
pub(crate) fn check(resolved: &Resolved, diags: &mut Diagnostics) {
    for rule in RULES {
        rule(&resolved.model, diags);
    }
    unused_middleware::check(resolved, diags);
}
