//! Idle keep-alive connections of one core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::io::Socket;

/// Idle connections kept per backend authority (`maxIdleConnsPerHost`).
const IDLE_PER_HOST_MAX: usize = 256;
/// Idle connections kept in the whole process (`maxIdleConns`).
const IDLE_PER_PROCESS_MAX: usize = 512;
/// How long an idle connection is kept (`idleConnTimeout`).
const IDLE_MS_MAX: u64 = 90_000;

/// All pools of a core.
#[derive(Debug)]
pub struct Pools {
    by_authority: RefCell<HashMap<(String, u16), Rc<Pool>>>,
    shared: Rc<Shared>,
}

/// What the pools of a core count together.
#[derive(Debug)]
struct Shared {
    clock: Rc<Clock>,
    idle: Cell<usize>,
    idle_max: usize,
}

/// Idle connections to one authority, oldest first.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: RefCell<Vec<Idle>>,
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Idle {
    socket: TcpStream,
    since_ms: u64,
}

/// A connection to a backend.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: TcpStream,
    /// Whether an earlier request has used it: then it may die without anyone's fault (RT-UP-8).
    pub reused: bool,
}

impl Pools {
    /// The pools of one of `cores` cores.
    #[must_use]
    pub fn new(clock: Rc<Clock>, cores: usize) -> Self {
        Self {
            by_authority: RefCell::default(),
            shared: Rc::new(Shared {
                clock,
                idle: Cell::new(0),
                idle_max: (IDLE_PER_PROCESS_MAX / cores.max(1)).max(1),
            }),
        }
    }

    /// The pool of an authority.
    pub(super) fn of(&self, host: &str, port: u16) -> Rc<Pool> {
        let mut pools = self.by_authority.borrow_mut();
        let pool = pools.entry((host.to_owned(), port)).or_insert_with(|| {
            Rc::new(Pool {
                idle: RefCell::default(),
                shared: Rc::clone(&self.shared),
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
        for pool in self.by_authority.borrow().values() {
            pool.sweep();
        }
    }
}

impl Pool {
    /// The most recently used connection that is still open.
    pub(crate) fn take(&self) -> Option<Connection> {
        loop {
            let idle = self.idle.borrow_mut().pop()?;
            self.shared.idle.set(self.shared.idle.get() - 1);
            // Anything readable now is a close, or bytes that nobody asked for.
            if idle.socket.is_quiet() {
                return Some(Connection {
                    socket: idle.socket,
                    reused: true,
                });
            }
        }
    }

    /// Keeps a connection for later, within the bounds.
    pub(crate) fn put(&self, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        let shared = &self.shared;
        if idle.len() < IDLE_PER_HOST_MAX && shared.idle.get() < shared.idle_max {
            shared.idle.set(shared.idle.get() + 1);
            idle.push(Idle {
                socket: connection.socket,
                since_ms: shared.clock.now_ms(),
            });
        }
    }

    fn sweep(&self) {
        let now = self.shared.clock.now_ms();
        let mut idle = self.idle.borrow_mut();
        let expired = idle.partition_point(|entry| entry.since_ms + IDLE_MS_MAX < now);
        idle.drain(..expired);
        self.shared.idle.set(self.shared.idle.get() - expired);
    }
}
