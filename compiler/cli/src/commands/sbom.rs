//! `goma sbom`: what a gateway links, without compiling it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Common;
use super::build::{DEFAULT_NAME, compile_checked, crate_files, parse_name};
use crate::build::{self, Toolchain};
use crate::failure::{FAILED, Outcome};
use crate::image::{self, Labels};
use crate::platform::Platform;
use crate::terminal::say;

/// Print which crates the gateway of a configuration links, as CycloneDX JSON
#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    /// The main file, or a directory with a goma.yml; same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// Name of the gateway, as for `goma build`
    #[arg(long, default_value = DEFAULT_NAME, value_parser = parse_name)]
    name: String,

    /// The platform that it is for [default: this machine]
    #[arg(long)]
    platform: Option<Platform>,
}

/// Runs the command.
pub(crate) fn run(args: &SbomArgs) -> Outcome {
    let compiled = compile_checked(args.file.as_deref(), &args.common, &args.name)?;
    let Some((_, output)) = compiled else {
        return Ok(ExitCode::from(FAILED));
    };
    let platforms: Vec<Platform> = args.platform.into_iter().collect();
    let toolchain = Toolchain::find(&platforms)?;
    let files = crate_files(&output);
    let linked = build::linked(&toolchain, &files, args.platform, args.common.offline)?;
    let labels = Labels {
        name: &output.plan.name,
        revision: &output.revision,
        url: None,
    };
    say!("{:#}", image::sbom(labels, &toolchain.version, &linked));
    Ok(ExitCode::SUCCESS)
}
