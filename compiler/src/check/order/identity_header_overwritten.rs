//! [`Code::IdentityHeaderOverwritten`] (MW-INT-4): headers that only the gateway may set for the
//! backend (MW-GEN-12).

use super::{at, chains, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::{Entry, Link, Outline};
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (link, earlier) in with_earlier(&chain) {
            let Some(rule) = link.entry.rule_of("requestHeaders") else {
                continue;
            };
            let changed = changed(rule);
            if let Some((header, setter)) = overwritten(&changed, earlier) {
                let (list, first) = (&link.entry.name, &setter.entry.name);
                let message =
                    format!("`{list}` changes `{header}`, which `{first}` sets before it");
                let warning = at(route, link, Code::IdentityHeaderOverwritten, message);
                let warning = warning.label(setter.span, "the gateway sets it here");
                let help = format!("list `{list}` before `{first}`, or use another header");
                diags.push(warning.help(help));
            }
        }
    }
}

fn overwritten<'o>(changed: &[&str], earlier: &[Link<'o>]) -> Option<(String, Link<'o>)> {
    let set = earlier.iter().flat_map(|link| {
        let names = headers_set(link.entry).into_iter();
        names.map(move |name| (name, *link))
    });
    let mut set = set;
    set.find(|(name, _)| changed.iter().any(|other| touches(name, other)))
}

fn changed(rule: &Settings) -> Vec<&str> {
    let set = rule
        .names("setHeaders")
        .iter()
        .map(|(name, _)| name.value.as_str());
    let removed = rule.list("removeHeaders").iter().map(|given| given.known());
    set.chain(removed).collect()
}

/// The headers that an entry sets for the backend.
fn headers_set(entry: &Entry) -> Vec<String> {
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

/// Names compare with `_` equal to `-` (MW-GEN-12).
fn touches(name: &str, changed: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let (name, changed) = (plain(name), plain(changed));
    match changed.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == changed,
    }
}
