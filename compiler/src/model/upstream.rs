//! Backends of a route, and what is known of them.

use super::Value;

/// Where a route forwards to.
#[derive(Clone, Debug)]
pub struct Backend {
    /// A url.
    pub endpoint: Value,
    /// Its share among the backends of its route (RT-LB-4); `None`: no key says.
    pub weight: Option<u32>,
}

/// `healthCheck` with a path (RT-HEALTH-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Asked for below each endpoint.
    pub path: String,
    /// From one check to the next.
    pub interval_ms: u64,
    /// Longest time until an answer.
    pub timeout_ms: u64,
    /// None: below 400.
    pub healthy_statuses: Vec<u16>,
}

/// `networking.passiveHealthCheck` (RT-HEALTH-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassiveHealthCheck {
    /// Failures in a row.
    pub fails_max: u32,
    /// How long a backend gets no requests then.
    pub eject_ms: u64,
}
