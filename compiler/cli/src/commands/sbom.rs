//! `goma sbom`: what a gateway links, without compiling it.

use std::process::ExitCode;

use clap::Args;

use super::build::{Configuration, crate_files};
use crate::build::{self, Toolchain};
use crate::failure::{FAILED, Outcome};
use crate::image::{self, Labels};
use crate::platform::Platform;
use crate::terminal::say;

/// Print which crates the gateway of a configuration links, as CycloneDX JSON
#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    #[command(flatten)]
    configuration: Configuration,

    /// The platform that it is for [default: this machine]
    #[arg(long)]
    platform: Option<Platform>,
}

/// Runs the command.
pub(crate) fn run(args: &SbomArgs) -> Outcome {
    let Some((_, output)) = args.configuration.compile()? else {
        return Ok(ExitCode::from(FAILED));
    };
    let platforms: Vec<Platform> = args.platform.into_iter().collect();
    let toolchain = Toolchain::find(&platforms)?;
    let files = crate_files(&output);
    let linked = build::linked(
        &toolchain,
        &files,
        args.platform,
        args.configuration.common.offline,
    )?;
    let labels = Labels {
        name: &output.plan.name,
        revision: &output.revision,
        url: None,
    };
    say!("{:#}", image::sbom(labels, &toolchain.version, &linked));
    Ok(ExitCode::SUCCESS)
}
