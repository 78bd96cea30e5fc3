//! The process: start, one thread per core, signals, stop (RT-START, RT-STOP).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;

use crate::files::Files;
use crate::gateway::{Gateway, LogTo, Protocol, Resolved, Start, StartError};
use crate::lifecycle::{Lifecycle, Phase};
use crate::log::{AccessLog, LogFile, Rotation, Writer};
use crate::overlay::{self, Live, Watched};
#[cfg(feature = "pass-through")]
use crate::passthrough::{self, Rule};
use crate::route::Table;
use crate::upstream::{self, Resolver};
use crate::values::Environment;
use crate::values::scalar::Level;

mod accept;
mod arguments;
mod core;
mod health;
mod healthcheck;
mod listen;
mod proxy_protocol;
#[cfg(feature = "fuzzing")]
pub mod rig;
mod watch;

use arguments::{Arguments, Mode};
use health::Checks;
use listen::Listener;
use watch::Watch;

/// What all cores start from.
#[derive(Clone, Debug)]
struct Shared {
    gateway: &'static Gateway,
    settings: Resolved,
    table: Table,
    live: Arc<overlay::Shared>,
    files: Arc<Files>,
    environment: Arc<Environment>,
    lifecycle: Arc<Lifecycle>,
    /// What is said in the log at start.
    notices: Arc<[String]>,
    writer: Writer,
    cores: usize,
    places: accept::Places,
    #[cfg(feature = "dns")]
    names: Arc<upstream::Names>,
    /// By their place in the settings.
    #[cfg(feature = "pass-through")]
    rules: Arc<[Arc<Rule>]>,
}

impl Shared {
    /// For one core.
    fn resolver(&self) -> Resolver {
        #[cfg(feature = "dns")]
        return Resolver::new(&self.names);
        #[cfg(not(feature = "dns"))]
        Resolver::default()
    }
}

/// Ready to bind its sockets.
struct Prepared {
    shared: Shared,
    log_thread: JoinHandle<()>,
    /// The overlay, if there may be one.
    watched: Option<Watched>,
}

/// All sockets of the process.
struct Listeners {
    web: Option<Listener>,
    /// By their place in the settings.
    forwards: Vec<Listener>,
}

/// The signals that stop a gateway, and the one that has its log file opened anew.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    user1: Signal,
}

/// Runs a gateway: the whole of a generated `main`.
///
/// Exit codes: 0 stopped cleanly, 1 otherwise, 2 usage.
#[must_use]
pub fn main(gateway: &'static Gateway) -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            report(&format!("error: {usage}"));
            return ExitCode::from(2);
        }
    };
    let outcome = match arguments.mode {
        Mode::PrintRoutes => {
            arguments::print(&arguments::route_table(gateway));
            Ok(())
        }
        Mode::PrintVersion => {
            arguments::print(&arguments::version(gateway));
            Ok(())
        }
        Mode::Check => prepare(gateway, &arguments).map(|_| ()),
        Mode::Healthcheck => Environment::load(&arguments.env_files)
            .and_then(|environment| healthcheck::run(gateway, &environment)),
        Mode::Serve => serve(gateway, &arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Everything that can fail because of configuration, before any socket is bound (RT-START-1).
fn prepare(gateway: &'static Gateway, arguments: &Arguments) -> Result<Prepared, StartError> {
    let environment = Environment::load(&arguments.env_files)?;
    let named = environment
        .override_of("GOMA_OVERLAY_FILE")
        .map(PathBuf::from);
    let overlay = arguments.overlay.clone().or(named);
    prepare_in(gateway, environment, overlay)
}

fn prepare_in(
    gateway: &'static Gateway,
    environment: Environment,
    overlay: Option<PathBuf>,
) -> Result<Prepared, StartError> {
    let internal =
        |error: &dyn std::fmt::Display| StartError::without_place("internal", error.to_string());
    let settings = gateway.settings.resolve(&environment)?;
    let passive = gateway.settings.passive_health_check;
    let transport = &gateway.settings.transport;
    let files = Arc::new(Files::default());
    let backends = upstream::resolve(gateway.routes, passive, transport, &environment, &files)?;
    let built = Arc::new(Live::built(backends));
    let mut watched = overlay.map(|path| Watched::new(path, Arc::clone(&built), transport));
    let live = match &mut watched {
        None => built,
        Some(watched) => Arc::new(watched.begin(&environment)?),
    };
    let table = Table::build(gateway.routes).map_err(|error| internal(&error))?;
    let start = Start::with(&environment, Arc::clone(&files));
    for chain in gateway.chains {
        chain(&start)?;
    }
    let notices = [environment.notices(), start.into_notices()].concat();
    let file = settings.log_file.as_ref().map(open_log).transpose()?;
    let (writer, thread) =
        Writer::start(file, settings.log_format).map_err(|error| internal(&error))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let connections = gateway.settings.limits.connections_max;
    #[cfg(feature = "dns")]
    let names = {
        let ttl = Duration::from_millis(gateway.settings.dns_cache.ttl_ms);
        Arc::new(upstream::Names::new(ttl, settings.dns_servers.clone()))
    };
    #[cfg(feature = "pass-through")]
    let rules = settings.pass_through.iter().cloned();
    #[cfg(feature = "pass-through")]
    let rules = rules.map(|to| Arc::new(Rule::new(to, passthrough::Limits::default())));
    let shared = Shared {
        #[cfg(feature = "pass-through")]
        rules: rules.collect(),
        gateway,
        settings,
        table,
        #[cfg(feature = "dns")]
        names,
        live: Arc::new(overlay::Shared::new(live)),
        files,
        environment: Arc::new(environment),
        notices: notices.into(),
        lifecycle: Arc::default(),
        writer,
        cores,
        // More places than a semaphore can count are as good as any number.
        places: connections
            .filter(|count| *count <= Semaphore::MAX_PERMITS)
            .map(|count| Arc::new(Semaphore::new(count))),
    };
    Ok(Prepared {
        shared,
        log_thread: thread,
        watched,
    })
}

/// RT-LOG-7
fn open_log(to: &LogTo) -> Result<LogFile, StartError> {
    let rotation = Rotation {
        bytes_max: to.bytes_max,
        backups_max: to.backups_max,
        age_max: to.age_max,
    };
    LogFile::open(to.path.text.as_ref(), rotation).map_err(|error| {
        let text = format!("{}: {error}", to.path.text);
        to.path.fault("bad-value", text)
    })
}

/// Prepares and serves. Signals count from the beginning (RT-STOP-1).
fn serve(gateway: &'static Gateway, arguments: &Arguments) -> Result<(), StartError> {
    let internal = |error: std::io::Error| StartError::without_place("internal", error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(internal)?;
    let signals = runtime.block_on(async { Signals::catch() });
    let signals = signals.map_err(internal)?;
    let prepared = prepare(gateway, arguments)?;
    let listeners = if arguments.trial {
        Listeners::of_trial(&prepared.shared)?
    } else {
        Listeners::bind(&prepared.shared, arguments.share_address)?
    };
    run(prepared, listeners, &runtime, signals)
}

impl Listeners {
    /// Binds everything; nothing is accepted yet.
    fn bind(shared: &Shared, share: bool) -> Result<Self, StartError> {
        let (settings, cores) = (&shared.settings, shared.cores);
        let web = settings.web_address;
        let web = web.map(|address| listen::bind(Protocol::Tcp, address, cores, share));
        let forwards = settings.pass_through.iter();
        let forwards = forwards.map(|to| listen::bind(to.protocol, to.address, cores, share));
        Ok(Self {
            web: web.transpose()?,
            forwards: forwards.collect::<Result<_, _>>()?,
        })
    }

    /// Where only who looks for it finds it: a trial takes no traffic from what serves.
    fn of_trial(shared: &Shared) -> Result<Self, StartError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let web = shared.settings.web_address;
        let web = web.map(|_| listen::bind(Protocol::Tcp, address, shared.cores, false));
        Ok(Self {
            web: web.transpose()?,
            forwards: Vec::new(),
        })
    }
}

/// Serves until a signal; `Ok` is a clean stop.
fn run(
    prepared: Prepared,
    listeners: Listeners,
    runtime: &LocalRuntime,
    signals: Signals,
) -> Result<(), StartError> {
    let Prepared {
        shared,
        log_thread,
        watched,
    } = prepared;
    let address = listeners.web.as_ref().map(|web| web.address);
    let forwarded = listeners.forwards.iter().map(|forward| forward.address);
    let forwarded: Vec<_> = forwarded.collect();
    let internal = |error: std::io::Error| StartError::without_place("internal", error.to_string());
    let mut threads = Vec::new();
    let shares = listen::spread(listeners.web, listeners.forwards, shared.cores);
    for (index, share) in shares.into_iter().enumerate() {
        let shared = shared.clone();
        let thread = std::thread::Builder::new()
            .name(format!("core-{index}"))
            .spawn(move || core::run(&shared, index, share))
            .map_err(internal)?;
        threads.push(thread);
    }
    let settings = &shared.settings;
    let log = AccessLog::new(
        settings.log_level,
        settings.log_format,
        shared.writer.clone(),
    );
    shared.lifecycle.enter(Phase::Running);
    let blocks = shared.gateway.routes.iter();
    let count = blocks.map(|block| block.len()).sum();
    if count == 0 {
        log.message(Level::Warn, "The gateway has no routes");
    }
    for notice in shared.notices.iter() {
        log.message(Level::Warn, notice);
    }
    log.started(shared.gateway.revision, count, address);
    for (to, address) in settings.pass_through.iter().zip(forwarded) {
        log.forwards(to, address);
    }
    log.flush();
    let log = Rc::new(log);
    let stopped = runtime.block_on(async {
        #[cfg(feature = "dns")]
        watch::keep_names(&shared.names, &log);
        let checks = Checks::new(&log, shared.resolver());
        checks.follow(&shared.live.live());
        tokio::task::spawn_local(Watch::new(watched, &shared, checks, &log).keep());
        await_stop(&shared, threads, signals).await
    });
    if stopped {
        log.message(Level::Info, "gracefully stopped");
    }
    // Its writer goes: checks still have their hands on it.
    log.close();
    drop(shared);
    if stopped {
        // It ends when the last writer is gone (RT-STOP-3); the cores are, so it does.
        let _ = log_thread.join();
        Ok(())
    } else {
        Err(StartError::without_place(
            "stopped",
            "a second signal came before the drain was over",
        ))
    }
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user1: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next that stops.
    async fn next(&mut self, writer: &Writer) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.user1.recv() => writer.reopen(),
            }
        }
    }
}

/// Waits for a signal and drains (RT-STOP-1). `false`: a second signal cut the drain short.
async fn await_stop(shared: &Shared, threads: Vec<JoinHandle<()>>, mut signals: Signals) -> bool {
    signals.next(&shared.writer).await;
    let drained = async {
        shared.lifecycle.enter(Phase::Announced);
        tokio::time::sleep(shared.settings.drain_delay).await;
        shared.lifecycle.enter(Phase::Draining);
        while !threads.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = drained => true,
        () = signals.next(&shared.writer) => false,
    }
}

/// One line on standard error.
#[expect(
    clippy::print_stderr,
    reason = "the process's own report before there is a log"
)]
fn report(line: &str) {
    eprintln!("{line}");
}
