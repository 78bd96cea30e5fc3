//! The section `gateway` (config.md section 6).

use super::fields::{Fields, Item, Leaf, Leaves};
use super::providers::{self, Providers};
use super::route::{self, Route};
use crate::source::Span;

/// `gateway`
#[derive(Default)]
pub(crate) struct Gateway {
    /// The key.
    pub(crate) span: Option<Span>,
    pub(crate) strict_slash: Option<Leaf>,
    pub(crate) debug: Option<Leaf>,
    pub(crate) web: Web,
    /// `entryPoints.passThrough.forwards`
    pub(crate) forwards: Vec<Forward>,
    pub(crate) limits: Limits,
    pub(crate) proxy: Proxy,
    pub(crate) timeouts: Timeouts,
    pub(crate) log: Log,
    pub(crate) monitoring: Monitoring,
    pub(crate) networking: Networking,
    pub(crate) extra_config: ExtraConfig,
    pub(crate) providers: Providers,
    /// `defaults.middlewares`
    pub(crate) default_middlewares: Option<Leaves>,
    pub(crate) routes_span: Option<Span>,
    /// `None`: absent or not a list.
    pub(crate) routes: Option<Vec<Route>>,
    /// False: there are routes that could not be read.
    pub(crate) routes_readable: bool,
}

/// `gateway.entryPoints.web`
#[derive(Default)]
pub(crate) struct Web {
    pub(crate) span: Option<Span>,
    pub(crate) address: Option<Leaf>,
    pub(crate) proxy_protocol: ProxyProtocol,
}

/// One entry of `entryPoints.passThrough.forwards`.
pub(crate) struct Forward {
    /// Dotted key.
    pub(crate) key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) protocol: Option<Leaf>,
    pub(crate) port: Option<Leaf>,
    pub(crate) target: Option<Leaf>,
    pub(crate) timeout: Option<Leaf>,
    pub(crate) address: Option<Leaf>,
}

/// `proxyProtocol` of an entry point.
#[derive(Default)]
pub(crate) struct ProxyProtocol {
    pub(crate) trusted_proxies: Option<Leaves>,
    pub(crate) required: Option<Leaf>,
}

/// `gateway.limits`
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) uri_bytes: Option<Leaf>,
    pub(crate) header_bytes: Option<Leaf>,
    pub(crate) headers: Option<Leaf>,
    pub(crate) connections: Option<Leaf>,
    pub(crate) requests_per_connection: Option<Leaf>,
    pub(crate) http2: Http2,
}

/// `gateway.limits.http2`
#[derive(Default)]
pub(crate) struct Http2 {
    pub(crate) streams: Option<Leaf>,
    pub(crate) resets: Option<Leaf>,
}

/// `gateway.proxy`
#[derive(Default)]
pub(crate) struct Proxy {
    pub(crate) enabled: Option<Leaf>,
    pub(crate) trusted_proxies: Option<Leaves>,
    pub(crate) ip_headers: Option<Leaves>,
}

/// `gateway.extraConfig`
#[derive(Default)]
pub(crate) struct ExtraConfig {
    pub(crate) directory: Option<Leaf>,
    pub(crate) watch: Option<Leaf>,
}

/// `gateway.timeouts`
#[derive(Default)]
pub(crate) struct Timeouts {
    pub(crate) span: Option<Span>,
    pub(crate) read: Option<Leaf>,
    pub(crate) write: Option<Leaf>,
    pub(crate) idle: Option<Leaf>,
    pub(crate) header: Option<Leaf>,
    pub(crate) drain: Option<Leaf>,
    pub(crate) drain_delay: Option<Leaf>,
}

/// `gateway.log`
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) span: Option<Span>,
    pub(crate) level: Option<Leaf>,
    pub(crate) format: Option<Leaf>,
    pub(crate) file_path: Option<Leaf>,
    pub(crate) max_size_mb: Option<Leaf>,
    pub(crate) max_backups: Option<Leaf>,
    pub(crate) max_age_days: Option<Leaf>,
}

/// `gateway.monitoring`
#[derive(Default)]
pub(crate) struct Monitoring {
    pub(crate) span: Option<Span>,
    pub(crate) enable_readiness: Option<Leaf>,
    pub(crate) enable_liveness: Option<Leaf>,
    pub(crate) enable_route_health_check: Option<Leaf>,
    pub(crate) include_route_health_errors: Option<Leaf>,
    pub(crate) enable_build_info: Option<Leaf>,
    pub(crate) host: Option<Leaf>,
}

/// `gateway.networking`
#[derive(Default)]
pub(crate) struct Networking {
    pub(crate) dns: DnsCache,
    pub(crate) transport: Transport,
    pub(crate) passive: PassiveHealthCheck,
}

/// `gateway.networking.dnsCache`
#[derive(Default)]
pub(crate) struct DnsCache {
    pub(crate) ttl: Option<Leaf>,
    pub(crate) clear_on_reload: Option<Leaf>,
    pub(crate) resolvers: Option<Leaves>,
}

/// `gateway.networking.transport`
#[derive(Default)]
pub(crate) struct Transport {
    pub(crate) insecure_skip_verify: Option<Leaf>,
    pub(crate) http2: Option<Leaf>,
    pub(crate) disable_compression: Option<Leaf>,
    pub(crate) idle_connections: Option<Leaf>,
    pub(crate) idle_per_host: Option<Leaf>,
    pub(crate) per_host: Option<Leaf>,
    pub(crate) idle_timeout: Option<Leaf>,
    pub(crate) response_header_timeout: Option<Leaf>,
    pub(crate) handshake_timeout: Option<Leaf>,
}

/// `gateway.networking.passiveHealthCheck`
#[derive(Default)]
pub(crate) struct PassiveHealthCheck {
    pub(crate) enabled: Option<Leaf>,
    pub(crate) max_fails: Option<Leaf>,
    pub(crate) eject_for: Option<Leaf>,
}

/// Reads `gateway` out of the top-level mapping.
pub(super) fn decode(top: &mut Fields<'_>) -> Gateway {
    let span = top.key_span("gateway");
    let Some(mut fields) = top.section("gateway") else {
        return Gateway {
            routes_readable: true,
            ..Gateway::default()
        };
    };
    let strict_slash = fields.leaf("strictSlash");
    let debug = fields.leaf("debug");
    let (web, forwards) = entry_points(&mut fields);
    let limits = limits(&mut fields);
    let proxy = proxy(&mut fields);
    let timeouts = timeouts(&mut fields);
    let log = log(&mut fields);
    let monitoring = monitoring(&mut fields);
    let networking = networking(&mut fields);
    let extra_config = extra_config(&mut fields);
    let providers = providers::decode(&mut fields);
    let default_middlewares = fields.section("defaults").and_then(|mut defaults| {
        let middlewares = defaults.leaves("middlewares");
        defaults.finish();
        middlewares
    });
    let routes_span = fields.key_span("routes");
    let present = fields.has("routes");
    let items = fields.list("routes");
    let routes_readable = items.is_some() || !present;
    let routes = items.map(|items| items.iter().map(route::decode).collect());
    fields.finish();
    Gateway {
        span,
        strict_slash,
        debug,
        web,
        forwards,
        limits,
        proxy,
        timeouts,
        log,
        monitoring,
        networking,
        extra_config,
        providers,
        default_middlewares,
        routes_span,
        routes,
        routes_readable,
    }
}

fn entry_points(gateway: &mut Fields<'_>) -> (Web, Vec<Forward>) {
    let Some(mut fields) = gateway.section("entryPoints") else {
        return (Web::default(), Vec::new());
    };
    let span = fields.key_span("web");
    let web = fields.section("web").map(|mut web| {
        let address = web.leaf("address");
        let proxy_protocol = proxy_protocol(&mut web);
        web.finish();
        Web {
            span,
            address,
            proxy_protocol,
        }
    });
    let forwards = fields.section("passThrough").map(|mut pass_through| {
        let items = pass_through.list("forwards").unwrap_or_default();
        pass_through.finish();
        items.iter().map(forward).collect()
    });
    fields.finish();
    (web.unwrap_or_default(), forwards.unwrap_or_default())
}

fn forward(item: &Item<'_>) -> Forward {
    let mut fields = Fields::new(item.node, item.section, item.path.as_str());
    let forward = Forward {
        key: item.path.clone(),
        head: fields.head,
        protocol: fields.leaf("protocol"),
        port: fields.leaf("port"),
        target: fields.leaf("target"),
        timeout: fields.leaf("timeout"),
        address: fields.leaf("address"),
    };
    fields.finish();
    forward
}

fn proxy_protocol(entry_point: &mut Fields<'_>) -> ProxyProtocol {
    let Some(mut fields) = entry_point.section("proxyProtocol") else {
        return ProxyProtocol::default();
    };
    let proxy_protocol = ProxyProtocol {
        trusted_proxies: fields.leaves("trustedProxies"),
        required: fields.leaf("required"),
    };
    fields.finish();
    proxy_protocol
}

fn limits(gateway: &mut Fields<'_>) -> Limits {
    let Some(mut fields) = gateway.section("limits") else {
        return Limits::default();
    };
    let limits = Limits {
        uri_bytes: fields.leaf("maxUriBytes"),
        header_bytes: fields.leaf("maxHeaderBytes"),
        headers: fields.leaf("maxHeaders"),
        connections: fields.leaf("maxConnections"),
        requests_per_connection: fields.leaf("maxRequestsPerConnection"),
        http2: http2(&mut fields),
    };
    fields.finish();
    limits
}

fn http2(limits: &mut Fields<'_>) -> Http2 {
    let Some(mut fields) = limits.section("http2") else {
        return Http2::default();
    };
    let http2 = Http2 {
        streams: fields.leaf("maxStreams"),
        resets: fields.leaf("maxResets"),
    };
    fields.finish();
    http2
}

fn proxy(gateway: &mut Fields<'_>) -> Proxy {
    let Some(mut fields) = gateway.section("proxy") else {
        return Proxy::default();
    };
    let proxy = Proxy {
        enabled: fields.leaf("enabled"),
        trusted_proxies: fields.leaves("trustedProxies"),
        ip_headers: fields.leaves("ipHeaders"),
    };
    fields.finish();
    proxy
}

fn timeouts(gateway: &mut Fields<'_>) -> Timeouts {
    let span = gateway.key_span("timeouts");
    let Some(mut fields) = gateway.section("timeouts") else {
        return Timeouts::default();
    };
    let timeouts = Timeouts {
        span,
        read: fields.leaf("read"),
        write: fields.leaf("write"),
        idle: fields.leaf("idle"),
        header: fields.leaf("header"),
        drain: fields.leaf("drain"),
        drain_delay: fields.leaf("drainDelay"),
    };
    fields.finish();
    timeouts
}

fn log(gateway: &mut Fields<'_>) -> Log {
    let span = gateway.key_span("log");
    let Some(mut fields) = gateway.section("log") else {
        return Log::default();
    };
    let log = Log {
        span,
        level: fields.leaf("level"),
        format: fields.leaf("format"),
        file_path: fields.leaf("filePath"),
        max_size_mb: fields.leaf("maxSizeMB"),
        max_backups: fields.leaf("maxBackups"),
        max_age_days: fields.leaf("maxAgeDays"),
    };
    fields.finish();
    log
}

fn extra_config(gateway: &mut Fields<'_>) -> ExtraConfig {
    let Some(mut fields) = gateway.section("extraConfig") else {
        return ExtraConfig::default();
    };
    let extra_config = ExtraConfig {
        directory: fields.leaf("directory"),
        watch: fields.leaf("watch"),
    };
    fields.finish();
    extra_config
}

fn monitoring(gateway: &mut Fields<'_>) -> Monitoring {
    let span = gateway.key_span("monitoring");
    let Some(mut fields) = gateway.section("monitoring") else {
        return Monitoring::default();
    };
    let monitoring = Monitoring {
        span,
        enable_readiness: fields.leaf("enableReadiness"),
        enable_liveness: fields.leaf("enableLiveness"),
        enable_route_health_check: fields.leaf("enableRouteHealthCheck"),
        include_route_health_errors: fields.leaf("includeRouteHealthErrors"),
        enable_build_info: fields.leaf("enableBuildInfo"),
        host: fields.leaf("host"),
    };
    fields.finish();
    monitoring
}

fn networking(gateway: &mut Fields<'_>) -> Networking {
    let Some(mut fields) = gateway.section("networking") else {
        return Networking::default();
    };
    let networking = Networking {
        dns: dns_cache(&mut fields),
        transport: transport(&mut fields),
        passive: passive(&mut fields),
    };
    fields.finish();
    networking
}

fn dns_cache(networking: &mut Fields<'_>) -> DnsCache {
    let Some(mut fields) = networking.section("dnsCache") else {
        return DnsCache::default();
    };
    let dns = DnsCache {
        ttl: fields.leaf("ttl"),
        clear_on_reload: fields.leaf("clearOnReload"),
        resolvers: fields.leaves("resolver"),
    };
    fields.finish();
    dns
}

fn transport(networking: &mut Fields<'_>) -> Transport {
    let Some(mut fields) = networking.section("transport") else {
        return Transport::default();
    };
    let transport = Transport {
        insecure_skip_verify: fields.leaf("insecureSkipVerify"),
        http2: fields.leaf("forceAttemptHTTP2"),
        disable_compression: fields.leaf("disableCompression"),
        idle_connections: fields.leaf("maxIdleConns"),
        idle_per_host: fields.leaf("maxIdleConnsPerHost"),
        per_host: fields.leaf("maxConnsPerHost"),
        idle_timeout: fields.leaf("idleConnTimeout"),
        response_header_timeout: fields.leaf("responseHeaderTimeout"),
        handshake_timeout: fields.leaf("tlsHandshakeTimeout"),
    };
    fields.finish();
    transport
}

fn passive(networking: &mut Fields<'_>) -> PassiveHealthCheck {
    let Some(mut fields) = networking.section("passiveHealthCheck") else {
        return PassiveHealthCheck::default();
    };
    let passive = PassiveHealthCheck {
        enabled: fields.leaf("enabled"),
        max_fails: fields.leaf("maxFails"),
        eject_for: fields.leaf("ejectFor"),
    };
    fields.finish();
    passive
}
