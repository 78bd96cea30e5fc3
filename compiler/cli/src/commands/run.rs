//! `goma run`: builds a gateway and keeps it in the foreground.

mod releases;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::Common;
use super::build::{self, BuildOptions};
use super::demo_backend::{self, Backend};
use crate::environment;
use crate::failure::{FAILED, Failure, Outcome};
use crate::gateway::{exit_code, forward, spawn};

/// Build a gateway and run it in the foreground
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The main file, or a directory with a goma.yml; same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,

    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    options: BuildOptions,

    /// Also start the demo backend, on 127.0.0.1:9090 if no address is given
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = demo_backend::ADDRESS
    )]
    demo: Option<SocketAddr>,

    /// Build nothing: run what `goma deploy --to dir:DIR` puts there, let the next release take over, and start
    /// again what ends by itself
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "config", "fast", "release", "demo"])]
    release_dir: Option<PathBuf>,

    /// Arguments of the gateway
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Runs the command; the exit code is the gateway's.
pub(crate) fn run(args: &RunArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    if let Some(directory) = &args.release_dir {
        let variables = environment::given(&args.common.env_file, &args.common.env)?;
        return runtime.block_on(releases::run(directory, &args.args, &variables));
    }
    // Before the build: a taken port should not cost minutes.
    let backend = match args.demo {
        Some(address) => Some(runtime.block_on(bind_demo(address))?),
        None => None,
    };
    let compiled = build::compile_checked(args.file.as_deref(), &args.common, &args.options.name)?;
    let Some((input, output)) = compiled else {
        return Ok(ExitCode::from(FAILED));
    };
    let gateway = build::make(&output, &input, &args.common, &args.options)?;
    let variables = environment::given(&args.common.env_file, &args.common.env)?;
    runtime.block_on(async {
        if let Some(backend) = backend {
            eprintln!("demo backend on http://{}", backend.address);
            tokio::spawn(backend.serve());
        }
        supervise(&gateway.path, &args.args, variables).await
    })
}

pub(super) async fn bind_demo(address: SocketAddr) -> Result<Backend, Failure> {
    Backend::bind(address).await.map_err(|error| {
        Failure::with_help(
            format!("the demo backend cannot listen on {address}: {error}"),
            "stop what listens there, or name another address: --demo=127.0.0.1:9091",
        )
    })
}

/// Waits for the gateway and hands signals on.
async fn supervise(path: &Path, args: &[String], variables: BTreeMap<String, String>) -> Outcome {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut child = spawn(path, args, &variables)?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status.context("cannot wait for the gateway")?)),
            _ = interrupt.recv() => forward(&child, Signal::INT),
            _ = terminate.recv() => forward(&child, Signal::TERM),
        }
    }
}
