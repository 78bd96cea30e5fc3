//! `gateway` without its routes: all of class V, so checked here and read at start.

use super::read::Cx;
use crate::dialect::Scalar;
use crate::model::{Gateway, Timeouts};
use crate::source::Span;
use crate::spec;

/// Fills defaults in; `file` is the place of a section that is absent altogether.
pub(super) fn resolve(spec: &spec::Gateway, file: Span, cx: &mut Cx<'_>) -> Gateway {
    let span = spec.span.unwrap_or(file);
    let home = |section: Option<Span>| section.unwrap_or(span);
    let (times, log, monitoring) = (&spec.timeouts, &spec.log, &spec.monitoring);
    let mut seconds = |leaf, name: &str, default| {
        let key = format!("gateway.timeouts.{name}");
        let bounds = if name == "header" {
            (1, 300)
        } else {
            (0, u64::MAX)
        };
        let scalar = Scalar::Seconds(bounds.0, bounds.1);
        cx.checked(leaf, scalar, (&key, default), home(times.span))
    };
    let timeouts = Timeouts {
        read: seconds(times.read.as_ref(), "read", "60"),
        write: seconds(times.write.as_ref(), "write", "60"),
        idle: seconds(times.idle.as_ref(), "idle", "60"),
        header: seconds(times.header.as_ref(), "header", "10"),
        drain: seconds(times.drain.as_ref(), "drain", "10"),
        drain_delay: seconds(times.drain_delay.as_ref(), "drainDelay", "0"),
    };
    let mut other = |leaf, scalar, key, default, section| {
        cx.checked(leaf, scalar, (key, default), home(section))
    };
    Gateway {
        span,
        routes_span: spec.routes_span.unwrap_or(span),
        web_address: other(
            spec.web_address.as_ref(),
            Scalar::Address,
            "gateway.entryPoints.web.address",
            "[::]:8080",
            spec.web_span,
        ),
        timeouts,
        log_level: other(
            log.level.as_ref(),
            Scalar::EnumFold(&["trace", "debug", "info", "warn", "error", "off"]),
            "gateway.log.level",
            "info",
            log.span,
        ),
        log_format: other(
            log.format.as_ref(),
            Scalar::Enum(&["text", "json"]),
            "gateway.log.format",
            "text",
            log.span,
        ),
        readiness: other(
            monitoring.enable_readiness.as_ref(),
            Scalar::Bool,
            "gateway.monitoring.enableReadiness",
            "true",
            monitoring.span,
        ),
        liveness: other(
            monitoring.enable_liveness.as_ref(),
            Scalar::Bool,
            "gateway.monitoring.enableLiveness",
            "true",
            monitoring.span,
        ),
    }
}
