//! What the engine's fuzzing began with, and what it once found (tests/fuzz/seeds), held against the
//! same properties without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test reads its files and fails by panicking; its modules are of a generated crate"
)]

use std::path::Path;

use goma_runtime::fuzzing;
use goma_runtime::gateway::Gateway;
use goma_runtime::rig::Rig;

#[path = "../../generated/quickstart/src/chains.rs"]
mod chains;
#[path = "../../generated/quickstart/src/middlewares.rs"]
mod middlewares;
#[path = "../../generated/quickstart/src/routes.rs"]
mod routes;
#[path = "../../generated/quickstart/src/settings.rs"]
mod settings;

static GATEWAY: Gateway = Gateway {
    name: "replay",
    revision: "",
    settings: &settings::SETTINGS,
    routes: &routes::ROUTES,
    chains: &chains::CHAINS,
};

/// Hands every seed of a target to its check; a check that panics has found something.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds");
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join(target)).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 8, "{target}: {count} seeds");
}

/// RT-SMUG, RT-LIM
#[test]
fn request_heads() {
    replay("request_head", fuzzing::request_head);
}

/// RT-UP-10
#[test]
fn response_heads() {
    replay("response_head", fuzzing::response_head);
}

/// RT-SMUG-7
#[test]
fn chunks() {
    replay("chunks", fuzzing::chunks);
}

/// RT-PATH
#[test]
fn paths() {
    replay("path", fuzzing::path);
}

/// RT-ROUTE-1, RT-SMUG-8
#[test]
fn authorities() {
    replay("authority", fuzzing::authority);
}

/// RT-PP-1, -2
#[test]
fn proxy_headers() {
    replay("proxy_header", fuzzing::proxy_header);
}

/// Any split of a connection's bytes gives the same requests and responses as one piece.
#[test]
fn connections() {
    let rig = Rig::new(&GATEWAY);
    replay("connection", |bytes| fuzzing::connection(&rig, bytes));
}
