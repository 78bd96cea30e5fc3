//! `gateway` without its routes: what is of class V is checked here and read at start. Types and
//! defaults are the dialect's.

use super::read::Cx;
use super::{clients, forwards, transport, upstream};
use crate::diag::Code;
use crate::dialect;
use crate::model::{Gateway, HostPattern, Timeouts};
use crate::source::Span;
use crate::spec;
use crate::spec::fields::Leaf;

/// Fills defaults in; `file` is the place of a section that is absent altogether.
pub(super) fn resolve(spec: &spec::Gateway, file: Span, cx: &mut Cx<'_>) -> Gateway {
    let span = spec.span.unwrap_or(file);
    let strict_slash = cx.boolean(spec.strict_slash.as_ref(), true);
    let (times, log, monitoring) = (&spec.timeouts, &spec.log, &spec.monitoring);
    let mut value = |leaf: &Option<Leaf>, section: Option<Span>, place: &str| {
        let (scalar, default) = dialect::value_at(place);
        let home = section.unwrap_or(span);
        cx.checked(leaf.as_ref(), scalar, (place, default), home)
    };
    let timeouts = Timeouts {
        read: value(&times.read, times.span, "gateway.timeouts.read"),
        write: value(&times.write, times.span, "gateway.timeouts.write"),
        idle: value(&times.idle, times.span, "gateway.timeouts.idle"),
        header: value(&times.header, times.span, "gateway.timeouts.header"),
        drain: value(&times.drain, times.span, "gateway.timeouts.drain"),
        drain_delay: value(
            &times.drain_delay,
            times.span,
            "gateway.timeouts.drainDelay",
        ),
    };
    let web = "gateway.entryPoints.web.address";
    let (ready, alive) = (
        "gateway.monitoring.enableReadiness",
        "gateway.monitoring.enableLiveness",
    );
    let debug = value(&spec.debug, None, "gateway.debug");
    let web_address = value(&spec.web.address, spec.web.span, web);
    let log_level = value(&log.level, log.span, "gateway.log.level");
    let log_format = value(&log.format, log.span, "gateway.log.format");
    let log_file = value(&log.file_path, log.span, "gateway.log.filePath");
    let log_megabytes_max = value(&log.max_size_mb, log.span, "gateway.log.maxSizeMB");
    let log_backups_max = value(&log.max_backups, log.span, "gateway.log.maxBackups");
    let log_days_max = value(&log.max_age_days, log.span, "gateway.log.maxAgeDays");
    let readiness = value(&monitoring.enable_readiness, monitoring.span, ready);
    let liveness = value(&monitoring.enable_liveness, monitoring.span, alive);
    let forwards = forwards::resolve(&spec.forwards, cx);
    if spec.forwards.is_empty() && web_address.text() == Some("off") {
        let message = "a gateway with neither `web` nor `passThrough` is not supported yet";
        if let Some(leaf) = &spec.web.address {
            cx.not_yet(leaf, message);
        }
    }
    let (build_info, monitoring_host) = build_info(monitoring, cx);
    Gateway {
        span,
        routes_span: spec.routes_span.unwrap_or(span),
        strict_slash,
        debug,
        web_address,
        web_proxy_protocol: clients::proxy_protocol(&spec.web.proxy_protocol, cx),
        forwards,
        limits: clients::limits(&spec.limits, cx),
        proxy: clients::proxy(&spec.proxy, cx),
        timeouts,
        log_level,
        log_format,
        log_file,
        log_megabytes_max,
        log_backups_max,
        log_days_max,
        readiness,
        liveness,
        route_health: cx.boolean(monitoring.enable_route_health_check.as_ref(), false),
        route_health_errors: cx.boolean(monitoring.include_route_health_errors.as_ref(), false),
        build_info,
        monitoring_host,
        dns_cache: transport::dns(&spec.networking.dns, cx),
        passive_health_check: upstream::passive(&spec.networking.passive, cx),
        transport: transport::resolve(&spec.networking.transport, cx),
    }
}

/// `enableBuildInfo` and `host`.
fn build_info(spec: &spec::gateway::Monitoring, cx: &mut Cx<'_>) -> (bool, Option<HostPattern>) {
    let enabled = cx.boolean(spec.enable_build_info.as_ref(), false);
    // The samples have `host: ""`: an empty text in an optional key is as good as no key.
    let given = |leaf: &&Leaf| !leaf.null && !leaf.text.is_empty();
    let host = spec.host.as_ref().filter(given).and_then(|leaf| {
        let text = cx.text(leaf)?.text;
        match HostPattern::new(&text) {
            Ok(host) => Some(host),
            Err(invalid) => {
                cx.fault(Code::BadHost, leaf, invalid);
                None
            }
        }
    });
    (enabled, host)
}
