//! `goma rollback`: makes a revision current that was so before.

use std::process::ExitCode;

use clap::Args;

use super::deploy::{Target, Wait};
use crate::failure::Outcome;
use crate::terminal::say;

/// Make the release before the current one again
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Where: a target of `goma deploy` that keeps a history
    #[arg(long, value_name = "TARGET")]
    to: Target,

    /// The release; none: that before this one
    #[arg(long, value_name = "REV", conflicts_with = "list")]
    revision: Option<String>,

    /// Print what was deployed when, the last first, and change nothing
    #[arg(long)]
    list: bool,

    /// How long it may take until it serves
    #[arg(long, value_name = "SECONDS", default_value = "60s")]
    wait: Wait,
}

/// Runs the command.
pub(crate) fn run(args: &RollbackArgs) -> Outcome {
    let destination = args.to.destination();
    if !args.list {
        return destination.rollback(args.revision.as_deref(), args.wait);
    }
    for entry in destination.history()?.iter().rev() {
        say!("{}  {:<8}  {}", entry.revision, entry.how, entry.at);
    }
    Ok(ExitCode::SUCCESS)
}
