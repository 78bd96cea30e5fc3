//! Overlays against a few routes.

use super::*;
use crate::route::{Backend, Canary, CanaryTest, Operator, Source};
use crate::upstream;
use crate::values::{Part, Value};

const fn backend(parts: &'static [Part]) -> Backend {
    Backend {
        endpoint: Value {
            key: "target",
            source: "goma.yaml:1:1",
            parts,
        },
    }
}

static ONE: &[Backend] = &[backend(&[Part::Text("http://10.0.0.1:80")])];
static TWO: &[Backend] = &[
    backend(&[Part::Text("http://10.0.0.1:80")]),
    backend(&[Part::Text("http://10.0.0.2:80")]),
];

static ROUTES: &[&[Route]] = &[&[
    Route {
        name: "orders",
        path: "/orders",
        backends: TWO,
        ..Route::PLAIN
    },
    Route {
        name: "off",
        path: "/off",
        enabled: false,
        backends: ONE,
        ..Route::PLAIN
    },
    Route {
        name: "twin",
        path: "/orders",
        enabled: false,
        backends: ONE,
        ..Route::PLAIN
    },
    Route {
        name: "canary",
        path: "/canary",
        backends: TWO,
        weights: &[1, 1],
        canaries: &[Canary {
            backend: 1,
            tests: &[CanaryTest {
                source: Source::Ip,
                operator: Operator::Equals("10.0.0.9"),
            }],
            exclusive: true,
            priority: 0,
        }],
        ..Route::PLAIN
    },
]];

fn built() -> Live {
    let (environment, files) = (Environment::of([]), crate::files::Files::default());
    let transport = &Transport::DEFAULT;
    Live::built(upstream::resolve(ROUTES, None, transport, &environment, &files).unwrap())
}

fn apply_to(before: &Live, built: &Live, text: &str) -> Result<Live, String> {
    let environment = Environment::of([]);
    let mut ground = Ground {
        built,
        before,
        transport: &Transport::DEFAULT,
        environment: &environment,
        texts: &mut Texts::default(),
    };
    let wanted = read::read(text);
    let live = wanted.and_then(|wanted| apply::apply(&wanted, hash_of(text), &mut ground));
    live.map_err(|refused| refused.at("o.yaml".as_ref()).to_string())
}

/// The routes that are served, and the backends of the first and the last, with their weights.
fn shown(live: &Live) -> String {
    let names = live.backends.iter().enumerate();
    let names = names.filter(|(index, _)| live.is_enabled(*index));
    let names: Vec<_> = names.map(|(_, one)| one.route.name).collect();
    let backends = |index: usize| {
        let all = live.backends[index].backends.iter();
        let all = all.map(|one| {
            format!(
                "{}*{}",
                one.text.trim_start_matches("http://10.0.0."),
                one.weight
            )
        });
        all.collect::<Vec<_>>().join(" ")
    };
    format!("{} | {} | {}", names.join(" "), backends(0), backends(3))
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let built = built();
    let found = apply_to(&built, &built, text).map_or_else(|refused| refused, |live| shown(&live));
    assert_eq!(found, expected, "{text}");
}

/// RT-OVER-1, RT-OVER-4
#[test]
fn what_an_overlay_changes() {
    let as_built = "orders canary | 1:80*1 2:80*1 | 1:80*1 2:80*1";
    check("", as_built);
    check("# nothing\n", as_built);
    check("routes:\n", as_built);
    check("routes: {orders: }", as_built);
    check(
        "routes: {orders: {enabled: false}, off: {enabled: yes}}",
        "off canary | 1:80*1 2:80*1 | 1:80*1 2:80*1",
    );
    check(
        "{\"routes\": {\"orders\": {\"backends\": [{\"endpoint\": \"http://10.0.0.7:80\"}]}}}",
        "orders canary | 7:80*1 | 1:80*1 2:80*1",
    );
    check(
        "routes: {orders: {backends: [{endpoint: http://10.0.0.1:80, weight: 3}, {endpoint: http://10.0.0.9:80}]}}",
        "orders canary | 1:80*3 9:80*0 | 1:80*1 2:80*1",
    );
    check(
        "routes: {canary: {backends: [{endpoint: http://10.0.0.1:80}]}}",
        "orders canary | 1:80*1 2:80*1 | 1:80*1 2:80*0",
    );
    check(
        "routes: {orders: {enabled: false}, twin: {enabled: true}}",
        "twin canary | 1:80*1 2:80*1 | 1:80*1 2:80*1",
    );
}

/// RT-OVER-1, RT-OVER-2: nothing of a file is taken in which one thing is wrong, and its place is named.
#[test]
fn what_is_refused() {
    let rebuild = |text: &str, place: &str| {
        let built = built();
        let refused = apply_to(&built, &built, text)
            .map(|live| shown(&live))
            .unwrap_err();
        assert!(
            refused.starts_with(&format!("o.yaml:{place}: error[overlay-refused]: ")),
            "{refused}"
        );
        assert!(refused.contains("needs a rebuild"), "{refused}");
    };
    rebuild("gateway: {}", "1:1");
    rebuild("routes:\n  none: {enabled: true}", "2:3");
    rebuild(
        "routes:\n  orders:\n    enabled: false\n    path: /x",
        "4:5",
    );
    rebuild(
        "routes: {orders: {backends: [{endpoint: http://10.0.0.1, match: []}]}}",
        "1:58",
    );
    rebuild(
        "routes: {canary: {backends: [{endpoint: http://10.0.0.7:80}]}}",
        "1:41",
    );
    rebuild("routes: {twin: {enabled: true}}", "1:26");
    rebuild(
        "routes: {orders: {backends: [{endpoint: https://10.0.0.1}]}}",
        "1:41",
    );
    if !cfg!(feature = "dns") {
        rebuild(
            "routes: {orders: {backends: [{endpoint: http://a.test}]}}",
            "1:41",
        );
    }
}

/// RT-OVER-1: what is malformed, by the same codes as in a specification.
#[test]
fn what_is_malformed() {
    let other = |text: &str, expected: &str| check(text, &format!("o.yaml:{expected}"));
    other("routes: [", "1:9: error[yaml-syntax]: unclosed bracket '['");
    other(
        "routes: {a: *x}",
        "1:13: error[yaml-syntax]: while parsing node, found unknown anchor",
    );
    other(
        "a: &x 1\nb: *x",
        "2:4: error[yaml-syntax]: an overlay has no aliases",
    );
    other(
        "--- {}\n--- {}",
        "2:5: error[yaml-syntax]: there is a second document",
    );
    other(
        "routes: {a: 1, a: 2}",
        "1:16: error[duplicate-key]: `a` is there twice",
    );
    other(
        "routes: 1",
        "1:9: error[type-mismatch]: routes: expected a mapping",
    );
    other(
        "routes: {orders: {enabled: \"true\"}}",
        "1:28: error[type-mismatch]: routes.orders.enabled: expected `true` or `false`",
    );
    other(
        "routes: {orders: {maintenance: {statusCode: 99}}}",
        "1:45: error[out-of-range]: routes.orders.maintenance.statusCode: must be from 200 to 599",
    );
    other(
        "routes: {orders: {maintenance: {message: soon}}}",
        "1:32: error[missing-key]: routes.orders.maintenance: has no `enabled`",
    );
    other(
        "routes: {orders: {backends: []}}",
        "1:29: error[empty-backends]: routes.orders.backends: has no entry",
    );
    other(
        "routes: {orders: {backends: [{weight: 1}]}}",
        "1:30: error[missing-key]: routes.orders.backends[0]: `endpoint` is missing",
    );
    other(
        "routes: {orders: {backends: [{endpoint: http://a, weight: -1}]}}",
        "1:59: error[out-of-range]: routes.orders.backends[0].weight: must be from 0 to 1000000",
    );
}

/// RT-OVER-1: a file is bounded in length and depth, and names nothing twice.
#[test]
fn what_is_too_much() {
    let other = |text: &str, expected: &str| check(text, &format!("o.yaml:{expected}"));
    let long = "#".repeat(tree::FILE_BYTES_MAX + 1);
    other(&long, " error[yaml-syntax]: the file is larger than 1 MiB");
    let deep = "[".repeat(1000);
    let built = built();
    assert!(
        apply_to(&built, &built, &deep)
            .unwrap_err()
            .contains("error[yaml-syntax]")
    );
    let twice =
        "routes: {orders: {backends: [{endpoint: http://10.0.0.1}, {endpoint: http://10.0.0.1}]}}";
    assert!(
        apply_to(&built, &built, twice)
            .unwrap_err()
            .contains("error[duplicate-backend]")
    );
}

/// RT-OVER-4, RT-HEALTH-4: what is known of an endpoint stays for as long as the endpoint does.
#[test]
fn what_is_known_of_backends_stays() {
    let built = built();
    let at = |index: usize| {
        format!("routes: {{orders: {{backends: [{{endpoint: \"http://10.0.0.{index}:80\"}}]}}}}")
    };
    built.backends[0].backends[1]
        .standing
        .checked(Some("gone".to_owned()));
    let one = apply_to(&built, &built, &at(2)).unwrap();
    let same = Arc::ptr_eq(
        &one.backends[0].backends[0].standing,
        &built.backends[0].backends[1].standing,
    );
    assert!(same);
    let again = apply_to(&one, &built, &(at(2) + " # the same")).unwrap();
    assert!(Arc::ptr_eq(&one.backends[0], &again.backends[0]));
    assert!(Arc::ptr_eq(&built.backends[1], &again.backends[1]));
    let other = apply_to(&one, &built, &at(3)).unwrap();
    assert!(!Arc::ptr_eq(
        &other.backends[0].backends[0].standing,
        &one.backends[0].backends[0].standing,
    ));
}

#[test]
fn maintenance() {
    let built = built();
    let of = |text: &str| {
        apply_to(&built, &built, text)
            .unwrap()
            .maintenance(RouteId(0))
            .cloned()
    };
    assert_eq!(of(""), None);
    assert_eq!(
        of("routes: {orders: {maintenance: {enabled: false}}}"),
        Some(None)
    );
    let closed = |status, message: Option<&str>, retry_after_seconds| {
        Some(Some(Closed {
            status,
            message: message.map(str::to_owned),
            retry_after_seconds,
        }))
    };
    assert_eq!(
        of("routes: {orders: {maintenance: {enabled: true}}}"),
        closed(503, Some("503 Service temporarily unavailable"), None)
    );
    assert_eq!(
        of("routes: {orders: {maintenance: {enabled: true, statusCode: 502, retryAfter: 1m}}}"),
        closed(502, None, Some(60))
    );
}

/// RT-OVER-2, RT-OVER-3: write, rename, symlink swap, removal; a change counts once it lasts.
#[test]
fn the_file_is_watched() {
    let home = std::env::temp_dir().join(format!("goma-overlay-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    let path = home.join("overlay.yaml");
    let environment = Environment::of([]);
    let built = Arc::new(built());
    let mut watched = Watched::new(path.clone(), Arc::clone(&built), &Transport::DEFAULT);
    let mut live = watched.begin(&environment).unwrap();
    assert_eq!(live.hash(), "");
    let mut look = || {
        // The first look sees that it changes, the second that it has changed.
        if watched.look(&live, &environment).is_some() {
            return "too early".to_owned();
        }
        match watched.look(&live, &environment) {
            None => "none".to_owned(),
            Some(Err(error)) => error.code.to_owned(),
            Some(Ok(now)) => {
                live = now;
                shown(&live).split(" | ").next().unwrap().to_owned()
            }
        }
    };
    assert_eq!(look(), "none");
    std::fs::write(&path, "routes: {off: {enabled: true}}").unwrap();
    assert_eq!(look(), "orders off canary");
    assert_eq!(look(), "none");
    std::fs::write(&path, "routes: {off: {enabled: true}} # once more").unwrap();
    assert_eq!(look(), "orders off canary");
    std::fs::write(home.join("next"), "routes: {orders: {enabled: false}}").unwrap();
    std::fs::rename(home.join("next"), &path).unwrap();
    assert_eq!(look(), "canary");
    std::fs::write(&path, "routes: {orders: {path: /}}").unwrap();
    assert_eq!(look(), "overlay-refused");
    assert_eq!(look(), "none");
    for (name, text) in [("a", "routes: {canary: {enabled: false}}"), ("b", "")] {
        std::fs::write(home.join(name), text).unwrap();
        std::os::unix::fs::symlink(name, home.join("next")).unwrap();
        std::fs::rename(home.join("next"), &path).unwrap();
        let expected = if name == "a" {
            "orders"
        } else {
            "orders canary"
        };
        assert_eq!(look(), expected);
    }
    std::fs::write(&path, "routes: {off: {enabled: true}}").unwrap();
    assert_eq!(look(), "orders off canary");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(look(), "orders canary");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(look(), "file-missing");
    assert_eq!(look(), "none", "it is said once");
    assert_eq!(live.hash(), "");
    std::fs::remove_dir_all(&home).unwrap();
}
