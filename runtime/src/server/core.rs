//! One core: a single-threaded runtime with its own listener, pools, buffers and clock.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use super::Shared;
use super::accept::{Places, accept};
use crate::clock::{Clock, TICK};
use crate::gateway::{self, Start, StartError};
use crate::h1::Limits;
use crate::h2;
use crate::lifecycle::Phase;
use crate::log::AccessLog;
use crate::proxy::{Buffers, Core};
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
pub(super) fn run(shared: &Shared, index: usize, listener: TcpListener) {
    let clock = Clock::new();
    let transport = &shared.gateway.settings.transport;
    let pools = Pools::new(Rc::clone(&clock), transport, (index, shared.cores));
    // `prepare` has built the same chains and backends from the same values.
    let Ok(core) = make_core(shared, index, clock, &pools) else {
        return;
    };
    let core: &'static Core = Box::leak(Box::new(core));
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(serve(core, &pools, listener, &shared.places)),
        Err(error) => core
            .log
            .message(Level::Error, &format!("No event loop: {error}")),
    }
    core.log.close();
}

pub(super) fn make_core(
    shared: &Shared,
    index: usize,
    clock: Rc<Clock>,
    pools: &Pools,
) -> Result<Core, StartError> {
    let start = Start::new(&shared.environment);
    let chains = shared.gateway.chains.iter().map(|chain| chain(&start));
    let settings = shared.settings.clone();
    let upstreams = shared.backends.iter();
    Ok(Core {
        table: shared.table.clone(),
        chains: chains.collect::<Result<_, _>>()?,
        upstreams: upstreams
            .map(|upstream| Upstream::new(upstream, pools, index))
            .collect(),
        backends: Arc::clone(&shared.backends),
        resolver: Resolver::default(),
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
        buffers: Buffers::default(),
        log: AccessLog::new(
            settings.log_level,
            settings.log_format,
            shared.writer.clone(),
        ),
        lifecycle: Arc::clone(&shared.lifecycle),
        random: RefCell::new(fastrand::Rng::new()),
        connections: Cell::new(0),
        is_ending: Cell::new(false),
        clock,
        settings,
    })
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

async fn serve(core: &'static Core, pools: &Pools, listener: TcpListener, places: &Places) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            return core
                .log
                .message(Level::Error, &format!("No listener: {error}"));
        }
    };
    tokio::select! {
        () = accept(core, &listener, places) => {}
        () = tick_until(core, pools, Phase::Draining) => {}
    }
    // Closing a socket resets what waits in its queue: take that first. Accepting is polled once more at
    // the very end, so that only what arrives within microseconds is lost.
    let _ = tokio::time::timeout(LAST_CALL, accept(core, &listener, places)).await;
    drop(listener);
    let finished = async {
        while core.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::pin!(finished);
    tokio::select! {
        () = &mut finished => return,
        () = tick_forever(core, pools) => {}
        () = tokio::time::sleep(core.settings.drain_timeout) => {}
    }
    // Tunnels end now, and have a moment to say so in the log.
    core.is_ending.set(true);
    core.clock.tick(true);
    let _ = tokio::time::timeout(FAREWELL, finished).await;
}

async fn tick_until(core: &'static Core, pools: &Pools, phase: Phase) {
    while core.lifecycle.phase() < phase {
        tick(core, pools).await;
    }
}

async fn tick_forever(core: &'static Core, pools: &Pools) {
    loop {
        tick(core, pools).await;
    }
}

async fn tick(core: &'static Core, pools: &Pools) {
    tokio::time::sleep(TICK).await;
    core.clock.tick(core.lifecycle.phase() >= Phase::Draining);
    pools.sweep();
    core.log.flush();
}
