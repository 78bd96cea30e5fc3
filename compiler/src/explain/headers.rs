//! What the chain does to the header fields that a backend gets (MW-REQH), as far as it can be told
//! before a gateway runs: values with the defaults of their references, tokens where they are known.

use super::Request;
use super::chain::Walked;
use crate::model::rule::RequestHeaders;
use crate::model::{FORWARDING, HeaderPattern, Route, Value};

/// A header field that the chain sets or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As the rule spells it.
    pub name: String,
    /// In order, none of them: removed. `None`: it depends on what is not known.
    pub values: Option<Vec<String>>,
}

/// Tokens whose values only a running gateway knows.
const LATER: &[&str] = &[
    "gateway.version",
    "request.id",
    "request.path",
    "route.target",
    "user",
];

/// MW-REQH-1, MW-REQH-2
pub(super) fn apply(
    rule: &RequestHeaders,
    (request, route): (&Request, &Route),
    walked: &mut Walked,
) {
    let host = |name: &str| name.eq_ignore_ascii_case("host");
    for pattern in &rule.remove {
        if takes_host(pattern) {
            walked.host = None;
        }
        if host(pattern.as_str()) {
            continue;
        }
        for name in named(pattern, request, walked) {
            put(walked, &name, Some(Vec::new()));
        }
    }
    for (name, value) in &rule.set {
        if host(name.as_str()) {
            put_host(value, (request, route), walked);
            continue;
        }
        let text = text(value, (request, route), walked);
        let values = text.map(|text| Vec::from_iter((!text.is_empty()).then_some(text)));
        put(walked, name.as_str(), values);
    }
    for (name, value) in &rule.add {
        if host(name.as_str()) {
            put_host(value, (request, route), walked);
            continue;
        }
        make_room(name.as_str(), request, walked);
        let text = text(value, (request, route), walked);
        let values = values(name.as_str(), request, walked).zip(text);
        let values = values.map(|(mut values, text)| {
            values.push(text);
            values
        });
        put(walked, name.as_str(), values);
    }
}

/// `Host` for the backend; an empty one stands for the usual (MW-REQH-2).
fn put_host(value: &Value, known: (&Request, &Route), walked: &mut Walked) {
    let written = || value.default_text().filter(|_| !value.secret);
    if let Some(text) = text(value, known, walked).or_else(written) {
        walked.host = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    }
}

fn takes_host(pattern: &HeaderPattern) -> bool {
    let text = pattern.as_str();
    match text.strip_suffix('*') {
        Some(stem) => "host"
            .get(..stem.len())
            .is_some_and(|head| same(head, stem)),
        None => same(text, "host"),
    }
}

/// Before a field of the proxy step is added, the client's own go, unless a trusted proxy sent them
/// (MW-REQH-3), which is not known here.
fn make_room(name: &str, request: &Request, walked: &mut Walked) {
    let ours = FORWARDING.iter().any(|ours| same(ours, name));
    let is_known = walked.fields.iter().any(|field| same(&field.name, name));
    if ours && !is_known && request.values(name).next().is_some() {
        put(walked, name, None);
    }
}

/// The values that a field has at this place of the chain; `None`: not known.
fn values(name: &str, request: &Request, walked: &Walked) -> Option<Vec<String>> {
    let set = walked.fields.iter().find(|field| same(&field.name, name));
    set.map_or_else(
        || {
            let sent = request.values(name);
            Some(
                sent.map(|value| String::from_utf8_lossy(value).into_owned())
                    .collect(),
            )
        },
        |field| field.values.clone(),
    )
}

/// The fields that a pattern names: itself, or those there are that begin with it.
fn named(pattern: &HeaderPattern, request: &Request, walked: &Walked) -> Vec<String> {
    let Some(stem) = pattern.as_str().strip_suffix('*') else {
        return vec![pattern.as_str().to_owned()];
    };
    let set = walked.fields.iter().map(|field| field.name.as_str());
    let begins = |name: &&str| {
        let head = name.get(..stem.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(stem))
    };
    let all = request.field_names().chain(set).filter(begins);
    all.map(str::to_owned).collect()
}

fn put(walked: &mut Walked, name: &str, values: Option<Vec<String>>) {
    walked.fields.retain(|field| !same(&field.name, name));
    walked.fields.push(Field {
        name: name.to_owned(),
        values,
    });
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// A value with its tokens filled in (MW-GEN-24); `None`: not known.
fn text(value: &Value, (request, route): (&Request, &Route), walked: &Walked) -> Option<String> {
    let written = value.default_text().filter(|_| !value.secret)?;
    let mut text = String::new();
    let mut rest = written.as_str();
    while let Some((before, braced)) = rest.split_once('{') {
        text.push_str(before);
        let token = braced.split_once('}');
        let Some((token, after)) = token else {
            text.push('{');
            rest = braced;
            continue;
        };
        let parameter = token.strip_prefix("param.");
        let header = token.strip_prefix("request.header.");
        match token {
            "client.ip" => text.push_str(&request.client()?.to_string()),
            "request.host" => text.push_str(request.host()),
            "request.method" => text.push_str(request.method()),
            "request.scheme" => text.push_str(if request.secure() { "https" } else { "http" }),
            "route.name" => text.push_str(route.name.as_str()),
            "route.path" => text.push_str(route.path.as_str()),
            _ if LATER.contains(&token)
                || token.starts_with("claim.")
                || parameter.is_some_and(|name| !name.is_empty()) =>
            {
                return None;
            }
            _ => match header.filter(|name| !name.is_empty()) {
                Some(name) => {
                    let values = values(name, request, walked)?;
                    text.push_str(values.first().map_or("", String::as_str));
                }
                None => {
                    text.push('{');
                    rest = braced;
                    continue;
                }
            },
        }
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}
