//! [`Code::MiddlewareOrder`]: orders of a list that rarely mean what they do (config.md section 13).

use super::{at, chains, headers, key_source, with_earlier};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::rules::Effect;
use crate::model::witness;
use crate::resolve::outline::{Entry, Link, Outline, Route};

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (link, earlier) in with_earlier(&chain) {
            let cases = [
                path_changes(route, link, earlier),
                header_removed(route, link, earlier),
                header_set_later(route, link, &chain),
                guessing(route, link, earlier),
                body_read(route, link, earlier),
                preflight(route, link, &chain),
            ];
            cases
                .into_iter()
                .flatten()
                .for_each(|finding| diags.push(finding));
        }
    }
}

/// A guard of some paths looks at a path that an earlier entry has changed.
fn path_changes(route: &Route, link: Link<'_>, earlier: &[Link<'_>]) -> Option<Diagnostic> {
    if !link.entry.does(Effect::Guards) || !link.entry.is_scoped() {
        return None;
    }
    let changer = earlier
        .iter()
        .find(|link| link.entry.does(Effect::ChangesPath))?;
    let (guard, early) = (&link.entry.name, &changer.entry.name);
    let message = format!("`{guard}` guards some paths, but `{early}` changes them before");
    let warning = at(route, link, Code::MiddlewareOrder, message);
    let warning = warning.label(changer.span, "the path changes here");
    Some(warning.help(format!("list `{guard}` before `{early}`")))
}

/// The header that a limiter counts by.
fn counted_header(entry: &Entry) -> Option<&str> {
    key_source(entry).filter(|source| *source == "header")?;
    entry.rule.as_ref()?.text("keyStrategy.name")
}

fn header_removed(route: &Route, link: Link<'_>, earlier: &[Link<'_>]) -> Option<Diagnostic> {
    let header = counted_header(link.entry)?;
    let mut behind = earlier.iter().rev();
    // Whoever touched it last decides.
    let last = |other: &&Link<'_>| {
        headers::removes(other.entry, header) || headers::sets(other.entry, header)
    };
    let remover = behind
        .find(last)
        .filter(|other| headers::removes(other.entry, header))?;
    let (limiter, early) = (&link.entry.name, &remover.entry.name);
    let message = format!("`{limiter}` counts by `{header}`, which `{early}` removes before");
    let warning = at(route, link, Code::MiddlewareOrder, message);
    let warning = warning.label(remover.span, "the header is removed here");
    Some(warning.help(format!("list `{limiter}` before `{early}`")))
}

fn header_set_later(route: &Route, link: Link<'_>, chain: &[Link<'_>]) -> Option<Diagnostic> {
    let header = counted_header(link.entry)?;
    let place = chain.iter().position(|other| other.span == link.span)?;
    let setter = chain
        .get(place + 1..)?
        .iter()
        .find(|other| headers::sets(other.entry, header))?;
    let (limiter, late) = (&link.entry.name, &setter.entry.name);
    let message = format!("`{limiter}` counts by `{header}`, which `{late}` sets only after it");
    let warning = at(route, link, Code::MiddlewareOrder, message);
    let warning = warning.label(setter.span, "the header is set here");
    Some(warning.help(format!("list `{late}` before `{limiter}`")))
}

/// A limiter behind a password does not limit guessing (MW-INT-3).
fn guessing(route: &Route, link: Link<'_>, earlier: &[Link<'_>]) -> Option<Diagnostic> {
    let by_address = |entry: &Entry| {
        entry.kind.name == "rateLimit" && key_source(entry).is_some_and(|source| source == "ip")
    };
    if !by_address(link.entry) {
        return None;
    }
    let place = earlier
        .iter()
        .position(|other| matches!(other.entry.kind.name, "basicAuth" | "ldapAuth"))?;
    let auth = earlier.get(place)?;
    let limited = earlier
        .get(..place)?
        .iter()
        .any(|other| by_address(other.entry));
    let own = auth
        .entry
        .rule
        .as_ref()
        .filter(|_| auth.entry.kind.name == "basicAuth");
    let locks = own
        .and_then(|rule| rule.int("maxFailures"))
        .is_some_and(|most| most > 0);
    if limited || locks || auth.entry.meets(link.entry, route).is_none() {
        return None;
    }
    let (limiter, early) = (&link.entry.name, &auth.entry.name);
    let message = format!("`{limiter}` does not see failed logins: `{early}` refuses them before");
    let warning = at(route, link, Code::MiddlewareOrder, message);
    let warning = warning.label(auth.span, "passwords are checked here");
    Some(warning.help(format!("list `{limiter}` before `{early}`")))
}

/// A limit behind whoever has read the body already.
fn body_read(route: &Route, link: Link<'_>, earlier: &[Link<'_>]) -> Option<Diagnostic> {
    link.entry.rule_of("bodyLimit")?;
    let reader = earlier.iter().find(|other| reads_body(other.entry))?;
    reader.entry.meets(link.entry, route)?;
    let (limit, early) = (&link.entry.name, &reader.entry.name);
    let message = format!("`{limit}` comes too late: `{early}` has read the body before");
    let warning = at(route, link, Code::MiddlewareOrder, message);
    let warning = warning.label(reader.span, "the body is read here");
    Some(warning.help(format!("list `{limit}` before `{early}`")))
}

fn reads_body(entry: &Entry) -> bool {
    let Some(rule) = &entry.rule else {
        return false;
    };
    match entry.kind.name {
        "bodyLimit" => rule.on("buffer"),
        "buffering" => rule.on("request"),
        "exploitProtection" => rule
            .list("inspect")
            .iter()
            .any(|given| given.known() == "body"),
        "hmacAuth" => rule.on("requireDigest"),
        _ => false,
    }
}

/// Preflights have no credentials; where no CORS policy answers them, the guard refuses them.
fn preflight(route: &Route, link: Link<'_>, chain: &[Link<'_>]) -> Option<Diagnostic> {
    if !link.entry.does(Effect::Authenticates) {
        return None;
    }
    let policies = chain.iter().filter(|other| {
        let rule = other.entry.rule_of("responseHeaders");
        rule.is_some_and(|rule| rule.on("cors.enabled"))
    });
    let policies: Vec<_> = policies.collect();
    let [policy] = policies.as_slice() else {
        // Several may complement each other.
        return None;
    };
    let (guarded, answered) = (link.entry.scope.scope()?, policy.entry.scope.scope()?);
    let path = witness::only(guarded, answered, route.path.as_ref()?)?;
    let (auth, cors) = (&link.entry.name, &policy.entry.name);
    let message =
        format!("`{auth}` refuses preflights for `{path}`, which `{cors}` does not cover");
    let warning = at(route, link, Code::MiddlewareOrder, message);
    let warning = warning.label(policy.span, "CORS is answered here");
    Some(warning.help(format!("give `{cors}` at least the `paths` of `{auth}`")))
}
