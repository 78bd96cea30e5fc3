//! `gateway.networking`: how backends are found and reached.

use std::net::SocketAddr;
use std::time::Duration;

use crate::values::scalar::{self, Malformed};
use crate::values::{Environment, StartError, Value};

/// Names of backends: `networking.dnsCache` (RT-DNS).
#[derive(Debug)]
pub struct DnsCache {
    /// How long an answer is good; never 0.
    pub ttl_ms: u64,
    /// Whether a new overlay makes answers be forgotten.
    pub clear_on_reload: bool,
    /// Servers in order; none: those of the system.
    pub servers: &'static [Value],
}

impl DnsCache {
    /// The servers. An item may hold several, separated by commas (C-ENV-4).
    ///
    /// # Errors
    /// `bad-address`, and those of [`Value::resolve`].
    pub(super) fn servers(&self, environment: &Environment) -> Result<Vec<SocketAddr>, StartError> {
        let mut servers = Vec::new();
        for value in self.servers {
            let text = value.resolve(environment)?;
            let items = text.split(',').map(str::trim);
            for item in items.filter(|item| !item.is_empty()) {
                let server = scalar::dns_server(item);
                let fault = |malformed: Malformed| value.fault(malformed.code, malformed.text);
                servers.push(server.map_err(fault)?);
            }
        }
        Ok(servers)
    }
}

/// Connections to backends: `networking.transport` (RT-UP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Whether `https` backends are offered HTTP/2 (`forceAttemptHTTP2`).
    pub http2: bool,
    /// Idle connections of the process; 0: no limit.
    pub idle_max: usize,
    /// Idle connections per backend; 0: no limit.
    pub idle_per_host_max: usize,
    /// Connections per backend; 0: no limit.
    pub per_host_max: usize,
    /// How long a connection may be idle; 0: no limit.
    pub idle_timeout_ms: u64,
    /// Until the head of a response; 0: no limit.
    pub response_header_timeout_ms: u64,
    /// Of a TLS handshake; 0: as long as it takes.
    pub handshake_timeout_ms: u64,
}

/// How long a request waits for a connection if no key says (RT-UP-5).
const WAIT: Duration = Duration::from_secs(30);

impl Transport {
    /// As it is where a specification does not say.
    #[cfg(test)]
    pub(crate) const DEFAULT: Self = Self {
        http2: true,
        idle_max: 512,
        idle_per_host_max: 256,
        per_host_max: 256,
        idle_timeout_ms: 90_000,
        response_header_timeout_ms: 0,
        handshake_timeout_ms: 10_000,
    };

    /// How long a request waits for a connection.
    #[must_use]
    pub fn wait_limit(&self) -> Duration {
        match self.response_header_timeout_ms {
            0 => WAIT,
            limit => Duration::from_millis(limit),
        }
    }

    /// `None`: as long as it takes.
    #[must_use]
    pub fn handshake_limit(&self) -> Option<Duration> {
        let limit = Some(self.handshake_timeout_ms).filter(|limit| *limit > 0);
        limit.map(Duration::from_millis)
    }
}

/// When a backend that fails gets no requests for a while (RT-HEALTH-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassiveHealthCheck {
    /// Failures in a row.
    pub fails_max: u32,
    /// For how long.
    pub eject_ms: u64,
}
