//! The section `gateway` (config.md section 6).

use super::fields::{Fields, Leaf, Others};
use super::route::{self, Route};
use crate::diag::Diagnostics;
use crate::source::Span;

/// `gateway`
#[derive(Default)]
pub(crate) struct Gateway {
    /// The key.
    pub(crate) span: Option<Span>,
    pub(crate) web_address: Option<Leaf>,
    pub(crate) web_span: Option<Span>,
    pub(crate) timeouts: Timeouts,
    pub(crate) log: Log,
    pub(crate) monitoring: Monitoring,
    pub(crate) routes_span: Option<Span>,
    /// `None`: absent or not a list.
    pub(crate) routes: Option<Vec<Route>>,
    /// False: there are routes that could not be read.
    pub(crate) routes_readable: bool,
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
}

/// `gateway.monitoring`
#[derive(Default)]
pub(crate) struct Monitoring {
    pub(crate) span: Option<Span>,
    pub(crate) enable_readiness: Option<Leaf>,
    pub(crate) enable_liveness: Option<Leaf>,
}

const OTHERS: Others = Others {
    later: &[
        ("analytics", ""),
        ("certManager", "it belongs at the top level"),
        (
            "certificateManager",
            "it belongs at the top level as `certManager`",
        ),
        ("cors", "use a `responseHeaders` middleware with `cors`"),
        ("debug", "use `log.level: debug`"),
        ("defaults", "list the middlewares on each route"),
        ("enableMetrics", ""),
        ("enableStrictSlash", ""),
        ("errorInterceptor", ""),
        ("extraConfig", ""),
        ("geoip", ""),
        ("idleTimeout", "write `timeouts.idle`"),
        ("limits", ""),
        ("networking", ""),
        ("providers", ""),
        ("proxy", ""),
        ("readTimeout", "write `timeouts.read`"),
        ("redis", ""),
        ("reload", ""),
        ("strictSlash", ""),
        ("tls", ""),
        ("tracing", ""),
        ("writeTimeout", "write `timeouts.write`"),
    ],
    hints: &[
        (
            "defaultProvider",
            "certificate providers belong under `certManager`",
        ),
        ("extraRoutes", "its name is `extraConfig`"),
        ("interceptErrors", "use an `errorInterceptor` middleware"),
        ("middlewares", "`middlewares` belongs at the top level"),
        ("sslCertFile", "use `tls.certificates`"),
        ("sslKeyFile", "use `tls.certificates`"),
        ("tlsCertFile", "use `tls.certificates`"),
        ("tlsKeyFile", "use `tls.certificates`"),
        ("version", "`version` belongs at the top level"),
    ],
};

const ENTRY_POINTS: Others = Others {
    later: &[("passThrough", ""), ("webSecure", "")],
    hints: &[],
};

const WEB: Others = Others {
    later: &[("proxyProtocol", "")],
    hints: &[
        ("forwards", "write `passThrough.forwards`"),
        ("port", "write `address: \":8080\"`"),
    ],
};

const LOG: Others = Others {
    later: &[
        ("filePath", "the log goes to stdout"),
        ("maxAgeDays", ""),
        ("maxBackups", ""),
        ("maxSizeMB", ""),
    ],
    hints: &[],
};

const MONITORING: Others = Others {
    later: &[
        ("enableBuildInfo", ""),
        ("enableMetrics", ""),
        ("enableRouteHealthCheck", ""),
        ("host", ""),
        ("includeRouteHealthErrors", ""),
        ("metricsPath", ""),
        ("middleware", ""),
        ("visitorTTL", ""),
    ],
    hints: &[],
};

/// Reads `gateway` out of the top-level mapping.
pub(super) fn decode(top: &mut Fields<'_>, diags: &mut Diagnostics) -> Gateway {
    let span = top.key_span("gateway");
    let Some(mut fields) = top.section("gateway", diags) else {
        return Gateway {
            routes_readable: true,
            ..Gateway::default()
        };
    };
    let (web_span, web_address) = entry_points(&mut fields, diags);
    let timeouts = timeouts(&mut fields, diags);
    let log = log(&mut fields, diags);
    let monitoring = monitoring(&mut fields, diags);
    let routes_span = fields.key_span("routes");
    let present = fields.has("routes");
    let items = fields.list("routes", diags);
    let routes_readable = items.is_some() || !present;
    let routes = items.map(|items| {
        items
            .iter()
            .map(|item| route::decode(item, diags))
            .collect()
    });
    fields.finish(&OTHERS, diags);
    Gateway {
        span,
        web_address,
        web_span,
        timeouts,
        log,
        monitoring,
        routes_span,
        routes,
        routes_readable,
    }
}

fn entry_points(gateway: &mut Fields<'_>, diags: &mut Diagnostics) -> (Option<Span>, Option<Leaf>) {
    let Some(mut fields) = gateway.section("entryPoints", diags) else {
        return (None, None);
    };
    let span = fields.key_span("web");
    let address = fields.section("web", diags).and_then(|mut web| {
        let address = web.leaf("address", diags);
        web.finish(&WEB, diags);
        address
    });
    fields.finish(&ENTRY_POINTS, diags);
    (span, address)
}

fn timeouts(gateway: &mut Fields<'_>, diags: &mut Diagnostics) -> Timeouts {
    let span = gateway.key_span("timeouts");
    let Some(mut fields) = gateway.section("timeouts", diags) else {
        return Timeouts::default();
    };
    let timeouts = Timeouts {
        span,
        read: fields.leaf("read", diags),
        write: fields.leaf("write", diags),
        idle: fields.leaf("idle", diags),
        header: fields.leaf("header", diags),
        drain: fields.leaf("drain", diags),
        drain_delay: fields.leaf("drainDelay", diags),
    };
    fields.finish(&Others::NONE, diags);
    timeouts
}

fn log(gateway: &mut Fields<'_>, diags: &mut Diagnostics) -> Log {
    let span = gateway.key_span("log");
    let Some(mut fields) = gateway.section("log", diags) else {
        return Log::default();
    };
    let log = Log {
        span,
        level: fields.leaf("level", diags),
        format: fields.leaf("format", diags),
    };
    fields.finish(&LOG, diags);
    log
}

fn monitoring(gateway: &mut Fields<'_>, diags: &mut Diagnostics) -> Monitoring {
    let span = gateway.key_span("monitoring");
    let Some(mut fields) = gateway.section("monitoring", diags) else {
        return Monitoring::default();
    };
    let monitoring = Monitoring {
        span,
        enable_readiness: fields.leaf("enableReadiness", diags),
        enable_liveness: fields.leaf("enableLiveness", diags),
    };
    fields.finish(&MONITORING, diags);
    monitoring
}
