//! What clients may send and who they are: `gateway.limits`, `gateway.proxy`, `proxyProtocol`.

use super::{HeaderName, Value};

/// `gateway.limits` (RT-LIM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a request target.
    pub uri_bytes: u64,
    /// Of a header section.
    pub header_bytes: u64,
    /// Fields of a header section.
    pub headers: u64,
    /// Of the process; `None`: no limit.
    pub connections: Option<u64>,
    /// `None`: no limit.
    pub requests_per_connection: Option<u64>,
    /// Streams at once on an HTTP/2 connection.
    pub http2_streams: u64,
    /// Streams that a client may reset in 10 seconds on an HTTP/2 connection.
    pub http2_resets: u64,
}

/// `gateway.proxy`, enabled (RT-IP).
#[derive(Clone, Debug)]
pub struct Proxy {
    /// IP addresses and CIDR blocks, not empty; an item may hold several, separated by commas.
    pub trusted: Vec<Value>,
    /// Where the client's address is looked for, in order.
    pub headers: Vec<HeaderName>,
}

/// `proxyProtocol` of an entry point (RT-PP).
#[derive(Clone, Debug)]
pub struct ProxyProtocol {
    /// IP addresses and CIDR blocks; none: off.
    pub trusted: Vec<Value>,
    /// Whether a trusted peer must send it.
    pub required: bool,
}
