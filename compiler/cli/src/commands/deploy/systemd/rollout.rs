//! One release takes over from another. systemd reloads the unit: what it calls for that starts the next gateway,
//! which takes the listening sockets over, says that it is the main process now, and serves; then the call ends, and
//! the gateway before drains. Whatever goes wrong, the one before serves on, or again.
//!
//! Two links say what is run: `current` what systemd starts, `next` what it reloads with. They differ only meanwhile,
//! so that a machine that loses its power then starts what has served.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::Systemd;
use super::manager::{Seen, seen, show_log, tell, tell_within};
use crate::golden::Golden;
use crate::pauses::Pauses;
use crate::releases::{CURRENT, GATEWAY, Releases, put, remove};

/// The link to what takes over at a reload.
const NEXT: &str = "next";
/// How long systemd and what it has begun may take to come to rest.
const REST_MAX: Duration = Duration::from_secs(120);

/// What is to serve.
pub(super) struct Next<'a> {
    pub(super) revision: &'a str,
    /// The text of its unit.
    pub(super) unit: &'a str,
    /// What it must answer before.
    pub(super) golden: &'a [Golden],
}

/// What there was.
struct Before {
    current: Option<String>,
    unit: Option<String>,
    seen: Seen,
}

impl Systemd {
    /// Makes a release current, after it has answered its golden requests.
    ///
    /// # Errors
    /// It does not serve; what was current serves still, or again.
    pub(super) async fn roll_out(&self, next: &Next<'_>, within: Duration) -> anyhow::Result<()> {
        let mut pauses = Pauses::new(within)?;
        let before = Before {
            current: self.releases().current(),
            unit: self.installed()?,
            seen: self.seen().await?,
        };
        let error = match self.try_out(next, &before.seen, &mut pauses).await {
            Err(error) => error,
            Ok(()) => {
                let Err(error) = self.replace(next, &before, &mut pauses).await else {
                    return Ok(());
                };
                show_log(&self.unit()).await;
                pauses.again(within.max(REST_MAX));
                let back = self.take_back(next, &before, &mut pauses).await;
                back.context("what served before does not come back")
                    .with_context(|| format!("{error:#}"))?;
                error
            }
        };
        Err(error.context(match before.current {
            Some(before) => format!("rolled back to {before}"),
            None => "taken back".to_owned(),
        }))
    }

    async fn replace(
        &self,
        next: &Next<'_>,
        before: &Before,
        pauses: &mut Pauses,
    ) -> anyhow::Result<()> {
        let (releases, unit) = (self.releases(), self.unit());
        let is_other = before.unit.as_deref() != Some(next.unit);
        if is_other {
            put(&self.path(), next.unit.as_bytes(), 0o644)?;
        }
        if is_other || before.seen.is_stale {
            tell(&["daemon-reload"]).await?;
        }
        releases.point(NEXT, Some(next.revision))?;
        if before.seen.is_active() {
            tell_within(&["reload", &unit], pauses).await?;
        } else {
            releases.point(CURRENT, Some(next.revision))?;
            self.restart(pauses).await?;
        }
        let process = seen(&unit).await?.process;
        match self.running(process) {
            Some(running) if running == next.revision => {}
            Some(running) => bail!("{running} serves in its place: does a drop-in say so?"),
            None => bail!("systemd does not know its process"),
        }
        releases.point(CURRENT, Some(next.revision))?;
        if before.current.is_none() {
            tell(&["enable", &unit]).await?;
        }
        Ok(())
    }

    async fn restart(&self, pauses: &mut Pauses) -> anyhow::Result<()> {
        let unit = self.unit();
        // It is not among those that have failed, or it was: either is well.
        let _ = tell(&["reset-failed", &unit]).await;
        tell_within(&["restart", &unit], pauses).await
    }

    /// Sees that all is as it was.
    async fn take_back(
        &self,
        next: &Next<'_>,
        before: &Before,
        pauses: &mut Pauses,
    ) -> anyhow::Result<()> {
        let (releases, unit) = (self.releases(), self.unit());
        if before.seen.is_active() {
            self.at_rest(next, pauses).await?;
        } else {
            let _ = tell(&["stop", &unit]).await;
        }
        let process = seen(&unit).await?.process;
        for link in [NEXT, CURRENT] {
            releases.point(link, before.current.as_deref())?;
        }
        let Some(text) = &before.unit else {
            let _ = tell(&["disable", &unit]).await;
            let path = self.path();
            remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            let _ = tell(&["reset-failed", &unit]).await;
            return tell(&["daemon-reload"]).await;
        };
        if text != next.unit {
            put(&self.path(), text.as_bytes(), 0o644)?;
            tell(&["daemon-reload"]).await?;
        }
        let is_up = process != 0 && self.running(process).is_some();
        if process != 0 && process == before.seen.process {
            return Ok(());
        }
        if before.seen.is_active() && is_up {
            return tell_within(&["reload", &unit], pauses).await;
        }
        if before.seen.is_active() {
            return self.restart(pauses).await;
        }
        if before.seen.active == "activating" {
            // It did not come to serve before; systemd goes on trying.
            return tell(&["start", "--no-block", &unit]).await;
        }
        Ok(())
    }

    /// Ends a takeover that has begun, and waits until it has failed, or has come about all the same.
    async fn at_rest(&self, next: &Next<'_>, pauses: &mut Pauses) -> anyhow::Result<()> {
        let unit = self.unit();
        // Nothing may be under way any more.
        let _ = tell(&["kill", "--kill-who=control", &unit]).await;
        let program = self.releases().release(next.revision).join(GATEWAY);
        let program = program.canonicalize().unwrap_or(program);
        loop {
            let now = seen(&unit).await?;
            let all = processes(&program);
            let is_decided = all.is_empty() || all.contains(&now.process);
            if is_decided && now.active != "reloading" {
                return Ok(());
            }
            ensure!(pauses.next().await?, "its reload does not end");
        }
    }

    /// Keeps with the release what it was deployed with, for a roll-back.
    pub(super) fn keep(&self, releases: &Releases, next: &Next<'_>) -> anyhow::Result<()> {
        releases.set_golden(next.revision, next.golden)?;
        let path = releases.release(next.revision).join(self.unit());
        put(&path, next.unit.as_bytes(), 0o644)
    }
}

/// The processes of a program.
fn processes(program: &Path) -> Vec<u32> {
    let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
    let runs = |process: &u32| {
        fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|its| its == program)
    };
    let numbers = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(runs).collect()
}
