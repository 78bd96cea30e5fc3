//! What a route does about trouble with its backends, in words and as JSON (config.md 7.6).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::resilience::{Cause, CircuitBreaker, Resilience, Retry, Timeouts};

/// One line for each key that the route has.
pub(super) fn lines(resilience: &Resilience) -> Vec<String> {
    let Resilience {
        in_flight_max,
        timeouts,
        retry,
        circuit_breaker,
    } = resilience;
    let most = in_flight_max.map(|most| format!("at most {most} at once"));
    let times: Vec<String> = timed(timeouts)
        .into_iter()
        .map(|(name, ms)| match ms {
            0 => format!("no {name} timeout"),
            ms => format!("{name} {}", time(ms)),
        })
        .collect();
    let times = (!times.is_empty()).then(|| format!("timeouts: {}", times.join(", ")));
    let retry = retry.as_ref().map(retry_line);
    let breaker = circuit_breaker.as_ref().map(breaker_line);
    let lines = [most, times, retry, breaker];
    lines.into_iter().flatten().collect()
}

fn retry_line(retry: &Retry) -> String {
    let causes: Vec<String> = retry.on.iter().map(|cause| cause.word()).collect();
    let causes = match causes.is_empty() {
        true => "nothing".to_owned(),
        false => causes.join(", "),
    };
    let share = percent(retry.budget);
    let tries = match retry.attempts {
        1 => "1 try".to_owned(),
        tries => format!("{tries} tries"),
    };
    format!("up to {tries} on {causes}, at most {share} of requests again")
}

fn breaker_line(breaker: &CircuitBreaker) -> String {
    let (share, least) = (percent(breaker.failure_ratio), breaker.requests_min);
    let (window, open) = (time(breaker.window_ms), time(breaker.open_ms));
    format!("circuit opens for {open} when {share} of {least} or more fail in {window}")
}

/// As far as they are set.
pub(super) fn json(resilience: &Resilience) -> Vec<(&'static str, Value)> {
    let Resilience {
        in_flight_max,
        timeouts,
        retry,
        circuit_breaker,
    } = resilience;
    let times: Map<String, Value> = timed(timeouts)
        .into_iter()
        .map(|(name, ms)| (name.to_owned(), json!(time(ms))))
        .collect();
    let retry = retry.as_ref().map(|retry| {
        let causes: Vec<String> = retry.on.iter().copied().map(Cause::word).collect();
        json!({
            "attempts": retry.attempts,
            "on": causes,
            "backoff": { "base": time(retry.base_ms), "max": time(retry.max_ms) },
            "budget": retry.budget,
        })
    });
    let breaker = circuit_breaker.as_ref().map(|breaker| {
        json!({
            "failureRatio": breaker.failure_ratio,
            "minRequests": breaker.requests_min,
            "window": time(breaker.window_ms),
            "openFor": time(breaker.open_ms),
            "halfOpenRequests": breaker.trials,
        })
    });
    let times = (!times.is_empty()).then_some(Value::Object(times));
    let all = [
        ("maxInFlight", in_flight_max.map(|most| json!(most))),
        ("timeouts", times),
        ("retry", retry),
        ("circuitBreaker", breaker),
    ];
    let set = |(name, value): (_, Option<Value>)| Some((name, value?));
    all.into_iter().filter_map(set).collect()
}

fn timed(timeouts: &Timeouts) -> Vec<(&'static str, u64)> {
    let Timeouts {
        connect_ms,
        response_header_ms,
        request_ms,
        idle_ms,
    } = timeouts;
    let all = [
        ("connect", connect_ms),
        ("responseHeader", response_header_ms),
        ("request", request_ms),
        ("idle", idle_ms),
    ];
    let set = |(name, ms): (_, &Option<u64>)| Some((name, (*ms)?));
    all.into_iter().filter_map(set).collect()
}

/// `1.5s`
fn time(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        ms => format!("{:?}", Duration::from_millis(ms)),
    }
}

/// Without decimals that say nothing.
fn percent(share: f64) -> String {
    format!("{} %", (share * 10_000.0).round() / 100.0)
}
