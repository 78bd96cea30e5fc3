//! `systemd:NAME`: a gateway of this machine that systemd runs. Its releases are in a directory of their own, and its
//! unit is one for all of them: a reload has the next release take over.

mod manager;
mod options;
mod rollout;
mod trial;
mod unit;

use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::container::is_name;
use super::destination::flags;
use super::directory::{Release, built};
use super::program::wait;
use super::{Coming, Destination, How, Serves, Status, Wait};
use crate::failure::{Failure, Outcome};
use crate::golden::Golden;
use crate::history::{self, Entry, is_revision};
use crate::image::{self, Place};
use crate::releases::{GATEWAY, Releases};
use crate::sockets::is_up;
use crate::terminal::say;
use manager::Seen;
use options::{Options, USER_BYTES_MAX};
use rollout::Next;
use unit::{Needs, differences};

/// Where the releases of all gateways are.
const HOME: &str = "/var/lib/goma";
/// Where units are that the machine's administrator has made, and those that end with the machine.
const UNITS: &str = "/etc/systemd/system";
const UNITS_OF_NOW: &str = "/run/systemd/system";
/// What follows the name of the one that is asked golden requests: no target ends so.
const TRIAL: &str = "-trial";
/// What begins the name of the user that systemd makes up.
const USER: &str = "goma-";

/// A gateway that systemd runs.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Systemd(String);

impl Systemd {
    /// What it begins with.
    pub(super) const SCHEME: &'static str = "systemd:";

    /// The one of a name.
    ///
    /// # Errors
    /// It is not one that units and users can have.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let longest = USER_BYTES_MAX - USER.len();
        if name.ends_with(TRIAL) {
            return Err(format!("a name that ends in {TRIAL} is taken"));
        }
        if name.len() > longest {
            return Err(format!("a name has up to {longest} letters here"));
        }
        is_name(name).map(|name| Self(name.to_owned()))
    }

    fn name(&self) -> &str {
        &self.0
    }

    /// The name of its unit.
    fn unit(&self) -> String {
        format!("{}.service", self.0)
    }

    /// The file of its unit.
    fn path(&self) -> PathBuf {
        Path::new(UNITS).join(self.unit())
    }

    /// Whom it runs as unless told otherwise.
    fn user(&self) -> String {
        format!("{USER}{}", self.0)
    }

    fn releases(&self) -> Releases {
        Releases::at(&Path::new(HOME).join(&self.0))
    }

    /// What systemd knows of its unit.
    ///
    /// # Errors
    /// The unit is another's.
    async fn seen(&self) -> anyhow::Result<Seen> {
        let seen = manager::seen(&self.unit()).await?;
        let is_there = !seen.file.as_os_str().is_empty();
        ensure!(
            !is_there || seen.file == self.path(),
            self.foreign(&seen.file)
        );
        ensure!(seen.load != "masked", "the unit {} is masked", self.unit());
        Ok(seen)
    }

    /// The release of a process.
    fn running(&self, process: u32) -> Option<String> {
        let program = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        let revision = program.parent()?.file_name()?.to_str()?;
        let revision = Some(revision).filter(|revision| is_revision(revision))?;
        let own = self.releases().release(revision).canonicalize().ok()?;
        program.starts_with(own).then(|| revision.to_owned())
    }

    async fn would_change(
        &self,
        image: &Path,
        how: &How,
        options: &Options,
    ) -> anyhow::Result<Vec<String>> {
        let place = opened(image, how)?;
        let revision = image::revision(&place)?;
        let text = self.rendered(&Needs::of(&place)?, options)?;
        let (seen, before) = (self.seen().await?, self.installed()?);
        let releases = self.releases();
        let mut changes = Vec::new();
        let program = releases.release(&revision).join(GATEWAY);
        if !program.exists() {
            changes.push(format!("write {}", program.display()));
        }
        if !how.golden.is_empty() {
            changes.push(format!("start {}{TRIAL}.service", self.0));
        }
        changes.extend(how.golden.iter().map(|golden| format!("ask {golden}")));
        let lines = differences(before.as_deref().unwrap_or_default(), &text);
        if !lines.is_empty() {
            changes.push(format!("write {}", self.path().display()));
        }
        changes.extend(lines.into_iter().map(|line| format!("  {line}")));
        let current = releases.current();
        changes.push(match &current {
            Some(current) => format!("current: {current} → {revision}"),
            None => format!("current: none → {revision}"),
        });
        let verb = if seen.is_active() {
            "reload"
        } else {
            "restart"
        };
        changes.push(format!("systemctl {verb} {}", self.unit()));
        if current.is_none() {
            changes.push(format!("systemctl enable {}", self.unit()));
        }
        Ok(changes)
    }

    async fn is(&self) -> anyhow::Result<Status> {
        let releases = self.releases();
        let Some(current) = releases.current() else {
            return Ok(Status::nothing());
        };
        let seen = self.seen().await?;
        let mut facts = built(&releases, &current);
        let Seen {
            active,
            sub,
            enabled,
            process,
            ..
        } = &seen;
        let state = format!("{} is {active} ({sub}), {enabled}", self.unit());
        facts.push(("unit", state));
        if *process != 0 {
            facts.push(("process", process.to_string()));
        }
        let serves = match self.running(*process) {
            _ if !seen.is_active() => Serves::No(Some(format!("the unit is {active}"))),
            Some(running) if running != current => Serves::No(Some(format!("{running} does"))),
            Some(_) if is_up(*process) => Serves::Yes,
            None if !is_root() => Serves::No(Some("only root can look into it".to_owned())),
            Some(_) | None => Serves::No(Some("its process does not listen".to_owned())),
        };
        let last = releases.history().entries().pop();
        let last = last.filter(|last| last.revision == current);
        Ok(Status {
            current: Some((current, last)),
            facts,
            serves,
        })
    }

    /// Makes a release current, and says how that went.
    async fn switch(
        &self,
        (revision, how): (&str, &'static str),
        (unit, golden): (String, Vec<Golden>),
        within: Wait,
    ) -> anyhow::Result<()> {
        let next = Next {
            revision,
            unit: &unit,
            golden: &golden,
        };
        self.roll_out(&next, within.0).await?;
        let releases = self.releases();
        // It serves, whatever is written down of that.
        let kept = self.keep(&releases, &next);
        if let Err(error) = kept.and_then(|()| releases.history().note(revision, how)) {
            eprintln!("note: a roll-back to it will not be as it is now: {error:#}");
        }
        releases.prune();
        say!("revision  {revision}");
        say!("serves    as {}", self.unit());
        Ok(())
    }
}

impl fmt::Display for Systemd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::SCHEME, self.0)
    }
}

impl Destination for Systemd {
    fn accept(&self, how: &How) -> Result<(), Failure> {
        flags::<Options>(&how.args).map(|_| ())
    }

    fn changes(&self, coming: &Coming<'_>, how: &How) -> Result<Vec<String>, Failure> {
        let options: Options = flags(&how.args)?;
        match coming.image {
            Some(image) => Ok(wait(self.would_change(image, how, &options))??),
            None => Ok(vec![Coming::UNKNOWN.to_owned()]),
        }
    }

    fn deploy(&self, image: &Path, how: &How) -> Outcome {
        is_allowed()?;
        let options: Options = flags(&how.args)?;
        let place = opened(image, how)?;
        let release = Release::of(&place)?;
        let unit = self.rendered(&Needs::of(&place)?, &options)?;
        let releases = self.releases();
        let _lock = releases.lock()?;
        // Before anything is written.
        wait(self.seen())??;
        self.installed()?;
        release.add(&releases)?;
        let revision = &release.revision;
        open_to_all(&releases, revision)?;
        let what = (unit, how.golden.clone());
        wait(self.switch((revision, "deploy"), what, how.wait))??;
        Ok(ExitCode::SUCCESS)
    }

    fn rollback(&self, revision: Option<&str>, within: Wait) -> Outcome {
        is_allowed()?;
        let releases = self.releases();
        let _lock = releases.lock()?;
        // Not before: nobody else adds to it now.
        let entries = releases.history().entries();
        let current = releases.current();
        let is_there = |revision: &str| {
            let release = releases.release(revision);
            [GATEWAY, &self.unit()]
                .iter()
                .all(|name| release.join(name).is_file())
        };
        let wanted = history::before(&entries, current.as_deref(), revision, is_there)?;
        let golden = releases.golden(&wanted).map_err(anyhow::Error::msg)?;
        let what = (self.unit_of(&releases, &wanted)?, golden);
        wait(self.switch((&wanted, "rollback"), what, within))??;
        Ok(ExitCode::SUCCESS)
    }

    fn history(&self) -> Result<Vec<Entry>, Failure> {
        Ok(self.releases().history().entries())
    }

    fn status(&self) -> Result<Status, Failure> {
        Ok(wait(self.is())??)
    }
}

fn opened(image: &Path, how: &How) -> anyhow::Result<Place> {
    let place = Place::open(image, how.access)?;
    place.with_context(|| format!("{} is no image", image.display()))
}

/// Units of the machine are root's.
fn is_allowed() -> anyhow::Result<()> {
    ensure!(is_root(), "only root may change what systemd runs");
    Ok(())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Has every user come to the program of a release, whatever the mask of who deploys is.
fn open_to_all(releases: &Releases, revision: &str) -> anyhow::Result<()> {
    let release = releases.release(revision);
    let parents = release.ancestors();
    for directory in parents.take_while(|directory| directory.starts_with(HOME)) {
        fs::set_permissions(directory, Permissions::from_mode(0o755))
            .with_context(|| format!("cannot change {}", directory.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["shop", "shop-2", "abcdefghijklmnopqrstuvwxyz"] {
            assert!(Systemd::named(good).is_ok(), "{good}");
        }
        for wrong in ["", "Shop", "../x", "shop-trial", "a@b", "a.service"] {
            assert!(Systemd::named(wrong).is_err(), "{wrong}");
        }
        assert!(Systemd::named("abcdefghijklmnopqrstuvwxyz0").is_err());
    }
}
