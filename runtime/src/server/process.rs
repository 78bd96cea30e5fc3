//! The process: start, one thread per core, signals, takeover, stop (RT-START, RT-TAKE, RT-STOP).

use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::arguments::Arguments;
use super::background::Waiting;
use super::health::Checks;
use super::listen::{Listener, Listeners};
use super::notify;
use super::takeover::{self, Begun, CHECKS_MAX, Estate, Predecessor, Station};
#[cfg(feature = "dns")]
use super::watch;
use super::watch::Watch;
use super::{Prepared, Shared, core, prepare};
use crate::gateway::{Gateway, StartError};
use crate::lifecycle::Phase;
use crate::log::{AccessLog, Writer};
use crate::overlay::Watched;
use crate::upstream;
use crate::values::Environment;
use crate::values::scalar::Level;

/// The signals that stop a gateway, and the one that has its log file opened anew.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    user1: Signal,
}

/// A gateway that is ready to serve, but for its cores.
struct Ready {
    shared: Shared,
    listeners: Listeners,
    log: Rc<AccessLog>,
    checks: Checks,
    watched: Option<Watched>,
    /// Who ends once this one serves.
    waiting: Option<Waiting>,
}

/// Who listens for the next takeover, if anybody.
enum Succession {
    /// Nobody asks for this gateway.
    None,
    /// Nobody listened there.
    First(Station),
    /// Another gateway, until this one serves.
    Next(Box<Predecessor>),
}

/// Prepares and serves. Signals count from the beginning (RT-STOP-1).
///
/// # Errors
/// It does not start, or does not end cleanly.
pub(super) fn serve(gateway: &'static Gateway, arguments: &Arguments) -> Result<(), StartError> {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(internal)?;
    let signals = runtime.block_on(async { Signals::catch() });
    let mut signals = signals.map_err(internal)?;
    let waiting = Waiting::of(arguments.background)?;
    let environment = Environment::load(&arguments.env_files)?;
    let path = match arguments.trial {
        true => None,
        false => takeover_path(arguments, &environment),
    };
    let begun = match &path {
        None => None,
        Some(path) => runtime.block_on(async {
            tokio::select! {
                begun = takeover::begin(path) => begun.map(Some),
                () = signals.next(None) => Ok(None),
            }
        })?,
    };
    let prepared = prepare(gateway, arguments, environment)?;
    if path.is_some() && begun.is_none() {
        return stop_early(prepared);
    }
    let (begun, handed) = match begun {
        Some(Begun::Next(mut predecessor)) => {
            let handed = std::mem::take(&mut predecessor.listeners);
            (Some(Begun::Next(predecessor)), handed)
        }
        other @ (Some(Begun::First(_)) | None) => (other, Vec::new()),
    };
    let settings = &prepared.shared.settings;
    let listeners = match arguments.trial {
        true => Listeners::of_trial(settings)?,
        false => Listeners::bind(settings, handed)?,
    };
    let succession = match begun {
        Some(Begun::Next(predecessor)) => Succession::Next(predecessor),
        Some(Begun::First(claim)) => {
            let station = runtime.block_on(async { Station::new(claim) });
            Succession::First(station?)
        }
        None => Succession::None,
    };
    let begun = (succession, waiting);
    run(prepared, listeners, begun, &runtime, signals)
}

fn internal(error: io::Error) -> StartError {
    StartError::without_place("internal", error.to_string())
}

fn takeover_path(arguments: &Arguments, environment: &Environment) -> Option<PathBuf> {
    let named = environment.override_of("GOMA_TAKEOVER_SOCKET");
    let path = arguments.takeover.clone();
    path.or_else(|| named.map(PathBuf::from))
}

fn log_of(shared: &Shared) -> AccessLog {
    let settings = &shared.settings;
    let writer = shared.writer.clone();
    AccessLog::new(settings.log_level, settings.log_format, writer)
}

/// A signal came before anything was served.
fn stop_early(prepared: Prepared) -> Result<(), StartError> {
    let log = log_of(&prepared.shared);
    end(&log, prepared.shared, prepared.log_thread);
    Ok(())
}

/// The last line (RT-STOP-3).
fn end(log: &AccessLog, shared: Shared, log_thread: JoinHandle<()>) {
    log.message(Level::Info, "gracefully stopped");
    close(log, shared, log_thread);
}

/// The log is whole when this returns.
fn close(log: &AccessLog, shared: Shared, log_thread: JoinHandle<()>) {
    // Its writer goes: checks still have their hands on it.
    log.close();
    drop(shared);
    // It ends when the last writer is gone; the cores are, so it does.
    let _ = log_thread.join();
}

/// Serves until it is to end; `Ok` is a clean stop.
fn run(
    prepared: Prepared,
    listeners: Listeners,
    (succession, waiting): (Succession, Option<Waiting>),
    runtime: &LocalRuntime,
    mut signals: Signals,
) -> Result<(), StartError> {
    let Prepared {
        shared,
        log_thread,
        watched,
    } = prepared;
    let log = Rc::new(log_of(&shared));
    let mut ready = Ready {
        checks: Checks::new(&log, shared.resolver()),
        shared,
        listeners,
        log,
        watched,
        waiting,
    };
    let log = Rc::clone(&ready.log);
    let stopped = runtime.block_on(async {
        #[cfg(feature = "dns")]
        watch::keep_names(&ready.shared.names, &ready.log);
        let live = ready.shared.live.live();
        if let Succession::Next(predecessor) = &succession {
            upstream::adopt(&live.backends, &predecessor.notes);
        }
        ready.checks.follow(&live);
        let succession = match succession {
            Succession::Next(mut predecessor) => {
                let confirmed = tokio::select! {
                    confirmed = confirm(&ready, &mut predecessor) => confirmed,
                    () = signals.next(Some(&ready.shared.writer)) => return Ok((Ok(true), ready.shared)),
                };
                confirmed?;
                Succession::Next(predecessor)
            }
            other @ (Succession::First(_) | Succession::None) => other,
        };
        ready.listeners.fill(ready.shared.cores)?;
        // What may fail does so before anybody can connect.
        let copies = copies(&ready.listeners, &succession)?;
        ready.listeners.open()?;
        serve_ready(ready, (succession, copies), signals).await
    })?;
    match stopped {
        (Ok(true), shared) => {
            end(&log, shared, log_thread);
            Ok(())
        }
        (Err(error), shared) => {
            close(&log, shared, log_thread);
            Err(error)
        }
        (Ok(false), _) => {
            log.close();
            let text = "a second signal came before the drain was over";
            Err(StartError::without_place("stopped", text))
        }
    }
}

/// Looks at all backends once and asks for the leave to serve (RT-TAKE-2).
async fn confirm(ready: &Ready, predecessor: &mut Predecessor) -> Result<(), StartError> {
    // What is not known by then will be.
    let _ = tokio::time::timeout(CHECKS_MAX, ready.checks.first_round()).await;
    ready.log.flush();
    let notes = predecessor.confirm().await?;
    upstream::adopt(&ready.shared.live.live().backends, &notes);
    ready.waiting.as_ref().map_or(Ok(()), Waiting::is_ready)
}

/// What is to be handed over, if anybody may ask.
fn copies(listeners: &Listeners, succession: &Succession) -> Result<Vec<Listener>, StartError> {
    match succession {
        Succession::None => Ok(Vec::new()),
        Succession::First(_) | Succession::Next(_) => {
            let copies = listeners.copies().map_err(internal)?;
            takeover::check(&copies)?;
            Ok(copies)
        }
    }
}

/// Whether it ends cleanly; an error: the gateway before goes on, and what was accepted has been served.
async fn serve_ready(
    ready: Ready,
    (succession, copies): (Succession, Vec<Listener>),
    mut signals: Signals,
) -> Result<(Result<bool, StartError>, Shared), StartError> {
    let Ready {
        shared,
        listeners,
        log,
        checks,
        watched,
        waiting,
    } = ready;
    let web = listeners.web.as_ref().map(|web| web.address);
    let forwarded = listeners.forwards.iter().map(|forward| forward.address);
    let forwarded: Vec<_> = forwarded.collect();
    // Everything is bound: the first request may come before all cores are there.
    shared.lifecycle.enter(Phase::Running);
    let threads = start_cores(&shared, listeners).map_err(internal)?;
    let is_next = waiting.is_some() || matches!(succession, Succession::Next(_));
    let station = match succession {
        Succession::None => None,
        Succession::First(station) => Some(station),
        Succession::Next(predecessor) => {
            let pid = predecessor.pid;
            match predecessor.leave().await {
                Ok(station) => {
                    log.taken_over("Taken over from another gateway", pid);
                    Some(station)
                }
                Err(error) => {
                    // The gateway before has them.
                    drop(copies);
                    shared.hand_over();
                    let finished = drain_replaced(&shared, &threads, &mut signals).await;
                    return Ok((if finished { Err(error) } else { Ok(false) }, shared));
                }
            }
        }
    };
    let blocks = shared.gateway.routes.iter();
    let count = blocks.map(|block| block.len()).sum();
    if count == 0 {
        log.message(Level::Warn, "The gateway has no routes");
    }
    for notice in shared.notices.iter() {
        log.message(Level::Warn, notice);
    }
    log.started(shared.gateway.revision, count, web);
    for (to, address) in shared.settings.pass_through.iter().zip(forwarded) {
        log.forwards(to, address);
    }
    announce(&shared, &log, waiting.as_ref(), is_next);
    log.flush();
    tokio::task::spawn_local(Watch::new(watched, &shared, checks, &log).keep());
    let estate = station.map(|station| Estate {
        station,
        listeners: copies,
        live: &shared.live,
    });
    let stopped = await_stop(&shared, &log, estate, threads, signals).await;
    Ok((Ok(stopped), shared))
}

/// Says that it serves to who waits for that. The manager hears it first: to it, the end of what waits is the end of
/// the reload.
fn announce(shared: &Shared, log: &AccessLog, waiting: Option<&Waiting>, is_next: bool) {
    if let Err(error) = notify::serves(shared.gateway.revision, is_next) {
        let text = format!("The service manager was not told: {error}");
        log.message(Level::Warn, &text);
    }
    if let Some(waiting) = waiting {
        waiting.serves();
    }
}

fn start_cores(shared: &Shared, listeners: Listeners) -> io::Result<Vec<JoinHandle<()>>> {
    let shares = listeners.spread(shared.cores).into_iter().enumerate();
    let threads = shares.map(|(index, share)| {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name(format!("core-{index}"))
            .spawn(move || core::run(&shared, index, share))
    });
    threads.collect()
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user1: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next that stops.
    async fn next(&mut self, writer: Option<&Writer>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.user1.recv() => if let Some(writer) = writer {
                    writer.reopen();
                },
            }
        }
    }
}

/// Waits for a signal, or for a gateway that takes over, and drains (RT-STOP-1, RT-TAKE-2). `false`: a signal
/// cut the drain short.
async fn await_stop(
    shared: &Shared,
    log: &AccessLog,
    estate: Option<Estate<'_>>,
    threads: Vec<JoinHandle<()>>,
    mut signals: Signals,
) -> bool {
    let taken = async {
        match estate {
            Some(estate) => estate.offer(log).await,
            None => std::future::pending().await,
        }
    };
    let writer = Some(&shared.writer);
    // What was to be handed over is gone after this: the cores have the only sockets.
    let pid = tokio::select! {
        pid = taken => Some(pid),
        () = signals.next(writer) => None,
    };
    if let Some(pid) = pid {
        shared.hand_over();
        log.taken_over("Another gateway has taken over", pid);
        log.flush();
        return drain_replaced(shared, &threads, &mut signals).await;
    }
    let drained = async {
        shared.lifecycle.enter(Phase::Announced);
        tokio::time::sleep(shared.settings.drain_delay).await;
        shared.lifecycle.enter(Phase::Draining);
        all_finished(&threads).await;
    };
    tokio::select! {
        () = drained => true,
        () = signals.next(writer) => false,
    }
}

/// Drains while another gateway serves. With a signal it does not wait for idle connections any more; `false`: the
/// next one cut it short.
async fn drain_replaced(
    shared: &Shared,
    threads: &[JoinHandle<()>],
    signals: &mut Signals,
) -> bool {
    let writer = Some(&shared.writer);
    tokio::select! {
        () = all_finished(threads) => return true,
        () = signals.next(writer) => shared.lifecycle.enter(Phase::Draining),
    }
    tokio::select! {
        () = all_finished(threads) => true,
        () = signals.next(writer) => false,
    }
}

async fn all_finished(threads: &[JoinHandle<()>]) {
    while !threads.iter().all(JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
