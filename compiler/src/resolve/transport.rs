//! How backends are found and connected to: `networking.dnsCache`, `networking.transport` and `security.tls` of a route (config.md
//! 6.3, 7.4). Whether certificates and keys fit is for `check`.

use super::env;
use super::grammar;
use super::pending::is_literal_secret;
use super::read::{Cx, constant};
use crate::dialect::{self, Scalar};
use crate::model::{BackendTls, DnsCache, Transport, Value, scalar};
use crate::spec;
use crate::spec::fields::Leaf;

/// Of the gateway.
pub(super) fn resolve(spec: &spec::gateway::Transport, cx: &mut Cx<'_>) -> Transport {
    // Of no effect: the gateway never adds `Accept-Encoding`.
    let _ = cx.boolean(spec.disable_compression.as_ref(), false);
    Transport {
        http2: cx.boolean(spec.http2.as_ref(), true),
        idle_connections: number(spec.idle_connections.as_ref(), "maxIdleConns", cx),
        idle_per_host: number(spec.idle_per_host.as_ref(), "maxIdleConnsPerHost", cx),
        per_host: number(spec.per_host.as_ref(), "maxConnsPerHost", cx),
        idle_timeout_ms: limit_ms(spec.idle_timeout.as_ref(), "idleConnTimeout", cx),
        response_header_timeout_ms: limit_ms(
            spec.response_header_timeout.as_ref(),
            "responseHeaderTimeout",
            cx,
        ),
        insecure: cx.boolean(spec.insecure_skip_verify.as_ref(), false),
        handshake_timeout_ms: limit_ms(spec.handshake_timeout.as_ref(), "tlsHandshakeTimeout", cx),
    }
}

/// Names of backends.
pub(super) fn dns(spec: &spec::gateway::DnsCache, cx: &mut Cx<'_>) -> DnsCache {
    let ttl = |text: &str| scalar::parse_seconds(text).unwrap_or_default().as_millis();
    let place = "gateway.networking.dnsCache.ttl";
    let usual = ttl(dialect::value_at(place).1);
    let given = ttl(&text(spec.ttl.as_ref(), place, cx));
    DnsCache {
        // 0 is the same as nothing.
        ttl_ms: u64::try_from(if given == 0 { usual } else { given }).unwrap_or(u64::MAX),
        clear_on_reload: cx.boolean(spec.clear_on_reload.as_ref(), false),
        servers: cx.values(spec.resolvers.as_ref(), Scalar::DnsServer),
    }
}

/// Whole milliseconds of a `secs`.
fn limit_ms(leaf: Option<&Leaf>, name: &str, cx: &mut Cx<'_>) -> u64 {
    let text = text(leaf, &place(name), cx);
    let time = scalar::parse_seconds(&text).unwrap_or_default();
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A number that is not negative.
fn number(leaf: Option<&Leaf>, name: &str, cx: &mut Cx<'_>) -> u64 {
    let text = text(leaf, &place(name), cx);
    let number = scalar::parse_int(&text).unwrap_or_default();
    u64::try_from(number).unwrap_or_default()
}

fn place(name: &str) -> String {
    format!("gateway.networking.transport.{name}")
}

/// A class S text; what is faulty is reported, and counts as absent.
fn text(leaf: Option<&Leaf>, place: &str, cx: &mut Cx<'_>) -> String {
    let (kind, default) = dialect::value_at(place);
    let given = leaf.filter(|leaf| !leaf.null).and_then(|leaf| {
        let text = cx.text(leaf)?.text;
        let checked = grammar::check(kind, &text);
        checked
            .map_err(|(code, invalid)| cx.fault(code, leaf, invalid))
            .ok()?;
        Some(text)
    });
    given.unwrap_or_else(|| default.to_owned())
}

/// Of a route.
pub(super) fn tls(spec: &spec::upstream::BackendTls, cx: &mut Cx<'_>) -> BackendTls {
    let insecure = spec.insecure_skip_verify.as_ref();
    let insecure = insecure.filter(|leaf| !leaf.null);
    let certificate = pem(spec.client_cert.as_ref(), cx);
    let key = pem(spec.client_key.as_ref(), cx);
    BackendTls {
        insecure: insecure.and_then(|leaf| cx.flag(leaf)),
        roots: pem(spec.root_cas.as_ref(), cx),
        // One without the other is reported.
        client: certificate.zip(key),
    }
}

/// `None`: absent or empty.
fn pem(leaf: Option<&Leaf>, cx: &mut Cx<'_>) -> Option<Value> {
    let leaf = leaf.filter(|leaf| !leaf.null && !leaf.broken && !leaf.text.is_empty())?;
    let value = env::value(leaf, false, cx.diags);
    let literal = value.text().is_some() && !value.secret;
    if literal && constant(&value).is_some_and(|text| is_literal_secret(Scalar::Pem, text)) {
        cx.literal_secret(leaf);
    }
    Some(value)
}
