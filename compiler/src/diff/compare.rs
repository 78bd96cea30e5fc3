//! Routes against routes, by name; what is left by content. Endpoints against endpoints.

use std::collections::BTreeMap;

use super::{Change, Class, Route, chain, rules};
use crate::model::{HostPattern, PathPattern, PathType};

/// Settings that say which requests a route gets; compared by what they match.
const MATCHING: &[&str] = &[
    "enabled",
    "hosts",
    "maintenance.enabled",
    "methods",
    "path",
    "pathType",
];

pub(super) fn routes(old: &[Route], new: &[Route]) -> Vec<Change> {
    let index = |list: &[Route]| -> BTreeMap<String, usize> {
        let names = list.iter().map(|route| route.name.clone());
        names.zip(0..).collect()
    };
    let (was, is) = (index(old), index(new));
    let mut changes = Vec::new();
    // Those that may be the same under another name.
    let mut gone: BTreeMap<String, Vec<&Route>> = BTreeMap::new();
    for route in old {
        match is.get(&route.name).and_then(|at| new.get(*at)) {
            Some(next) => pair(route, next, &mut changes),
            None => gone.entry(likeness(route)).or_default().push(route),
        }
    }
    for route in new.iter().filter(|route| !was.contains_key(&route.name)) {
        let alike = gone.get_mut(&likeness(route));
        let same = alike.and_then(|alike| {
            let at = alike.iter().position(|other| equal(other, route))?;
            Some(alike.remove(at))
        });
        changes.push(match same {
            Some(other) => {
                let names = (other.name.clone(), route.name.clone());
                change(Class::Same, route, "name", names)
            }
            None => added(route),
        });
    }
    for route in gone.into_values().flatten() {
        let class = if is_on(route) {
            Class::Removal
        } else {
            Class::Same
        };
        changes.push(change(
            class,
            route,
            "route",
            (backends(route), "none".to_owned()),
        ));
    }
    changes.extend(order(new, &was));
    changes
}

/// What stands in front of the endpoints about the gateway itself. Whether they are there is a setting.
pub(super) fn endpoints(old: &[Route], new: &[Route]) -> Vec<Change> {
    let mut changes = Vec::new();
    let pairs = old.iter().zip(new);
    for (old, new) in pairs.filter(|(old, new)| is_on(old) && is_on(new)) {
        chain::compare(old, new, &mut changes);
    }
    // They are no routes.
    for change in &mut changes {
        change.routes.clear();
    }
    changes
}

/// Equal for routes that may be equal.
fn likeness(route: &Route) -> String {
    format!("{} {}", route.at(), route.items("hosts").join(" "))
}

/// Of routes that may take the same requests and have the same rank, the first in the list wins
/// (RT-ROUTE-5).
fn order(new: &[Route], was: &BTreeMap<String, usize>) -> Vec<Change> {
    let mut peers: BTreeMap<(&str, &str, &str), Vec<&Route>> = BTreeMap::new();
    for route in new.iter().filter(|route| was.contains_key(&route.name)) {
        let path = if route.text("pathType") == "regex" {
            ""
        } else {
            route.text("path")
        };
        let key = (route.text("priority"), route.text("pathType"), path);
        peers.entry(key).or_default().push(route);
    }
    let mut changes = Vec::new();
    for peers in peers.values() {
        for (one, other) in peers.iter().zip(peers.iter().skip(1)) {
            let place = |route: &Route| was.get(&route.name);
            let meet = |one: &Route, other: &Route| {
                let (one, other) = (one.items("hosts"), other.items("hosts"));
                one.is_empty() == other.is_empty()
                    && (one.is_empty() || one.iter().any(|host| other.contains(host)))
            };
            if place(one) < place(other) || !meet(one, other) {
                continue;
            }
            let guarded = |route: &Route| chain::shown(route);
            let class = match guarded(one) == guarded(other) {
                true => Class::Change,
                false => Class::Exposure,
            };
            let names = |one: &Route, other: &Route| format!("{}, {}", one.name, other.name);
            changes.push(change(
                class,
                one,
                "order of routes",
                (names(other, one), names(one, other)),
            ));
        }
    }
    changes
}

fn push(
    changes: &mut Vec<Change>,
    class: Class,
    route: &Route,
    what: &str,
    texts: (String, String),
) {
    changes.push(change(class, route, what, texts));
}

pub(super) fn change(
    class: Class,
    route: &Route,
    what: &str,
    (before, after): (String, String),
) -> Change {
    Change {
        class,
        at: route.at(),
        what: what.to_owned(),
        before,
        after,
        routes: vec![route.name.clone()],
        place: route.place.clone(),
    }
}

/// A new route that asks nobody anything is open.
fn added(route: &Route) -> Change {
    let class = match (is_on(route), chain::is_guarded(route)) {
        (false, _) => Class::Same,
        (true, true) => Class::Addition,
        (true, false) => Class::Exposure,
    };
    let after = match chain::shown(route) {
        guards if guards.is_empty() => format!("{}, open to all", backends(route)),
        guards => format!("{}, behind {guards}", backends(route)),
    };
    change(class, route, "route", ("none".to_owned(), after))
}

fn equal(one: &Route, other: &Route) -> bool {
    let mut changes = Vec::new();
    pair(one, other, &mut changes);
    changes.is_empty()
}

fn is_on(route: &Route) -> bool {
    route.text("enabled") != "false"
}

/// Whether a backend may be reached.
fn serves(route: &Route) -> bool {
    is_on(route) && route.text("maintenance.enabled") != "true"
}

/// All that changes about a route.
fn pair(old: &Route, new: &Route, changes: &mut Vec<Change>) {
    match (is_on(old), is_on(new)) {
        (true, false) => push(changes, Class::Removal, new, "enabled", yes_no(true, false)),
        (false, true) => push(
            changes,
            Class::Exposure,
            new,
            "enabled",
            yes_no(false, true),
        ),
        (true, true) | (false, false) => {}
    }
    let first = changes.len();
    if is_on(old) == is_on(new) && serves(old) != serves(new) {
        let class = if serves(new) {
            Class::Exposure
        } else {
            Class::Removal
        };
        push(
            changes,
            class,
            new,
            "maintenance",
            yes_no(serves(new), serves(old)),
        );
    }
    path(old, new, changes);
    set(old, new, "hosts", "any host", changes);
    set(old, new, "methods", "any method", changes);
    conditions(old, new, changes);
    chain::compare(old, new, changes);
    settings(old, new, changes);
    // What is not served exposes nothing.
    if !is_on(new) {
        for change in changes.iter_mut().skip(first) {
            change.class = Class::Same;
        }
    }
}

fn yes_no(before: bool, after: bool) -> (String, String) {
    let word = |yes| if yes { "true" } else { "false" }.to_owned();
    (word(before), word(after))
}

fn path(old: &Route, new: &Route, changes: &mut Vec<Change>) {
    let key = |route: &Route| {
        (
            route.text("path").to_owned(),
            route.text("pathType").to_owned(),
        )
    };
    let (before, after) = (pattern(old), pattern(new));
    let same = match (&before, &after) {
        (Some(before), Some(after)) => {
            before.as_str() == after.as_str() && before.path_type() == after.path_type()
        }
        _ => key(old) == key(new),
    };
    if same {
        return;
    }
    let class = match (before, after) {
        (Some(before), Some(after)) if covers(&before, &after) => Class::Removal,
        _ => Class::Exposure,
    };
    let shown = |route: &Route| match route.text("pathType") {
        "exact" => format!("={}", route.text("path")),
        "regex" => format!("~{}", route.text("path")),
        _ => route.text("path").to_owned(),
    };
    push(changes, class, new, "path", (shown(old), shown(new)));
}

fn pattern(route: &Route) -> Option<PathPattern> {
    let path_type = PathType::parse(route.text("pathType"))?;
    PathPattern::new(route.text("path"), path_type).ok()
}

/// Whether the first certainly matches whatever the second does.
fn covers(outer: &PathPattern, inner: &PathPattern) -> bool {
    let plain = |path: &PathPattern| path.regex().is_none() && path.parameters().next().is_none();
    plain(outer)
        && plain(inner)
        && match (outer.path_type(), inner.path_type()) {
            (PathType::Prefix, PathType::Prefix | PathType::Exact) => outer.matches(inner.as_str()),
            (PathType::Exact, PathType::Exact) => outer.as_str() == inner.as_str(),
            _ => false,
        }
}

/// A set of which none means all.
fn set(old: &Route, new: &Route, key: &str, all: &str, changes: &mut Vec<Change>) {
    let (before, after) = (old.items(key), new.items(key));
    if before == after {
        return;
    }
    let within = |one: &String, list: &[String]| match key {
        "hosts" => host_within(one, list),
        _ => list.contains(one),
    };
    let opened =
        !before.is_empty() && (after.is_empty() || after.iter().any(|item| !within(item, before)));
    let closed =
        !after.is_empty() && (before.is_empty() || before.iter().any(|item| !within(item, after)));
    let class = match (opened, closed) {
        (true, _) => Class::Exposure,
        (false, true) => Class::Removal,
        // Other words for the same hosts.
        (false, false) => return,
    };
    let shown = |items: &[String]| match items {
        [] => all.to_owned(),
        items => items.join(", "),
    };
    push(changes, class, new, key, (shown(before), shown(after)));
}

fn host_within(one: &str, list: &[String]) -> bool {
    let Ok(inner) = HostPattern::new(one) else {
        return list.iter().any(|host| host == one);
    };
    let outer = list.iter().filter_map(|host| HostPattern::new(host).ok());
    outer.into_iter().any(|outer| inner.within(&outer))
}

/// `match`: all must hold, so a condition that goes lets more in.
fn conditions(old: &Route, new: &Route, changes: &mut Vec<Change>) {
    let of = |route: &Route| -> Vec<String> {
        let cells = route
            .settings
            .iter()
            .filter(|(key, _)| key.starts_with("match."));
        let cells = cells.filter(|(_, cell)| !cell.items.is_empty());
        let told = cells.map(|(key, cell)| {
            let key = key.trim_start_matches("match.").trim_end_matches(".equals");
            format!("{key} {}", cell.items.join(" or "))
        });
        told.collect()
    };
    let (before, after) = (of(old), of(new));
    if before == after {
        return;
    }
    let kept = before.iter().all(|condition| after.contains(condition));
    let class = if kept {
        Class::Removal
    } else {
        Class::Exposure
    };
    let shown = |list: &[String]| match list {
        [] => "any".to_owned(),
        list => list.join(", "),
    };
    push(
        changes,
        class,
        new,
        "match",
        (shown(&before), shown(&after)),
    );
}

/// All other keys of a route.
fn settings(old: &Route, new: &Route, changes: &mut Vec<Change>) {
    let keys = old.settings.keys().chain(new.settings.keys());
    let mut keys: Vec<&String> = keys.collect();
    keys.sort();
    keys.dedup();
    let other = |key: &&&String| !MATCHING.contains(&key.as_str()) && !key.starts_with("match.");
    for key in keys.iter().filter(other) {
        let (before, after) = (old.settings.get(*key), new.settings.get(*key));
        if rules::same(before, after) || rules::is_idle(key, &old.settings, &new.settings) {
            continue;
        }
        let class = match key.as_str() {
            "backends" => backends_class(old, new),
            key => rules::of_route(key, before, after),
        };
        let texts = (rules::shown(before), rules::shown(after));
        push(changes, class, new, key, texts);
    }
}

/// Clear text where there was TLS. What a variable says is not known: it may be that.
fn backends_class(old: &Route, new: &Route) -> Class {
    let sealed = |item: &&String| item.contains("https://");
    let clear = |item: &&String| !sealed(item);
    let (before, after) = (old.items("backends"), new.items("backends"));
    let mut more = after.iter().filter(|item| !before.contains(item));
    let mut gone = before.iter().filter(|item| !after.contains(item));
    let only_sealed = before.iter().all(|item| sealed(&item));
    let opened = more.any(|item| clear(&item)) && (only_sealed || gone.any(|item| sealed(&item)));
    if opened {
        Class::Exposure
    } else {
        Class::Change
    }
}

fn backends(route: &Route) -> String {
    let cell = route.settings.get("backends");
    rules::shown(cell)
}
