//! Deploying to a directory of releases.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{Directory, Wait};
use crate::build::trailer;
use crate::failure::Outcome;
use crate::golden::Golden;
use crate::image::{self, Place};
use crate::registry::Access;
use crate::releases::{Releases, Switched};
use crate::terminal::say;

/// Makes the gateway of an image the current release.
pub(super) fn deploy(
    image: &Path,
    (to, golden): (&Directory, &[Golden]),
    access: Access,
    wait: Wait,
) -> Outcome {
    let place = Place::open(image, access)?;
    let place = place.with_context(|| format!("{} is no image", image.display()))?;
    let program = image::program(&place)?;
    let record = trailer::read(&program).context("its gateway has no record of its build")?;
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    let (revision, target) = (text("revision"), text("target"));
    check(target)?;
    let releases = Releases::at(&to.0);
    let _lock = releases.lock()?;
    releases.install(revision, &program, &record, golden)?;
    switch(&releases, revision, "deploy", wait)
}

fn check(target: &str) -> anyhow::Result<()> {
    ensure!(
        target.starts_with(std::env::consts::ARCH),
        "it has no gateway for this machine, only for {}",
        target.escape_debug()
    );
    Ok(())
}

/// Makes a release the current one, and says how that went.
pub(in crate::commands) fn switch(
    releases: &Releases,
    revision: &str,
    how: &str,
    wait: Wait,
) -> Outcome {
    let switched = releases.switch(revision, how, wait.0)?;
    say!("revision  {revision}");
    let root = releases.root.display();
    match switched {
        Switched::Confirmed => say!("serves    from {root}"),
        Switched::NotRun => {
            say!("current   in {root}");
            eprintln!("note: nothing runs it; `goma run --release-dir {root}` does");
        }
    }
    Ok(ExitCode::SUCCESS)
}
