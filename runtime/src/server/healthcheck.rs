//! `gateway healthcheck`: asks the gateway of this machine or container whether it is ready. An image
//! has no other program that could.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::gateway::{Gateway, Protocol, Resolved};
use crate::values::{Environment, StartError};

/// For connecting, and for each read and write.
const PATIENCE: Duration = Duration::from_secs(5);

/// As much of the answer as is read: the status line is in it.
const ANSWER_BYTES_MAX: usize = 64;

/// Sent first where a PROXY header is demanded: it names no address, so the peer stays the client.
const PROXY_HEADER: &str = "PROXY UNKNOWN\r\n";

/// Asks the gateway that has this environment, which is that of the container, for `/readyz`; for
/// `/healthz` if only that is there; if neither is, it need only accept connections.
///
/// # Errors
/// It is not ready, or its address cannot be known.
pub(super) fn run(gateway: &Gateway, environment: &Environment) -> Result<(), StartError> {
    let settings = gateway.settings.resolve(environment)?;
    let Some(address) = settings.web_address else {
        return ask_forwards(&settings);
    };
    let address = reachable(address);
    let unhealthy = |text: String| StartError::without_place("unhealthy", text);
    if address.port() == 0 {
        return Err(unhealthy("port 0 is chosen at start".to_owned()));
    }
    let status = ask(address, &settings)
        .map_err(|error| unhealthy(format!("{address} does not answer: {error}")))?;
    match status.as_deref() {
        None | Some("200") => Ok(()),
        Some(status) => Err(unhealthy(format!("{address} answers {status}"))),
    }
}

/// Without `web` a gateway has nothing to say: its ports are taken, which is known by connecting to one,
/// or, of datagrams, by not being able to take it.
fn ask_forwards(settings: &Resolved) -> Result<(), StartError> {
    for to in &settings.pass_through {
        let address = reachable(to.address);
        let taken = match to.protocol {
            Protocol::Tcp => connect(address).is_ok(),
            Protocol::Udp => UdpSocket::bind(to.address).is_err(),
        };
        if !taken {
            let text = format!("nothing listens on {}", to.address);
            return Err(StartError::without_place("unhealthy", text));
        }
    }
    Ok(())
}

/// Where a gateway that listens on `address` is reached from its own machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// The status of the answer; none: nothing was asked.
fn ask(address: SocketAddr, settings: &Resolved) -> std::io::Result<Option<String>> {
    let mut stream = connect(address)?;
    let path = match (settings.readiness_enabled, settings.liveness_enabled) {
        (true, _) => "/readyz",
        (false, true) => "/healthz",
        (false, false) => return Ok(None),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let peer = stream.local_addr()?.ip();
    let proxy = settings.web_proxy_protocol.as_ref();
    let header = match proxy {
        Some(proxy) if proxy.required && proxy.trusted.contains(peer) => PROXY_HEADER,
        Some(_) | None => "",
    };
    let request = format!(
        "{header}GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: goma-healthcheck/{}\r\nConnection: close\r\n\r\n",
        crate::VERSION
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX as u64)
        .read_to_end(&mut answer)?;
    Ok(Some(status_of(&answer)))
}

/// `[::]` serves IPv4 as well, and may be all there is where IPv6 is switched off.
fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Err(_) if address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) => {
            let other = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
            TcpStream::connect_timeout(&other, PATIENCE)
        }
        connected => connected,
    }
}

/// `200` of `HTTP/1.1 200 OK`.
fn status_of(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let status = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .filter(|status| status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()));
    status.unwrap_or("something that is not HTTP").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_reached_at_home() {
        let check = |listens: &str, expected: &str| {
            let address = reachable(listens.parse().unwrap());
            assert_eq!(address, expected.parse().unwrap());
        };
        check("0.0.0.0:80", "127.0.0.1:80");
        check("[::]:80", "[::1]:80");
        check("10.0.0.1:80", "10.0.0.1:80");
    }

    #[test]
    fn the_status_of_an_answer() {
        assert_eq!(status_of(b"HTTP/1.1 503 Service Unavailable\r\n"), "503");
        assert_eq!(status_of(b"HTTP/1.1 20"), "something that is not HTTP");
        assert_eq!(status_of(b""), "something that is not HTTP");
    }
}
