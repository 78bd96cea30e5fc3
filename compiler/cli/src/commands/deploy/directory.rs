//! `dir:PATH`: a directory of releases, which `goma run --release-dir` runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{Coming, Destination, How, Serves, Status, Wait};
use crate::build::trailer;
use crate::failure::{Failure, Outcome};
use crate::history::{self, Entry};
use crate::image::{self, Place};
use crate::releases::{GATEWAY, Releases, Switched};
use crate::terminal::say;

/// A directory of releases.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Directory(PathBuf);

impl Directory {
    /// What it begins with.
    pub(super) const SCHEME: &'static str = "dir:";

    /// The one at a path.
    pub(super) fn at(path: &str) -> Self {
        Self(PathBuf::from(path))
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::SCHEME, self.0.display())
    }
}

impl Destination for Directory {
    fn accept(&self, how: &How) -> Result<(), Failure> {
        how.without_args(self)
    }

    fn changes(&self, coming: &Coming<'_>, _: &How) -> Result<Vec<String>, Failure> {
        let releases = Releases::at(&self.0);
        let Coming { revision, image } = coming;
        let mut changes = Vec::new();
        if image.is_none() || !releases.release(revision).join(GATEWAY).exists() {
            let place = releases.release(revision).join(GATEWAY);
            changes.push(format!("write {}", place.display()));
        }
        match releases.current() {
            Some(current) if current == *revision => {}
            Some(current) => changes.push(format!("current: {current} → {revision}")),
            None => changes.push(format!("current: none → {revision}")),
        }
        if !changes.is_empty() && !releases.is_run() {
            changes.push("nothing runs it: `goma run --release-dir` does".to_owned());
        }
        Ok(changes)
    }

    fn deploy(&self, image: &Path, how: &How) -> Outcome {
        let place = Place::open(image, how.access)?;
        let place = place.with_context(|| format!("{} is no image", image.display()))?;
        let release = Release::of(&place)?;
        let releases = Releases::at(&self.0);
        let _lock = releases.lock()?;
        let Release {
            revision,
            program,
            record,
        } = &release;
        let before = releases.golden(revision);
        releases.install(revision, program, record, &how.golden)?;
        let switched = switch(&releases, revision, "deploy", how.wait);
        // It may have served before, and a roll-back holds it to what it answered then.
        if let (Err(_), Ok(before)) = (&switched, before)
            && let Err(error) = releases.set_golden(revision, &before)
        {
            eprintln!("note: {revision} keeps the golden requests that it failed: {error:#}");
        }
        switched
    }

    fn rollback(&self, revision: Option<&str>, wait: Wait) -> Outcome {
        let releases = Releases::at(&self.0);
        let _lock = releases.lock()?;
        // Not before: nobody else adds to it now.
        let entries = releases.history().entries();
        let current = releases.current();
        let is_there = |revision: &str| releases.release(revision).join(GATEWAY).is_file();
        let wanted = history::before(&entries, current.as_deref(), revision, is_there)?;
        switch(&releases, &wanted, "rollback", wait)
    }

    fn history(&self) -> Result<Vec<Entry>, Failure> {
        Ok(Releases::at(&self.0).history().entries())
    }

    fn status(&self) -> Result<Status, Failure> {
        let releases = Releases::at(&self.0);
        let Some(current) = releases.current() else {
            return Ok(Status::nothing());
        };
        let last = releases.history().entries().pop();
        let running = releases.state().running.filter(|_| releases.is_run());
        let serves = match running {
            Some(running) if running == current => Serves::Yes,
            Some(running) => Serves::No(Some(format!("{running} does"))),
            None => Serves::No(None),
        };
        Ok(Status {
            facts: built(&releases, &current),
            serves,
            current: Some((
                current.clone(),
                last.filter(|last| last.revision == current),
            )),
        })
    }
}

/// The gateway of an image, for this machine.
pub(super) struct Release {
    pub(super) revision: String,
    program: Vec<u8>,
    record: Value,
}

impl Release {
    /// That of this one.
    ///
    /// # Errors
    /// It has none for this machine.
    pub(super) fn of(image: &Place) -> anyhow::Result<Self> {
        let program = image::program(image)?;
        let record = trailer::read(&program).context("its gateway has no record of its build")?;
        let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
        check(text("target"))?;
        Ok(Self {
            revision: text("revision").to_owned(),
            program,
            record,
        })
    }

    /// Puts its program in its place.
    pub(super) fn add(&self, releases: &Releases) -> anyhow::Result<()> {
        releases.add(&self.revision, &self.program, &self.record)
    }
}

/// What the record of a release says of its build.
pub(super) fn built(releases: &Releases, revision: &str) -> Vec<(&'static str, String)> {
    let record = std::fs::read_to_string(releases.release(revision).join("build.json"));
    let record: Value = serde_json::from_str(&record.unwrap_or_default()).unwrap_or_default();
    let text = |of: &Value, key: &str| {
        let text = of.get(key).and_then(Value::as_str);
        text.unwrap_or("unknown").to_owned()
    };
    let by = ["version", "toolchain", "profile"].map(|key| text(&record, key));
    let mut facts = vec![("built by", format!("goma {}", by.join(", ")))];
    let inputs = record.get("inputs").and_then(Value::as_array);
    facts.extend(inputs.into_iter().flatten().map(|input| {
        let [source, sha256] = ["source", "sha256"].map(|key| text(input, key));
        ("built of", format!("{source}  sha256:{sha256}"))
    }));
    facts
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
fn switch(releases: &Releases, revision: &str, how: &str, wait: Wait) -> Outcome {
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
