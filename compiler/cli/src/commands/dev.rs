//! `goma dev`: builds a gateway, runs it, and does so again whenever an input changes. What is wrong is
//! shown; the gateway that runs serves on until the next one does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::build::{self, BuildOptions};
use super::run::bind_demo;
use super::{Common, demo_backend, test};
use crate::environment;
use crate::failure::{FAILED, Failure, Outcome};
use crate::gateway::{comes_to_serve, exit_code, forward, spawn, taking_over};
use crate::input::locate;
use crate::watch::{Places, Watch};

/// How long nothing may change before a change counts as whole: editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// How long such steps may take in all.
const UNQUIET_MAX: Duration = Duration::from_secs(2);

/// Run a gateway, and rebuild it whenever its configuration changes
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The main file, or a directory with a goma.yml; same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// Where the gateway, build.json and the generated crate go
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,

    /// Also start the demo backend, on 127.0.0.1:9090 if no address is given
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = demo_backend::ADDRESS
    )]
    demo: Option<SocketAddr>,

    /// Also run the tests, and again whenever they change; see `goma test`
    #[arg(long)]
    test: bool,

    /// Arguments of the gateway
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

impl DevArgs {
    /// The main file, whether it is there or not.
    fn main(&self) -> Result<PathBuf, Failure> {
        Ok(locate(self.common.main(self.file.as_deref())?))
    }
}

/// Runs the command until a signal ends it.
pub(crate) fn run(args: DevArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let outcome = runtime.block_on(develop(Arc::new(args)));
    // A build that is under way is nobody's any more.
    runtime.shutdown_background();
    outcome
}

async fn develop(args: Arc<DevArgs>) -> Outcome {
    if let Some(address) = args.demo {
        let backend = bind_demo(address).await?;
        eprintln!("demo backend on http://{}", backend.address);
        tokio::spawn(backend.serve());
    }
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let (sender, mut changes) = mpsc::channel(1);
    let mut watch = Watch::new(sender)?;
    watch.follow(&Places::of_file(&args.main()?));
    let mut serving = None;
    let mut known = None;
    let home = tempfile::tempdir().context("cannot make a temporary directory")?;
    let takeover = home.path().join("takeover.sock");
    loop {
        let (task, last) = (Arc::clone(&args), known.clone());
        let rebuilt = tokio::task::spawn_blocking(move || rebuild(&task, last.as_ref()));
        let round = tokio::select! {
            round = rebuilt => round.context("the build ended without a result")?,
            _ = interrupt.recv() => return end(serving).await,
            _ = terminate.recv() => return end(serving).await,
        };
        match round {
            Ok(round) => {
                let is_more = watch.follow(&round.places);
                known = round.seen;
                if let Some(path) = round.gateway {
                    replace(&mut serving, &path, &args, &takeover).await?;
                }
                if is_more {
                    // What changed there since it was read has not been told.
                    continue;
                }
            }
            // What does not work at the beginning will not later.
            Err(failure) if serving.is_none() => return Err(failure),
            Err(failure) => drop(failure.report()),
        }
        loop {
            tokio::select! {
                _ = changes.recv() => break settle(&mut changes).await,
                code = ended(&mut serving) => {
                    serving = None;
                    eprintln!("the gateway has ended with {code:?}; a change starts it again");
                }
                _ = interrupt.recv() => return end(serving).await,
                _ = terminate.recv() => return end(serving).await,
            }
        }
    }
}

/// What came of reading the inputs.
struct Round {
    places: Places,
    /// What they say; none: they could not be read.
    seen: Option<Seen>,
    /// A new gateway: the inputs differ from those of last time, and are right.
    gateway: Option<PathBuf>,
}

/// What has been read, to be compared.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    inputs: String,
    /// Of the test files.
    tests: String,
}

/// Reads the inputs, and builds if they have changed since `last`.
fn rebuild(args: &DevArgs, last: Option<&Seen>) -> Result<Round, Failure> {
    let common = &args.common;
    let loaded = build::load(args.file.as_deref(), common)?;
    let Some(mut input) = loaded else {
        return Ok(Round {
            places: Places::of_file(&args.main()?),
            seen: None,
            gateway: None,
        });
    };
    let mut places = Places::of(&input);
    common
        .env_file
        .iter()
        .for_each(|file| places.add_file(file));
    // Variables may be secrets: they are compared and never shown.
    let variables = environment::given(&common.env_file, &common.env)?;
    let seen = Seen {
        inputs: format!("{}{variables:?}", input.fingerprint()),
        tests: match args.test {
            true => test::fingerprint(&input.home, &mut places),
            false => String::new(),
        },
    };
    if args.test && Some(&seen) != last {
        test::rerun(&mut input, common)?;
    }
    let same = last.is_some_and(|last| last.inputs == seen.inputs);
    let mut round = Round {
        places,
        gateway: None,
        seen: Some(seen),
    };
    if same {
        return Ok(round);
    }
    if let Some((input, output)) = build::compile_input(input, common, build::DEFAULT_NAME)? {
        let options = BuildOptions::fast(&args.out);
        let gateway = build::make(&output, &input, common, &options)?;
        eprintln!("built       {}", output.revision);
        round.gateway = Some(gateway.path);
    }
    Ok(round)
}

/// Starts the next gateway, which takes over from the last one. If it does not come to serve, the last one
/// stays.
async fn replace(
    serving: &mut Option<Child>,
    path: &Path,
    args: &DevArgs,
    takeover: &Path,
) -> Result<(), Failure> {
    let variables = environment::given(&args.common.env_file, &args.common.env)?;
    let arguments = taking_over(&args.args, takeover)?;
    let mut next = spawn(path, &arguments, &variables)?;
    if !comes_to_serve(&mut next, takeover).await {
        eprintln!("the new gateway does not start");
        return Ok(());
    }
    if let Some(mut last) = serving.replace(next) {
        // It drains by itself.
        tokio::spawn(async move { last.wait().await });
    }
    Ok(())
}

/// Waits until nothing has changed for a moment.
async fn settle(changes: &mut mpsc::Receiver<()>) {
    let deadline = Instant::now() + UNQUIET_MAX;
    while Instant::now() < deadline && timeout(QUIET, changes.recv()).await.is_ok() {}
}

/// The end of the gateway that serves; never, if there is none.
async fn ended(serving: &mut Option<Child>) -> Option<i32> {
    match serving {
        Some(child) => child.wait().await.ok().and_then(|status| status.code()),
        None => std::future::pending().await,
    }
}

/// Lets the gateway drain; the exit code is its own.
async fn end(serving: Option<Child>) -> Outcome {
    let Some(mut child) = serving else {
        return Ok(ExitCode::from(FAILED));
    };
    forward(&child, Signal::TERM);
    let status = child.wait().await.context("cannot wait for the gateway")?;
    Ok(exit_code(status))
}
