//! `gateway.limits`, `gateway.proxy` and `proxyProtocol`: what clients may send, and who they are.

use super::grammar;
use super::read::Cx;
use crate::diag::Code;
use crate::dialect::{self, Scalar};
use crate::model::{HeaderName, Limits, Proxy, ProxyProtocol, scalar};
use crate::spec::fields::{Leaf, Leaves};
use crate::spec::gateway as spec;

/// RT-LIM; 0 stands for no limit where there may be none.
pub(super) fn limits(spec: &spec::Limits, cx: &mut Cx<'_>) -> Limits {
    let mut number = |leaf: &Option<Leaf>, place| number(leaf.as_ref(), place, cx);
    let connections = number(&spec.connections, "gateway.limits.maxConnections");
    let requests = number(
        &spec.requests_per_connection,
        "gateway.limits.maxRequestsPerConnection",
    );
    Limits {
        http2_streams: number(&spec.http2.streams, "gateway.limits.http2.maxStreams"),
        http2_resets: number(&spec.http2.resets, "gateway.limits.http2.maxResets"),
        uri_bytes: number(&spec.uri_bytes, "gateway.limits.maxUriBytes"),
        header_bytes: number(&spec.header_bytes, "gateway.limits.maxHeaderBytes"),
        headers: number(&spec.headers, "gateway.limits.maxHeaders"),
        connections: Some(connections).filter(|limit| *limit > 0),
        requests_per_connection: Some(requests).filter(|limit| *limit > 0),
    }
}

/// A class S number or size; absent, null and faulty give the default.
fn number(leaf: Option<&Leaf>, place: &str, cx: &mut Cx<'_>) -> u64 {
    let (kind, default) = dialect::value_at(place);
    let written = leaf.filter(|leaf| !leaf.null).and_then(|leaf| {
        let text = cx.text(leaf)?.text;
        match grammar::check(kind, &text) {
            Ok(()) => Some(text),
            Err((code, invalid)) => {
                cx.fault(code, leaf, invalid);
                None
            }
        }
    });
    let text = written.as_deref().unwrap_or(default);
    if matches!(kind, Scalar::Size(..)) {
        return scalar::parse_size(text).unwrap_or_default();
    }
    let number = scalar::parse_int(text).unwrap_or_default();
    u64::try_from(number).unwrap_or_default()
}

/// RT-PP
pub(super) fn proxy_protocol(spec: &spec::ProxyProtocol, cx: &mut Cx<'_>) -> ProxyProtocol {
    ProxyProtocol {
        trusted: cx.values(spec.trusted_proxies.as_ref(), Scalar::Network),
        required: cx.boolean(spec.required.as_ref(), true),
    }
}

/// RT-IP. `None`: not enabled. That nobody is trusted is found by `check` (MW-CLI-3).
pub(super) fn proxy(spec: &spec::Proxy, cx: &mut Cx<'_>) -> Option<Proxy> {
    let enabled = cx.boolean(spec.enabled.as_ref(), false);
    let trusted = cx.values(spec.trusted_proxies.as_ref(), Scalar::Network);
    let headers = headers(spec.ip_headers.as_ref(), cx);
    enabled.then_some(Proxy { trusted, headers })
}

fn headers(list: Option<&Leaves>, cx: &mut Cx<'_>) -> Vec<HeaderName> {
    let (_, default) = dialect::value_at("gateway.proxy.ipHeaders");
    let texts = cx.texts(list);
    let mut headers = Vec::new();
    for (leaf, text) in &texts.items {
        match HeaderName::new(text) {
            Ok(name) => headers.push(name),
            Err(invalid) => cx.fault(Code::BadRule, leaf, invalid),
        }
    }
    if !texts.items.is_empty() {
        return headers;
    }
    let names = default.trim_matches(['[', ']']).split(',').map(str::trim);
    names
        .filter_map(|name| HeaderName::new(name).ok())
        .collect()
}
