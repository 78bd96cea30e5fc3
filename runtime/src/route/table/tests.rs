//! The table against a matcher that tries every route, written from the text of RT-ROUTE.
//!
//! `PROPTEST_CASES=1000000 cargo test -p goma-runtime --all-features --release table` tries more.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::super::{Condition, Test};
use super::*;
use crate::filter::rig;

/// Tables of a run, unless the environment says otherwise.
const TABLES: u32 = 600;
/// Requests to each table.
const REQUESTS: usize = 40;

/// In two blocks, as long tables are.
fn blocks(routes: Vec<Route>) -> &'static [&'static [Route]] {
    let routes: &'static [Route] = routes.leak();
    let (first, second) = routes.split_at(routes.len() / 2);
    Box::leak(Box::new([first, second]))
}

fn table(routes: Vec<Route>) -> Table {
    Table::build(blocks(routes)).unwrap()
}

/// What a client asks for.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    host: &'static str,
    port: Option<u16>,
    path: String,
    query: &'static str,
    header: Option<&'static str>,
    cookie: Option<&'static str>,
}

impl Asked {
    fn request(&self) -> Request {
        let port = self
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        let field = |name: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!("{name}: {value}\r\n"))
        };
        rig::exchange(&format!(
            "{} {}{} HTTP/1.1\r\nHost: {}{port}\r\n{}{}\r\n",
            self.method,
            self.path,
            self.query,
            self.host,
            field("x-a", self.header),
            field("cookie", self.cookie),
        ))
        .request
    }

    fn segments(&self) -> Vec<&str> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect()
    }
}

fn find(table: &Table, target: &str, host: &str) -> Option<u32> {
    let request = rig::exchange(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    table.find(&request.request, 80).map(|id| id.0)
}

/// A route and the host pattern by which it fits.
struct Candidate {
    route: &'static Route,
    host: &'static str,
    index: usize,
}

/// RT-ROUTE-1 to -8, -13 and -14 as a loop over all routes.
fn naive(routes: &'static [Route], asked: &Asked) -> Option<usize> {
    let mut best: Option<Candidate> = None;
    for (index, route) in routes.iter().enumerate() {
        let fits = route.enabled
            && fits_path(route, asked)
            && route
                .conditions
                .iter()
                .all(|item| fits_condition(item, asked));
        let hosts: &[&'static str] = if route.hosts.is_empty() {
            &["*"]
        } else {
            route.hosts
        };
        for &host in hosts.iter().filter(|host| fits && fits_host(host, asked)) {
            let candidate = Candidate { route, host, index };
            if best.as_ref().is_none_or(|best| is_better(&candidate, best)) {
                best = Some(candidate);
            }
        }
    }
    best.map(|best| best.index)
}

/// RT-ROUTE-3, RT-ROUTE-14, RT-ROUTE-15
fn fits_path(route: &Route, asked: &Asked) -> bool {
    if let PathType::Regex { .. } = route.path_type {
        return Regex::path(route.path)
            .unwrap()
            .is_match(asked.path.as_bytes());
    }
    let wanted: Vec<&str> = route
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let sent = asked.segments();
    let enough = match route.path_type {
        PathType::Exact => sent.len() == wanted.len(),
        PathType::Prefix | PathType::Regex { .. } => sent.len() >= wanted.len(),
    };
    enough
        && wanted
            .iter()
            .zip(&sent)
            .all(|(wanted, sent)| wanted.starts_with('{') || wanted == sent)
}

/// RT-ROUTE-8
fn fits_host(pattern: &str, asked: &Asked) -> bool {
    let (name, port) = split_port(pattern);
    if port.is_some_and(|port| port != asked.port.unwrap_or(80)) {
        return false;
    }
    let labels = |suffix: &str| {
        let before = asked.host.strip_suffix(suffix)?.strip_suffix('.')?;
        Some(before.split('.').count())
    };
    match (name, name.split_once('.')) {
        ("*", _) => true,
        (_, Some(("*", suffix))) => labels(suffix).is_some(),
        (_, Some((first, suffix))) if first.starts_with('{') => labels(suffix) == Some(1),
        _ => name == asked.host,
    }
}

fn split_port(pattern: &str) -> (&str, Option<u16>) {
    match pattern.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().unwrap())),
        None => (pattern, None),
    }
}

/// RT-ROUTE-13, for the few values that requests here have.
fn fits_condition(condition: &Condition, asked: &Asked) -> bool {
    let (value, test) = match condition {
        Condition::Methods(methods) => return methods.contains(&asked.method),
        Condition::Header(name, test) => {
            assert!(name.eq_ignore_ascii_case("X-A"));
            (asked.header, test)
        }
        Condition::Cookie(name, test) => {
            let value = asked.cookie.and_then(|text| {
                text.split("; ")
                    .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            });
            (value, test)
        }
        Condition::Query(name, test) => (
            asked.query.strip_prefix('?').and_then(|text| {
                text.split('&')
                    .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            }),
            test,
        ),
    };
    match test {
        Test::Equals(text) => value == Some(text),
        Test::Present(present) => value.is_some() == *present,
        Test::Regex(text) => {
            value.is_some_and(|value| Regex::search(text).unwrap().is_match(value.as_bytes()))
        }
    }
}

/// RT-ROUTE-5, -6: of two that fit, whether the first answers.
fn is_better(left: &Candidate, right: &Candidate) -> bool {
    let priority = match (left.route.priority, right.route.priority) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let conditions = right
        .route
        .conditions
        .len()
        .cmp(&left.route.conditions.len());
    let order = priority
        .then_with(|| compare_paths(left.route, right.route))
        .then_with(|| compare_hosts(left.host, right.host))
        .then(conditions)
        .then(left.index.cmp(&right.index));
    order == Ordering::Less
}

/// RT-ROUTE-4: segment by segment from the left.
fn compare_paths(left: &Route, right: &Route) -> Ordering {
    let words = |route: &Route| -> Vec<&'static str> {
        let text = match route.path_type {
            PathType::Regex { literal } => literal,
            PathType::Exact | PathType::Prefix => route.path,
        };
        let words = text.split('/').filter(|part| !part.is_empty());
        let mut words: Vec<_> = words
            .map(|part| {
                if part.starts_with('{') {
                    "parameter"
                } else {
                    "static"
                }
            })
            .collect();
        if matches!(route.path_type, PathType::Regex { .. }) {
            words.push("regex");
        }
        words
    };
    let value = |word: Option<&&str>| match word {
        Some(&"static") => 0,
        Some(&"parameter") => 1,
        Some(_) => 2,
        None => 3,
    };
    let (left_words, right_words) = (words(left), words(right));
    for at in 0..left_words.len().max(right_words.len()) {
        match value(left_words.get(at)).cmp(&value(right_words.get(at))) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    let exact = |route: &Route| route.path_type == PathType::Exact;
    exact(right).cmp(&exact(left))
}

/// Exact with port, exact, one label, wildcard with the longer suffix, any.
fn compare_hosts(left: &str, right: &str) -> Ordering {
    let rank = |pattern: &str| {
        let (name, port) = split_port(pattern);
        let (kind, suffix) = match name.split_once('.') {
            Some(("*", suffix)) => (2, suffix.len()),
            Some((first, suffix)) if first.starts_with('{') => (1, suffix.len()),
            _ if name == "*" => (3, 0),
            _ => (0, 0),
        };
        (kind, usize::MAX - suffix, port.is_none())
    };
    rank(left).cmp(&rank(right))
}

fn leak(text: impl Into<String>) -> &'static str {
    text.into().leak()
}

fn any_path() -> impl Strategy<Value = (&'static str, PathType)> {
    let plain = "(/(a|b|ab|\\{x\\}|\\{y\\})){0,4}";
    let plain = plain.prop_map(|path: String| {
        leak(if path.is_empty() {
            "/".to_owned()
        } else {
            path
        })
    });
    let regexes = prop_oneof![
        Just(("/a.*", "")),
        Just(("/(a|b)/b", "")),
        Just(("/a/b$", "/a")),
        Just(("/a/[ab]", "/a")),
        Just(("/a/b/(ab|b)", "/a/b")),
        Just(("/.*/ab", "")),
        Just(("/", "")),
    ];
    prop_oneof![
        6 => plain.clone().prop_map(|path| (path, PathType::Prefix)),
        3 => plain.prop_map(|path| (path, PathType::Exact)),
        2 => regexes.prop_map(|(path, literal)| (path, PathType::Regex { literal })),
    ]
}

fn any_conditions() -> impl Strategy<Value = &'static [Condition]> {
    let test = || {
        prop_oneof![
            Just(0).prop_map(|_| Test::Equals("1")),
            any::<bool>().prop_map(Test::Present),
            Just(0).prop_map(|_| Test::Regex("^[12]$")),
        ]
    };
    let condition = prop_oneof![
        test().prop_map(|test| Condition::Header("X-A", test)),
        test().prop_map(|test| Condition::Cookie("c", test)),
        test().prop_map(|test| Condition::Query("q", test)),
        Just(0).prop_map(|_| Condition::Methods(&["GET"])),
        Just(0).prop_map(|_| Condition::Methods(&["GET", "POST"])),
    ];
    let some = proptest::collection::vec(condition, 1..3);
    prop_oneof![
        3 => Just(&[] as &[Condition]),
        1 => some.prop_map(|list| &*list.leak()),
    ]
}

fn any_hosts() -> impl Strategy<Value = &'static [&'static str]> {
    let host = proptest::sample::select(vec![
        "*", "a.x", "b.x", "*.x", "a.x:8080", "{l}.x", "*.b.x", "*:8080", "*.x:8080", "{l}.b.x",
    ]);
    let some = proptest::collection::vec(host, 1..3);
    prop_oneof![
        1 => Just(&[] as &[&str]),
        2 => some.prop_map(|list| &*list.leak()),
    ]
}

fn any_route() -> impl Strategy<Value = Route> {
    let priority = prop_oneof![3 => Just(None), 1 => (-1_i64..2).prop_map(Some)];
    (
        any_path(),
        any_hosts(),
        any_conditions(),
        priority,
        proptest::bool::weighted(0.9),
    )
        .prop_map(
            |((path, path_type), hosts, conditions, priority, enabled)| Route {
                name: path,
                enabled,
                priority,
                path,
                path_type,
                hosts,
                conditions,
                ..Route::PLAIN
            },
        )
}

fn any_request() -> impl Strategy<Value = Asked> {
    (
        proptest::sample::select(vec!["GET", "POST", "PUT"]),
        proptest::sample::select(vec!["a.x", "b.x", "c.b.x", "d.c.b.x", "x", "y"]),
        proptest::sample::select(vec![None, Some(80), Some(8080)]),
        "(/(a|b|ab|c)){0,5}/?",
        proptest::sample::select(vec!["", "?q=1", "?q=2&r", "?q=3", "?q"]),
        proptest::sample::select(vec![None, Some("1"), Some("2"), Some("x")]),
        proptest::sample::select(vec![None, Some("c=1"), Some("d=4; c=2"), Some("cc=1")]),
    )
        .prop_map(|(method, host, port, path, query, header, cookie)| Asked {
            method,
            host,
            port,
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path
            },
            // `?q` without a value is an empty value, which the loop above does not know.
            query: if query == "?q" { "" } else { query },
            header,
            cookie,
        })
}

fn config() -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return ProptestConfig::default();
    }
    ProptestConfig::with_cases(TABLES)
}

proptest! {
    #![proptest_config(config())]

    /// RT-ROUTE-1 to -8, -13, -14: the table and the naive matcher choose the same route.
    #[test]
    fn agrees_with_a_naive_matcher(
        routes in proptest::collection::vec(any_route(), 1..16),
        requests in proptest::collection::vec(any_request(), REQUESTS),
    ) {
        let routes: &'static [Route] = routes.leak();
        let table = Table::build(Box::leak(Box::new([routes]))).unwrap();
        for asked in &requests {
            let found = table.find(&asked.request(), 80).map(RouteId::index);
            prop_assert_eq!(found, naive(routes, asked), "{:?}", asked);
        }
    }
}

fn prefix(path: &'static str, hosts: &'static [&'static str]) -> Route {
    Route {
        name: path,
        path,
        hosts,
        ..Route::PLAIN
    }
}

/// RT-ROUTE-3
#[test]
fn prefixes_match_on_segment_boundaries() {
    let table = table(vec![prefix("/api", &[])]);
    for (path, fits) in [
        ("/api", true),
        ("/api/", true),
        ("/api/x", true),
        ("/apiary", false),
        ("/", false),
    ] {
        assert_eq!(find(&table, path, "h").is_some(), fits, "{path}");
    }
}

/// RT-ROUTE-5: a host-less longer path beats a host with a shorter one.
#[test]
fn path_rank_comes_before_host_rank() {
    let table = table(vec![prefix("/", &["a.com"]), prefix("/api", &[])]);
    assert_eq!(find(&table, "/api", "a.com"), Some(1));
    assert_eq!(find(&table, "/x", "a.com"), Some(0));
}

/// RT-ROUTE-4: static before parameter at the first difference, however long the rest is.
#[test]
fn paths_are_compared_from_the_left() {
    let table = table(vec![
        prefix("/{x}/b/c", &[]),
        prefix("/a", &[]),
        prefix("/{x}/b", &[]),
    ]);
    assert_eq!(find(&table, "/a/b/c", "h"), Some(1));
    assert_eq!(find(&table, "/z/b/c", "h"), Some(0));
    assert_eq!(find(&table, "/z/b/d", "h"), Some(2));
    assert_eq!(find(&table, "/z/d", "h"), None);
}

/// A request costs what fits it, not what there is: every node is visited at most once.
#[test]
fn many_routes_do_not_confuse_the_table() {
    let routes = (0..10_000).map(|at| prefix(leak(format!("/s{at}/{{id}}/x")), &[]));
    let table = table(routes.collect());
    assert_eq!(find(&table, "/s9999/1/x/y", "h"), Some(9999));
    assert_eq!(find(&table, "/s10000/1/x", "h"), None);
}
