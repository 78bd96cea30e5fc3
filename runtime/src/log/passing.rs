//! Lines about forwarded ports (RT-PT-7).

use std::net::SocketAddr;
use std::time::Duration;

use super::AccessLog;
use crate::gateway::{ForwardTo, Protocol};
use crate::values::scalar::Level;

impl AccessLog {
    /// A port is open.
    pub fn forwards(&self, to: &ForwardTo, address: SocketAddr) {
        self.line(Level::Info, "Forwarding", |line| {
            line.text("protocol", to.protocol.as_str());
            line.text("address", &address.to_string());
            line.text("target", &to.target);
        });
    }

    /// A TCP connection or UDP session begins.
    pub fn passing(&self, to: &ForwardTo, client: SocketAddr) {
        let message = match to.protocol {
            Protocol::Tcp => "TCP connection started",
            Protocol::Udp => "UDP session started",
        };
        self.line(Level::Info, message, |line| {
            line.text("client", &canonical(client).to_string());
            line.text("target", &to.target);
        });
    }

    /// The target cannot be reached.
    pub fn not_passed(&self, to: &ForwardTo, client: SocketAddr, error: &std::io::Error) {
        self.line(Level::Error, "Forwarding failed", |line| {
            line.text("client", &canonical(client).to_string());
            line.text("target", &to.target);
            line.text("error", &error.to_string());
        });
    }

    /// It has ended; `cause`: not because both sides were done. `bytes`: from and to the client.
    pub fn passed(
        &self,
        to: &ForwardTo,
        client: SocketAddr,
        elapsed: Duration,
        bytes: (u64, u64),
        cause: Option<&str>,
    ) {
        let message = match to.protocol {
            Protocol::Tcp => "TCP connection ended",
            Protocol::Udp => "UDP session ended",
        };
        self.line(Level::Info, message, |line| {
            line.text("client", &canonical(client).to_string());
            line.text("target", &to.target);
            line.duration("duration", elapsed);
            line.number("bytes_in", bytes.0);
            line.number("bytes_out", bytes.1);
            if let Some(cause) = cause {
                line.text("cause", cause);
            }
        });
    }
}

/// IPv4 in IPv6, as a socket for both has it, is IPv4.
fn canonical(client: SocketAddr) -> SocketAddr {
    SocketAddr::new(client.ip().to_canonical(), client.port())
}
