//! `retry`, `timeouts`, `circuitBreaker` and `maxInFlight` of a route (config.md 7.6).

use super::grammar;
use super::read::Cx;
use super::upstream::milliseconds;
use crate::dialect::Scalar;
use crate::model::resilience::{Cause, CircuitBreaker, Resilience, Retry, Timeouts};
use crate::model::scalar;
use crate::spec::fields::{Leaf, Leaves};
use crate::spec::resilience as spec;

/// The most tries of a request.
const ATTEMPTS_MAX: i64 = 10;
/// The largest number of requests that a key may say.
const REQUESTS_MAX: i64 = u32::MAX as i64;

/// `None`: faulty.
pub(super) fn resolve(spec: &spec::Resilience, cx: &mut Cx<'_>) -> Option<Resilience> {
    let in_flight_max = count(spec.max_in_flight.as_ref(), (0, REQUESTS_MAX, 0), cx);
    let timeouts = match &spec.timeouts {
        Some(spec) => timeouts(spec, cx),
        None => Some(Timeouts::default()),
    };
    let retry = spec.retry.as_ref().map(|spec| retry(spec, cx));
    let breaker = spec.circuit_breaker.as_ref();
    let breaker = breaker.map(|spec| circuit_breaker(spec, cx));
    Some(Resilience {
        in_flight_max: in_flight_max.map(|most| Some(most).filter(|most| *most > 0))?,
        timeouts: timeouts?,
        retry: whole(retry)?,
        circuit_breaker: whole(breaker)?,
    })
}

/// What is there, without its fault; `None`: it has one.
#[expect(clippy::option_option, reason = "absent and faulty are not the same")]
fn whole<T>(resolved: Option<Option<T>>) -> Option<Option<T>> {
    match resolved {
        None => Some(None),
        Some(resolved) => resolved.map(Some),
    }
}

fn timeouts(spec: &spec::Timeouts, cx: &mut Cx<'_>) -> Option<Timeouts> {
    let connect = time(spec.connect.as_ref(), cx);
    let response_header = time(spec.response_header.as_ref(), cx);
    let request = time(spec.request.as_ref(), cx);
    let idle = time(spec.idle.as_ref(), cx);
    Some(Timeouts {
        connect_ms: connect?,
        response_header_ms: response_header?,
        request_ms: request?,
        idle_ms: idle?,
    })
}

/// The outer `None`: faulty; the inner: absent.
#[expect(clippy::option_option, reason = "absent and faulty are not the same")]
fn time(leaf: Option<&Leaf>, cx: &mut Cx<'_>) -> Option<Option<u64>> {
    match leaf.filter(|leaf| !leaf.null) {
        None => Some(None),
        leaf => milliseconds(leaf, (0, 0), cx).map(Some),
    }
}

fn retry(spec: &spec::Retry, cx: &mut Cx<'_>) -> Option<Retry> {
    let attempts = count(spec.attempts.as_ref(), (1, ATTEMPTS_MAX, 2), cx);
    let on = causes(spec.on.as_ref(), cx);
    let base = milliseconds(spec.base.as_ref(), (0, 25), cx);
    let max = milliseconds(spec.max.as_ref(), (0, 1000), cx);
    let budget = float(spec.budget.as_ref(), Scalar::Float(0.0, 1.0), 0.2, cx);
    Some(Retry {
        attempts: attempts?,
        on: on?,
        base_ms: base?,
        max_ms: max?,
        budget: budget?,
    })
}

/// Words that are none of these are a finding of `check/routes/retry_on`.
fn causes(leaves: Option<&Leaves>, cx: &mut Cx<'_>) -> Option<Vec<Cause>> {
    let Some(leaves) = leaves else {
        let statuses = [502, 503, 504].map(Cause::Status);
        return Some([&[Cause::Connect, Cause::Reset][..], &statuses].concat());
    };
    let texts = cx.texts(Some(leaves));
    let mut causes = Vec::new();
    for (_, text) in &texts.items {
        let cause = match text.as_str() {
            "connect" => Some(Cause::Connect),
            "reset" => Some(Cause::Reset),
            "timeout" => Some(Cause::Timeout),
            status => scalar::parse_int(status)
                .ok()
                .and_then(|status| u16::try_from(status).ok())
                .map(Cause::Status),
        };
        causes.extend(cause.filter(|cause| !causes.contains(cause)));
    }
    causes.sort_unstable();
    texts.whole.then_some(causes)
}

fn circuit_breaker(spec: &spec::CircuitBreaker, cx: &mut Cx<'_>) -> Option<CircuitBreaker> {
    let above_none = Scalar::FloatAbove(0.0, 1.0);
    let ratio = float(spec.failure_ratio.as_ref(), above_none, 0.5, cx);
    let requests = count(spec.min_requests.as_ref(), (1, REQUESTS_MAX, 20), cx);
    let window = milliseconds(spec.window.as_ref(), (1, 10_000), cx);
    let open = milliseconds(spec.open_for.as_ref(), (1, 10_000), cx);
    let trials = count(spec.half_open_requests.as_ref(), (1, REQUESTS_MAX, 3), cx);
    Some(CircuitBreaker {
        failure_ratio: ratio?,
        requests_min: requests?,
        window_ms: window?,
        open_ms: open?,
        trials: trials?,
    })
}

/// A whole number from `least` to `most`, and its default. `None`: faulty.
fn count(
    leaf: Option<&Leaf>,
    (least, most, default): (i64, i64, u32),
    cx: &mut Cx<'_>,
) -> Option<u32> {
    match leaf.filter(|leaf| !leaf.null) {
        None => Some(default),
        Some(leaf) => u32::try_from(cx.int(leaf, least, most)?).ok(),
    }
}

/// `None`: faulty.
fn float(leaf: Option<&Leaf>, scalar: Scalar, default: f64, cx: &mut Cx<'_>) -> Option<f64> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return Some(default);
    };
    let text = cx.text(leaf)?.text;
    match grammar::check(scalar, &text) {
        Ok(()) => scalar::parse_float(&text).ok(),
        Err((code, invalid)) => {
            cx.fault(code, leaf, invalid);
            None
        }
    }
}
