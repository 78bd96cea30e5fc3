//! What a route says of trouble with its backends: `retry`, `timeouts`, `circuitBreaker`, `maxInFlight`
//! (config.md 7.6).

use super::fields::{Fields, Leaf, Leaves};

/// The keys of a route that are about it.
pub(crate) struct Resilience {
    pub(crate) max_in_flight: Option<Leaf>,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) retry: Option<Retry>,
    pub(crate) circuit_breaker: Option<CircuitBreaker>,
}

/// `timeouts`
pub(crate) struct Timeouts {
    pub(crate) connect: Option<Leaf>,
    pub(crate) response_header: Option<Leaf>,
    pub(crate) request: Option<Leaf>,
    pub(crate) idle: Option<Leaf>,
}

/// `retry`
pub(crate) struct Retry {
    pub(crate) attempts: Option<Leaf>,
    pub(crate) on: Option<Leaves>,
    /// `backoff.base`
    pub(crate) base: Option<Leaf>,
    /// `backoff.max`
    pub(crate) max: Option<Leaf>,
    pub(crate) budget: Option<Leaf>,
}

/// `circuitBreaker`
pub(crate) struct CircuitBreaker {
    pub(crate) failure_ratio: Option<Leaf>,
    pub(crate) min_requests: Option<Leaf>,
    pub(crate) window: Option<Leaf>,
    pub(crate) open_for: Option<Leaf>,
    pub(crate) half_open_requests: Option<Leaf>,
}

pub(super) fn decode(route: &mut Fields<'_>) -> Resilience {
    Resilience {
        max_in_flight: route.leaf("maxInFlight"),
        timeouts: timeouts(route),
        retry: retry(route),
        circuit_breaker: circuit_breaker(route),
    }
}

fn timeouts(route: &mut Fields<'_>) -> Option<Timeouts> {
    let mut fields = route.section("timeouts")?;
    let timeouts = Timeouts {
        connect: fields.leaf("connect"),
        response_header: fields.leaf("responseHeader"),
        request: fields.leaf("request"),
        idle: fields.leaf("idle"),
    };
    fields.finish();
    Some(timeouts)
}

/// Switched on by being there, even if it is empty.
fn retry(route: &mut Fields<'_>) -> Option<Retry> {
    let present = route.has("retry");
    let mut fields = route.section("retry")?;
    let (base, max) = backoff(&mut fields);
    let retry = Retry {
        attempts: fields.leaf("attempts"),
        on: fields.leaves("on"),
        base,
        max,
        budget: fields.leaf("budget"),
    };
    fields.finish();
    present.then_some(retry)
}

fn backoff(retry: &mut Fields<'_>) -> (Option<Leaf>, Option<Leaf>) {
    let Some(mut fields) = retry.section("backoff") else {
        return (None, None);
    };
    let leaves = (fields.leaf("base"), fields.leaf("max"));
    fields.finish();
    leaves
}

/// Switched on by being there, even if it is empty.
fn circuit_breaker(route: &mut Fields<'_>) -> Option<CircuitBreaker> {
    let present = route.has("circuitBreaker");
    let mut fields = route.section("circuitBreaker")?;
    let breaker = CircuitBreaker {
        failure_ratio: fields.leaf("failureRatio"),
        min_requests: fields.leaf("minRequests"),
        window: fields.leaf("window"),
        open_for: fields.leaf("openFor"),
        half_open_requests: fields.leaf("halfOpenRequests"),
    };
    fields.finish();
    present.then_some(breaker)
}
