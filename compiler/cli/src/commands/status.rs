//! `goma status`: what is deployed, since when, and whether it serves.

use std::process::ExitCode;

use clap::Args;

use super::deploy::Target;
use crate::failure::{FAILED, Outcome};

/// Say which release is current, since when, what it was built from, and whether it serves; exit with 1 if it
/// does not
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Where: a target of `goma deploy` that keeps a history
    #[arg(long, value_name = "TARGET")]
    to: Target,
}

/// Runs the command.
pub(crate) fn run(args: &StatusArgs) -> Outcome {
    let status = args.to.destination().status()?;
    if status.say(&args.to) {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(FAILED))
    }
}
