//! What stands in front of a route, before and after.

use super::compare::change;
use super::rules;
use super::{Change, Class, Link, Route};
use crate::dialect::rules::Effect;
use crate::model::scope::{Pattern, Scope};
use crate::model::witness;

/// What a middleware is for, as far as requests get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Asks who the client is.
    Authentication,
    /// Refuses requests for what they are or where they come from.
    Access,
    /// Bounds what clients may do, keeps browsers and connections safe, or hides what backends say of faults.
    Protection,
    /// All others.
    Other,
}

const GROUPS: &[Group] = &[
    Group::Authentication,
    Group::Access,
    Group::Protection,
    Group::Other,
];

/// Types that refuse, besides those whose effect says so.
const REFUSING: &[&str] = &["exploitProtection", "userAgentBlock"];
/// Types that protect.
const PROTECTING: &[&str] = &[
    "bodyLimit",
    "errorInterceptor",
    "inFlight",
    "rateLimit",
    "requestTimeout",
    "securityHeaders",
];
/// Types that send clients elsewhere.
const REDIRECTING: &[&str] = &["redirect", "redirectRegex", "redirectScheme"];

impl Link {
    fn group(&self) -> Group {
        let https = || self.text("scheme") != "http";
        match self.kind.name {
            _ if self.kind.does(Effect::Authenticates) => Group::Authentication,
            name if self.kind.does(Effect::Guards) || REFUSING.contains(&name) => Group::Access,
            name if PROTECTING.contains(&name) => Group::Protection,
            "redirectScheme" if https() => Group::Protection,
            _ => Group::Other,
        }
    }

    fn text(&self, key: &str) -> &str {
        let item = self.rule.get(key).and_then(|cell| cell.items.first());
        item.map_or("", String::as_str)
    }

    fn has_cors(&self) -> bool {
        self.kind.name == "responseHeaders" && self.text("cors.enabled") == "true"
    }

    /// `basicAuth on /admin`
    fn shown(&self) -> String {
        let kind = match self.has_cors() {
            true => format!("{} with CORS", self.kind.name),
            false => self.kind.name.to_owned(),
        };
        match self.paths.as_slice() {
            [] => kind,
            paths => format!("{kind} on {}", paths.join(" and ")),
        }
    }

    /// `None`: everywhere.
    fn scope(&self) -> Option<Scope> {
        let patterns = self.paths.iter().filter_map(|path| Pattern::new(path).ok());
        let patterns: Vec<_> = patterns.collect();
        (!self.paths.is_empty()).then_some(Scope { patterns })
    }

    fn equals(&self, other: &Self) -> bool {
        let same = |key: &String| rules::same(self.rule.get(key), other.rule.get(key));
        self.kind.name == other.kind.name
            && self.paths == other.paths
            && self.rule.keys().chain(other.rule.keys()).all(same)
    }
}

/// Whether nobody gets into any of a route but those that are named, or can say who they are. Who refuses some lets
/// in all others.
pub(super) fn is_guarded(route: &Route) -> bool {
    let lets_in_some = |link: &Link| match (link.group(), link.kind.name) {
        (Group::Authentication, _) | (Group::Access, "access") => true,
        (Group::Access, "accessPolicy" | "geoBlock") => {
            !link.text("action").eq_ignore_ascii_case("deny")
        }
        (_, _) => false,
    };
    route
        .chain
        .iter()
        .any(|link| lets_in_some(link) && link.paths.is_empty())
}

/// What keeps clients out of a route.
pub(super) fn shown(route: &Route) -> String {
    let guards = |link: &&Link| matches!(link.group(), Group::Authentication | Group::Access);
    let all: Vec<_> = route.chain.iter().filter(guards).map(Link::shown).collect();
    all.join(", ")
}

/// Links that are the same one, before and after, and those that are there once.
struct Pairs<'a> {
    both: Vec<(&'a Link, &'a Link)>,
    gone: Vec<&'a Link>,
    come: Vec<&'a Link>,
}

fn pairs<'a>(old: &'a Route, new: &'a Route) -> Pairs<'a> {
    let mut pairs = Pairs {
        both: Vec::new(),
        gone: old.chain.iter().collect(),
        come: new.chain.iter().collect(),
    };
    let alike: [fn(&Link, &Link) -> bool; 3] = [
        |one, other| one.name == other.name && one.kind.name == other.kind.name,
        |one, other| one.equals(other),
        |one, other| one.kind.name == other.kind.name,
    ];
    for alike in alike {
        let mut left = Vec::new();
        for link in std::mem::take(&mut pairs.gone) {
            match pairs.come.iter().position(|other| alike(link, other)) {
                Some(at) => pairs.both.push((link, pairs.come.remove(at))),
                None => left.push(link),
            }
        }
        pairs.gone = left;
    }
    pairs
}

pub(super) fn compare(old: &Route, new: &Route, changes: &mut Vec<Change>) {
    let pairs = pairs(old, new);
    for group in GROUPS {
        changes.extend(group_change(*group, (old, new), &pairs));
    }
    for (before, after) in &pairs.both {
        rule(before, after, new, changes);
    }
    changes.extend(order(new, old, &pairs));
}

/// Which middlewares of a group there are, and where they act.
fn group_change(group: Group, (old, new): (&Route, &Route), pairs: &Pairs<'_>) -> Option<Change> {
    let of = |link: &&&Link| link.group() == group;
    let mut class: Option<Class> = None;
    let mut note = |found: Class| class = Some(class.map_or(found, |class| class.min(found)));
    let guards = group != Group::Other;
    let protects = |link: &Link| guards || rules::protects(link.kind.name, &link.rule);
    for link in pairs.gone.iter().filter(of) {
        note(match protects(link) {
            true => Class::Exposure,
            false => Class::Change,
        });
    }
    for link in pairs.come.iter().filter(of) {
        let lets_read = link.has_cors() || rules::lets_read(link.kind.name, &link.rule);
        note(match (guards, lets_read) {
            (true, _) => Class::Restriction,
            (false, true) => Class::Exposure,
            (false, false) => Class::Change,
        });
    }
    for (before, after) in pairs
        .both
        .iter()
        .filter(|(_, after)| after.group() == group)
    {
        if before.paths == after.paths {
            continue;
        }
        let (inner, outer) = (before.scope(), after.scope());
        note(match protects(after) {
            false => Class::Change,
            true if witness::within(inner.as_ref(), outer.as_ref()) => Class::Restriction,
            true => Class::Exposure,
        });
    }
    let all = |route: &Route| {
        let links = route.chain.iter().filter(|link| link.group() == group);
        let links: Vec<_> = links.map(Link::shown).collect();
        if links.is_empty() {
            "none".to_owned()
        } else {
            links.join(", ")
        }
    };
    let what = match group {
        Group::Authentication => "",
        Group::Access => "access",
        Group::Protection => "protection",
        Group::Other => "middlewares",
    };
    Some(change(class?, new, what, (all(old), all(new))))
}

/// What a middleware does; said once for all its routes.
fn rule(before: &Link, after: &Link, route: &Route, changes: &mut Vec<Change>) {
    let guards = matches!(after.group(), Group::Authentication | Group::Access);
    let mut keys: Vec<&String> = before.rule.keys().chain(after.rule.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (old, new) = (before.rule.get(key), after.rule.get(key));
        if rules::same(old, new) || rules::is_idle(key, &before.rule, &after.rule) {
            continue;
        }
        let class = rules::of_rule(after.kind.name, guards, key, (&before.rule, &after.rule));
        if class == Class::Same {
            continue;
        }
        let (what, texts) = match before.encrypted || after.encrypted {
            true => (
                "rule".to_owned(),
                ("****".to_owned(), "****, another".to_owned()),
            ),
            false => (
                key.clone(),
                (
                    rules::shown(old),
                    another(rules::shown(old), rules::shown(new)),
                ),
            ),
        };
        let mut change = change(class, route, &what, texts);
        change.at = format!("middleware {}", after.name);
        changes.push(change);
    }
}

/// What cannot be shown is told apart all the same.
pub(super) fn another(before: String, after: String) -> String {
    if before == after {
        format!("{after}, another")
    } else {
        after
    }
}

/// The order of those that are there before and after.
fn order(new: &Route, old: &Route, pairs: &Pairs<'_>) -> Option<Change> {
    let at = |route: &Route, wanted: &Link| {
        route
            .chain
            .iter()
            .position(|link| std::ptr::eq(link, wanted))
    };
    let mut class: Option<Class> = None;
    for (index, one) in pairs.both.iter().enumerate() {
        for other in pairs.both.iter().skip(index + 1) {
            let turned = (at(old, one.0) < at(old, other.0)) != (at(new, one.1) < at(new, other.1));
            if turned && is_ordered(one.1, other.1) {
                let found = if is_delicate(one.1, other.1) {
                    Class::Exposure
                } else {
                    Class::Change
                };
                class = Some(class.map_or(found, |class| class.min(found)));
            }
        }
    }
    let names = |route: &Route| {
        let links = route
            .chain
            .iter()
            .filter(|link| !link.kind.does(Effect::Records));
        links
            .map(|link| link.kind.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    Some(change(class?, new, "order", (names(old), names(new))))
}

/// Whether it matters which of two comes first.
fn is_ordered(one: &Link, other: &Link) -> bool {
    let records = |link: &Link| link.kind.does(Effect::Records);
    !(records(one) || records(other)) || one.kind.name == other.kind.name
}

/// Whether what guards may be passed by, or see another path, when the two change places.
fn is_delicate(one: &Link, other: &Link) -> bool {
    let guards = |link: &Link| matches!(link.group(), Group::Authentication | Group::Access);
    let passes = |link: &Link| {
        [Effect::Caches, Effect::ChangesPath]
            .iter()
            .any(|effect| link.kind.does(*effect))
            || REDIRECTING.contains(&link.kind.name)
    };
    guards(one) && passes(other) || guards(other) && passes(one)
}
