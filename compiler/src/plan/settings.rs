//! What is set once per gateway: the section `gateway` without its routes.

use serde::Serialize;

use super::lower::{Cx, lower_value};
use super::{DnsCache, PassiveHealthCheck, Place, Transport, Value, upstream};
use crate::model;

/// Everything that is set once per gateway; the defaults are filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The `gateway` section.
    pub place: Place,
    /// `strictSlash`.
    pub strict_slash: bool,
    /// `debug`.
    pub debug: Value,
    /// `entryPoints.web.address`.
    pub web_address: Value,
    /// `entryPoints.web.proxyProtocol`.
    pub web_proxy_protocol: ProxyProtocol,
    /// `entryPoints.passThrough.forwards`.
    pub forwards: Vec<Forward>,
    /// `limits`.
    pub limits: Limits,
    /// `proxy`, if it is enabled.
    pub proxy: Option<Proxy>,
    /// `timeouts.read`.
    pub read_timeout: Value,
    /// `timeouts.write`.
    pub write_timeout: Value,
    /// `timeouts.idle`.
    pub idle_timeout: Value,
    /// `timeouts.header`.
    pub header_timeout: Value,
    /// `timeouts.drain`.
    pub drain_timeout: Value,
    /// `timeouts.drainDelay`.
    pub drain_delay: Value,
    /// `log.level`.
    pub log_level: Value,
    /// `log.format`.
    pub log_format: Value,
    /// `log.filePath`; empty: standard output.
    pub log_file: Value,
    /// `log.maxSizeMB`.
    pub log_megabytes_max: Value,
    /// `log.maxBackups`.
    pub log_backups_max: Value,
    /// `log.maxAgeDays`.
    pub log_days_max: Value,
    /// `monitoring.enableReadiness`.
    pub readiness_enabled: Value,
    /// `monitoring.enableLiveness`.
    pub liveness_enabled: Value,
    /// `monitoring.enableRouteHealthCheck`.
    pub route_health_enabled: bool,
    /// `monitoring.includeRouteHealthErrors`.
    pub route_health_errors: bool,
    /// `monitoring.enableBuildInfo`.
    pub build_info_enabled: bool,
    /// `monitoring.host`, a host pattern.
    pub monitoring_host: Option<String>,
    /// `networking.dnsCache`.
    pub dns_cache: DnsCache,
    /// `networking.passiveHealthCheck`, if it is enabled.
    pub passive_health_check: Option<PassiveHealthCheck>,
    /// `networking.transport`.
    pub transport: Transport,
}

/// One entry of `entryPoints.passThrough.forwards` (RT-PT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forward {
    /// Whether it takes TCP connections.
    pub tcp: bool,
    /// Whether it takes UDP datagrams.
    pub udp: bool,
    /// `port`.
    pub port: Value,
    /// `address`; empty: all.
    pub address: Value,
    /// `target`.
    pub target: Value,
    /// `timeout`; `None`: as long as the system tries.
    pub connect_timeout_ms: Option<u64>,
}

/// `gateway.limits` (RT-LIM).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes of a request target.
    pub target_bytes_max: u64,
    /// Bytes of a header section.
    pub header_bytes_max: u64,
    /// Fields of a header section.
    pub fields_max: u64,
    /// Connections of the process.
    pub connections_max: Option<u64>,
    /// Requests of a connection.
    pub requests_per_connection_max: Option<u64>,
    /// Streams at once on an HTTP/2 connection.
    pub http2_streams_max: u64,
    /// Streams that a client may reset in 10 seconds on an HTTP/2 connection.
    pub http2_resets_max: u64,
}

/// `gateway.proxy` (RT-IP).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proxy {
    /// IP addresses and CIDR blocks.
    pub trusted: Vec<Value>,
    /// Fields with the client's address, in order.
    pub headers: Vec<String>,
}

/// `proxyProtocol` of an entry point (RT-PP).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProxyProtocol {
    /// IP addresses and CIDR blocks; none: off.
    pub trusted: Vec<Value>,
    /// Whether a trusted peer must send it.
    pub required: bool,
}

/// The settings of a model.
pub(super) fn lower(cx: &Cx<'_>, gateway: &model::Gateway) -> Settings {
    let timeouts = &gateway.timeouts;
    let host = gateway.monitoring_host.as_ref();
    let passive = gateway.passive_health_check.as_ref();
    Settings {
        strict_slash: gateway.strict_slash,
        place: cx.place(gateway.span),
        debug: lower_value(cx, &gateway.debug),
        web_address: lower_value(cx, &gateway.web_address),
        web_proxy_protocol: lower_proxy_protocol(cx, &gateway.web_proxy_protocol),
        forwards: gateway
            .forwards
            .iter()
            .map(|forward| lower_forward(cx, forward))
            .collect(),
        limits: lower_limits(&gateway.limits),
        proxy: gateway.proxy.as_ref().map(|proxy| lower_proxy(cx, proxy)),
        read_timeout: lower_value(cx, &timeouts.read),
        write_timeout: lower_value(cx, &timeouts.write),
        idle_timeout: lower_value(cx, &timeouts.idle),
        header_timeout: lower_value(cx, &timeouts.header),
        drain_timeout: lower_value(cx, &timeouts.drain),
        drain_delay: lower_value(cx, &timeouts.drain_delay),
        log_level: lower_value(cx, &gateway.log_level),
        log_format: lower_value(cx, &gateway.log_format),
        log_file: lower_value(cx, &gateway.log_file),
        log_megabytes_max: lower_value(cx, &gateway.log_megabytes_max),
        log_backups_max: lower_value(cx, &gateway.log_backups_max),
        log_days_max: lower_value(cx, &gateway.log_days_max),
        readiness_enabled: lower_value(cx, &gateway.readiness),
        liveness_enabled: lower_value(cx, &gateway.liveness),
        route_health_enabled: gateway.route_health,
        route_health_errors: gateway.route_health_errors,
        build_info_enabled: gateway.build_info,
        monitoring_host: host.map(|host| host.as_str().to_owned()),
        dns_cache: upstream::dns_cache(cx, &gateway.dns_cache),
        passive_health_check: passive.map(upstream::passive_health_check),
        transport: upstream::transport(&gateway.transport),
    }
}

fn lower_forward(cx: &Cx<'_>, forward: &model::Forward) -> Forward {
    Forward {
        tcp: forward.tcp,
        udp: forward.udp,
        port: lower_value(cx, &forward.port),
        address: lower_value(cx, &forward.address),
        target: lower_value(cx, &forward.target),
        connect_timeout_ms: forward.connect_timeout_ms,
    }
}

fn lower_limits(limits: &model::Limits) -> Limits {
    Limits {
        target_bytes_max: limits.uri_bytes,
        header_bytes_max: limits.header_bytes,
        fields_max: limits.headers,
        connections_max: limits.connections,
        requests_per_connection_max: limits.requests_per_connection,
        http2_streams_max: limits.http2_streams,
        http2_resets_max: limits.http2_resets,
    }
}

fn lower_proxy(cx: &Cx<'_>, proxy: &model::Proxy) -> Proxy {
    let headers = proxy.headers.iter();
    Proxy {
        trusted: lower_values(cx, &proxy.trusted),
        headers: headers.map(|name| name.as_str().to_owned()).collect(),
    }
}

fn lower_proxy_protocol(cx: &Cx<'_>, spec: &model::ProxyProtocol) -> ProxyProtocol {
    ProxyProtocol {
        trusted: lower_values(cx, &spec.trusted),
        required: spec.required,
    }
}

fn lower_values(cx: &Cx<'_>, values: &[model::Value]) -> Vec<Value> {
    values.iter().map(|value| lower_value(cx, value)).collect()
}
