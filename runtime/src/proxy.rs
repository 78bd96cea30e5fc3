//! The request loop of one connection: head in, route, chain, backend, response out.
//!
//! This is the one place that knows both sides of a request. The parts: [`client`] reads requests and
//! writes answers on HTTP/1.1, [`downstream`] is what the rest knows of it, [`exchange`] takes one
//! request through its route and chain, [`forward`] finds a backend for it, [`attempt`] sends it there,
//! [`upload`] moves its body, [`respond`] sends responses to the client, [`relay`] moves their bodies,
//! [`endpoints`] answers what the gateway owns.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::gateway::Resolved;
use crate::h1::Limits;
use crate::h2;
use crate::lifecycle::Lifecycle;
use crate::log::AccessLog;
use crate::overlay::Live;
use crate::route::{RouteId, Table};
use crate::upstream::{Resolver, Upstream};

mod attempt;
mod buffers;
mod client;
mod deadlines;
mod debug;
mod downstream;
mod ended;
mod endpoints;
mod exchange;
mod forward;
mod forwarding;
mod frame;
mod grace;
mod hold;
mod http2;
mod incoming;
mod limits;
mod method;
mod open;
mod outgoing;
mod relay;
mod replay;
mod respond;
mod tries;
mod tunnel;
mod upload;

pub use buffers::Buffers;
pub use client::serve;
pub use http2::Workers;

/// Everything a request needs, for one core. Lives as long as the process.
pub struct Core {
    /// The route table.
    pub table: Table,
    /// Chains by [`crate::route::ChainId`].
    pub chains: Vec<Box<dyn Chain>>,
    /// Backends by [`RouteId`]; a request keeps those that it has begun with (RT-OVER-3).
    pub upstreams: RefCell<Vec<Rc<Upstream>>>,
    /// The values that may change while the gateway runs, the same for all cores.
    pub live: RefCell<Arc<Live>>,
    /// Addresses of backends.
    pub resolver: Rc<Resolver>,
    /// Timeouts and endpoints.
    pub settings: Resolved,
    /// Limits of request heads.
    pub limits: Limits,
    /// Requests of one connection (RT-LIM-8).
    pub requests_per_connection_max: u32,
    /// The gateway's revision.
    pub revision: &'static str,
    /// Limits of HTTP/2 connections.
    pub streams: h2::Limits,
    /// Tasks that wait for a stream.
    pub workers: Workers,
    /// The core's time.
    pub clock: Rc<Clock>,
    /// The core's buffers.
    pub buffers: Buffers,
    /// The core's end of the log.
    pub log: AccessLog,
    /// Whether the gateway is running or stopping.
    pub lifecycle: Arc<Lifecycle>,
    /// Source of request ids.
    pub random: RefCell<fastrand::Rng>,
    /// Which `live` this is.
    pub generation: Cell<u64>,
    /// Open client connections.
    pub connections: Cell<usize>,
    /// Whether the drain is over: what is still open ends (RT-STOP-1).
    pub is_ending: Cell<bool>,
}

impl Core {
    fn upstream(&self, route: RouteId) -> Option<Rc<Upstream>> {
        self.upstreams.borrow().get(route.index()).cloned()
    }
}
