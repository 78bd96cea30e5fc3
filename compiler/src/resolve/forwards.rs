//! `gateway.entryPoints.passThrough.forwards` (config.md 6.2). Ports that clash are found by `check`.

use super::grammar;
use super::read::Cx;
use crate::dialect::Scalar;
use crate::model::{Forward, Value, scalar};
use crate::spec::fields::Leaf;
use crate::spec::gateway as spec;

/// To connect, unless it is said.
const CONNECT_MS: u64 = 10_000;

/// Faulty ones are left out, and reported.
pub(super) fn resolve(spec: &[spec::Forward], cx: &mut Cx<'_>) -> Vec<Forward> {
    let resolved: Vec<_> = spec.iter().map(|forward| one(forward, cx)).collect();
    resolved.into_iter().flatten().collect()
}

fn one(spec: &spec::Forward, cx: &mut Cx<'_>) -> Option<Forward> {
    const PROTOCOLS: &[&str] = &["tcp", "udp", "tcp/udp"];
    let home = (spec.key.as_str(), spec.head);
    let protocol = cx.required_word((spec.protocol.as_ref(), "protocol"), PROTOCOLS, home);
    let port = (Scalar::Int(1, 65535), "a port from 1 to 65535");
    let port = value((spec.port.as_ref(), "port"), port, home, cx);
    let target = (Scalar::HostPort, "write `target: host:port`");
    let target = value((spec.target.as_ref(), "target"), target, home, cx);
    let address = format!("{}.address", spec.key);
    let address = cx.checked(
        spec.address.as_ref().filter(|leaf| !leaf.text.is_empty()),
        Scalar::Ip,
        (&address, ""),
        spec.head,
    );
    let connect_timeout_ms = milliseconds(spec.timeout.as_ref(), cx);
    let protocol = protocol?;
    Some(Forward {
        tcp: protocol != "udp",
        udp: protocol != "tcp",
        port: port?,
        address,
        target: target?,
        connect_timeout_ms: connect_timeout_ms?,
    })
}

/// A required key of class V.
fn value(
    (leaf, name): (Option<&Leaf>, &str),
    (scalar, help): (Scalar, &str),
    (key, head): (&str, crate::source::Span),
    cx: &mut Cx<'_>,
) -> Option<Value> {
    match leaf.filter(|leaf| !leaf.null || leaf.broken) {
        None => cx.missing(key, name, head, help),
        Some(leaf) if leaf.broken => {}
        Some(leaf) => return Some(cx.checked(Some(leaf), scalar, (&leaf.key, ""), head)),
    }
    None
}

/// `None`: faulty; the inner: no limit.
fn milliseconds(leaf: Option<&Leaf>, cx: &mut Cx<'_>) -> Option<Option<u64>> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return Some(Some(CONNECT_MS));
    };
    let text = cx.text(leaf)?.text;
    if let Err((code, invalid)) = grammar::check(Scalar::Seconds(0, u64::from(u32::MAX)), &text) {
        cx.fault(code, leaf, invalid);
        return None;
    }
    let time = scalar::parse_seconds(&text).ok()?.as_millis();
    Some(u64::try_from(time).ok().filter(|time| *time > 0))
}
