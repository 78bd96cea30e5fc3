//! A gateway as a program: what it was asked for, and what all its cores start from (RT-START).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::Semaphore;

use crate::files::Files;
use crate::gateway::{Gateway, LogTo, Resolved, Start, StartError};
use crate::lifecycle::{Lifecycle, Phase};
use crate::log::{LogFile, Rotation, Writer};
use crate::overlay::{self, Live, Watched};
#[cfg(feature = "pass-through")]
use crate::passthrough::{self, Rule};
use crate::route::Table;
use crate::upstream::{self, Resolver};
use crate::values::Environment;

mod accept;
mod arguments;
mod background;
mod core;
mod health;
mod healthcheck;
mod listen;
mod notify;
mod process;
mod proxy_protocol;
#[cfg(feature = "fuzzing")]
pub mod rig;
mod takeover;
mod watch;

use arguments::{Arguments, Mode};
use background::Step;

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

    /// Another gateway serves (RT-TAKE-3). Who has been accepted and waits for a place is served without one: those
    /// who have places may keep them to the end.
    fn hand_over(&self) {
        self.lifecycle.enter(Phase::HandedOver);
        if let Some(places) = &self.places {
            places.close();
        }
        #[cfg(feature = "pass-through")]
        self.rules.iter().for_each(|rule| rule.admit_all());
    }
}

/// Ready to bind its sockets.
struct Prepared {
    shared: Shared,
    log_thread: JoinHandle<()>,
    /// The overlay, if there may be one.
    watched: Option<Watched>,
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
        Mode::Check => Environment::load(&arguments.env_files)
            .and_then(|environment| prepare(gateway, &arguments, environment))
            .map(|_| ()),
        Mode::Healthcheck => Environment::load(&arguments.env_files)
            .and_then(|environment| healthcheck::run(gateway, &environment)),
        Mode::Serve => match arguments.background {
            Some(Step::Leave) => background::leave(),
            Some(Step::Wait) => background::wait(),
            Some(Step::Serve) | None => process::serve(gateway, &arguments),
        },
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
fn prepare(
    gateway: &'static Gateway,
    arguments: &Arguments,
    environment: Environment,
) -> Result<Prepared, StartError> {
    let named = environment.override_of("GOMA_OVERLAY_FILE");
    let overlay = arguments.overlay.clone();
    let overlay = overlay.or_else(|| named.map(PathBuf::from));
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
        let ttl = std::time::Duration::from_millis(gateway.settings.dns_cache.ttl_ms);
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

/// One line on standard error.
#[expect(
    clippy::print_stderr,
    reason = "the process's own report before there is a log"
)]
fn report(line: &str) {
    eprintln!("{line}");
}
