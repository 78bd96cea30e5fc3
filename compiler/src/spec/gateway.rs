//! The section `gateway` (config.md section 6).

use super::fields::{Fields, Leaf, Leaves};
use super::route::{self, Route};
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
    pub(crate) extra_config: ExtraConfig,
    /// `defaults.middlewares`
    pub(crate) default_middlewares: Option<Leaves>,
    pub(crate) routes_span: Option<Span>,
    /// `None`: absent or not a list.
    pub(crate) routes: Option<Vec<Route>>,
    /// False: there are routes that could not be read.
    pub(crate) routes_readable: bool,
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
}

/// `gateway.monitoring`
#[derive(Default)]
pub(crate) struct Monitoring {
    pub(crate) span: Option<Span>,
    pub(crate) enable_readiness: Option<Leaf>,
    pub(crate) enable_liveness: Option<Leaf>,
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
    let (web_span, web_address) = entry_points(&mut fields);
    let timeouts = timeouts(&mut fields);
    let log = log(&mut fields);
    let monitoring = monitoring(&mut fields);
    let extra_config = extra_config(&mut fields);
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
        web_address,
        web_span,
        timeouts,
        log,
        monitoring,
        extra_config,
        default_middlewares,
        routes_span,
        routes,
        routes_readable,
    }
}

fn entry_points(gateway: &mut Fields<'_>) -> (Option<Span>, Option<Leaf>) {
    let Some(mut fields) = gateway.section("entryPoints") else {
        return (None, None);
    };
    let span = fields.key_span("web");
    let address = fields.section("web").and_then(|mut web| {
        let address = web.leaf("address");
        web.finish();
        address
    });
    fields.finish();
    (span, address)
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
    };
    fields.finish();
    monitoring
}
