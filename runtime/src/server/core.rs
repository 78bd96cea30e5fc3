//! One core: a single-threaded runtime with its own listener, pools, buffers and clock.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use super::Shared;
use crate::clock::{Clock, TICK};
use crate::gateway::{Start, StartError};
use crate::h1::Limits;
use crate::lifecycle::Phase;
use crate::log::AccessLog;
use crate::proxy::{self, Buffers, Core};
use crate::upstream::{Pools, Resolver, Upstream};
use crate::values::scalar::Level;

/// How long accepting pauses when the process is out of file descriptors (RT-LIM-5).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Threads of a core for work that would block its loop, such as password hashes. They start when
/// they are needed.
const BLOCKING_THREADS_MAX: usize = 1;

/// Serves until the gateway has drained.
pub(super) fn run(shared: &Shared, index: usize, listener: TcpListener) {
    let clock = Clock::new();
    let pools = Pools::new(Rc::clone(&clock), shared.cores);
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
        Ok(runtime) => runtime.block_on(serve(core, &pools, listener)),
        Err(error) => core
            .log
            .message(Level::Error, &format!("No event loop: {error}")),
    }
    core.log.close();
}

fn make_core(
    shared: &Shared,
    index: usize,
    clock: Rc<Clock>,
    pools: &Pools,
) -> Result<Core, StartError> {
    let start = Start {
        environment: &shared.environment,
    };
    let chains = shared.gateway.chains.iter().map(|chain| chain(&start));
    let settings = shared.settings.clone();
    let upstreams = shared.backends.iter();
    Ok(Core {
        table: shared.table.clone(),
        chains: chains.collect::<Result<_, _>>()?,
        upstreams: upstreams
            .map(|backends| Upstream::new(backends, pools, index))
            .collect(),
        resolver: Resolver::default(),
        limits: Limits::default(),
        buffers: Buffers::default(),
        log: AccessLog::new(
            settings.log_level,
            settings.log_format,
            shared.writer.clone(),
        ),
        lifecycle: Arc::clone(&shared.lifecycle),
        random: RefCell::new(fastrand::Rng::new()),
        connections: Cell::new(0),
        clock,
        settings,
    })
}

async fn serve(core: &'static Core, pools: &Pools, listener: TcpListener) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            return core
                .log
                .message(Level::Error, &format!("No listener: {error}"));
        }
    };
    tokio::select! {
        () = accept(core, &listener) => {}
        () = tick_until(core, pools, Phase::Draining) => {}
    }
    drop(listener);
    let finished = async {
        while core.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = finished => {}
        () = tick_forever(core, pools) => {}
        () = tokio::time::sleep(core.settings.drain_timeout) => {}
    }
}

async fn accept(core: &'static Core, listener: &tokio::net::TcpListener) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let _ = socket.set_nodelay(true);
                core.connections.set(core.connections.get() + 1);
                let open = OpenConnection(core);
                tokio::task::spawn_local(async move {
                    proxy::serve(core, socket, peer).await;
                    drop(open);
                });
            }
            // ECONNABORTED and the like concern one connection; EMFILE needs a pause.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Counts a connection for as long as it is open, even if its task panics.
struct OpenConnection(&'static Core);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
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
