//! Rules over the keys of one route, but for those that choose it (config.md section 7).

mod backend_match;
mod canary_no_stable;
mod exclusive_without_match;
mod hash_on;
mod health_check_missing;
mod health_check_passive_only;
mod retry_on;
mod timeout_unreachable;
mod weight_zero;

use super::Rule;
use crate::resolve::outline::{Outline, Route};

pub(super) const RULES: &[Rule] = &[
    backend_match::check,
    canary_no_stable::check,
    exclusive_without_match::check,
    hash_on::check,
    health_check_missing::check,
    health_check_passive_only::check,
    retry_on::check,
    timeout_unreachable::check,
    weight_zero::check,
];

/// Routes with two or more backends and no active checks.
fn unchecked(outline: &Outline) -> impl Iterator<Item = &Route> {
    outline.routes.iter().filter(|route| {
        let settings = &route.settings;
        settings.sections("backends").len() > 1 && !settings.has("healthCheck.path")
    })
}

/// Whether failing backends are ejected (RT-HEALTH-7).
fn ejects(outline: &Outline) -> bool {
    outline
        .file
        .on("gateway.networking.passiveHealthCheck.enabled")
}
