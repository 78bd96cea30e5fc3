//! A directory of releases: `releases/REVISION/` with a gateway and its record, the link `current`, what
//! was deployed when, and what the process that runs it says. `goma deploy`, `rollback`, `status` and
//! `run --release-dir` meet here and nowhere else.

#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::build::write_if_changed;
use crate::golden::{GOLDEN_MAX, Golden};
use crate::history::{History, is_revision};
use crate::pauses::{Pauses, TICK};

/// Releases that are kept, the current one included.
const KEPT_MAX: usize = 10;

/// How often the lock of who runs it is tried, a tick apart: whoever asks for it has it for a moment.
const LOCK_TRIES: u32 = 20;

const RUN_LOCK: &str = "run.lock";
/// The link to the release that is to serve.
pub(crate) const CURRENT: &str = "current";
const HISTORY: &str = "history.jsonl";
const STATE: &str = "state.json";
const GOLDEN: &str = "golden.txt";
/// In the directory of a release that has served since it last became current.
const CONFIRMED: &str = "confirmed";

/// The program of a release.
pub(crate) const GATEWAY: &str = "gateway";
/// The socket where the next release takes over.
pub(crate) const TAKEOVER: &str = "takeover.sock";

/// A directory of releases.
pub(crate) struct Releases {
    /// The directory.
    pub(crate) root: PathBuf,
}

/// What the process that runs the releases says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The release that serves.
    pub(crate) running: Option<String>,
    /// The release that did not start.
    pub(crate) failed: Option<String>,
    /// Why not.
    pub(crate) why: Option<String>,
}

/// How a switch ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Switched {
    /// The release serves.
    Confirmed,
    /// Nothing runs the releases.
    NotRun,
}

impl Releases {
    /// Whatever is there.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    /// Keeps others from changing it meanwhile; for as long as the file lives.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        fs::create_dir_all(&self.root).with_context(|| self.cannot("create"))?;
        match lock(&self.root.join("deploy.lock"))? {
            Some(file) => Ok(file),
            None => bail!("something else is deployed to {} now", self.root.display()),
        }
    }

    /// Makes this process the one that runs it.
    pub(crate) fn run(&self) -> anyhow::Result<File> {
        fs::create_dir_all(&self.root).with_context(|| self.cannot("create"))?;
        for _ in 0..LOCK_TRIES {
            if let Some(file) = lock(&self.root.join(RUN_LOCK))? {
                return Ok(file);
            }
            std::thread::sleep(TICK);
        }
        bail!("the releases in {} are run already", self.root.display())
    }

    /// Whether a process runs it. Asking shares the lock for a moment if nobody has it, so that who else asks
    /// does not take us for that process.
    pub(crate) fn is_run(&self) -> bool {
        let file = File::open(self.root.join(RUN_LOCK));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The directory of a release.
    pub(crate) fn release(&self, revision: &str) -> PathBuf {
        self.root.join("releases").join(revision)
    }

    /// Puts a release in its place, its program last: what has one is whole.
    ///
    /// # Errors
    /// It is current, and its program or its golden requests are others.
    pub(crate) fn install(
        &self,
        revision: &str,
        gateway: &[u8],
        record: &Value,
        golden: &[Golden],
    ) -> anyhow::Result<()> {
        is_one(revision)?;
        if self.current().as_deref() == Some(revision) {
            let held = fs::read_to_string(self.release(revision).join(GOLDEN)).unwrap_or_default();
            ensure!(
                held == lines(golden),
                "{revision} is deployed, with other golden requests: deploy another first"
            );
        }
        self.set_golden(revision, golden)?;
        self.add(revision, gateway, record)
    }

    /// Puts the program of a release in its place.
    ///
    /// # Errors
    /// It is current, and its program is another.
    pub(crate) fn add(&self, revision: &str, gateway: &[u8], record: &Value) -> anyhow::Result<()> {
        let directory = self.made(revision)?;
        let program = directory.join(GATEWAY);
        let is_there = fs::read(&program).is_ok_and(|there| there == gateway);
        ensure!(
            is_there || !program.exists() || self.current().as_deref() != Some(revision),
            "{revision} is deployed, and was built otherwise: deploy another first"
        );
        let record = format!("{record:#}\n");
        put(&directory.join("build.json"), record.as_bytes(), 0o644)?;
        if !is_there {
            put(&program, gateway, 0o755)?;
        }
        Ok(())
    }

    /// Notes what a release must answer.
    pub(crate) fn set_golden(&self, revision: &str, golden: &[Golden]) -> anyhow::Result<()> {
        let file = self.made(revision)?.join(GOLDEN);
        put(&file, lines(golden).as_bytes(), 0o644)
    }

    /// The directory of a release, made if it is not there.
    fn made(&self, revision: &str) -> anyhow::Result<PathBuf> {
        is_one(revision)?;
        let directory = self.release(revision);
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(directory)
    }

    /// Notes that a release has served.
    pub(crate) fn set_confirmed(&self, revision: &str) -> anyhow::Result<()> {
        put(&self.release(revision).join(CONFIRMED), b"", 0o644)
    }

    /// Whether a release has served since it last became current.
    pub(crate) fn is_confirmed(&self, revision: &str) -> bool {
        self.release(revision).join(CONFIRMED).is_file()
    }

    /// Has a release answer its golden requests once more.
    fn unconfirm(&self, revision: &str) -> anyhow::Result<()> {
        let file = self.release(revision).join(CONFIRMED);
        remove(&file).with_context(|| format!("cannot remove {}", file.display()))
    }

    /// What a release must answer before it takes over.
    ///
    /// # Errors
    /// It cannot be read: then nothing is known of it.
    pub(crate) fn golden(&self, revision: &str) -> Result<Vec<Golden>, String> {
        match fs::read_to_string(self.release(revision).join(GOLDEN)) {
            Ok(text) => text.lines().take(GOLDEN_MAX).map(str::parse).collect(),
            Err(error) => Err(format!("its golden requests cannot be read: {error}")),
        }
    }

    /// The revision that is current.
    pub(crate) fn current(&self) -> Option<String> {
        let link = fs::read_link(self.root.join(CURRENT)).ok()?;
        let name = link.file_name()?.to_str()?;
        is_revision(name).then(|| name.to_owned())
    }

    /// Has a link lead to a release, in one step; without one, it is removed.
    pub(crate) fn point(&self, link: &str, revision: Option<&str>) -> anyhow::Result<()> {
        let new = self.root.join(format!(".{link}"));
        let link = self.root.join(link);
        let context = || format!("cannot change {}", link.display());
        let Some(revision) = revision else {
            return remove(&link).with_context(context);
        };
        let _ = fs::remove_file(&new);
        symlink(Path::new("releases").join(revision), &new)
            .and_then(|()| fs::rename(&new, &link))
            .and_then(|()| sync(&self.root))
            .with_context(context)
    }

    /// Makes a release the current one, and waits until it serves; else the one before is current again,
    /// also if SIGINT or SIGTERM comes meanwhile.
    ///
    /// # Errors
    /// It does not serve.
    pub(crate) fn switch(
        &self,
        revision: &str,
        how: &str,
        wait: Duration,
    ) -> anyhow::Result<Switched> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        runtime.block_on(async {
            let mut pauses = Pauses::new(wait)?;
            // What is said of an earlier try.
            while self.is_run() && self.state().failed.as_deref() == Some(revision) {
                if !pauses.next().await? {
                    break;
                }
            }
            let before = self.current();
            if before.as_deref() != Some(revision) {
                self.unconfirm(revision)?;
            }
            self.point(CURRENT, Some(revision))?;
            let switched = match self.confirm(revision, &mut pauses).await {
                Ok(switched) => switched,
                Err(error) => {
                    self.point(CURRENT, before.as_deref())?;
                    return Err(error.context(match before {
                        Some(before) => format!("rolled back to {before}"),
                        None => "taken back".to_owned(),
                    }));
                }
            };
            // It serves, whatever is written down of that.
            if let Err(error) = self.history().note(revision, how) {
                eprintln!("note: it was not added to the history: {error:#}");
            }
            self.prune();
            Ok(switched)
        })
    }

    async fn confirm(&self, revision: &str, pauses: &mut Pauses) -> anyhow::Result<Switched> {
        loop {
            if !self.is_run() {
                return Ok(Switched::NotRun);
            }
            let state = self.state();
            if state.running.as_deref() == Some(revision) {
                return Ok(Switched::Confirmed);
            }
            if state.failed.as_deref() == Some(revision) {
                let why = state.why.unwrap_or_default();
                bail!("{revision} does not serve: {}", why.escape_debug());
            }
            ensure!(pauses.next().await?, "{revision} did not serve in time");
        }
    }

    /// What the process that runs it says.
    pub(crate) fn state(&self) -> State {
        let text = fs::read_to_string(self.root.join(STATE)).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        State {
            running: field("running"),
            failed: field("failed"),
            why: field("why"),
        }
    }

    /// Says it.
    pub(crate) fn tell(&self, state: &State) -> anyhow::Result<()> {
        let State {
            running,
            failed,
            why,
        } = state;
        let value = json!({"running": running, "failed": failed, "why": why});
        write_if_changed(&self.root.join(STATE), &format!("{value}\n"))?;
        Ok(())
    }

    /// What was deployed and rolled back.
    pub(crate) fn history(&self) -> History {
        History(self.root.join(HISTORY))
    }

    /// Removes releases that were current long ago.
    pub(crate) fn prune(&self) {
        let mut kept: Vec<String> = self.current().into_iter().collect();
        for entry in self.history().entries().into_iter().rev() {
            if kept.len() < KEPT_MAX && !kept.contains(&entry.revision) {
                kept.push(entry.revision);
            }
        }
        let listed = fs::read_dir(self.root.join("releases"));
        for entry in listed.into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_revision(&name) && !kept.contains(&name) {
                // It costs room, no more.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn cannot(&self, what: &str) -> String {
        format!("cannot {what} {}", self.root.display())
    }
}

fn is_one(revision: &str) -> anyhow::Result<()> {
    ensure!(
        is_revision(revision),
        "`{}` is no revision",
        revision.escape_debug()
    );
    Ok(())
}

fn lines(golden: &[Golden]) -> String {
    let lines = golden.iter().map(|golden| format!("{golden}\n"));
    lines.collect()
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Has the names in a directory outlast a loss of power.
fn sync(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Writes a file in one step, and for good.
pub(crate) fn put(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let directory = path.parent().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).with_context(context)?;
    // A machine that loses its power has all of it or nothing.
    file.as_file().sync_all().with_context(context)?;
    file.persist(path).with_context(context)?;
    sync(directory).with_context(context)
}

/// The file, locked; none: another process has it.
fn lock(path: &Path) -> anyhow::Result<Option<File>> {
    let context = || format!("cannot lock {}", path.display());
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(context),
    }
}
