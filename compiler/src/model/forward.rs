//! `gateway.entryPoints.passThrough`: ports that are forwarded as they are.

use super::Value;

/// One entry of `forwards` (RT-PT).
#[derive(Clone, Debug)]
pub struct Forward {
    /// Whether it takes TCP connections.
    pub tcp: bool,
    /// Whether it takes UDP datagrams.
    pub udp: bool,
    /// `port` (int), 1 to 65535.
    pub port: Value,
    /// `address` (IP); empty: all.
    pub address: Value,
    /// `target` (`host:port`).
    pub target: Value,
    /// `timeout`; `None`: as long as the system tries.
    pub connect_timeout_ms: Option<u64>,
}
