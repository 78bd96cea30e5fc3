//! What both ends of `ci/bench` must agree on, and what they look at.

pub mod usage;
pub mod websocket;
