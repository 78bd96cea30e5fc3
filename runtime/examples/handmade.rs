//! A gateway by hand whose only filter panics where the path says so: what tests of RT-ERR-19 run. With
//! `ROUTES=none` it has no routes (RT-START-3).
//!
//! Also shows how little a gateway is: statics that name values, routes and chains.

#![allow(clippy::panic, reason = "panicking is what this gateway is for")]

use std::process::ExitCode;

use goma_runtime::chain::{self, Chain, ChainId, Exchange, Filter, Flow};
use goma_runtime::gateway::{
    DnsCache, Gateway, Limits, ProxyProtocol, Settings, Start, StartError, Transport,
};
use goma_runtime::head::Response;
use goma_runtime::route::{Backend, Route};
use goma_runtime::values::{Part, Value};

/// Panics in the request half, in a wait, or in the response half.
#[derive(Debug)]
struct Panicking;

impl Filter for Panicking {
    fn request(&self, exchange: &mut Exchange) -> Flow {
        match exchange.request.path() {
            "/request" => panic!("in the request half"),
            "/wait" => Flow::Wait(Box::pin(async { panic!("in a wait") })),
            _ => Flow::Next,
        }
    }

    fn response(&self, exchange: &Exchange, _response: &mut Response) {
        assert_ne!(exchange.request.path(), "/response", "in the response half");
    }
}

fn chain(_start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {
    Ok(chain::boxed((), (Panicking,)))
}

const fn value(key: &'static str, parts: &'static [Part]) -> Value {
    Value {
        key,
        source: "handmade.rs:1:1",
        parts,
    }
}

const fn variable(name: &'static str) -> Part {
    Part::Env {
        name,
        default: None,
    }
}

static ROWS: [Route; 1] = [Route {
    name: "root",
    source: "handmade.rs:1",
    backends: &[Backend {
        endpoint: value("gateway.routes[0].target", &[variable("A")]),
    }],
    chain: ChainId(0),
    ..Route::PLAIN
}];

static SETTINGS: Settings = Settings {
    strict_slash: true,
    debug: value("gateway.debug", &[Part::Text("false")]),
    web_address: value("gateway.entryPoints.web.address", &[variable("LISTEN")]),
    read_timeout: value("gateway.timeouts.read", &[Part::Text("60")]),
    write_timeout: value("gateway.timeouts.write", &[Part::Text("60")]),
    idle_timeout: value("gateway.timeouts.idle", &[Part::Text("60")]),
    header_timeout: value("gateway.timeouts.header", &[Part::Text("10")]),
    drain_timeout: value("gateway.timeouts.drain", &[Part::Text("10")]),
    drain_delay: value("gateway.timeouts.drainDelay", &[Part::Text("0")]),
    log_level: value("gateway.log.level", &[Part::Text("info")]),
    log_format: value("gateway.log.format", &[Part::Text("text")]),
    log_file: value("gateway.log.filePath", &[]),
    log_megabytes_max: value("gateway.log.maxSizeMB", &[Part::Text("100")]),
    log_backups_max: value("gateway.log.maxBackups", &[Part::Text("3")]),
    log_days_max: value("gateway.log.maxAgeDays", &[Part::Text("7")]),
    readiness_enabled: value("gateway.monitoring.enableReadiness", &[Part::Text("true")]),
    liveness_enabled: value("gateway.monitoring.enableLiveness", &[Part::Text("true")]),
    web_proxy_protocol: ProxyProtocol {
        trusted: &[],
        required: true,
    },
    pass_through: &[],
    limits: Limits {
        target_bytes_max: 16_384,
        header_bytes_max: 65_536,
        fields_max: 128,
        connections_max: None,
        requests_per_connection_max: None,
        http2_streams_max: 128,
        http2_resets_max: 200,
    },
    proxy: None,
    route_health_enabled: false,
    route_health_errors: false,
    build_info_enabled: false,
    monitoring_host: None,
    dns_cache: DnsCache {
        ttl_ms: 300_000,
        clear_on_reload: false,
        servers: &[],
    },
    passive_health_check: None,
    transport: Transport {
        http2: true,
        idle_max: 512,
        idle_per_host_max: 256,
        per_host_max: 256,
        idle_timeout_ms: 90_000,
        response_header_timeout_ms: 0,
        handshake_timeout_ms: 10_000,
    },
};

static GATEWAY: Gateway = gateway(&[&ROWS]);
static EMPTY: Gateway = gateway(&[]);

const fn gateway(routes: &'static [&'static [Route]]) -> Gateway {
    Gateway {
        name: "handmade",
        revision: "000000000000",
        settings: &SETTINGS,
        routes,
        chains: &[chain],
    }
}

fn main() -> ExitCode {
    let none = std::env::var("ROUTES").is_ok_and(|routes| routes == "none");
    goma_runtime::main(if none { &EMPTY } else { &GATEWAY })
}
