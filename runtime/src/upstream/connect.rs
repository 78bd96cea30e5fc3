//! Addresses of hosts, and new sockets to them (RT-UP-4, RT-DNS-2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[cfg(feature = "dns")]
use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use tokio::net::TcpStream;

#[cfg(feature = "dns")]
use super::names::{Local, Names};
use super::race::{self, Dial};

/// Whether host names can be looked up in this build.
pub(super) const CAN_RESOLVE: bool = cfg!(feature = "dns");

/// Finds addresses of hosts. One per core.
#[derive(Debug, Default)]
pub struct Resolver {
    #[cfg(feature = "dns")]
    names: Arc<Names>,
    /// Names that this core has asked for.
    #[cfg(feature = "dns")]
    known: RefCell<HashMap<String, Rc<Local>>>,
}

impl Resolver {
    /// One that knows what all cores know.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn new(names: &Arc<Names>) -> Self {
        Self {
            names: Arc::clone(names),
            known: RefCell::default(),
        }
    }

    /// Connects to the first address of a host that answers.
    ///
    /// # Errors
    /// The name has no address that is known; else that of the last address.
    pub(crate) async fn connect(&self, host: &str, port: u16, dial: Dial) -> io::Result<TcpStream> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return race::connect(&[(ip, port).into()], dial).await;
        }
        if let Some(known) = without_dns(host) {
            let known: Vec<_> = known.into_iter().map(|ip| (ip, port).into()).collect();
            return race::connect(&known, dial).await;
        }
        // Boxed: a request to an address is not to keep room for it.
        Box::pin(self.connect_by_name(host, port, dial)).await
    }

    #[cfg(feature = "dns")]
    async fn connect_by_name(&self, host: &str, port: u16, dial: Dial) -> io::Result<TcpStream> {
        let name = self.name(host);
        let addresses = name.addresses().await?;
        let addresses: Vec<_> = addresses.into_iter().map(|ip| (ip, port).into()).collect();
        let connected = race::connect(&addresses, dial).await;
        match connected.as_ref().map(TcpStream::peer_addr) {
            Ok(Ok(peer)) => name.reached(peer.ip()),
            Ok(Err(_)) => {}
            Err(_) => name.unreachable(),
        }
        connected
    }

    /// All addresses of a host, a name or an address without brackets, in the order in which to try them.
    ///
    /// # Errors
    /// The name has no address that is known.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let addresses = match without_dns(host) {
            Some(known) => known,
            None => self.look_up(host).await?,
        };
        Ok(addresses.into_iter().map(|ip| (ip, port).into()).collect())
    }

    #[cfg(feature = "dns")]
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.name(host).addresses().await
    }

    /// What is known of a host; `None`: it needs no look-up.
    #[cfg(feature = "dns")]
    pub(super) fn name_of(&self, host: &str) -> Option<Rc<Local>> {
        without_dns(host).is_none().then(|| self.name(host))
    }

    #[cfg(feature = "dns")]
    fn name(&self, host: &str) -> Rc<Local> {
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.get(host) {
            return Rc::clone(known);
        }
        // What overlays have named is not kept for ever.
        known.retain(|_, local| Rc::strong_count(local) > 1 || local.is_in_use());
        let local = Rc::new(self.names.local(host));
        known.insert(host.to_owned(), Rc::clone(&local));
        local
    }

    #[cfg(not(feature = "dns"))]
    #[expect(
        clippy::unused_async,
        reason = "the same signature as with the feature"
    )]
    async fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        // Refused at start (`upstream::resolve`), so no request gets here.
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    #[cfg(not(feature = "dns"))]
    async fn connect_by_name(&self, host: &str, _: u16, _: Dial) -> io::Result<TcpStream> {
        self.look_up(host).await?;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// The addresses of a host that needs no look-up.
fn without_dns(host: &str) -> Option<Vec<IpAddr>> {
    if host == "localhost" {
        // RFC 6761: always loopback. IPv4 first, which is what local servers listen on.
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    host.parse().ok().map(|ip| vec![ip])
}
