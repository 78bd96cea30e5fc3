//! `goma rollback`: makes a release current that was so before.

use std::process::ExitCode;

use clap::Args;

use super::deploy::{Directory, Wait, switch};
use crate::failure::{Failure, Outcome};
use crate::releases::{GATEWAY, Releases};
use crate::terminal::say;

/// Make the release before the current one again
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Where: dir:PATH
    #[arg(long, value_name = "TARGET")]
    to: Directory,

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
    let releases = Releases::at(&args.to.0);
    if args.list {
        for entry in releases.history().iter().rev() {
            say!("{}  {:<8}  {}", entry.revision, entry.how, entry.at);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let _lock = releases.lock()?;
    // Not before: nobody else adds to it now.
    let history = releases.history();
    let current = releases.current();
    let is_there = |revision: &str| releases.release(revision).join(GATEWAY).is_file();
    let wanted = match &args.revision {
        Some(revision) => {
            let known = history.iter().any(|entry| entry.revision == *revision);
            (known && is_there(revision)).then_some(revision)
        }
        None => {
            let before =
                |revision: &&String| current.as_ref() != Some(revision) && is_there(revision);
            let mut revisions = history.iter().rev().map(|entry| &entry.revision);
            revisions.find(before)
        }
    };
    let none = || {
        let message = match &args.revision {
            Some(revision) => format!("there is no release {}", revision.escape_debug()),
            None => "there is no release before this one".to_owned(),
        };
        Failure::with_help(message, "`--list` has those that were deployed")
    };
    let wanted = wanted.ok_or_else(none)?;
    switch(&releases, wanted, "rollback", args.wait)
}
