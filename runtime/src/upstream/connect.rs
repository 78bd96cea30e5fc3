//! Addresses of a backend, and new sockets to them (RT-UP-4).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::values::scalar::Url;

/// Time between keep-alive probes on an idle connection.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Whether host names can be looked up in this build.
pub(super) const CAN_RESOLVE: bool = cfg!(feature = "dns");

/// Finds addresses of host names. One per core.
#[derive(Debug, Default)]
pub struct Resolver {
    #[cfg(feature = "dns")]
    dns: tokio::sync::OnceCell<hickory_resolver::TokioResolver>,
}

impl Resolver {
    /// Connects to the first address of a host that answers, each within `limit`; `None`: the system's.
    ///
    /// # Errors
    /// `TimedOut` if the last address did not answer in time; else the last address's error.
    pub(super) async fn connect(
        &self,
        url: &Url,
        limit: Option<Duration>,
    ) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.addresses(&url.host, url.port).await? {
            let limit = limit.unwrap_or(Duration::MAX);
            let attempt = tokio::time::timeout(limit, TcpStream::connect(address));
            match attempt.await {
                Ok(Ok(socket)) => {
                    socket.set_nodelay(true)?;
                    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
                    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
                    return Ok(socket);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        Err(last)
    }

    /// The addresses of a host: a name, or an address without brackets.
    ///
    /// # Errors
    /// The name cannot be looked up.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let at_port = |ip| SocketAddr::new(ip, port);
        if host == "localhost" {
            // RFC 6761: always loopback. IPv4 first, which is what local servers listen on.
            let both = [
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ];
            return Ok(both.map(at_port).to_vec());
        }
        if let Ok(ip) = host.parse() {
            return Ok(vec![at_port(ip)]);
        }
        let addresses = self.look_up(host).await?;
        Ok(addresses.into_iter().map(at_port).collect())
    }

    #[cfg(feature = "dns")]
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let make = || async {
            hickory_resolver::TokioResolver::builder_tokio()
                .and_then(hickory_resolver::ResolverBuilder::build)
                .map_err(io::Error::other)
        };
        let resolver = self.dns.get_or_try_init(make).await?;
        let found = resolver.lookup_ip(host).await.map_err(io::Error::other)?;
        Ok(found.iter().collect())
    }

    #[cfg(not(feature = "dns"))]
    #[expect(
        clippy::unused_async,
        reason = "the same signature as with the feature"
    )]
    async fn look_up(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        // Refused at start (`upstream::resolve`), so no request gets here.
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}
