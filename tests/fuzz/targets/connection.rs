//! Any bytes as all that a client sends on a connection, in any pieces.
#![no_main]

use goma_runtime::gateway::Gateway;
use goma_runtime::rig::Rig;

#[path = "../../../generated/quickstart/src/chains.rs"]
mod chains;
#[path = "../../../generated/quickstart/src/middlewares.rs"]
mod middlewares;
#[path = "../../../generated/quickstart/src/routes.rs"]
mod routes;
#[path = "../../../generated/quickstart/src/settings.rs"]
mod settings;

static GATEWAY: Gateway = Gateway {
    name: "fuzz",
    revision: "",
    settings: &settings::SETTINGS,
    routes: &routes::ROUTES,
    chains: &chains::CHAINS,
};

thread_local! {
    static RIG: Rig = Rig::new(&GATEWAY);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    RIG.with(|rig| goma_runtime::fuzzing::connection(rig, bytes));
});
