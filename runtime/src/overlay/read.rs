//! The tree of an overlay → what it wants of which route. What the routes say to that is
//! [`super::apply`]'s part.

use super::Refused;
use super::tree::{self, At, Key, Kind, Node};
use crate::answer::Answer;
use crate::values::scalar::{self, Malformed};

/// The largest weight, as in the specification.
const WEIGHT_MAX: i64 = 1_000_000;
/// The longest `retryAfter`.
const RETRY_AFTER_SECS_MAX: u64 = u32::MAX as u64;

/// What an overlay wants of a route.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) at: At,
    pub(super) name: String,
    pub(super) enabled: Option<(At, bool)>,
    /// The inner `None`: the route is open.
    pub(super) maintenance: Option<Option<Closed>>,
    /// Never empty.
    pub(super) backends: Option<Vec<Backend>>,
}

/// What a route answers in place of its backends (RT-MAINT-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// `statusCode`
    pub status: u16,
    /// `None`: `<status> <reason>`.
    pub message: Option<String>,
    /// `retryAfter`
    pub retry_after_seconds: Option<u32>,
}

impl Closed {
    /// What a client gets.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let answer = match &self.message {
            Some(message) => Answer::operator(self.status, message.clone(), false),
            None => Answer::of(self.status),
        };
        answer.retry_after(self.retry_after_seconds)
    }
}

/// One entry of `backends`.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) at: At,
    /// Dotted.
    pub(super) key: String,
    pub(super) endpoint: String,
    pub(super) weight: Option<u32>,
}

/// Reads a file; of a missing or empty one nothing is wanted.
pub(super) fn read(text: &str) -> Result<Vec<Wanted>, Refused> {
    let Some(root) = tree::parse(text)? else {
        return Ok(Vec::new());
    };
    let mut wanted = Vec::new();
    for (key, node) in members(&root, "")? {
        match key.text.as_str() {
            "routes" => {
                for (name, node) in members(node, "routes")? {
                    wanted.push(route(name, node)?);
                }
            }
            other => return Err(unknown(key, other)),
        }
    }
    Ok(wanted)
}

fn route(name: &Key, node: &Node) -> Result<Wanted, Refused> {
    let path = format!("routes.{}", name.text);
    let mut wanted = Wanted {
        at: name.at,
        name: name.text.clone(),
        enabled: None,
        maintenance: None,
        backends: None,
    };
    for (key, node) in members(node, &path)? {
        let place = format!("{path}.{}", key.text);
        match key.text.as_str() {
            _ if node.is_null() => {}
            "enabled" => wanted.enabled = Some((node.at, flag(node, &place)?)),
            "maintenance" => wanted.maintenance = Some(maintenance(node, &place)?),
            "backends" => wanted.backends = Some(backends(node, &place)?),
            _ => return Err(unknown(key, &place)),
        }
    }
    Ok(wanted)
}

fn maintenance(node: &Node, path: &str) -> Result<Option<Closed>, Refused> {
    let (mut enabled, mut status, mut message, mut retry_after) = (None, 503, None, None);
    for (key, node) in members(node, path)? {
        let place = format!("{path}.{}", key.text);
        match key.text.as_str() {
            _ if node.is_null() => {}
            "enabled" => enabled = Some(flag(node, &place)?),
            "statusCode" => status = number(node, &place, 200, 599)?,
            "message" => message = Some(text(node, &place)?.to_owned()),
            "retryAfter" => retry_after = Some(seconds(node, &place)?),
            _ => return Err(unknown(key, &place)),
        }
    }
    // Half of what a route answers would open one that is closed.
    let enabled = enabled.ok_or_else(|| {
        let text = "has no `enabled`".to_owned();
        Refused::of(Some(node.at), path, "missing-key", text)
    })?;
    let usual = || (status == 503).then(|| "503 Service temporarily unavailable".to_owned());
    Ok(enabled.then(|| Closed {
        status,
        message: message.filter(|text| !text.is_empty()).or_else(usual),
        retry_after_seconds: retry_after,
    }))
}

fn backends(node: &Node, path: &str) -> Result<Vec<Backend>, Refused> {
    let Kind::List(items) = &node.kind else {
        return Err(mismatch(node, path, "a list"));
    };
    if items.is_empty() {
        return Err(Refused::of(
            Some(node.at),
            path,
            "empty-backends",
            "has no entry".into(),
        ));
    }
    let mut backends: Vec<Backend> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let backend = backend(item, &format!("{path}[{index}]"))?;
        if !known.insert(backend.endpoint.clone()) {
            let text = "is the endpoint of another entry".to_owned();
            return Err(Refused::of(
                Some(backend.at),
                &backend.key,
                "duplicate-backend",
                text,
            ));
        }
        backends.push(backend);
    }
    Ok(backends)
}

fn backend(node: &Node, path: &str) -> Result<Backend, Refused> {
    let (mut endpoint, mut weight) = (None, None);
    for (key, node) in members(node, path)? {
        let place = format!("{path}.{}", key.text);
        match key.text.as_str() {
            _ if node.is_null() => {}
            "endpoint" => endpoint = Some((node.at, place.clone(), text(node, &place)?.to_owned())),
            "weight" => weight = Some(number(node, &place, 0, WEIGHT_MAX)?),
            _ => return Err(unknown(key, &place)),
        }
    }
    match endpoint {
        Some((at, key, endpoint)) => Ok(Backend {
            at,
            key,
            endpoint,
            weight,
        }),
        None => {
            let text = "`endpoint` is missing".to_owned();
            Err(Refused::of(Some(node.at), path, "missing-key", text))
        }
    }
}

/// The members of a mapping; nothing has none.
fn members<'n>(node: &'n Node, path: &str) -> Result<&'n [(Key, Node)], Refused> {
    match &node.kind {
        Kind::Map(members) => Ok(members),
        Kind::Scalar { .. } if node.is_null() => Ok(&[]),
        Kind::List(_) | Kind::Scalar { .. } => Err(mismatch(node, path, "a mapping")),
    }
}

fn text<'n>(node: &'n Node, path: &str) -> Result<&'n str, Refused> {
    match &node.kind {
        Kind::Scalar { text, .. } => Ok(text),
        Kind::List(_) | Kind::Map(_) => Err(mismatch(node, path, "a single value")),
    }
}

fn flag(node: &Node, path: &str) -> Result<bool, Refused> {
    match &node.kind {
        Kind::Scalar { text, plain: true } => checked(node, path, scalar::boolean(text)),
        _ => Err(mismatch(node, path, "`true` or `false`")),
    }
}

fn number<T: TryFrom<i64>>(node: &Node, path: &str, least: i64, most: i64) -> Result<T, Refused> {
    let number = checked(node, path, scalar::int(text(node, path)?))?;
    let within = Some(number).filter(|number| (least..=most).contains(number));
    within
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| {
            let text = format!("must be from {least} to {most}");
            Refused::of(Some(node.at), path, "out-of-range", text)
        })
}

fn seconds(node: &Node, path: &str) -> Result<u32, Refused> {
    let time = checked(node, path, scalar::secs(text(node, path)?))?;
    let within = Some(time.as_secs()).filter(|seconds| *seconds <= RETRY_AFTER_SECS_MAX);
    within
        .and_then(|seconds| u32::try_from(seconds).ok())
        .ok_or_else(|| {
            let text = format!("must be at most {RETRY_AFTER_SECS_MAX} seconds");
            Refused::of(Some(node.at), path, "out-of-range", text)
        })
}

fn checked<T>(node: &Node, path: &str, read: Result<T, Malformed>) -> Result<T, Refused> {
    read.map_err(|malformed| Refused::of(Some(node.at), path, malformed.code, malformed.text))
}

fn unknown(key: &Key, path: &str) -> Refused {
    Refused::rebuild(key.at, path, "an overlay has no such key")
}

fn mismatch(node: &Node, path: &str, expected: &str) -> Refused {
    let text = format!("expected {expected}");
    Refused::of(Some(node.at), path, "type-mismatch", text)
}
