//! `goma lock`: writes `goma.lock` without compiling.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use goma_compiler::lock::FILE_NAME;

use super::Common;
use super::build::{DEFAULT_NAME, compile_checked, parse_name};
use crate::failure::{FAILED, Failure, Outcome};
use crate::lock_file;
use crate::terminal::say;

/// Check a configuration and write goma.lock, as `goma build` does, without compiling
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// The main file, or a directory with a goma.yml; same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// Name of the gateway, as for `goma build`
    #[arg(long, default_value = DEFAULT_NAME, value_parser = parse_name)]
    name: String,
}

/// Runs the command; with `--locked` it only compares.
pub(crate) fn run(args: &LockArgs) -> Outcome {
    let compiled = compile_checked(args.file.as_deref(), &args.common, &args.name)?;
    let Some((input, output)) = compiled else {
        return Ok(ExitCode::from(FAILED));
    };
    if input.options.machine.toolchain.is_none() {
        return Err(Failure::with_help(
            "there is no Rust here, and the lock names its version",
            "install Rust from https://rustup.rs, and see that `rustc` is on the PATH",
        ));
    }
    let path = input.home.join(FILE_NAME);
    let wrote = !args.common.locked && lock_file::write(&input, &output.lock)?;
    let state = if wrote { "written" } else { "unchanged" };
    say!("revision  {}", output.revision);
    say!("lock      {} ({state})", path.display());
    Ok(ExitCode::SUCCESS)
}
