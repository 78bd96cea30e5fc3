//! What both ends of `ci/bench` must agree on, what they look at, and the parts of the load.

pub mod alarm;
pub mod connection;
pub mod options;
pub mod requests;
pub mod usage;
pub mod websocket;
