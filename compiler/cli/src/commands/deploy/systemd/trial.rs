//! Golden requests: a release answers them as a unit of its own, with the settings of the real one, where nobody else
//! asks it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::manager::{Seen, seen, show_log, tell, tell_within};
use super::rollout::Next;
use super::{Systemd, TRIAL, UNITS_OF_NOW};
use crate::golden;
use crate::pauses::Pauses;
use crate::releases::{GATEWAY, put, remove};
use crate::sockets::listening;

/// The directory of files for every service, which this one has already.
const OF_ALL: &str = "service.d";

impl Systemd {
    fn trial(&self) -> String {
        format!("{}{TRIAL}.service", self.name())
    }

    /// Has a release answer its golden requests. `as_seen`: the unit that is to run it.
    ///
    /// # Errors
    /// It answers otherwise, or not.
    pub(super) async fn try_out(
        &self,
        next: &Next<'_>,
        as_seen: &Seen,
        pauses: &mut Pauses,
    ) -> anyhow::Result<()> {
        if next.golden.is_empty() {
            return Ok(());
        }
        // A deployment that was killed may have left one behind.
        self.end_trial().await?;
        let held = self.ask(next, as_seen, pauses).await;
        if held.is_err() {
            show_log(&self.trial()).await;
        }
        if let Err(error) = self.end_trial().await {
            eprintln!("note: {} is left behind: {error:#}", self.trial());
        }
        held
    }

    async fn ask(
        &self,
        next: &Next<'_>,
        as_seen: &Seen,
        pauses: &mut Pauses,
    ) -> anyhow::Result<()> {
        let trial = self.trial();
        let drop_ins = match as_seen.drop_ins.as_slice() {
            [] => self.drop_ins_of_first(),
            known => known.to_vec(),
        };
        self.write_trial(next, &drop_ins)?;
        tell(&["daemon-reload"]).await?;
        let started = tell_within(&["start", &trial], pauses).await;
        started.context("it does not start for its golden requests")?;
        let process = seen(&trial).await?.process;
        let address = listening(process).next();
        let address = address.context("it listens nowhere for its golden requests")?;
        golden::hold_all(next.golden, (process, address), pauses).await
    }

    /// The unit with all that has been said of it elsewhere, and at last what makes it a trial.
    fn write_trial(&self, next: &Next<'_>, drop_ins: &[PathBuf]) -> anyhow::Result<()> {
        let [unit, directory] = self.files_of_trial();
        let write = |path: &Path, text: &str| put(path, text.as_bytes(), 0o644);
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        write(&unit, next.unit)?;
        let own = drop_ins.iter().filter(|path| {
            let parent = path.parent().and_then(Path::file_name);
            parent.is_some_and(|parent| parent != OF_ALL)
        });
        for (at, path) in own.enumerate() {
            let text = fs::read_to_string(path);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            write(&directory.join(format!("{at:04}.conf")), &text)?;
        }
        let program = self.releases().release(next.revision).join(GATEWAY);
        write(
            &directory.join("trial.conf"),
            &self.rendered_trial(&program)?,
        )
    }

    /// Those that were there before the unit was, which systemd does not show.
    fn drop_ins_of_first(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.path().with_extension("service.d"));
        let paths = listed.into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = paths.map(|entry| entry.path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        });
        paths.sort();
        paths
    }

    async fn end_trial(&self) -> anyhow::Result<()> {
        let trial = self.trial();
        let [unit, directory] = self.files_of_trial();
        if !unit.exists() && !directory.exists() {
            return Ok(());
        }
        // What does not stop is killed by systemd; and one that has not begun cannot.
        let _ = tell(&["stop", &trial]).await;
        remove(&unit).with_context(|| format!("cannot remove {}", unit.display()))?;
        fs::remove_dir_all(&directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
        // Else it would be shown as one that has failed.
        let _ = tell(&["reset-failed", &trial]).await;
        tell(&["daemon-reload"]).await
    }

    fn files_of_trial(&self) -> [PathBuf; 2] {
        let unit = Path::new(UNITS_OF_NOW).join(self.trial());
        let directory = unit.with_extension("service.d");
        [unit, directory]
    }
}
