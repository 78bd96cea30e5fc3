//! Which way a changed value opens something. What is not in a table merely changes; of middlewares
//! that guard, it opens.

use super::{Change, Class};
use crate::archive::WITHHELD;
use crate::model::address::{IpRange, parse_range};
use crate::resolve::flat::{Cell, Flat};

/// When a change lets more through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opens {
    /// A list has more items, or a text is there.
    Added,
    /// With any other value.
    Any,
    /// Never: it only changes something.
    Never,
    /// It becomes false.
    Off,
    /// It becomes true.
    On,
    /// A list has fewer items, or a text is gone.
    Removed,
}

const FORWARDS: &str = "gateway.entryPoints.passThrough.forwards";

/// Keys of the main file; an entry is for all keys that begin with it.
const GATEWAY: &[(&str, Opens)] = &[
    ("gateway.debug", Opens::On),
    (FORWARDS, Opens::Added),
    ("gateway.entryPoints.web.proxyProtocol.required", Opens::Off),
    (
        "gateway.entryPoints.web.proxyProtocol.trustedProxies",
        Opens::Added,
    ),
    (
        "gateway.entryPoints.webSecure.proxyProtocol.required",
        Opens::Off,
    ),
    (
        "gateway.entryPoints.webSecure.proxyProtocol.trustedProxies",
        Opens::Added,
    ),
    ("gateway.monitoring.enable", Opens::On),
    ("gateway.monitoring.host", Opens::Any),
    ("gateway.monitoring.includeRouteHealthErrors", Opens::On),
    ("gateway.networking.transport.insecureSkipVerify", Opens::On),
    ("gateway.providers.signing", Opens::Any),
    ("gateway.proxy.enabled", Opens::On),
    ("gateway.proxy.ipHeaders", Opens::Any),
    ("gateway.proxy.trustedProxies", Opens::Added),
    ("gateway.redis.tls.clientCa", Opens::Any),
    ("gateway.redis.tls.enabled", Opens::Off),
    ("gateway.reload.enabled", Opens::On),
    ("gateway.reload.host", Opens::Any),
    ("gateway.tls.clientAuth.clientCA", Opens::Any),
    ("gateway.tls.clientAuth.required", Opens::Off),
];

/// Keys of a route.
const ROUTE: &[(&str, Opens)] = &[
    ("security.enableExploitProtection", Opens::Off),
    ("security.tls.insecureSkipVerify", Opens::On),
    ("security.tls.rootCAs", Opens::Any),
    ("tls.clientAuth.clientCA", Opens::Any),
    ("tls.clientAuth.required", Opens::Off),
];

/// Keys of rules, of any type or of one.
const RULE: &[(&str, &str, Opens)] = &[
    ("", "insecureSkipVerify", Opens::On),
    ("", "message", Opens::Never),
    ("", "realm", Opens::Never),
    ("", "statusCode", Opens::Never),
    ("", "trustForwardHeader", Opens::On),
    ("accessLog", "redact", Opens::Any),
    ("basicAuth", "forwardUsername", Opens::Never),
    ("basicAuth", "removeAuthorization", Opens::Off),
    ("basicAuth", "users", Opens::Added),
    ("errorInterceptor", "errors", Opens::Removed),
    ("exploitProtection", "detect", Opens::Any),
    ("geoBlock", "addCountryHeader", Opens::Never),
    ("geoBlock", "allowPrivate", Opens::On),
    ("geoBlock", "allowUnknown", Opens::On),
    ("redirectScheme", "scheme", Opens::Any),
    ("requestHeaders", "removeHeaders", Opens::Removed),
    ("responseHeaders", "cors.allowCredentials", Opens::On),
    ("responseHeaders", "cors.allowMethods", Opens::Any),
    ("responseHeaders", "cors.allowedHeaders", Opens::Any),
    ("responseHeaders", "cors.enabled", Opens::On),
    ("responseHeaders", "cors.exposeHeaders", Opens::Added),
    ("responseHeaders", "cors.maxAge", Opens::Never),
    ("responseHeaders", "cors.origins", Opens::Added),
    ("userAgentBlock", "allow", Opens::Added),
    ("userAgentBlock", "blockEmpty", Opens::Off),
    ("userAgentBlock", "userAgents", Opens::Removed),
];

/// Headers of answers that tell browsers to be careful.
const PROTECTIVE_HEADERS: &[&str] = &[
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
];

/// Keys that mean nothing while another is false.
const NEEDS: &[(&str, &str)] = &[
    (
        "gateway.monitoring.includeRouteHealthErrors",
        "gateway.monitoring.enableRouteHealthCheck",
    ),
    (
        "gateway.monitoring.metricsPath",
        "gateway.monitoring.enableMetrics",
    ),
];

pub(super) fn of_gateway(key: &str, before: Option<&Cell>, after: Option<&Cell>) -> Class {
    if key.ends_with(".address") {
        return address(before, after);
    }
    match judge(find(GATEWAY, key), before, after) {
        // It is not less that gets through: nothing does any more.
        Class::Restriction if key.starts_with(FORWARDS) => Class::Removal,
        class => class,
    }
}

/// Whether a route that says nothing of it any more is one whose backends prove nothing.
pub(super) fn inherits_no_proof(change: &Change, gateway: &Flat) -> bool {
    const OF_ROUTE: &str = "security.tls.insecureSkipVerify";
    const OF_GATEWAY: &str = "gateway.networking.transport.insecureSkipVerify";
    let of_gateway = gateway.get(OF_GATEWAY).and_then(|cell| cell.items.first());
    change.what == OF_ROUTE
        && change.class == Class::Restriction
        && change.after == shown(None)
        && of_gateway.is_some_and(|text| text != "false")
}

pub(super) fn of_route(key: &str, before: Option<&Cell>, after: Option<&Cell>) -> Class {
    judge(find(ROUTE, key), before, after)
}

/// `guards`: the type keeps requests out, so whatever is not known to be harmless opens.
pub(super) fn of_rule(kind: &str, guards: bool, key: &str, (old, new): (&Flat, &Flat)) -> Class {
    let (before, after) = (old.get(key), new.get(key));
    if kind == "accessPolicy" && key == "sourceRanges" {
        return ranges(old, new);
    }
    if kind == "geoBlock" && key == "countries" {
        let opens = if is_allow(new) {
            Opens::Added
        } else {
            Opens::Removed
        };
        return judge(opens, before, after);
    }
    if kind == "securityHeaders" {
        return careful(key, before, after);
    }
    if let Some(opens) = header(kind, key) {
        return judge(opens, before, after);
    }
    let mut known = RULE.iter();
    let known = known.find(|(own, name, _)| (own.is_empty() || *own == kind) && *name == key);
    let unknown = if guards { Opens::Any } else { Opens::Never };
    judge(known.map_or(unknown, |(_, _, opens)| *opens), before, after)
}

/// What `securityHeaders` says may be less careful, unless it was nothing.
fn careful(key: &str, before: Option<&Cell>, after: Option<&Cell>) -> Class {
    let number = |cell: Option<&Cell>| cell?.items.first()?.parse::<u64>().ok();
    match key {
        "cspReportOnly" => Class::Change,
        "hsts.includeSubDomains" | "hsts.preload" | "overwrite" => judge(Opens::Off, before, after),
        "hsts.maxAge" if number(before) < number(after) => Class::Restriction,
        _ if is_word_off(before) => Class::Restriction,
        _ => Class::Exposure,
    }
}

/// Whether a key that may be a section is the word `off`.
fn is_word_off(cell: Option<&Cell>) -> bool {
    cell.is_some_and(|cell| cell.items == ["off"])
}

/// A header that a rule sets in answers, which tells browsers what they may do.
fn header(kind: &str, key: &str) -> Option<Opens> {
    let name = key.strip_prefix("setHeaders.")?.to_ascii_lowercase();
    match name.as_str() {
        _ if kind != "responseHeaders" => None,
        name if name.starts_with("access-control-allow-") => Some(Opens::Added),
        name if PROTECTIVE_HEADERS.contains(&name) => Some(Opens::Removed),
        _ => None,
    }
}

/// Whether a rule sets a header that keeps browsers safe, or takes headers of clients away.
pub(super) fn protects(kind: &str, rule: &Flat) -> bool {
    match kind {
        "requestHeaders" => rule
            .get("removeHeaders")
            .is_some_and(|cell| !cell.items.is_empty()),
        _ => rule
            .keys()
            .any(|key| matches!(header(kind, key), Some(Opens::Removed))),
    }
}

/// Whether a rule sets a header that lets scripts of other sites read answers.
pub(super) fn lets_read(kind: &str, rule: &Flat) -> bool {
    rule.keys()
        .any(|key| matches!(header(kind, key), Some(Opens::Added)))
}

fn find(table: &[(&str, Opens)], key: &str) -> Opens {
    let found = table.iter().find(|(name, _)| key.starts_with(name));
    found.map_or(Opens::Never, |(_, opens)| *opens)
}

fn judge(opens: Opens, before: Option<&Cell>, after: Option<&Cell>) -> Class {
    let items = |cell: Option<&Cell>| cell.map_or_else(Vec::new, |cell| cell.items.clone());
    let (before, after) = (items(before), items(after));
    let is_true = after.first().is_some_and(|text| text == "true");
    let more = after.iter().any(|item| !before.contains(item));
    let fewer = before.iter().any(|item| !after.contains(item));
    let opened = match opens {
        Opens::Added => more,
        Opens::Any => true,
        Opens::Never => return Class::Change,
        Opens::Off => !is_true,
        Opens::On => is_true || after.first().is_some_and(|text| text.contains("${")),
        Opens::Removed => fewer,
    };
    if opened {
        Class::Exposure
    } else {
        Class::Restriction
    }
}

/// A listener that others than this machine can reach.
fn address(before: Option<&Cell>, after: Option<&Cell>) -> Class {
    let text = |cell: Option<&Cell>| cell.and_then(|cell| cell.items.first()).cloned();
    let reach = |text: Option<String>| match text.as_deref() {
        None | Some("off") => 0,
        Some(text)
            if text.starts_with("127.")
                || text.starts_with("[::1]")
                || text.starts_with("localhost") =>
        {
            1
        }
        Some(text)
            if text.starts_with(':') || text.starts_with("[::]") || text.starts_with("0.0.0.0") =>
        {
            3
        }
        Some(_) => 2,
    };
    let (before, after) = (reach(text(before)), reach(text(after)));
    match (before, after) {
        (before, after) if after > before => Class::Exposure,
        (1.., 0) => Class::Removal,
        (before, after) if after < before => Class::Restriction,
        _ => Class::Change,
    }
}

fn is_allow(rule: &Flat) -> bool {
    let action = rule.get("action").and_then(|cell| cell.items.first());
    action.is_none_or(|action| action == "allow")
}

fn ranges(old: &Flat, new: &Flat) -> Class {
    let read = |rule: &Flat| -> Option<Vec<IpRange>> {
        let cell = rule.get("sourceRanges")?;
        let ranges = cell.items.iter().map(|text| parse_range(text).ok());
        Some(IpRange::merged(ranges.collect::<Option<_>>()?))
    };
    let (Some(before), Some(after)) = (read(old), read(new)) else {
        return Class::Exposure;
    };
    let within = |inner: &[IpRange], outer: &[IpRange]| {
        inner.iter().all(|range| {
            let mut outer = outer.iter();
            outer.any(|other| other.first <= range.first && range.last <= other.last)
        })
    };
    let tighter = if is_allow(new) {
        within(&after, &before)
    } else {
        within(&before, &after)
    };
    match (before == after, tighter) {
        (true, _) => Class::Same,
        (false, true) => Class::Restriction,
        (false, false) => Class::Exposure,
    }
}

/// Whether two values mean the same; where one is withheld, as far as can be seen.
pub(super) fn same(before: Option<&Cell>, after: Option<&Cell>) -> bool {
    let items = |cell: Option<&Cell>| cell.map_or_else(Vec::new, |cell| cell.items.clone());
    let shown = |cell: Option<&Cell>| cell.map_or_else(Vec::new, |cell| cell.shown.clone());
    let is_withheld = |cell: Option<&Cell>| {
        cell.is_some_and(|cell| cell.items.iter().any(|item| item.contains(WITHHELD)))
    };
    items(before) == items(after)
        || (is_withheld(before) || is_withheld(after)) && shown(before) == shown(after)
}

/// Whether a key means nothing, because what it belongs to is switched off on both sides, or is `off` on one.
pub(super) fn is_idle(key: &str, old: &Flat, new: &Flat) -> bool {
    let off = |switch: &str| {
        let is_off = |flat: &Flat| {
            let cell = flat.get(switch);
            cell.is_some_and(|cell| cell.items.first().is_some_and(|text| text == "false"))
        };
        switch != key && is_off(old) && is_off(new)
    };
    let needs = NEEDS
        .iter()
        .any(|(name, switch)| *name == key && off(switch));
    let mut parents = key.match_indices('.').filter_map(|(at, _)| key.get(..at));
    // That a section becomes `off`, or was that, is said of itself.
    let is_whole = |parent: &str| is_word_off(old.get(parent)) || is_word_off(new.get(parent));
    // `cors.enabled` starts out of the rule itself.
    needs || parents.any(|parent| off(&format!("{parent}.enabled")) || is_whole(parent))
}

/// A value as it is shown, in one line.
pub(super) fn shown(cell: Option<&Cell>) -> String {
    const CHARS_MAX: usize = 120;
    let items = cell.map_or(&[][..], |cell| &cell.shown);
    let text = items.join(", ").replace("endpoint: ", "");
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.is_empty() {
        return "none".to_owned();
    }
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
