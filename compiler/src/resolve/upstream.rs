//! What routes say of their backends (config.md 7.2, 7.3), and `networking.passiveHealthCheck`.

use super::read::Cx;
use super::{canary, grammar};
use crate::diag::{Code, Diagnostic};
use crate::dialect::{BACKENDS, Scalar};
use crate::model::{Backend, HealthCheck, PassiveHealthCheck, Value, scalar};
use crate::spec;
use crate::spec::fields::Leaf;

/// The largest `weight`.
const WEIGHT_MAX: i64 = 1_000_000;

pub(super) fn backends(spec: &spec::Route, cx: &mut Cx<'_>) -> Vec<Backend> {
    let target = spec
        .target
        .as_ref()
        .filter(|leaf| !leaf.null && !leaf.text.is_empty());
    let target = target.map(|leaf| Backend {
        endpoint: endpoint(leaf, cx),
        weight: None,
        canary: None,
    });
    let Some(list) = spec.backends.as_ref().filter(|list| !list.is_empty()) else {
        // A target of another shape is reported already.
        if target.is_none() && spec.target.as_ref().is_none_or(|leaf| !leaf.broken) {
            missing_target(spec, cx);
        }
        return target.into_iter().collect();
    };
    if let Some(span) = spec.target_span.filter(|_| target.is_some()) {
        let key = format!("{}.target", spec.path_key);
        let warning = Diagnostic::new(
            Code::TargetIgnored,
            key,
            span,
            "`target` gets no request: `backends` wins",
        );
        cx.diags.push(warning.help("keep one of the two"));
    }
    list.iter()
        .filter_map(|backend| resolve_backend(backend, cx))
        .collect()
}

fn missing_target(spec: &spec::Route, cx: &mut Cx<'_>) {
    let span = spec.name.as_ref().map_or(spec.head, |name| name.span);
    let message = format!("`{}` has neither `target` nor `backends`", spec.path_key);
    let fault = Diagnostic::new(Code::MissingTarget, spec.path_key.as_str(), span, message);
    cx.diags
        .push(fault.help("add `target: http://backend:8080`"));
}

fn resolve_backend(spec: &spec::upstream::Backend, cx: &mut Cx<'_>) -> Option<Backend> {
    let leaf = spec
        .endpoint
        .as_ref()
        .filter(|leaf| !leaf.null && !leaf.text.is_empty());
    let Some(leaf) = leaf else {
        if !spec.broken {
            let head = spec.endpoint.as_ref().map_or(spec.head, |leaf| leaf.span);
            cx.missing(
                &spec.path_key,
                "endpoint",
                head,
                "write `endpoint: http://backend:8080`",
            );
        }
        return None;
    };
    let weight = spec.weight.as_ref().filter(|leaf| !leaf.null);
    let weight = weight.and_then(|leaf| cx.int(leaf, 0, WEIGHT_MAX));
    let canary = canary::resolve(spec, cx);
    Some(Backend {
        endpoint: endpoint(leaf, cx),
        weight: weight.and_then(|weight| u32::try_from(weight).ok()),
        canary: canary?,
    })
}

fn endpoint(leaf: &Leaf, cx: &mut Cx<'_>) -> Value {
    cx.checked(
        Some(leaf),
        Scalar::Url(BACKENDS),
        (&leaf.key, ""),
        leaf.span,
    )
}

/// The outer `None`: faulty; the inner: there is none, because it has no path.
pub(super) fn health_check(
    spec: Option<&spec::upstream::HealthCheck>,
    cx: &mut Cx<'_>,
) -> Option<Option<HealthCheck>> {
    let Some(spec) = spec else { return Some(None) };
    let path = spec.path.as_ref().filter(|leaf| !leaf.null);
    let path = path.map_or(Some(String::new()), |leaf| path_of(leaf, cx));
    let interval = milliseconds(spec.interval.as_ref(), (1000, 30_000), cx);
    let timeout = milliseconds(spec.timeout.as_ref(), (1, 10_000), cx);
    let statuses = statuses(spec, cx);
    let check = HealthCheck {
        path: path?,
        interval_ms: interval?,
        timeout_ms: timeout?,
        healthy_statuses: statuses?,
    };
    Some(Some(check).filter(|check| !check.path.is_empty()))
}

fn path_of(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<String> {
    let text = cx.text(leaf)?.text;
    if text.is_empty() {
        return Some(text);
    }
    match grammar::check(Scalar::Path, &text) {
        Ok(()) => Some(text),
        Err((code, invalid)) => {
            cx.fault(code, leaf, invalid);
            None
        }
    }
}

/// `None`: one is faulty.
fn statuses(spec: &spec::upstream::HealthCheck, cx: &mut Cx<'_>) -> Option<Vec<u16>> {
    let texts = cx.texts(spec.healthy_statuses.as_ref());
    let mut whole = texts.whole;
    let mut statuses = Vec::new();
    for (leaf, text) in texts.items {
        match grammar::check(Scalar::Int(100, 599), &text) {
            Ok(()) => {
                let status = scalar::parse_int(&text).ok();
                let status = status.and_then(|status| u16::try_from(status).ok());
                statuses.extend(status);
            }
            Err((code, invalid)) => {
                whole = false;
                cx.fault(code, leaf, invalid);
            }
        }
    }
    whole.then_some(statuses)
}

/// A class S duration of at least so many milliseconds, and its default. `None`: faulty.
pub(super) fn milliseconds(
    leaf: Option<&Leaf>,
    (least, default): (u64, u64),
    cx: &mut Cx<'_>,
) -> Option<u64> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return Some(default);
    };
    let text = cx.text(leaf)?.text;
    if let Err((code, invalid)) = grammar::check(Scalar::Duration(least), &text) {
        cx.fault(code, leaf, invalid);
        return None;
    }
    let time = scalar::parse_duration(&text).ok()?;
    u64::try_from(time.as_millis()).ok()
}

/// `None`: not enabled, or faulty.
pub(super) fn passive(
    spec: &spec::gateway::PassiveHealthCheck,
    cx: &mut Cx<'_>,
) -> Option<PassiveHealthCheck> {
    let enabled = cx.boolean(spec.enabled.as_ref(), true);
    let fails = spec.max_fails.as_ref().filter(|leaf| !leaf.null);
    let fails = fails.map_or(Some(2), |leaf| cx.int(leaf, 1, i64::from(u32::MAX)));
    let eject = milliseconds(spec.eject_for.as_ref(), (1, 10_000), cx);
    let passive = PassiveHealthCheck {
        fails_max: u32::try_from(fails?).ok()?,
        eject_ms: eject?,
    };
    enabled.then_some(passive)
}
