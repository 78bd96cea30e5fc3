//! How the backends of a route are taken.

use super::*;
use crate::clock::Clock;
use crate::gateway::PassiveHealthCheck;
use crate::route::{HealthCheck, Route};
use crate::values::scalar;

static PLAIN: Route = Route::PLAIN;
static CHECKED: Route = Route {
    name: "r",
    health_check: Some(HealthCheck {
        path: "/up",
        interval_ms: 1000,
        timeout_ms: 1000,
        healthy_statuses: &[],
    }),
    ..Route::PLAIN
};

fn resolved(route: &'static Route, weighted: &[(&'static str, u32)]) -> ResolvedUpstream {
    let backend = |(text, weight): &(&'static str, u32)| ResolvedBackend {
        text,
        url: scalar::url(text).unwrap(),
        weight: *weight,
        standing: Arc::default(),
    };
    ResolvedUpstream {
        route,
        backends: weighted.iter().map(backend).collect(),
        ejection: Some(Arc::new(Ejection::new(&PassiveHealthCheck {
            fails_max: 1,
            eject_ms: 10_000,
        }))),
    }
}

fn of(resolved: &ResolvedUpstream, offset: usize) -> Upstream {
    Upstream::new(resolved, &Pools::new(Clock::new(), 1), offset)
}

fn upstream(weighted: &[(&'static str, u32)], offset: usize) -> Upstream {
    of(&resolved(&PLAIN, weighted), offset)
}

fn fail(upstream: &Upstream, index: usize) -> bool {
    let backend = &upstream.backends[index];
    upstream.failed(backend).is_some()
}

fn order(upstream: &Upstream) -> String {
    let texts: Vec<_> = upstream.in_turn().map(|backend| backend.text).collect();
    texts.join(" ")
}

/// RT-LB-3
#[test]
fn round_robin_in_list_order_from_the_core_s_own_offset() {
    let upstream = upstream(&[("http://a", 1), ("http://b", 1), ("http://c", 1)], 4);
    assert_eq!(order(&upstream), "http://b http://c http://a");
    assert_eq!(order(&upstream), "http://c http://a http://b");
    assert_eq!(order(&upstream), "http://a http://b http://c");
}

/// RT-LB-4, RT-LB-5, RT-UP-9: what has no share is not tried either.
#[test]
fn a_weight_of_zero_gets_nothing() {
    let some = upstream(&[("http://a", 2), ("http://b", 0), ("http://c", 1)], 0);
    assert_eq!(order(&some), "http://a http://c");
    assert_eq!(order(&some), "http://c http://a");
    assert_eq!(some.target(), None);
    let none = upstream(&[("http://a", 0), ("http://b", 0)], 3);
    assert!(none.is_empty() && order(&none).is_empty());
}

/// RT-LB-4: over all cores, each share is within 1 % of weight / sum.
#[test]
fn shares_hold_across_cores() {
    const REQUESTS: usize = 100_000;
    let weighted = [("http://a", 70), ("http://b", 25), ("http://c", 5)];
    let cores: Vec<_> = (0..16).map(|core| upstream(&weighted, core)).collect();
    let mut taken = std::collections::BTreeMap::new();
    for (request, core) in (0..REQUESTS).zip(cores.iter().cycle()) {
        // Cores do not get equally many.
        let core = if request % 7 == 0 { &cores[0] } else { core };
        let first = core.in_turn().next().unwrap().text;
        *taken.entry(first).or_insert(0_usize) += 1;
    }
    for (text, weight) in weighted {
        let exact = REQUESTS * weight as usize / 100;
        assert!(taken[text].abs_diff(exact) <= exact / 100, "{taken:?}");
    }
}

/// RT-LB-5, RT-LB-6, RT-HEALTH-4: what one core learns all know; shares are then what they are to one
/// another.
#[test]
fn what_is_not_available_gets_nothing() {
    let weighted = [("http://a", 2), ("http://b", 1), ("http://c", 1)];
    let resolved = resolved(&CHECKED, &weighted);
    let (one, other) = (of(&resolved, 0), of(&resolved, 0));
    let down = |index: usize, is_down: bool| {
        let cause = is_down.then(|| "x".to_owned());
        resolved.backends[index].standing.checked(cause);
    };
    down(0, true);
    assert!(fail(&one, 1));
    assert_eq!(order(&one), "http://c");
    assert_eq!(order(&other), "http://c");
    down(2, true);
    // The only one that is not down is ejected: then that does not count (RT-HEALTH-9).
    assert_eq!(order(&one), "http://b");
    down(1, true);
    assert_eq!(order(&one), "");
    for index in 0..3 {
        down(index, false);
    }
    let taken: Vec<_> = (0..300).map(|_| order(&other)).collect();
    let first = |text: &str| taken.iter().filter(|order| order.starts_with(text)).count();
    assert!(first("http://a").abs_diff(200) <= 1 && first("http://c").abs_diff(100) <= 1);
    assert!(!taken.iter().any(|order| order.contains("http://b")));
}

/// RT-LB-1, RT-HEALTH-5, RT-HEALTH-7: a single backend is never judged.
#[test]
fn the_only_backend_is_always_it() {
    let resolved = resolved(&CHECKED, &[("http://a", 1)]);
    let upstream = of(&resolved, 0);
    resolved.backends[0].standing.checked(Some("x".to_owned()));
    assert!(!fail(&upstream, 0));
    assert_eq!(order(&upstream), "http://a");
}

/// RT-LB-3: without the one that is down, the others share evenly.
#[test]
fn round_robin_over_the_others() {
    let resolved = resolved(
        &CHECKED,
        &[("http://a", 1), ("http://b", 1), ("http://c", 1)],
    );
    let upstream = of(&resolved, 0);
    resolved.backends[0].standing.checked(Some("x".to_owned()));
    assert_eq!(order(&upstream), "http://b http://c");
    assert_eq!(order(&upstream), "http://c http://b");
    assert_eq!(order(&upstream), "http://b http://c");
}

/// RT-OBS-3
#[test]
fn names_of_what_is_checked() {
    let several = [("http://a", 0), ("http://b", 1)];
    let upstreams = vec![
        resolved(&PLAIN, &several),
        resolved(&CHECKED, &several),
        resolved(&CHECKED, &[("http://c", 1)]),
    ];
    upstreams[1].backends[0]
        .standing
        .checked(Some("x".to_owned()));
    let shown: Vec<_> = report(&upstreams).collect();
    let text = |name: &str, cause: Option<&str>| (name.to_owned(), cause.map(str::to_owned));
    assert_eq!(
        shown,
        [
            text("r - [0]", Some("x")),
            text("r - [1]", None),
            text("r", None)
        ]
    );
}
