//! `gateway.monitoring` (config.md section 6.4).

use super::Scalar::{Bool, Duration, Host, Name, Path};
use super::Shape::{List, One, Section as Map};
use super::{Section, key, section};

pub(super) static MONITORING: Section = section(
    "Endpoints about the gateway itself.",
    &[
        key("enableMetrics", One(Bool), "Serves `metricsPath` (RT-OBS).").or("false").value().later(),
        key("metricsPath", One(Path), "Where metrics are.").or("/metrics").later(),
        key("host", One(Host), "Restricts metrics, `/healthz/routes` and `/healthz/build` to this host."),
        key("visitorTTL", One(Duration(30_000)), "How long a visitor counts (RT-VIS-1).").or("5m").later(),
        key("enableReadiness", One(Bool), "Serves `/readyz`.").or("true").value(),
        key("enableLiveness", One(Bool), "Serves `/healthz`.").or("true").value(),
        key("enableRouteHealthCheck", One(Bool), "Serves `/healthz/routes`.").or("false"),
        key("includeRouteHealthErrors", One(Bool), "Shows error texts there.").or("false"),
        key("enableBuildInfo", One(Bool), "Serves `/healthz/build` (RT-OBS-8).").or("false").ours(),
        key("middleware", Map(&MIDDLEWARE), "Guards of these endpoints.").later(),
    ],
);

static MIDDLEWARE: Section = section(
    "Guards of the monitoring endpoints.",
    &[
        key("metrics", List(Name), "Of the metrics.").or("[]"),
        key("routeHealthCheck", List(Name), "Of `/healthz/routes` and `/healthz/build`.").or("[]"),
    ],
);
