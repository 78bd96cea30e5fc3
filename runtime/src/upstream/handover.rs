//! What is known of backends, as notes for the gateway that takes over (RT-TAKE-5, RT-HEALTH-4): of each route
//! and endpoint that both have, as far as both judge them by the same rule.

use std::collections::HashMap;
use std::time::Duration;

use super::circuit::Recalled;
use super::resolved::{ResolvedBackend, ResolvedBackends, ResolvedUpstream, checked};
use super::standing::Failures;
use super::window::Counts;
use crate::handover::Note;

/// The last check failed: route, endpoint, rule, cause.
const HEALTH: &str = "health";
/// Connections failed: route, endpoint, rule, how many in a row, for how many milliseconds it is ejected yet.
const EJECTION: &str = "ejection";
/// Route, endpoint, rule, then `open` and for how many milliseconds yet, or `closed` and what was counted:
/// age, requests and failures of each part of the window.
const CIRCUIT: &str = "circuit";

/// What checks have found.
pub fn notes_of_checks(upstreams: &ResolvedBackends) -> impl Iterator<Item = Note> {
    checked(upstreams).flat_map(|(_, upstream)| {
        let rule = rule_of_checks(upstream).unwrap_or_default();
        upstream.backends.iter().filter_map(move |backend| {
            let cause = backend.standing.cause()?;
            let words = [upstream.route.name, backend.text, &rule, &cause];
            Some(Note::new(HEALTH, words))
        })
    })
}

/// What requests have left behind.
pub fn notes_of_requests(upstreams: &ResolvedBackends) -> impl Iterator<Item = Note> {
    upstreams.iter().flat_map(|upstream| {
        let backends = upstream.backends.iter();
        backends.flat_map(|backend| {
            let notes = [
                ejection_note(upstream, backend),
                circuit_note(upstream, backend),
            ];
            notes.into_iter().flatten()
        })
    })
}

fn ejection_note(upstream: &ResolvedUpstream, backend: &ResolvedBackend) -> Option<Note> {
    let ejection = upstream.ejection.as_deref()?;
    let Failures { in_a_row, left } = backend.standing.failures(ejection)?;
    let left = left.map_or_else(String::new, |left| left.as_millis().to_string());
    let (rule, in_a_row) = (ejection.rule(), in_a_row.to_string());
    let words = [upstream.route.name, backend.text, &rule, &in_a_row, &left];
    Some(Note::new(EJECTION, words))
}

fn circuit_note(upstream: &ResolvedUpstream, backend: &ResolvedBackend) -> Option<Note> {
    let circuit = backend.circuit.as_deref()?;
    let rest = match circuit.recall()? {
        Recalled::Open(left) => vec!["open".to_owned(), left.as_millis().to_string()],
        Recalled::Closed(counted) => {
            let counted = counted.iter();
            let counted = counted.map(|(age, Counts { all, some })| format!("{age} {all} {some}"));
            std::iter::once("closed".to_owned())
                .chain(counted)
                .collect()
        }
    };
    let rule = circuit.rule();
    let words = [upstream.route.name, backend.text, rule.as_str()].into_iter();
    Some(Note::new(
        CIRCUIT,
        words.chain(rest.iter().map(String::as_str)),
    ))
}

/// Takes notes of another gateway over. What is not understood, or said of what is not here, is passed over.
pub fn adopt(upstreams: &ResolvedBackends, notes: &[Note]) {
    let mut places = HashMap::new();
    for upstream in upstreams {
        for backend in &upstream.backends {
            let place = places.entry((upstream.route.name, backend.text));
            place.or_insert((upstream.as_ref(), backend));
        }
    }
    for note in notes {
        let words: Vec<&str> = note.words.iter().map(String::as_str).collect();
        let [route, endpoint, rule, rest @ ..] = words.as_slice() else {
            continue;
        };
        if let Some((upstream, backend)) = places.get(&(*route, *endpoint)) {
            let _ = adopt_one(upstream, backend, (&note.kind, rule), rest);
        }
    }
}

fn adopt_one(
    upstream: &ResolvedUpstream,
    backend: &ResolvedBackend,
    (kind, rule): (&str, &str),
    rest: &[&str],
) -> Option<()> {
    match (kind, rest) {
        (HEALTH, [cause, ..]) if rule_of_checks(upstream)? == rule => {
            backend.standing.checked(Some((*cause).to_owned()));
        }
        (EJECTION, [in_a_row, left, ..]) => {
            let ejection = upstream.ejection.as_deref();
            let ejection = ejection.filter(|ejection| ejection.rule() == rule)?;
            let failures = Failures {
                in_a_row: in_a_row.parse().ok()?,
                left: match *left {
                    "" => None,
                    left => Some(milliseconds(left)?),
                },
            };
            backend.standing.remember(&failures, ejection);
        }
        (CIRCUIT, [phase, rest @ ..]) => {
            let circuit = backend.circuit.as_deref();
            let circuit = circuit.filter(|circuit| circuit.rule() == rule)?;
            circuit.remember(&match (*phase, rest) {
                ("open", [left, ..]) => Recalled::Open(milliseconds(left)?),
                ("closed", counted) => {
                    let counted = counted.iter().copied().map(counted_of);
                    Recalled::Closed(counted.collect::<Option<_>>()?)
                }
                _ => return None,
            });
        }
        _ => {}
    }
    Some(())
}

fn rule_of_checks(upstream: &ResolvedUpstream) -> Option<String> {
    Some(format!("{:?}", upstream.route.health_check?))
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

fn counted_of(text: &str) -> Option<(u64, Counts)> {
    let mut numbers = text.split(' ').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    let (age, all, some) = (next()?, next()?, next()?);
    Some((age, Counts { all, some }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::circuit::Circuit;
    use super::super::endpoint::Endpoint;
    use super::super::standing::{Condition, Ejection};
    use super::*;
    use crate::gateway::PassiveHealthCheck;
    use crate::route::{CircuitBreaker, HealthCheck, Resilience, Route};
    use crate::values::scalar;

    const RULE: CircuitBreaker = CircuitBreaker {
        failure_millionths: 500_000,
        requests_min: 2,
        window_ms: 10_000,
        open_ms: 10_000,
        trials: 1,
    };
    const CHECK: HealthCheck = HealthCheck {
        path: "/up",
        interval_ms: 1000,
        timeout_ms: 1000,
        healthy_statuses: &[],
    };
    static RESILIENCE: Resilience = Resilience {
        circuit_breaker: Some(RULE),
        ..Resilience::NONE
    };
    static ROUTE: Route = Route {
        name: "a\troute",
        health_check: Some(CHECK),
        resilience: Some(&RESILIENCE),
        ..Route::PLAIN
    };
    static OTHER_RESILIENCE: Resilience = Resilience {
        circuit_breaker: Some(CircuitBreaker { trials: 2, ..RULE }),
        ..Resilience::NONE
    };
    static OTHER_RULES: Route = Route {
        health_check: Some(HealthCheck {
            path: "/other",
            ..CHECK
        }),
        resilience: Some(&OTHER_RESILIENCE),
        ..ROUTE
    };

    fn backends(route: &'static Route, fails_max: u32, texts: &[&'static str]) -> ResolvedBackends {
        let rule = route.resilience.and_then(|row| row.circuit_breaker);
        let backend = |text: &&'static str| ResolvedBackend {
            text,
            endpoint: Endpoint::plain(scalar::url(text).unwrap()),
            weight: 1,
            standing: Arc::default(),
            circuit: rule.map(|rule| Arc::new(Circuit::new(rule))),
        };
        let passive = PassiveHealthCheck {
            fails_max,
            eject_ms: 10_000,
        };
        vec![Arc::new(ResolvedUpstream {
            route,
            backends: texts.iter().map(backend).collect(),
            canaries: Vec::new(),
            sticky: None,
            ejection: Some(Arc::new(Ejection::new(&passive))),
            measures: None,
        })]
    }

    /// What is known of each backend: condition, failures in a row, whether its circuit lets requests pass.
    fn known(backends: &ResolvedBackends) -> Vec<(Condition, u64, bool)> {
        let upstream = &backends[0];
        let ejection = upstream.ejection.as_deref().unwrap();
        let known = upstream.backends.iter().map(|backend| {
            let failures = backend.standing.failures(ejection);
            (
                backend.standing.condition(Some(ejection)),
                failures.map_or(0, |failures| failures.in_a_row),
                backend.circuit.as_ref().unwrap().wait().is_none(),
            )
        });
        known.collect()
    }

    fn notes(backends: &ResolvedBackends) -> Vec<Note> {
        let all = notes_of_checks(backends).chain(notes_of_requests(backends));
        // As they arrive.
        all.map(|note| Note::parse(&note.line())).collect()
    }

    /// One backend of each kind of trouble, and one that has none.
    fn troubled() -> ResolvedBackends {
        let all = backends(
            &ROUTE,
            2,
            &[
                "http://down",
                "http://ejected",
                "http://failed",
                "http://well",
            ],
        );
        let upstream = &all[0];
        let ejection = upstream.ejection.as_deref().unwrap();
        let standing = |index: usize| &upstream.backends[index].standing;
        standing(0).checked(Some("refused\nat once".to_owned()));
        standing(1).failed(ejection);
        standing(1).failed(ejection);
        standing(2).failed(ejection);
        let circuit = upstream.backends[1].circuit.as_ref().unwrap();
        for _ in 0..2 {
            circuit.enter().unwrap().settle(false);
        }
        all
    }

    /// RT-TAKE-5, RT-HEALTH-4: all of it goes over; of routes and endpoints that are not here nothing does.
    #[tokio::test(start_paused = true)]
    async fn by_route_and_endpoint() {
        let before = troubled();
        let expected = vec![
            (Condition::Down, 0, true),
            (Condition::Ejected, 0, false),
            (Condition::Fit, 1, true),
            (Condition::Fit, 0, true),
        ];
        assert_eq!(known(&before), expected);
        let texts = [
            "http://down",
            "http://ejected",
            "http://failed",
            "http://well",
        ];
        let next = backends(&ROUTE, 2, &texts);
        adopt(&next, &notes(&before));
        assert_eq!(known(&next), expected);
        assert_eq!(
            next[0].backends[0].standing.cause().unwrap(),
            "refused\nat once"
        );
        let fewer = backends(&ROUTE, 2, &["http://new", "http://down"]);
        adopt(&fewer, &notes(&before));
        assert_eq!(
            known(&fewer),
            [(Condition::Fit, 0, true), (Condition::Down, 0, true)]
        );
    }

    /// RT-TAKE-5: what another rule has judged does not count.
    #[tokio::test(start_paused = true)]
    async fn by_rule() {
        let before = troubled();
        let texts = ["http://down", "http://ejected", "http://failed"];
        let next = backends(&OTHER_RULES, 3, &texts);
        adopt(&next, &notes(&before));
        assert_eq!(known(&next), [(Condition::Fit, 0, true); 3]);
    }

    proptest! {
        /// Nothing that is said is too absurd.
        #[test]
        fn any_notes(notes in prop::collection::vec(
            ("(health|ejection|circuit|x)", prop::collection::vec("(open|closed|[0-9]{0,30}|1 2 3|9 [0-9]{1,20} 1|)", 0..5)),
            0..9,
        )) {
            let all = troubled();
            let own = super::tests::notes(&all);
            let rule = |kind: &str| own.iter().find(|note| note.kind == kind).map(|note| note.words[2].clone());
            let notes = notes.into_iter().map(|(kind, rest)| {
                let head = [ROUTE.name.to_owned(), "http://well".to_owned(), rule(&kind).unwrap_or_default()];
                Note { kind, words: head.into_iter().chain(rest).collect() }
            });
            adopt(&all, &notes.collect::<Vec<_>>());
            let _ = known(&all);
        }
    }
}
