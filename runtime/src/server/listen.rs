//! Listening sockets: one per core on the same address, some of them from the gateway before (RT-TAKE-2).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::gateway::{Protocol, Resolved};
use crate::values::StartError;

/// Connections that wait to be accepted, per core.
const BACKLOG: i32 = 4096;

/// The sockets of one address.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) protocol: Protocol,
    /// The address that was asked for.
    pub(super) asked: SocketAddr,
    /// The address, with the port that was chosen if 0 was asked for.
    pub(super) address: SocketAddr,
    pub(super) sockets: Vec<Socket>,
}

/// All sockets of the process.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) web: Option<Listener>,
    /// By their place in the settings.
    pub(super) forwards: Vec<Listener>,
}

/// What one core listens on.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) web: Vec<Socket>,
    /// With the index of their rule.
    pub(super) forwards: Vec<(usize, Socket)>,
}

impl Listeners {
    /// Binds everything that has not been handed over; nothing listens that did not before. What is not needed
    /// of what has been handed over is left to the gateway before.
    ///
    /// # Errors
    /// `bind-failed`, also if another process listens there.
    pub(super) fn bind(settings: &Resolved, mut handed: Vec<Listener>) -> Result<Self, StartError> {
        let web = settings.web_address.map(|address| (Protocol::Tcp, address));
        let forwards = settings.pass_through.iter();
        let forwards = forwards.map(|to| (to.protocol, to.address));
        let wanted: Vec<_> = web.into_iter().chain(forwards).collect();
        let mut take = |(protocol, address): &(Protocol, SocketAddr)| {
            let fits = |listener: &Listener| listener.fits(*protocol, *address);
            let place = handed.iter().position(fits);
            place.map(|place| handed.remove(place))
        };
        let taken: Vec<Option<Listener>> = wanted.iter().map(&mut take).collect();
        let bound = wanted.into_iter().zip(taken);
        let bound = bound.map(|((protocol, address), taken)| match taken {
            Some(taken) => Ok(taken),
            None => {
                let beside = |one: &Listener| {
                    (one.protocol, one.address.port()) == (protocol, address.port())
                };
                Listener::bind(protocol, address, handed.iter().any(beside))
            }
        });
        let mut bound = bound.collect::<Result<Vec<_>, _>>()?.into_iter();
        Ok(Self {
            web: settings.web_address.and_then(|_| bound.next()),
            forwards: bound.collect(),
        })
    }

    /// Where only who looks for it finds it: a trial takes no traffic from what serves.
    ///
    /// # Errors
    /// `bind-failed`.
    pub(super) fn of_trial(settings: &Resolved) -> Result<Self, StartError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let web = settings.web_address;
        let web = web.map(|_| Listener::bind(Protocol::Tcp, address, false));
        Ok(Self {
            web: web.transpose()?,
            forwards: Vec::new(),
        })
    }

    /// Binds a socket at least for each core.
    ///
    /// # Errors
    /// `bind-failed`
    pub(super) fn fill(&mut self, cores: usize) -> Result<(), StartError> {
        let mut all = self.web.iter_mut().chain(&mut self.forwards);
        all.try_for_each(|listener| {
            let filled = listener.fill(cores);
            filled.map_err(|error| fault(listener.protocol, listener.address, &error))
        })
    }

    /// Begins to listen: whoever connects from now on must be accepted.
    ///
    /// # Errors
    /// `bind-failed`
    pub(super) fn open(&self) -> Result<(), StartError> {
        let mut all = self.web.iter().chain(&self.forwards);
        all.try_for_each(|listener| {
            let opened = listener.open();
            opened.map_err(|error| fault(listener.protocol, listener.address, &error))
        })
    }

    /// The same sockets once more, to be handed over.
    ///
    /// # Errors
    /// There are too many open files.
    pub(super) fn copies(&self) -> io::Result<Vec<Listener>> {
        let all = self.web.iter().chain(&self.forwards);
        let copies = all.map(|listener| {
            let sockets = listener.sockets.iter().map(Socket::try_clone);
            Ok(Listener {
                sockets: sockets.collect::<io::Result<_>>()?,
                ..*listener
            })
        });
        copies.collect()
    }

    /// Shares sockets out to cores. With more sockets than cores, which is so when the gateway before had more,
    /// a core gets several: connections wait in each of them.
    pub(super) fn spread(self, cores: usize) -> Vec<Share> {
        let mut shares: Vec<_> = (0..cores).map(|_| Share::default()).collect();
        let web = self.web.into_iter().flat_map(|web| web.sockets);
        for (socket, core) in web.zip((0..cores).cycle()) {
            if let Some(share) = shares.get_mut(core) {
                share.web.push(socket);
            }
        }
        for (rule, listener) in self.forwards.into_iter().enumerate() {
            for (socket, core) in listener.sockets.into_iter().zip((0..cores).cycle()) {
                if let Some(share) = shares.get_mut(core) {
                    share.forwards.push((rule, socket));
                }
            }
        }
        shares
    }
}

impl Listener {
    /// Whether these are the sockets of an address that is asked for.
    fn fits(&self, protocol: Protocol, address: SocketAddr) -> bool {
        self.protocol == protocol && (self.asked == address || self.address == address)
    }

    /// The first socket of an address. `beside`: a gateway that is about to go has one that overlaps.
    fn bind(protocol: Protocol, asked: SocketAddr, beside: bool) -> Result<Self, StartError> {
        let fault = |error: io::Error| fault(protocol, asked, &error);
        if asked.port() != 0 && !beside {
            // SO_REUSEPORT would let two gateways share a port unnoticed; a plain bind does not.
            let probe = new(protocol, asked).map_err(fault)?;
            probe.bind(&asked.into()).map_err(fault)?;
        }
        let first = reserve(protocol, asked).map_err(fault)?;
        let address = first.local_addr().map_err(fault)?;
        let unknown = || fault(io::ErrorKind::InvalidData.into());
        Ok(Self {
            protocol,
            asked,
            address: address.as_socket().ok_or_else(unknown)?,
            sockets: vec![first],
        })
    }

    fn fill(&mut self, cores: usize) -> io::Result<()> {
        let there = self.sockets.len().max(1);
        while self.sockets.len() < cores {
            let next = match bind(self.protocol, self.address) {
                Ok(next) => next,
                // Only who has bound the first may add another, and that may have been another user.
                Err(error) => match self.sockets.get(self.sockets.len() % there) {
                    Some(socket) if error.kind() == io::ErrorKind::AddrInUse => {
                        socket.try_clone()?
                    }
                    Some(_) | None => return Err(error),
                },
            };
            self.sockets.push(next);
        }
        Ok(())
    }

    fn open(&self) -> io::Result<()> {
        if self.protocol == Protocol::Udp {
            return Ok(());
        }
        self.sockets.iter().try_for_each(|socket| {
            // What it accepts has it too, and must not be in the way of a restart.
            socket.set_reuse_address(true)?;
            socket.listen(BACKLOG)
        })
    }
}

fn fault(protocol: Protocol, address: SocketAddr, error: &io::Error) -> StartError {
    let protocol = match protocol {
        Protocol::Tcp => "",
        Protocol::Udp => " (udp)",
    };
    let text = format!("cannot listen on {address}{protocol}: {error}");
    StartError::without_place("bind-failed", text)
}

/// The first socket of an address. While it does not listen, SO_REUSEADDR would let the probe of another gateway
/// pass.
fn reserve(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    if protocol == Protocol::Udp {
        return bind(protocol, address);
    }
    let socket = new(protocol, address)?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(false)?;
    match socket.bind(&address.into()) {
        Ok(()) => Ok(socket),
        // Connections of another program that were closed here a moment ago.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bind(protocol, address),
        Err(error) => Err(error),
    }
}

fn bind(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    let socket = new(protocol, address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn new(protocol: Protocol, address: SocketAddr) -> io::Result<Socket> {
    let (kind, number) = match protocol {
        Protocol::Tcp => (Type::STREAM, socket2::Protocol::TCP),
        Protocol::Udp => (Type::DGRAM, socket2::Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(number))?;
    if address.is_ipv6() {
        // `[::]` serves IPv4 as well.
        socket.set_only_v6(false)?;
    }
    if protocol == Protocol::Tcp {
        // Of datagrams it would let any process in.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn any() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    fn bound(address: SocketAddr) -> Listener {
        Listener::bind(Protocol::Tcp, address, false).unwrap()
    }

    /// Leaves a connection behind that was closed here first.
    fn leave_behind(listener: &TcpListener) {
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        drop(listener.accept().unwrap());
        drop(client);
    }

    /// RT-START-1: two gateways do not share an address, neither before the first listens nor later; what the first
    /// leaves behind is in nobody's way.
    #[test]
    fn one_at_a_time() {
        let mut first = bound(any());
        let address = first.address;
        let refused = || {
            let error = Listener::bind(Protocol::Tcp, address, false).unwrap_err();
            assert!(error.to_string().contains("cannot listen"), "{error}");
        };
        refused();
        first.fill(2).unwrap();
        refused();
        first.open().unwrap();
        refused();
        let sockets: Vec<_> = first.sockets.drain(..).map(TcpListener::from).collect();
        let client = TcpStream::connect(address).unwrap();
        let accepted = loop {
            // One of them has it; none blocks.
            let mut accepting = sockets.iter().map(TcpListener::accept);
            if let Some(accepted) = accepting.find_map(Result::ok) {
                break accepted;
            }
        };
        // This end first: it stays a while.
        drop(accepted);
        drop((client, sockets));
        let mut next = bound(address);
        next.fill(2).unwrap();
        next.open().unwrap();
    }

    /// Of a program that does not share ports.
    #[test]
    fn what_others_leave_behind() {
        let other = TcpListener::bind(any()).unwrap();
        let address = other.local_addr().unwrap();
        leave_behind(&other);
        drop(other);
        let mut next = bound(address);
        next.fill(2).unwrap();
        next.open().unwrap();
    }
}
