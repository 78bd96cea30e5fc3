//! Rules over a whole model: one file per rule, and the list of all. What concerns a single value
//! or section is found where it is read, in `spec` and `resolve`.

mod allow;
mod duplicate_backend;
mod files;
mod gateway;
mod host_less_shadow;
mod log_unredacted;
mod order;
mod path_matches_nothing;
mod path_parameter;
mod priority_mixed;
mod redirect_loop;
mod reserved_path;
mod rewrite_shadowed;
mod route_conflict;
mod route_overlap;
mod route_shadowed;
mod route_space;
mod route_tree;
mod routes;
mod types;
mod unused_middleware;
pub(crate) mod v1;

use crate::diag::Diagnostics;
use crate::model::Model;
use crate::resolve::Resolved;
use crate::resolve::outline::Outline;

pub(crate) use allow::allow;
pub use files::StartFile;
pub(crate) use files::start_files;

/// All rules that look at the model alone. Each must hold for a model with gaps too: it may report
/// only what no further item could undo.
const RULES: &[fn(&Model, &mut Diagnostics)] = &[
    duplicate_backend::check,
    host_less_shadow::check,
    log_unredacted::check,
    path_matches_nothing::check,
    path_parameter::check,
    priority_mixed::check,
    redirect_loop::check,
    reserved_path::check,
    rewrite_shadowed::check,
    route_conflict::check,
    route_overlap::check,
    route_shadowed::check,
];

/// A rule that looks at everything that was meant, built or not.
type Rule = fn(&Outline, &mut Diagnostics);

/// Applies every rule.
pub(crate) fn check(resolved: &Resolved, diags: &mut Diagnostics) {
    let rules = [gateway::RULES, order::RULES, routes::RULES, types::RULES];
    for rule in rules.into_iter().flatten() {
        rule(&resolved.outline, diags);
    }
    for rule in RULES {
        rule(&resolved.model, diags);
    }
    unused_middleware::check(resolved, diags);
}
