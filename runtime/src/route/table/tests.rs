//! The table against a matcher that tries every route.

use proptest::prelude::*;

use super::super::host::{Kind, Pattern};
use super::super::{Backend, ChainId};
use super::*;
use crate::head::path::is_below;

const NO_BACKENDS: &[Backend] = &[];

fn rows(rows: &[(&str, &[&str], bool)]) -> &'static [Route] {
    let leak = |text: &str| -> &'static str { text.to_owned().leak() };
    let rows = rows.iter().map(|(path, hosts, enabled)| Route {
        name: leak(path),
        source: "goma.yaml:1",
        enabled: *enabled,
        path: leak(path),
        hosts: hosts
            .iter()
            .map(|host| leak(host))
            .collect::<Vec<_>>()
            .leak(),
        methods: &[],
        rewrite: None,
        backends: NO_BACKENDS,
        chain: ChainId(0),
    });
    rows.collect::<Vec<_>>().leak()
}

/// In two blocks, as long tables are.
fn blocks(routes: &'static [Route]) -> &'static [&'static [Route]] {
    let (first, second) = routes.split_at(routes.len() / 2);
    Box::leak(Box::new([first, second]))
}

/// RT-ROUTE-2, -3, -5, -8 as a loop over all routes.
fn naive(routes: &'static [Route], host: &str, port: u16, path: &str) -> Option<usize> {
    let mut best = None;
    for (index, route) in routes.iter().enumerate() {
        if !route.enabled || !is_below(path, route.path) {
            continue;
        }
        let patterns = if route.hosts.is_empty() {
            &["*"]
        } else {
            route.hosts
        };
        for rank in patterns
            .iter()
            .filter_map(|text| host_rank(text, host, port))
        {
            let segments = route
                .path
                .split('/')
                .filter(|part| !part.is_empty())
                .count();
            let key = (segments, rank);
            if best.is_none_or(|(known, _): (_, usize)| key > known) {
                best = Some((key, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

fn host_rank(text: &str, host: &str, port: u16) -> Option<(u8, usize, bool)> {
    let pattern = Pattern::parse(text);
    if pattern.port.is_some_and(|known| known != port) {
        return None;
    }
    let below = host
        .strip_suffix(pattern.name.as_str())
        .and_then(|rest| rest.strip_suffix('.'))
        .filter(|labels| !labels.is_empty());
    let kind = match pattern.kind {
        Kind::Exact => (host == pattern.name).then_some(3)?,
        Kind::OneLabel => below.filter(|labels| !labels.contains('.')).map(|_| 2)?,
        Kind::Wildcard => below.map(|_| 1)?,
        Kind::Any => 0,
    };
    Some((kind, pattern.name.len(), pattern.port.is_some()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// The table and the naive matcher choose a route of the same rank.
    #[test]
    fn agrees_with_a_naive_matcher(
        paths in proptest::collection::vec("(/(a|b|ab|c\\{)){0,4}", 1..12),
        hosts in proptest::collection::vec(
            prop_oneof![
                Just(""), Just("*"), Just("a.x"), Just("b.x"), Just("*.x"), Just("a.x:8080"),
                Just("{l}.x"), Just("*.b.x"), Just("*:8080"),
            ],
            12,
        ),
        enabled in proptest::collection::vec(proptest::bool::weighted(0.9), 12),
        request_path in "(/(a|b|ab|c\\{|d)){0,5}/?",
        request_host in prop_oneof![Just("a.x"), Just("b.x"), Just("c.b.x"), Just("x"), Just("y")],
        port in prop_oneof![Just(80_u16), Just(8080)],
    ) {
        let mut seen = std::collections::BTreeSet::new();
        let mut table_rows = Vec::new();
        for ((path, host), enabled) in paths.iter().zip(&hosts).zip(&enabled) {
            let path = if path.is_empty() { "/" } else { path.as_str() };
            if seen.insert((path, if host.is_empty() { "*" } else { host })) {
                let hosts: &[&str] = if host.is_empty() { &[] } else { std::slice::from_ref(host) };
                table_rows.push((path, hosts, *enabled));
            }
        }
        let routes = rows(&table_rows);
        let table = Table::build(blocks(routes)).unwrap();
        let path = if request_path.starts_with('/') { request_path } else { format!("/{request_path}") };
        let found = table.find(request_host.as_bytes(), port, &path).map(RouteId::index);
        prop_assert_eq!(found, naive(routes, request_host, port, &path));
    }
}

/// RT-ROUTE-3
#[test]
fn prefixes_match_on_segment_boundaries() {
    let table = Table::build(blocks(rows(&[("/api", &[], true)]))).unwrap();
    for (path, fits) in [
        ("/api", true),
        ("/api/", true),
        ("/api/x", true),
        ("/apiary", false),
    ] {
        assert_eq!(table.find(b"h", 80, path).is_some(), fits, "{path}");
    }
}

/// RT-ROUTE-5: a host-less longer path beats a host with a shorter one.
#[test]
fn path_rank_comes_before_host_rank() {
    let table = Table::build(blocks(rows(&[
        ("/", &["a.com"], true),
        ("/api", &[], true),
    ])))
    .unwrap();
    assert_eq!(table.find(b"a.com", 80, "/api"), Some(RouteId(1)));
    assert_eq!(table.find(b"a.com", 80, "/x"), Some(RouteId(0)));
}
