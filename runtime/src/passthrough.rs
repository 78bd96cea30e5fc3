//! Ports that are forwarded as they are: TCP connections and UDP datagrams, without a look at what they
//! carry (RT-PT). Beside routes and middlewares, which know nothing of it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::Socket;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::gateway::{ForwardTo, Protocol};
use crate::log::AccessLog;
use crate::upstream::Resolver;

mod pipe;
mod relay;
mod sessions;
mod tcp;
mod udp;

use pipe::Pipes;

/// Bytes that are read at once, which a datagram always fits in. One such buffer a core.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How much there may be of a rule, over all cores, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// TCP connections (RT-PT-3).
    pub connections_max: usize,
    /// How long a connection may be silent both ways.
    pub connection_idle: Duration,
    /// UDP sessions (RT-PT-5).
    pub sessions_max: usize,
    /// How long a session may be silent both ways (RT-PT-4).
    pub session_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connection_idle: Duration::from_hours(1),
            sessions_max: 4096,
            session_idle: Duration::from_mins(5),
        }
    }
}

/// One forwarded port, for all cores.
#[derive(Debug)]
pub struct Rule {
    to: ForwardTo,
    limits: Limits,
    /// For connections.
    places: Arc<Semaphore>,
    /// Sessions that there are.
    sessions: AtomicUsize,
}

/// What forwarding needs of its core.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The core's time.
    pub clock: &'static Rc<Clock>,
    /// The core's end of the log.
    pub log: &'static AccessLog,
    /// Addresses of targets.
    pub resolver: &'static Resolver,
    /// What the drain waits for.
    pub open: &'static Cell<usize>,
    /// Whether the drain is over: what is still open ends (RT-STOP-1).
    pub is_ending: &'static Cell<bool>,
}

/// The forwarded ports of a core, for as long as this lives.
#[derive(Debug, Default)]
pub struct Passing {
    tasks: Vec<JoinHandle<()>>,
    conversations: Vec<Rc<udp::Conversations>>,
}

/// Counts what is open, for the drain.
#[derive(Debug)]
struct Open(Home);

impl Rule {
    /// Nothing forwarded yet.
    #[must_use]
    pub fn new(to: ForwardTo, limits: Limits) -> Self {
        Self {
            to,
            limits,
            places: Arc::new(Semaphore::new(limits.connections_max)),
            sessions: AtomicUsize::new(0),
        }
    }

    /// Who waits for a place is served without one, and whoever else is accepted: nobody will be for long.
    pub fn admit_all(&self) {
        self.places.close();
    }

    /// Makes room for a session, if there is any. Once for each session, never for a datagram.
    fn enter(&self) -> bool {
        let more = |count: usize| (count < self.limits.sessions_max).then_some(count + 1);
        let sessions = &self.sessions;
        let entered = sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.is_ok()
    }

    fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Begins to forward on one core, on the runtime that it is called from: each socket is bound, and
/// listens if its rule is for connections.
///
/// # Errors
/// Those of the runtime that takes the sockets.
pub fn start(home: Home, sockets: Vec<(Arc<Rule>, Socket)>) -> io::Result<Passing> {
    let mut passing = Passing::default();
    if sockets.is_empty() {
        return Ok(passing);
    }
    let space = Rc::new(Space {
        scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
        pipes: Pipes::default(),
    });
    for (rule, socket) in sockets {
        let space = Rc::clone(&space);
        let task = match rule.to.protocol {
            Protocol::Tcp => {
                let listener = tokio::net::TcpListener::from_std(socket.into())?;
                tokio::task::spawn_local(tcp::accept(home, rule, listener, space))
            }
            Protocol::Udp => {
                let socket = tokio::net::UdpSocket::from_std(socket.into())?;
                let conversations = udp::Conversations::new(home, rule, socket, space);
                passing.conversations.push(Rc::clone(&conversations));
                tokio::task::spawn_local(conversations.receive())
            }
        };
        passing.tasks.push(task);
    }
    Ok(passing)
}

/// Where the bytes of a core are on their way.
#[derive(Debug)]
struct Space {
    /// In use between two waits only.
    scratch: RefCell<Vec<u8>>,
    pipes: Pipes,
}

impl Passing {
    /// Takes nothing new (RT-STOP-2). Connections go on, and sessions that wait for a reply do for a
    /// moment.
    pub fn close(self) {
        for task in &self.tasks {
            task.abort();
        }
        for conversations in &self.conversations {
            conversations.close();
        }
    }
}

impl Open {
    fn new(home: Home) -> Self {
        home.open.set(home.open.get() + 1);
        Self(home)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Self(home) = self;
        home.open.set(home.open.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
