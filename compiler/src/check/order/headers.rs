//! Which request headers an entry sets for what comes behind it, and which it takes away.

use crate::resolve::outline::Entry;
use crate::resolve::settings::{Given, Settings};

/// The headers that only the gateway may set (MW-GEN-12).
pub(super) fn identity(entry: &Entry) -> Vec<String> {
    let Some(rule) = &entry.rule else {
        return Vec::new();
    };
    let mut names: Vec<String> = Vec::new();
    let mut text = |place: &str| names.extend(rule.text(place).map(str::to_owned));
    match entry.kind.name {
        "basicAuth" | "ldapAuth" if rule.on("forwardUsername") => text("usernameHeader"),
        "apiKey" | "hmacAuth" => text("forwardHeader"),
        "geoBlock" => text("addCountryHeader"),
        "oidc" => {
            text("forward.accessTokenHeader");
            text("forward.idTokenHeader");
        }
        "replacePath" => names.push("X-Replaced-Path".to_owned()),
        "stripPrefix" => names.push("X-Forwarded-Prefix".to_owned()),
        _ => {}
    }
    if matches!(entry.kind.name, "jwtAuth" | "oidc") {
        for (name, _) in rule.names("forward.headers") {
            names.push(name.value.clone());
            names.push(format!("{}-Encoding", name.value));
        }
    }
    if entry.kind.name == "forwardAuth" {
        for given in rule.list("authResponseHeaders") {
            let (_, target) = given.known().split_once(':').unwrap_or(("", given.known()));
            names.push(target.trim().to_owned());
        }
    }
    names
}

/// The headers that a `requestHeaders` replaces or takes away, as written: names, or `Prefix-*`.
pub(super) fn changed_by_rule(rule: &Settings) -> Vec<&str> {
    let set = rule
        .names("setHeaders")
        .iter()
        .map(|(name, _)| name.value.as_str());
    let removed = rule.list("removeHeaders").iter().map(Given::known);
    set.chain(removed).collect()
}

/// Whether a request has this header behind an entry because of it.
pub(super) fn sets(entry: &Entry, header: &str) -> bool {
    let by_rule = entry.rule_of("requestHeaders").is_some_and(|rule| {
        let mut names = rule.names("setHeaders").iter();
        names.any(|(name, value)| {
            name.value.eq_ignore_ascii_case(header) && value.text.as_deref() != Some("")
        })
    });
    by_rule || identity(entry).iter().any(|name| touches(name, header))
}

/// Whether no request has this header behind an entry.
pub(super) fn removes(entry: &Entry, header: &str) -> bool {
    let Some(rule) = &entry.rule else {
        return false;
    };
    match entry.kind.name {
        "apiKey" if rule.on("hideCredentials") => reads(rule.list("sources"), "X-API-Key", header),
        "basicAuth" if rule.on("removeAuthorization") => touches("Authorization", header),
        "jwtAuth" if !rule.on("forwardAuthorization") => {
            reads(rule.list("tokenSources"), "Authorization", header)
        }
        "requestHeaders" => removed_by_rule(rule, header),
        _ => false,
    }
}

/// Whether credentials are taken from this header; `usual`: where they are if nothing is said.
fn reads(sources: &[Given], usual: &str, header: &str) -> bool {
    if sources.is_empty() {
        return touches(usual, header);
    }
    let mut named = sources.iter().map(Given::known);
    named.any(|source| {
        source
            .strip_prefix("header:")
            .is_some_and(|name| touches(name, header))
    })
}

fn removed_by_rule(rule: &Settings, header: &str) -> bool {
    let mut removed = rule.list("removeHeaders").iter().map(Given::known);
    let mut emptied = rule.names("setHeaders").iter();
    removed.any(|name| touches(header, name))
        || emptied.any(|(name, value)| {
            name.value.eq_ignore_ascii_case(header) && value.text.as_deref() == Some("")
        })
}

/// Whether a name, or `Prefix-*`, means this header; `_` is equal to `-` (MW-GEN-12).
pub(super) fn touches(name: &str, pattern: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let (name, pattern) = (plain(name), plain(pattern));
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}
