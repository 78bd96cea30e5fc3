//! `entryPoints.passThrough.forwards`: as generated code says it, and as it is once the gateway starts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::values::scalar::{self, Malformed};
use crate::values::{Environment, StartError, Value};

/// One entry of `entryPoints.passThrough.forwards` (RT-PT).
#[derive(Debug)]
pub struct Forward {
    /// Whether it takes TCP connections.
    pub tcp: bool,
    /// Whether it takes UDP datagrams.
    pub udp: bool,
    /// `port`
    pub port: Value,
    /// `address`; empty: all.
    pub address: Value,
    /// `target`
    pub target: Value,
    /// `timeout`; `None`: as long as the system tries.
    pub connect_timeout_ms: Option<u64>,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A [`Forward`] of one protocol, after its values have been looked up.
#[derive(Clone, Debug)]
pub struct ForwardTo {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it connects: a name, or an address without brackets.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// `host:port`, for people.
    pub target: String,
    /// To connect.
    pub connect_timeout: Option<Duration>,
}

impl Protocol {
    /// `tcp` or `udp`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Looks all of them up; `web` is where HTTP is served.
///
/// # Errors
/// A value that cannot be used; `port-conflict`: two listeners want one port.
pub(super) fn resolve(
    forwards: &[Forward],
    web: Option<SocketAddr>,
    environment: &Environment,
) -> Result<Vec<ForwardTo>, StartError> {
    let mut taken: Vec<_> = web.map(|web| (Protocol::Tcp, web)).into_iter().collect();
    let mut resolved = Vec::new();
    for forward in forwards {
        for one in one(forward, environment)? {
            let listener = (one.protocol, one.address);
            if taken.iter().any(|other| clash(*other, listener)) {
                let text = format!("another listener has {} already", one.address);
                return Err(forward.port.fault("port-conflict", text));
            }
            taken.push(listener);
            resolved.push(one);
        }
    }
    Ok(resolved)
}

fn one(forward: &Forward, environment: &Environment) -> Result<Vec<ForwardTo>, StartError> {
    let port = forward.port.read(environment, port)?;
    let ip = forward.address.read(environment, ip)?;
    let (host, target_port) = forward.target.read(environment, scalar::host_port)?;
    if !crate::values::is_reachable_without_dns(&host) && !cfg!(feature = "dns") {
        let text = "names a host, but this gateway was built for addresses only";
        return Err(forward.target.fault("bad-address", text));
    }
    let target = match host.contains(':') {
        true => format!("[{host}]:{target_port}"),
        false => format!("{host}:{target_port}"),
    };
    let protocols = [(Protocol::Tcp, forward.tcp), (Protocol::Udp, forward.udp)];
    let protocols = protocols.into_iter().filter(|(_, wanted)| *wanted);
    let resolved = protocols.map(|(protocol, _)| ForwardTo {
        protocol,
        address: SocketAddr::new(ip, port),
        host: host.clone(),
        port: target_port,
        target: target.clone(),
        connect_timeout: forward.connect_timeout_ms.map(Duration::from_millis),
    });
    Ok(resolved.collect())
}

/// Port 0 lets the system choose.
fn port(text: &str) -> Result<u16, Malformed> {
    let port = scalar::int(text)?;
    u16::try_from(port).map_err(|_| Malformed {
        code: "out-of-range",
        text: format!("`{text}` is not a port (1-65535)"),
    })
}

/// Nothing is all addresses, of both families.
fn ip(text: &str) -> Result<IpAddr, Malformed> {
    if text.is_empty() {
        return Ok(Ipv6Addr::UNSPECIFIED.into());
    }
    let address = text.parse::<IpAddr>().map_err(|_| Malformed {
        code: "bad-address",
        text: format!("`{text}` is not an IP address"),
    })?;
    Ok(address.to_canonical())
}

/// Whether two listeners cannot both be opened.
fn clash(one: (Protocol, SocketAddr), other: (Protocol, SocketAddr)) -> bool {
    let (one_ip, other_ip) = (one.1.ip(), other.1.ip());
    one.0 == other.0
        && one.1.port() == other.1.port()
        && one.1.port() != 0
        && (one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Part;

    const fn literal(key: &'static str, parts: &'static [Part]) -> Value {
        Value {
            key,
            source: "goma.yaml:4:9",
            parts,
        }
    }

    const fn forward(port: &'static [Part], address: &'static [Part]) -> Forward {
        Forward {
            tcp: true,
            udp: true,
            port: literal("port", port),
            address: literal("address", address),
            target: literal("target", &[Part::Text("[::1]:6379")]),
            connect_timeout_ms: Some(10_000),
        }
    }

    const PORT: &[Part] = &[Part::Text("6379")];

    #[track_caller]
    fn check(forwards: &[Forward], web: &str, expected: Result<&[&str], &str>) {
        let resolved = resolve(forwards, web.parse().ok(), &Environment::of([]));
        let shown = resolved.map(|all| {
            let shown = all.iter().map(|one| {
                let protocol = one.protocol.as_str();
                format!("{protocol} {} {}", one.address, one.target)
            });
            shown.collect::<Vec<_>>()
        });
        match (shown, expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected),
            (Err(error), Err(code)) => assert_eq!(error.code, code, "{error}"),
            (shown, expected) => panic!("{shown:?} instead of {expected:?}"),
        }
    }

    /// RT-PT-1, config.md 6.2 (`port-conflict`): also for values that are only known at start.
    #[test]
    fn listeners_of_both_transports() {
        let all = ["tcp [::]:6379 [::1]:6379", "udp [::]:6379 [::1]:6379"];
        check(&[forward(PORT, &[])], "127.0.0.1:80", Ok(&all));
        check(&[forward(PORT, &[])], "", Ok(&all));
        check(
            &[forward(PORT, &[])],
            "127.0.0.1:6379",
            Err("port-conflict"),
        );
        let local = || forward(PORT, &[Part::Text("127.0.0.1")]);
        let other = || forward(PORT, &[Part::Text("127.0.0.2")]);
        check(&[local(), local()], "", Err("port-conflict"));
        check(&[local(), forward(PORT, &[])], "", Err("port-conflict"));
        let both = [
            "tcp 127.0.0.1:6379 [::1]:6379",
            "udp 127.0.0.1:6379 [::1]:6379",
            "tcp 127.0.0.2:6379 [::1]:6379",
            "udp 127.0.0.2:6379 [::1]:6379",
        ];
        check(&[local(), other()], "", Ok(&both));
        check(
            &[forward(&[Part::Text("65536")], &[])],
            "",
            Err("out-of-range"),
        );
        check(
            &[forward(PORT, &[Part::Text("localhost")])],
            "",
            Err("bad-address"),
        );
    }
}
