//! `gateway` without its routes: all of class V, so checked here and read at start. Types and
//! defaults are the dialect's.

use super::read::Cx;
use crate::dialect;
use crate::model::{Gateway, Timeouts};
use crate::source::Span;
use crate::spec;
use crate::spec::fields::Leaf;

/// Fills defaults in; `file` is the place of a section that is absent altogether.
pub(super) fn resolve(spec: &spec::Gateway, file: Span, cx: &mut Cx<'_>) -> Gateway {
    let span = spec.span.unwrap_or(file);
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
    Gateway {
        span,
        routes_span: spec.routes_span.unwrap_or(span),
        web_address: value(&spec.web_address, spec.web_span, web),
        timeouts,
        log_level: value(&log.level, log.span, "gateway.log.level"),
        log_format: value(&log.format, log.span, "gateway.log.format"),
        readiness: value(&monitoring.enable_readiness, monitoring.span, ready),
        liveness: value(&monitoring.enable_liveness, monitoring.span, alive),
    }
}
