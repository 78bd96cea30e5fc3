//! `goma status`: what is deployed, since when, and whether it serves.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::deploy::Directory;
use crate::failure::{FAILED, Outcome};
use crate::releases::Releases;
use crate::terminal::say;

/// Say which release is current, since when, what it was built from, and whether it serves; exit with 1 if it
/// does not
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Where: dir:PATH
    #[arg(long, value_name = "TARGET")]
    to: Directory,
}

/// Runs the command.
pub(crate) fn run(args: &StatusArgs) -> Outcome {
    let releases = Releases::at(&args.to.0);
    let Some(current) = releases.current() else {
        say!("nothing is deployed to {}", args.to.0.display());
        return Ok(ExitCode::from(FAILED));
    };
    say!("revision  {current}");
    let last = releases.history().pop();
    if let Some(last) = last.filter(|last| last.revision == current) {
        say!("since     {} ({})", last.at, last.how);
    }
    let record = std::fs::read_to_string(releases.release(&current).join("build.json"));
    let record: Value = serde_json::from_str(&record.unwrap_or_default()).unwrap_or_default();
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or("unknown");
    say!(
        "built by  goma {}, {}, {}",
        text("version"),
        text("toolchain"),
        text("profile")
    );
    let inputs = record.get("inputs").and_then(Value::as_array);
    for input in inputs.into_iter().flatten() {
        let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or("unknown");
        say!("built of  {}  sha256:{}", text("source"), text("sha256"));
    }
    let running = releases.state().running.filter(|_| releases.is_run());
    match running {
        Some(running) if running == current => {
            say!("serves    yes");
            return Ok(ExitCode::SUCCESS);
        }
        Some(running) => say!("serves    no: {running} does"),
        None => say!("serves    no"),
    }
    Ok(ExitCode::from(FAILED))
}
