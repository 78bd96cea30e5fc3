//! How the backends of a route are taken.

use super::*;
use crate::clock::Clock;
use crate::gateway::{PassiveHealthCheck, Transport};
use crate::h1::Limits;
use crate::h1::request::{self, Parsed};
use crate::head::{Buffer, Fields};
use crate::route::{Canary, CanaryTest, HealthCheck, Operator, PreparedCanary, Route, Source};
use crate::route::{CircuitBreaker, Resilience};
use crate::values::{Environment, Value, scalar};

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

/// A request with these lines.
fn request(target: &str, lines: &str) -> Request {
    let mut fields = Fields::new(Buffer::default());
    let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    fields.buffer.push(head.as_bytes());
    match request::parse(fields, &Limits::default()) {
        Parsed::Complete(head) => head.head,
        other => panic!("{other:?}"),
    }
}

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn resolved(route: &'static Route, weighted: &[(&'static str, u32)]) -> ResolvedUpstream {
    let backend = |(text, weight): &(&'static str, u32)| ResolvedBackend {
        circuit: route
            .resilience
            .and_then(|row| row.circuit_breaker)
            .map(|rule| Arc::new(Circuit::new(rule))),
        text,
        endpoint: Endpoint::plain(scalar::url(text).unwrap()),
        weight: *weight,
        standing: Arc::default(),
    };
    let canaries = route.canaries.iter().map(PreparedCanary::new);
    ResolvedUpstream {
        measures: route.resilience.map(|row| Arc::new(Measures::new(row))),
        route,
        sticky: Sticky::resolve(
            route,
            weighted.iter().map(|(text, _)| *text),
            &Environment::of([]),
        )
        .unwrap(),
        canaries: canaries.collect::<Result<_, _>>().unwrap(),
        backends: weighted.iter().map(backend).collect(),
        ejection: Some(Arc::new(Ejection::new(&PassiveHealthCheck {
            fails_max: 1,
            eject_ms: 10_000,
        }))),
    }
}

fn of(resolved: &ResolvedUpstream, offset: usize) -> Upstream {
    Upstream::new(
        resolved,
        &Pools::new(Clock::new(), &Transport::DEFAULT, (0, 1), &Rc::default()),
        offset,
    )
}

fn upstream(weighted: &[(&'static str, u32)], offset: usize) -> Upstream {
    of(&resolved(&PLAIN, weighted), offset)
}

fn fail(upstream: &Upstream, index: usize) -> bool {
    let backend = &upstream.backends[index];
    upstream.failed(backend).is_some()
}

fn order(upstream: &Upstream) -> String {
    order_of(upstream, &request("/", ""))
}

fn order_of(upstream: &Upstream, request: &Request) -> String {
    let client = CLIENT;
    let asked = Asked {
        request,
        client,
        stuck: None,
    };
    let texts: Vec<_> = upstream
        .in_turn(asked)
        .map(|backend| backend.text)
        .collect();
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
    let plain = request("/", "");
    for (request, core) in (0..REQUESTS).zip(cores.iter().cycle()) {
        // Cores do not get equally many.
        let core = if request % 7 == 0 { &cores[0] } else { core };
        let client = CLIENT;
        let request = &plain;
        let first = core
            .in_turn(Asked {
                request,
                client,
                stuck: None,
            })
            .next()
            .unwrap()
            .text;
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
    let upstreams: Vec<_> = [
        resolved(&PLAIN, &several),
        resolved(&CHECKED, &several),
        resolved(&CHECKED, &[("http://c", 1)]),
    ]
    .map(Arc::new)
    .into();
    upstreams[1].backends[0]
        .standing
        .checked(Some("x".to_owned()));
    let shown: Vec<_> = report(&upstreams, |_| true).collect();
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

static BETA: [CanaryTest; 2] = [
    CanaryTest {
        source: Source::Header("X-Beta"),
        operator: Operator::Equals("1"),
    },
    CanaryTest {
        source: Source::Query("q"),
        operator: Operator::NotEquals("a b"),
    },
];
static LOCAL: [CanaryTest; 1] = [CanaryTest {
    source: Source::Ip,
    operator: Operator::In(&["192.0.2.7"]),
}];
static COOKIE: [CanaryTest; 1] = [CanaryTest {
    source: Source::Cookie("c"),
    operator: Operator::StartsWith("y"),
}];

const fn canary(backend: usize, tests: &'static [CanaryTest]) -> Canary {
    Canary {
        backend,
        tests,
        exclusive: false,
        priority: 0,
    }
}

/// Backends `a` and `c` are stable.
static SHARED: Route = Route {
    canaries: &[canary(1, &BETA)],
    ..Route::PLAIN
};
static EXCLUSIVE: Route = Route {
    canaries: &[
        Canary {
            exclusive: true,
            ..canary(0, &BETA)
        },
        Canary {
            exclusive: true,
            priority: 5,
            ..canary(1, &COOKIE)
        },
        canary(2, &LOCAL),
    ],
    ..Route::PLAIN
};

/// RT-CANARY-1, -2, -4, -5: without weights the pool is used in turn.
#[test]
fn a_canary_has_requests_of_its_own() {
    let backends = [("http://a", 1), ("http://b", 1), ("http://c", 1)];
    let upstream = of(&resolved(&SHARED, &backends), 0);
    let beta = request("/?q=a", "X-Beta: 1\r\nX-Beta: 2\r\n");
    let (of_beta, of_plain): (Vec<_>, Vec<_>) = (0..300)
        .map(|_| (order_of(&upstream, &beta), order(&upstream)))
        .unzip();
    let first = |orders: &[String], text: &str| {
        let first = orders.iter().filter(|order| order.starts_with(text));
        first.count()
    };
    assert_eq!(first(&of_beta, "http://b"), 100);
    assert_eq!(first(&of_plain, "http://b"), 0);
    assert_eq!(first(&of_plain, "http://a"), 150);
    // Nor is it tried when others fail.
    assert!(!of_plain.iter().any(|order| order.contains("http://b")));
    for no_beta in [
        request("/?q=a+b", "X-Beta: 1\r\n"),
        request("/", "X-Beta: 2\r\nX-Beta: 1\r\n"),
    ] {
        assert!(!order_of(&upstream, &no_beta).contains("http://b"));
    }
}

/// RT-CANARY-3, RT-HEALTH-9: the highest priority, then list order; weights do not matter; with none
/// available the pool has it.
#[test]
fn exclusive_canaries() {
    let backends = [
        ("http://a", 0),
        ("http://b", 0),
        ("http://c", 1),
        ("http://d", 3),
    ];
    let resolved = resolved(&EXCLUSIVE, &backends);
    let upstream = of(&resolved, 0);
    let both = request("/", "X-Beta: 1\r\nCookie: b=1; c=yes\r\n");
    let beta = request("/", "X-Beta: 1\r\n");
    assert_eq!(
        order_of(&upstream, &both),
        "http://b http://c http://d http://a"
    );
    assert_eq!(order_of(&upstream, &beta), "http://a http://c http://d");
    let down = |index: usize| {
        resolved.backends[index]
            .standing
            .checked(Some("x".to_owned()))
    };
    assert!(fail(&upstream, 1));
    assert!(order_of(&upstream, &both).starts_with("http://a "));
    down(0);
    assert!(order_of(&upstream, &both).starts_with("http://d "));
    assert!(fail(&upstream, 2) && fail(&upstream, 3));
    // All that may have it are ejected: that does not count.
    assert!(order_of(&upstream, &both).starts_with("http://b "));
    assert_eq!(order(&upstream).len(), "http://c http://d".len());
}

/// RT-CANARY-4, RT-CANARY-5: shares of what fits, exact for each kind of request.
#[test]
fn shares_of_a_canary() {
    let backends = [("http://a", 60), ("http://b", 20), ("http://c", 20)];
    let upstream = of(&resolved(&SHARED, &backends), 1);
    let beta = request("/", "X-Beta: 1\r\n");
    let plain = request("/", "");
    let mut taken = std::collections::BTreeMap::new();
    for number in 0..10_000 {
        let is_beta = number % 3 == 0;
        let request = if is_beta { &beta } else { &plain };
        let order = order_of(&upstream, request);
        let first = order.split(' ').next().unwrap().to_owned();
        *taken.entry((is_beta, first)).or_insert(0_usize) += 1;
    }
    let share = |is_beta: bool, text: &str| taken.get(&(is_beta, text.to_owned())).copied();
    assert!(
        share(true, "http://b").unwrap().abs_diff(3334 / 5) <= 2,
        "{taken:?}"
    );
    assert_eq!(share(false, "http://b"), None);
    let stable = share(false, "http://a").unwrap();
    assert!(stable.abs_diff(6666 * 3 / 4) <= 2, "{taken:?}");
    let nothing = of(
        &resolved(
            &SHARED,
            &[("http://a", 0), ("http://b", 5), ("http://c", 0)],
        ),
        0,
    );
    assert_eq!(order(&nothing), "");
    assert_eq!(order_of(&nothing, &beta), "http://b");
}

static STICKY: Route = Route {
    name: "sticky",
    sticky: Some(crate::route::Sticky {
        cookie: "lb",
        attributes: "; Path=/; HttpOnly; SameSite=Lax",
        secure: None,
        secret: Value {
            key: "secret",
            source: "",
            parts: &[],
        },
    }),
    canaries: &[Canary {
        exclusive: true,
        ..canary(2, &BETA)
    }],
    ..Route::PLAIN
};

/// RT-LB-9: the cookie decides while its backend is available and no canary rule comes first; it does
/// not reach the backend.
#[cfg(feature = "sticky")]
#[test]
fn a_client_stays() {
    let backends = [("http://a", 1), ("http://b", 1), ("http://c", 1)];
    let resolved = resolved(&STICKY, &backends);
    let (one, other) = (of(&resolved, 0), of(&resolved, 1));
    let cookie = |index: usize| {
        let set = one.cookie(&one.backends[index], None, false).unwrap();
        set.split(';').next().unwrap().to_owned()
    };
    let first = |upstream: &Upstream, lines: &str| {
        let mut request = request("/", lines);
        let stuck = upstream.take_cookie(&mut request);
        let client = CLIENT;
        let asked = Asked {
            request: &request,
            client,
            stuck,
        };
        let backend = upstream.in_turn(asked).next().unwrap();
        let kept = request.fields.get("cookie").map(<[u8]>::to_vec);
        let kept = kept.map(|kept| String::from_utf8(kept).unwrap());
        (backend.text, kept, upstream.cookie(backend, stuck, true))
    };
    let set = one.cookie(&one.backends[0], None, true).unwrap();
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{set}"
    );
    assert_eq!(cookie(0).len(), "lb=".len() + 32);
    assert_ne!(cookie(0), cookie(1));
    for upstream in [&one, &other] {
        for _ in 0..3 {
            let lines = format!("Cookie: a=1; {}; b\r\n", cookie(1));
            let found = first(upstream, &lines);
            assert_eq!(found, ("http://b", Some("a=1; b".to_owned()), None));
        }
    }
    let (_, kept, set) = first(&one, "Cookie: lb=forged\r\n");
    assert!(kept.is_none() && set.is_some());
    let (_, kept, set) = first(&one, "Cookie: a=1\r\n");
    assert!(kept.as_deref() == Some("a=1") && set.is_some());
    // A canary rule comes first; a canary that the request does not fit is nobody's.
    let lines = format!("X-Beta: 1\r\nCookie: {}\r\n", cookie(1));
    assert_eq!(first(&one, &lines).0, "http://c");
    let lines = format!("Cookie: {}\r\n", cookie(2));
    assert_ne!(first(&one, &lines).0, "http://c");
    // Not available: another one, and its cookie.
    assert!(fail(&one, 1));
    let (text, _, set) = first(&other, &format!("Cookie: {}\r\n", cookie(1)));
    assert_eq!(text, "http://a");
    assert!(set.unwrap().starts_with(&cookie(0)));
}

/// RT-CB-1, RT-LB-5, RT-HEALTH-9: an open circuit is never ignored, ejections are; a single backend has one
/// too.
#[tokio::test(start_paused = true)]
async fn open_circuits() {
    static BROKEN: Route = Route {
        resilience: Some(&Resilience {
            circuit_breaker: Some(CircuitBreaker {
                failure_millionths: 1_000_000,
                requests_min: 1,
                window_ms: 1000,
                open_ms: 4500,
                trials: 1,
            }),
            ..Resilience::NONE
        }),
        ..Route::PLAIN
    };
    let open = |upstream: &Upstream, index: usize| {
        let pass = upstream.backends[index].pass().unwrap();
        assert!(matches!(pass.settle(false), Some(Turned::Open(_))));
    };
    let two = of(&resolved(&BROKEN, &[("http://a", 1), ("http://b", 1)]), 0);
    assert_eq!(two.next_trial(), None);
    open(&two, 0);
    for _ in 0..3 {
        assert_eq!(order(&two), "http://b");
    }
    assert!(fail(&two, 1));
    assert_eq!(order(&two), "http://b");
    tokio::time::advance(Duration::from_secs(2)).await;
    open(&two, 1);
    assert_eq!(order(&two), "");
    assert_eq!(two.next_trial(), Some(Duration::from_millis(2500)));
    tokio::time::advance(Duration::from_millis(2500)).await;
    assert_eq!(order(&two), "http://a");
    let one = of(&resolved(&BROKEN, &[("http://a", 1)]), 0);
    assert_eq!(
        (order(&one).as_str(), one.target()),
        ("http://a", Some("http://a"))
    );
    open(&one, 0);
    assert_eq!(order(&one), "");
}
