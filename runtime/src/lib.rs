//! What a generated gateway calls: HTTP/1.1 engine, routing, chains of filters, upstreams.
//!
//! Generated code is a thin layer of statics over this crate: it describes a [`gateway::Gateway`] and
//! hands it to [`main`]. The crate knows no YAML. One cargo feature per capability.

pub mod answer;
pub mod chain;
pub mod clock;
pub mod error;
pub mod filter;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod gateway;
pub mod h1;
pub mod h2;
pub mod handover;
pub mod head;
pub mod identity;
pub mod io;
pub mod lifecycle;
pub mod log;
pub mod overlay;
#[cfg(feature = "pass-through")]
pub mod passthrough;
pub mod proxy;
pub mod route;
mod server;
pub mod upstream;
pub mod values;

pub use server::main;
#[cfg(feature = "fuzzing")]
pub use server::rig;

/// The version of the runtime, which is that of goma.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
