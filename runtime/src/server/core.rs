//! One core: a single-threaded runtime with its own listener, pools, buffers and clock.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};

use super::Shared;
use super::accept::accept;
use super::listen::Share;
use crate::clock::{Clock, TICK};
use crate::gateway::{self, Start, StartError};
use crate::h1::Limits;
use crate::h2;
use crate::lifecycle::Phase;
use crate::log::AccessLog;
#[cfg(feature = "pass-through")]
use crate::passthrough::{self, Passing};
use crate::proxy::{Buffers, Core, Workers};
use crate::route::RouteId;
use crate::upstream::{Pools, Resolver, Upstream};
use crate::values::scalar::Level;

/// Threads of a core for work that would block its loop, such as password hashes. They start when
/// they are needed.
const BLOCKING_THREADS_MAX: usize = 1;

/// How long connections are still accepted once the gateway drains.
const LAST_CALL: Duration = Duration::from_millis(2);

/// What is left for tunnels to end after the drain.
const FAREWELL: Duration = Duration::from_millis(100);

/// Serves until the gateway has drained.
pub(super) fn run(shared: &Shared, index: usize, share: Share) {
    let clock = Clock::new();
    let transport = &shared.gateway.settings.transport;
    let resolver = Rc::new(shared.resolver());
    let pools = Pools::new(
        Rc::clone(&clock),
        transport,
        (index, shared.cores),
        &resolver,
    );
    // `prepare` has built the same chains and backends from the same values.
    let Ok(core) = make_core(shared, index, (clock, resolver), &pools) else {
        return;
    };
    let core: &'static Core = Box::leak(Box::new(core));
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(serve(core, &pools, share, (shared, index))),
        Err(error) => core
            .log
            .message(Level::Error, &format!("No event loop: {error}")),
    }
    core.log.close();
}

pub(super) fn make_core(
    shared: &Shared,
    index: usize,
    (clock, resolver): (Rc<Clock>, Rc<Resolver>),
    pools: &Pools,
) -> Result<Core, StartError> {
    let start = Start::with(&shared.environment, Arc::clone(&shared.files));
    let chains = shared.gateway.chains.iter().map(|chain| chain(&start));
    let settings = shared.settings.clone();
    let generation = shared.live.generation();
    let live = shared.live.live();
    let upstreams = live.backends.iter();
    let upstreams = upstreams.map(|upstream| Rc::new(Upstream::new(upstream, pools, index)));
    let table = shared.table.clone();
    for index in 0..live.backends.len() {
        table.enable(id_of(index), live.is_enabled(index));
    }
    Ok(Core {
        table,
        chains: chains.collect::<Result<_, _>>()?,
        upstreams: RefCell::new(upstreams.collect()),
        live: RefCell::new(live),
        resolver,
        limits: limits(&shared.gateway.settings.limits),
        // A connection that serves this many requests may as well be a new one.
        requests_per_connection_max: shared
            .gateway
            .settings
            .limits
            .requests_per_connection_max
            .unwrap_or(u32::MAX),
        revision: shared.gateway.revision,
        streams: streams(&shared.gateway.settings.limits),
        workers: Workers::default(),
        buffers: Buffers::default(),
        log: AccessLog::new(
            settings.log_level,
            settings.log_format,
            shared.writer.clone(),
        ),
        lifecycle: Arc::clone(&shared.lifecycle),
        random: RefCell::new(fastrand::Rng::new()),
        generation: Cell::new(generation),
        connections: Cell::new(0),
        is_ending: Cell::new(false),
        clock,
        settings,
    })
}

/// Takes the live values over, if there are others than the core has (RT-OVER-3). Nothing else runs on the
/// core meanwhile, so a request sees all of them or none.
fn refresh(core: &Core, pools: &Pools, shared: &Shared, index: usize) {
    let generation = shared.live.generation();
    if generation == core.generation.get() {
        return;
    }
    core.generation.set(generation);
    let (before, live) = (core.live.borrow().clone(), shared.live.live());
    let mut upstreams = core.upstreams.borrow_mut();
    let rows = before.backends.iter().zip(&live.backends).enumerate();
    for (row, (before, now)) in rows {
        core.table.enable(id_of(row), live.is_enabled(row));
        if !Arc::ptr_eq(before, now)
            && let Some(upstream) = upstreams.get_mut(row)
        {
            *upstream = Rc::new(Upstream::new(now, pools, index));
        }
    }
    drop(upstreams);
    *core.live.borrow_mut() = live;
}

fn id_of(index: usize) -> RouteId {
    // Rows are counted in 32 bits.
    RouteId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// RT-H2-1, RT-H2-3
fn streams(limits: &gateway::Limits) -> h2::Limits {
    h2::Limits {
        streams_max: limits.http2_streams_max,
        resets_max: limits.http2_resets_max as usize,
    }
}

/// RT-LIM-1, RT-LIM-2
fn limits(limits: &gateway::Limits) -> Limits {
    Limits {
        target_bytes_max: limits.target_bytes_max,
        header_bytes_max: limits.header_bytes_max,
        fields_max: limits.fields_max,
    }
}

async fn serve(
    core: &'static Core,
    pools: &Pools,
    share: Share,
    (shared, index): (&Shared, usize),
) {
    let own = (shared, index);
    let listen = || {
        let web = share.web.into_iter();
        let web = web.map(|socket| TcpListener::from_std(socket.into()));
        let web = web.collect::<io::Result<Vec<_>>>()?;
        Ok((web, pass_through(core, share.forwards, shared)?))
    };
    let (web, passing) = match listen() {
        Ok(listening) => listening,
        Err(error) => return no_listener(core, &error),
    };
    let places = &shared.places;
    tokio::select! {
        () = accept(core, &web, places) => {}
        () = tick_until(core, pools, own, Phase::HandedOver) => {}
    }
    // HTTP/2 clients are told to leave.
    core.clock.tick(true);
    // Closing a socket resets what waits in its queue: take that first. Accepting is polled once more at
    // the very end, so that only what arrives within microseconds is lost.
    let _ = tokio::time::timeout(LAST_CALL, accept(core, &web, places)).await;
    drop(web);
    #[cfg(feature = "pass-through")]
    passing.close();
    #[cfg(not(feature = "pass-through"))]
    let () = passing;
    let finished = async {
        while core.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::pin!(finished);
    tokio::select! {
        () = &mut finished => return,
        () = tick_forever(core, pools, own) => {}
        () = tokio::time::sleep(core.settings.drain_timeout) => {}
    }
    // What is still under way ends now, and has a moment to say so to its client and in the log.
    core.is_ending.set(true);
    core.clock.end_waits();
    let _ = tokio::time::timeout(FAREWELL, finished).await;
}

fn no_listener(core: &Core, error: &io::Error) {
    let text = format!("No listener: {error}");
    core.log.message(Level::Error, &text);
}

/// Begins to forward what is forwarded as it is.
#[cfg(feature = "pass-through")]
fn pass_through(
    core: &'static Core,
    forwards: Vec<(usize, Socket)>,
    shared: &Shared,
) -> io::Result<Passing> {
    let home = passthrough::Home {
        clock: &core.clock,
        log: &core.log,
        resolver: &core.resolver,
        open: &core.connections,
        is_ending: &core.is_ending,
    };
    let rule = |(index, socket)| Some((Arc::clone(shared.rules.get(index)?), socket));
    passthrough::start(home, forwards.into_iter().filter_map(rule).collect())
}

/// The compiler asks for the feature wherever something is forwarded.
#[cfg(not(feature = "pass-through"))]
fn pass_through(_: &'static Core, _: Vec<(usize, Socket)>, _: &Shared) -> io::Result<()> {
    Ok(())
}

async fn tick_until(core: &'static Core, pools: &Pools, own: (&Shared, usize), phase: Phase) {
    while core.lifecycle.phase() < phase {
        tick(core, pools, own).await;
    }
}

async fn tick_forever(core: &'static Core, pools: &Pools, own: (&Shared, usize)) {
    loop {
        tick(core, pools, own).await;
    }
}

async fn tick(core: &'static Core, pools: &Pools, (shared, index): (&Shared, usize)) {
    tokio::time::sleep(TICK).await;
    core.clock.tick(core.lifecycle.phase() >= Phase::Draining);
    pools.sweep();
    refresh(core, pools, shared, index);
    core.log.flush();
}
