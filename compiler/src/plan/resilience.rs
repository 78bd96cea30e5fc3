//! What a row says of trouble with its backends.

use serde::Serialize;

use crate::model;
use crate::model::resilience::Cause;

/// How long anything may take, unless a row says.
const CONNECT_MS: u64 = 5000;

/// What differs from nothing at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resilience {
    /// Requests at once.
    pub in_flight_max: Option<u32>,
    /// `timeouts`
    pub timeouts: Option<Timeouts>,
    /// `retry`
    pub retry: Option<Retry>,
    /// `circuitBreaker`
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// Limits of time; 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// Per address.
    pub connect_ms: u64,
    /// Until the head of the response.
    pub response_header_ms: u64,
    /// Until its last byte.
    pub request_ms: u64,
    /// Between two pieces.
    pub idle_ms: u64,
}

/// Other tries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// In total.
    pub attempts: u32,
    /// After a failed connect.
    pub connect: bool,
    /// After an end before the head of the response.
    pub reset: bool,
    /// After a limit of time.
    pub timeout: bool,
    /// After one of these.
    pub statuses: Vec<u16>,
    /// Of the first pause.
    pub base_ms: u64,
    /// Of any pause.
    pub max_ms: u64,
    /// Share of requests, in millionths.
    pub budget_millionths: u32,
}

/// When a backend gets no requests for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CircuitBreaker {
    /// Share of failures, in millionths; not 0.
    pub failure_millionths: u32,
    /// Fewer decide nothing.
    pub requests_min: u32,
    /// Over which is counted.
    pub window_ms: u64,
    /// For how long.
    pub open_ms: u64,
    /// Then so many.
    pub trials: u32,
}

/// `None`: nothing differs.
pub(super) fn lower(
    resilience: &model::resilience::Resilience,
    transport: &model::Transport,
) -> Option<Resilience> {
    let model::resilience::Resilience {
        in_flight_max,
        timeouts,
        retry,
        circuit_breaker,
    } = resilience;
    let lowered = Resilience {
        in_flight_max: *in_flight_max,
        timeouts: self::timeouts(timeouts, transport.response_header_timeout_ms),
        retry: retry.as_ref().map(self::retry),
        circuit_breaker: circuit_breaker.as_ref().map(|breaker| CircuitBreaker {
            failure_millionths: millionths(breaker.failure_ratio).max(1),
            requests_min: breaker.requests_min,
            window_ms: breaker.window_ms,
            open_ms: breaker.open_ms,
            trials: breaker.trials,
        }),
    };
    let Resilience {
        in_flight_max,
        timeouts,
        retry,
        circuit_breaker,
    } = &lowered;
    let says = in_flight_max.is_some()
        || timeouts.is_some()
        || retry.is_some()
        || circuit_breaker.is_some();
    says.then_some(lowered)
}

/// `response_header_ms`: of the gateway.
fn timeouts(timeouts: &model::resilience::Timeouts, response_header_ms: u64) -> Option<Timeouts> {
    let usual = Timeouts {
        connect_ms: CONNECT_MS,
        response_header_ms: 0,
        request_ms: 0,
        idle_ms: 0,
    };
    let lowered = Timeouts {
        connect_ms: timeouts.connect_ms.unwrap_or(usual.connect_ms),
        response_header_ms: timeouts.response_header_ms.unwrap_or(response_header_ms),
        request_ms: timeouts.request_ms.unwrap_or_default(),
        idle_ms: timeouts.idle_ms.unwrap_or_default(),
    };
    Some(lowered).filter(|lowered| *lowered != usual)
}

fn retry(retry: &model::resilience::Retry) -> Retry {
    let status = |cause: &Cause| match cause {
        Cause::Status(status) => Some(*status),
        Cause::Connect | Cause::Reset | Cause::Timeout => None,
    };
    Retry {
        attempts: retry.attempts,
        connect: retry.on.contains(&Cause::Connect),
        reset: retry.on.contains(&Cause::Reset),
        timeout: retry.on.contains(&Cause::Timeout),
        statuses: retry.on.iter().filter_map(status).collect(),
        base_ms: retry.base_ms,
        max_ms: retry.max_ms,
        budget_millionths: millionths(retry.budget),
    }
}

/// Of a share from 0 to 1.
fn millionths(share: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1,000,000"
    )]
    let millionths = (share.clamp(0.0, 1.0) * 1_000_000.0).round() as u32;
    millionths
}
