//! `goma lock`: writes `goma.lock` without compiling.

use std::process::ExitCode;

use clap::Args;
use goma_compiler::lock::FILE_NAME;

use super::build::Configuration;
use crate::failure::{FAILED, Failure, Outcome};
use crate::lock_file;
use crate::terminal::say;

/// Check a configuration and write goma.lock, as `goma build` does, without compiling
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    configuration: Configuration,
}

/// Runs the command; with `--locked` it only compares.
pub(crate) fn run(args: &LockArgs) -> Outcome {
    let Some((input, output)) = args.configuration.compile()? else {
        return Ok(ExitCode::from(FAILED));
    };
    if input.options.machine.toolchain.is_none() {
        return Err(Failure::with_help(
            "there is no Rust here, and the lock names its version",
            "install Rust from https://rustup.rs, and see that `rustc` is on the PATH",
        ));
    }
    let path = input.home.join(FILE_NAME);
    let wrote = !args.configuration.common.locked && lock_file::write(&input, &output.lock)?;
    let state = if wrote { "written" } else { "unchanged" };
    say!("revision  {}", output.revision);
    say!("lock      {} ({state})", path.display());
    Ok(ExitCode::SUCCESS)
}
