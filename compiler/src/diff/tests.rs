//! Two configurations, and exactly what is said of them: tests/diff/cases.txt.
//!
//! A case begins with `#`. Lines with `-` are of the old side, with `+` of the new one, with a space of
//! both: `{…}` is a route (of `http://b`, unless it says), `m {…}` a middleware, `g …` a line of
//! `gateway`. `=` is a change that must be told, `>` a request that must be among those that differ
//! (on example.com, if it names no host).

mod keys;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Diff, diff};
use crate::source::SourceMap;
use crate::{Drawn, Options, draw};

const CASES: &str = include_str!("../../tests/diff/cases.txt");

/// Middlewares that cases name without defining them.
const KNOWN: &[(&str, &str)] = &[
    (
        "login",
        "{name: login, type: basicAuth, rule: {users: [\"u:p\"]}}",
    ),
    (
        "jwt",
        "{name: jwt, type: jwtAuth, rule: {secret: \"${KEY}\", issuer: i, audience: a}}",
    ),
    (
        "https",
        "{name: https, type: redirectScheme, rule: {scheme: https}}",
    ),
    (
        "small",
        "{name: small, type: bodyLimit, rule: {limit: 1MiB}}",
    ),
    (
        "prefix",
        "{name: prefix, type: addPrefix, rule: {prefix: /p}}",
    ),
    (
        "moved",
        "{name: moved, type: redirect, rule: {url: \"https://new.test\"}}",
    ),
];

struct Case<'a> {
    name: &'a str,
    old: String,
    new: String,
    changes: Vec<&'a str>,
    requests: Vec<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let texts = CASES
        .split("\n\n")
        .map(str::trim)
        .filter(|text| !text.is_empty());
    texts.map(case).collect()
}

fn case(text: &str) -> Case<'_> {
    let lines = |marks: &'static str| {
        let marked = text
            .lines()
            .filter(move |line| line.starts_with(|c| marks.contains(c)));
        marked.map(|line| &line[1..]).collect::<Vec<_>>()
    };
    Case {
        name: lines("#").first().copied().unwrap_or_default(),
        old: spec(&lines(" -")),
        new: spec(&lines(" +")),
        changes: lines("="),
        requests: lines(">"),
    }
}

fn spec(lines: &[&str]) -> String {
    let of = |mark: &str| {
        lines
            .iter()
            .filter_map(|line| line.strip_prefix(mark))
            .collect::<Vec<_>>()
    };
    let mut text = "version: 2\ngateway:\n".to_owned();
    of("g ")
        .iter()
        .for_each(|line| text.push_str(&format!("  {line}\n")));
    text.push_str("  routes:\n");
    for route in lines.iter().filter(|line| line.starts_with('{')) {
        let has = route.contains("target:") || route.contains("backends:");
        let target = if has { "" } else { "target: \"http://b\", " };
        text.push_str(&format!("    - {{{target}{}\n", &route[1..]));
    }
    text.push_str("middlewares:\n");
    of("m ")
        .iter()
        .for_each(|line| text.push_str(&format!("  - {line}\n")));
    let all = lines.join("\n");
    for (name, line) in KNOWN {
        if all.contains(name) && !all.contains(&format!("{{name: {name},")) {
            text.push_str(&format!("  - {line}\n"));
        }
    }
    text.trim_end_matches("middlewares:\n").to_owned()
}

fn drawn(spec: &str) -> Drawn {
    let mut sources = SourceMap::new();
    sources.add("goma.yml", spec);
    draw(&sources, &sources, &Options::default())
}

fn compared(old: &str, new: &str) -> Diff {
    let side = |spec: &str| {
        let drawn = drawn(spec);
        let found = drawn.diagnostics;
        drawn.side.unwrap_or_else(|| panic!("{spec}\n{found:?}"))
    };
    diff(&side(old), &side(new))
}

/// `exposure  /r: basicAuth → none  r`
fn told(diff: &Diff) -> Vec<String> {
    let lines = diff.changes.iter().map(|change| {
        let mut change = change.clone();
        change.place = String::new();
        let mut one = Diff {
            changes: vec![change],
            ..Diff::default()
        };
        one.no_samples = None;
        one.human().trim_end().to_owned()
    });
    lines.collect()
}

fn requests(diff: &Diff) -> Vec<String> {
    let samples = diff.samples.iter();
    let shown = |sample: &super::Sample| {
        let request = sample
            .request
            .replace("http://example.com", "")
            .replace("http://", "");
        format!("{request}: {} → {}", sample.before, sample.after)
    };
    samples.map(shown).collect()
}

#[test]
fn says_what_changes_and_nothing_else() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let diff = compared(&case.old, &case.new);
        let (told, requests) = (told(&diff), requests(&diff));
        let missing: Vec<_> = case
            .requests
            .iter()
            .filter(|line| !requests.iter().any(|told| told == *line))
            .collect();
        // A request that differs without a reason would be news.
        let quiet = !case.requests.is_empty() || !case.changes.is_empty() || requests.is_empty();
        if told != case.changes || !missing.is_empty() || !quiet {
            wrong.push(format!(
                "#{}\n  told {told:#?}\n  missing {missing:?} of {requests:#?}",
                case.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_configuration_does_not_differ_from_itself() {
    for case in cases() {
        for spec in [&case.old, &case.new] {
            assert_eq!(
                compared(spec, spec),
                Diff {
                    no_samples: compared(spec, spec).no_samples,
                    ..Diff::default()
                },
                "{spec}"
            );
        }
    }
}

/// What one way tells from before to after, the other tells from after to before.
#[track_caller]
fn mirrors(old: &str, new: &str, name: &str) {
    let (there, back) = (compared(old, new), compared(new, old));
    assert_eq!(values(&there, false), values(&back, true), "{name}");
    let count = |diff: &Diff, side: fn(&super::Change) -> &str| {
        let whole = diff.changes.iter();
        let whole = whole.filter(|change| change.what == "route" && side(change) == "none");
        // What is the same of several routes is told once.
        whole.map(|change| change.routes.len()).sum::<usize>()
    };
    let (added, removed) = (
        count(&there, |change| &change.before),
        count(&there, |change| &change.after),
    );
    assert_eq!(added, count(&back, |change| &change.after), "{name}");
    assert_eq!(removed, count(&back, |change| &change.before), "{name}");
    assert_eq!(outcomes(&there, false), outcomes(&back, true), "{name}");
}

/// What changes, from what to what; routes that are added or removed apart.
fn values(diff: &Diff, swap: bool) -> BTreeSet<(String, String, String)> {
    let strip = |text: &str| text.replace(", another", "");
    let changes = diff.changes.iter().filter(|change| change.what != "route");
    let values = changes.map(|change| {
        let (one, other) = (strip(&change.before), strip(&change.after));
        let (one, other) = if swap { (other, one) } else { (one, other) };
        (change.what.clone(), one, other)
    });
    values.collect()
}

fn outcomes(diff: &Diff, swap: bool) -> BTreeSet<(String, String)> {
    let samples = diff.samples.iter().map(|sample| {
        let (one, other) = (sample.before.clone(), sample.after.clone());
        if swap { (other, one) } else { (one, other) }
    });
    // Of more than are told those come first that get through.
    if diff.samples.len() < 10 {
        samples.collect()
    } else {
        BTreeSet::new()
    }
}

#[test]
fn both_ways_mirror_each_other() {
    let cases = cases();
    for case in &cases {
        mirrors(&case.old, &case.new, case.name);
    }
    // Pairs that have nothing to do with each other.
    for (case, other) in cases.iter().zip(cases.iter().skip(7).step_by(3)) {
        mirrors(&case.old, &other.new, case.name);
    }
}

/// A route of a few that are possible.
fn routes() -> impl Strategy<Value = String> {
    let path = proptest::sample::select(vec!["/", "/a", "/a/b", "/{id}"]);
    let hosts = proptest::sample::subsequence(vec!["a.com", "\"*.b.com\"", "c.com:81"], 0..=2);
    let methods = proptest::sample::subsequence(vec!["GET", "POST"], 0..=2);
    let chain = proptest::sample::subsequence(vec!["login", "small", "prefix", "https"], 0..=4);
    let route = (path, hosts, methods, chain, proptest::bool::weighted(0.9));
    proptest::collection::vec(route, 1..4).prop_map(|routes| {
        let routes = routes.iter().zip(0..);
        let lines = routes.map(|((path, hosts, methods, chain, enabled), at)| {
            format!(
                "{{name: r{at}, path: \"{path}\", hosts: [{}], methods: [{}], middlewares: [{}], enabled: {enabled}, match: {{headers: {{X-R: \"{at}\"}}}}}}",
                hosts.join(", "),
                methods.join(", "),
                chain.join(", ")
            )
        });
        let lines: Vec<String> = lines.collect();
        spec(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration(old in routes(), new in routes()) {
        prop_assert!(compared(&old, &old).changes.is_empty());
        prop_assert!(compared(&old, &old).samples.is_empty());
        mirrors(&old, &new, "any");
        // What gets through now is no news to those who read the changes, unless a route went away.
        let diff = compared(&old, &new);
        let opened = diff.samples.iter().any(|sample| sample.opened);
        prop_assert!(!opened || diff.changes.iter().any(|change| {
            matches!(change.class, super::Class::Exposure | super::Class::Removal)
        }), "{diff:?}");
    }
}
