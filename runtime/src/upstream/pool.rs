//! Connections of one core that are there for the next request: idle ones, and sessions of HTTP/2; and how
//! many of them there may be (RT-UP-5).

#[cfg(feature = "dns")]
mod named;
#[cfg(feature = "http2-backends")]
mod sessions;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
#[cfg(feature = "http2-backends")]
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

#[cfg(feature = "dns")]
use self::named::Named;
#[cfg(feature = "http2-backends")]
use self::sessions::{Beginner, Beginning};
use super::connect::Resolver;
use super::endpoint::{Endpoint, Key};
use super::limit::{Limit, Permit};
use super::link::Link;
use super::need::Need;
#[cfg(feature = "http2-backends")]
use super::session::Session;
use crate::clock::Clock;
use crate::error::UpstreamFault;
use crate::gateway::Transport;
use crate::io::Socket;

/// All pools of a core.
#[derive(Debug)]
pub struct Pools {
    by_key: RefCell<HashMap<Key, Rc<Pool>>>,
    #[cfg(feature = "dns")]
    resolver: Rc<Resolver>,
    shared: Rc<Shared>,
}

/// What the pools of a core count together.
#[derive(Debug)]
struct Shared {
    clock: Rc<Clock>,
    idle: Cell<usize>,
    /// This core's share of the process's.
    idle_max: usize,
    idle_per_host_max: usize,
    idle_ms_max: u64,
    wait_limit: Duration,
}

/// Connections to one authority with one TLS identity.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Oldest first.
    idle: RefCell<Vec<Idle>>,
    #[cfg(feature = "http2-backends")]
    sessions: RefCell<Vec<Session>>,
    #[cfg(feature = "http2-backends")]
    beginning: Beginning,
    /// Requests of this core that wait, in the order in which they came.
    waiting: RefCell<VecDeque<Waiter>>,
    limit: Option<Arc<Limit>>,
    /// `None`: its backend has an address.
    #[cfg(feature = "dns")]
    named: Option<Named>,
    shared: Rc<Shared>,
    #[cfg(feature = "http2-backends")]
    me: Weak<Self>,
}

/// A request that waits.
#[derive(Debug)]
struct Waiter {
    sender: oneshot::Sender<Connection>,
    /// Whether no stream will do.
    #[cfg(feature = "http2-backends")]
    http1: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since_ms: u64,
}

/// A connection to a backend.
#[derive(Debug)]
pub struct Connection {
    /// The byte stream.
    pub socket: Link,
    /// Whether an earlier request has used it: then it may die without anyone's fault (RT-UP-8).
    pub reused: bool,
    /// Which list of addresses of its backend's name has its own.
    #[cfg(feature = "dns")]
    list: u64,
    /// Its place among those of its backend.
    _permit: Permit,
}

/// What a request may do.
#[derive(Debug)]
pub(super) enum Turn {
    /// Use this connection.
    Kept(Connection),
    /// Make a new one.
    New(Place),
}

/// The place of a connection that is being made.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) permit: Permit,
    #[cfg(feature = "http2-backends")]
    _beginner: Option<Beginner>,
}

impl Connection {
    /// One that nobody has used.
    pub(super) fn new(socket: Link, permit: Permit) -> Self {
        Self {
            socket,
            reused: false,
            #[cfg(feature = "dns")]
            list: 0,
            _permit: permit,
        }
    }

    /// No response came on it in time: no other request gets to the same session.
    pub(crate) fn retire(&self) {
        self.socket.retire();
    }

    /// Whether a WebSocket may be had on it, once that is known.
    #[cfg(feature = "http2-backends")]
    pub(super) async fn takes_websocket(&self) -> bool {
        match &self.socket {
            Link::Plain(_) => true,
            #[cfg(feature = "unix-sockets")]
            Link::Local(_) => true,
            #[cfg(feature = "tls")]
            Link::Secure(_) => true,
            Link::Stream(stream) => stream.takes_websocket().await,
        }
    }
}

impl Pools {
    /// The pools of one of `cores` cores, of which `index` is one.
    #[must_use]
    pub fn new(
        clock: Rc<Clock>,
        transport: &Transport,
        (index, cores): (usize, usize),
        resolver: &Rc<Resolver>,
    ) -> Self {
        #[cfg(not(feature = "dns"))]
        let _ = resolver;
        Self {
            by_key: RefCell::default(),
            #[cfg(feature = "dns")]
            resolver: Rc::clone(resolver),
            shared: Rc::new(Shared {
                clock,
                idle: Cell::new(0),
                idle_max: share(unlimited(transport.idle_max), index, cores.max(1)),
                idle_per_host_max: share(
                    unlimited(transport.idle_per_host_max),
                    index,
                    cores.max(1),
                ),
                idle_ms_max: match transport.idle_timeout_ms {
                    0 => u64::MAX,
                    limit => limit,
                },
                wait_limit: transport.wait_limit(),
            }),
        }
    }

    /// The pool of an endpoint.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Rc<Pool> {
        let mut pools = self.by_key.borrow_mut();
        let pool = pools.entry(endpoint.key()).or_insert_with(|| {
            Rc::new_cyclic(|_me| Pool {
                idle: RefCell::default(),
                #[cfg(feature = "http2-backends")]
                sessions: RefCell::default(),
                #[cfg(feature = "http2-backends")]
                beginning: Beginning::default(),
                waiting: RefCell::default(),
                limit: endpoint.limit.clone(),
                #[cfg(feature = "dns")]
                named: self.resolver.name_of(&endpoint.url.host).map(Named::new),
                shared: Rc::clone(&self.shared),
                #[cfg(feature = "http2-backends")]
                me: Weak::clone(_me),
            })
        });
        Rc::clone(pool)
    }

    /// Closes connections that have been idle for too long.
    #[expect(
        clippy::iter_over_hash_type,
        reason = "every pool is swept, the order does not matter"
    )]
    pub fn sweep(&self) {
        for pool in self.by_key.borrow().values() {
            pool.sweep();
        }
    }
}

/// 0 stands for no limit.
fn unlimited(limit: usize) -> usize {
    Some(limit).filter(|limit| *limit > 0).unwrap_or(usize::MAX)
}

/// The share of one core; all of them add up to the whole.
fn share(whole: usize, index: usize, cores: usize) -> usize {
    match whole {
        usize::MAX => whole,
        _ => whole / cores + usize::from(index % cores < whole % cores),
    }
}

impl Pool {
    /// The most recently used connection that is still open, or a stream of a session.
    pub(crate) fn take(&self, need: Need) -> Option<Connection> {
        loop {
            let Some(mut idle) = self.idle.borrow_mut().pop() else {
                return self.stream(need);
            };
            self.shared.idle.set(self.shared.idle.get() - 1);
            // Anything readable now is a close, or bytes that nobody asked for.
            if idle.connection.socket.is_quiet() {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection for later, within the bounds.
    pub(crate) fn put(&self, mut connection: Connection) {
        if !connection.socket.is_kept() {
            return;
        }
        #[cfg(feature = "dns")]
        if !self.stays(&mut connection) {
            return;
        }
        connection.reused = true;
        // First those of this core who wait, unless it is closed meanwhile, or says what nobody asked for: then they
        // get its place.
        if !self.waiting.borrow().is_empty() && !connection.socket.is_quiet() {
            return;
        }
        while let Some(first) = self.take_waiting() {
            match first.sender.send(connection) {
                Ok(()) => return,
                Err(returned) => connection = returned,
            }
        }
        let mut idle = self.idle.borrow_mut();
        let shared = &self.shared;
        let room = idle.len() < shared.idle_per_host_max && shared.idle.get() < shared.idle_max;
        if room && !self.is_wanted() {
            shared.idle.set(shared.idle.get() + 1);
            idle.push(Idle {
                connection,
                since_ms: shared.clock.now_ms(),
            });
        }
    }

    fn take_waiting(&self) -> Option<Waiter> {
        self.waiting.borrow_mut().pop_front()
    }

    /// Puts a request behind those that wait. Of those in front that have given up nothing is kept.
    fn queue(&self, waiter: Waiter) {
        let mut waiting = self.waiting.borrow_mut();
        while waiting.front().is_some_and(Waiter::is_gone) {
            waiting.pop_front();
        }
        waiting.push_back(waiter);
    }

    /// Whether a core waits for a place of this backend.
    fn is_wanted(&self) -> bool {
        self.limit.as_ref().is_some_and(|limit| limit.is_wanted())
    }

    /// A place for a new connection; above `maxConnsPerHost` one that another request is done with
    /// (RT-UP-5).
    ///
    /// # Errors
    /// There was none in time.
    pub(super) async fn turn(&self, http1: bool) -> Result<Turn, UpstreamFault> {
        #[cfg(feature = "http2-backends")]
        if !http1 && self.beginning.expected.get() {
            // Boxed: a request to HTTP/1.1 is not to keep room for it.
            return Box::pin(self.turn_of_session()).await;
        }
        self.turn_of_connection(http1, self.shared.wait_limit).await
    }

    /// `limit`: how long it may wait.
    async fn turn_of_connection(
        &self,
        http1: bool,
        limit: Duration,
    ) -> Result<Turn, UpstreamFault> {
        let Some(places) = &self.limit else {
            return Ok(Turn::New(Place::default()));
        };
        match places.try_enter() {
            Some(permit) => Ok(Turn::New(Place::of(Some(permit)))),
            // Boxed: few requests wait.
            None => Box::pin(self.wait(places, http1, limit)).await,
        }
    }

    async fn wait(
        &self,
        places: &Limit,
        http1: bool,
        limit: Duration,
    ) -> Result<Turn, UpstreamFault> {
        let _ = http1;
        let _waiting = places.wait();
        let (sender, receiver) = oneshot::channel();
        self.queue(Waiter {
            sender,
            #[cfg(feature = "http2-backends")]
            http1,
        });
        tokio::select! {
            biased;
            Ok(connection) = receiver => Ok(Turn::Kept(connection)),
            permit = places.enter() => Ok(Turn::New(Place::of(permit))),
            () = tokio::time::sleep(limit) => Err(UpstreamFault::Crowded),
        }
    }

    fn sweep(&self) {
        self.waiting.borrow_mut().retain(|waiter| !waiter.is_gone());
        #[cfg(feature = "dns")]
        self.sweep_name();
        let now = self.shared.clock.now_ms();
        let wanted = self.is_wanted();
        let idle_ms_max = self.shared.idle_ms_max;
        let expired = |since_ms: u64| wanted || since_ms.saturating_add(idle_ms_max) < now;
        let mut idle = self.idle.borrow_mut();
        let count = idle.partition_point(|entry| expired(entry.since_ms));
        idle.drain(..count);
        self.shared.idle.set(self.shared.idle.get() - count);
        drop(idle);
        #[cfg(feature = "http2-backends")]
        self.sweep_sessions(expired);
    }

    #[cfg(not(feature = "http2-backends"))]
    fn stream(&self, _: Need) -> Option<Connection> {
        None
    }
}

impl Waiter {
    /// Whether it waits no longer.
    fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}

impl Place {
    fn of(permit: Permit) -> Self {
        Self {
            permit,
            #[cfg(feature = "http2-backends")]
            _beginner: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-UP-5: a stream is of no use to a request that is to switch protocols, and what has given up takes no
    /// room.
    #[cfg(feature = "http2-backends")]
    #[test]
    fn who_waits() {
        let transport = Transport {
            http2: true,
            idle_max: 1,
            idle_per_host_max: 1,
            per_host_max: 1,
            idle_timeout_ms: 0,
            response_header_timeout_ms: 0,
            handshake_timeout_ms: 0,
        };
        let url = crate::values::scalar::url("h2c://127.0.0.1:1").unwrap();
        let pools = Pools::new(Clock::new(), &transport, (0, 1), &Rc::default());
        let pool = pools.of(&Endpoint::plain(url));
        let mut kept = Vec::new();
        for at in 0..1000 {
            let (sender, receiver) = oneshot::channel();
            pool.queue(Waiter {
                sender,
                http1: at % 2 == 0,
            });
            if at == 0 || at == 997 {
                kept.push(receiver);
            }
        }
        pool.sweep();
        let http1 = |pool: &Pool| {
            let waiting = pool.waiting.borrow();
            waiting
                .iter()
                .map(|waiter| waiter.http1)
                .collect::<Vec<_>>()
        };
        assert_eq!(http1(&pool), [true, false]);
        kept.remove(0);
        let (sender, _receiver) = oneshot::channel();
        pool.queue(Waiter {
            sender,
            http1: true,
        });
        assert_eq!(http1(&pool), [false, true]);
    }

    /// 6.3: the shares of all cores add up to what holds for the process.
    #[test]
    fn shares_of_a_limit() {
        for (whole, cores) in [(512, 3), (1, 4), (7, 7), (256, 1)] {
            let shares = (0..cores).map(|core| share(whole, core, cores));
            assert_eq!(shares.sum::<usize>(), whole, "{whole} on {cores}");
        }
        assert_eq!(share(unlimited(0), 1, 2), usize::MAX);
    }
}
