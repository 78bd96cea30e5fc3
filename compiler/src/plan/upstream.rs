//! What a row says of its backends beside their addresses and shares.

use serde::Serialize;

use crate::model;

/// How backends are asked whether they are well (RT-HEALTH-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// Printable ASCII, from `/` on.
    pub path: String,
    /// From one check to the next.
    pub interval_ms: u64,
    /// Longest time until an answer.
    pub timeout_ms: u64,
    /// None: below 400.
    pub healthy_statuses: Vec<u16>,
}

/// When a failing backend gets no requests for a while (RT-HEALTH-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PassiveHealthCheck {
    /// Failures in a row.
    pub fails_max: u32,
    /// For how long.
    pub eject_ms: u64,
}

pub(super) fn health_check(check: &model::HealthCheck) -> HealthCheck {
    HealthCheck {
        path: encoded(&check.path),
        interval_ms: check.interval_ms,
        timeout_ms: check.timeout_ms,
        healthy_statuses: check.healthy_statuses.clone(),
    }
}

pub(super) fn passive_health_check(passive: &model::PassiveHealthCheck) -> PassiveHealthCheck {
    PassiveHealthCheck {
        fails_max: passive.fails_max,
        eject_ms: passive.eject_ms,
    }
}

/// What does not belong into a request's target is escaped.
fn encoded(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'#' | b'\\' | 0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    path.bytes().map(escape).collect()
}
