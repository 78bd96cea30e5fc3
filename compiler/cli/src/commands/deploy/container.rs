//! `podman:NAME` and `docker:NAME`: a container that the next one takes over from.

mod args;
mod compose;
mod engine;
mod kept;
mod rollout;
mod serving;
mod swarm;

use std::fmt;
use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use handlebars::Handlebars;
use rustix::fs::OFlags;

use super::program::wait;
use super::{Coming, Destination, How, Serves, Status, Wait};
use crate::failure::{Failure, Outcome};
use crate::history::{self, Entry};
use crate::image::{self, Place as ImagePlace};
use crate::terminal::say;
use engine::Seen;
use kept::Kept;
use rollout::{Place, ROLES, history_of};

pub(super) use compose::Compose;
pub(super) use engine::Engine;
pub(super) use swarm::Swarm;

/// Labels of containers: the name of the target, the revision, and what was deployed so far.
const TARGET: &str = "goma.target";
const REVISION: &str = "goma.revision";
const HISTORY: &str = "goma.history";

/// The longest name.
const NAME_BYTES_MAX: usize = 48;

/// A container that the next one takes over from.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Container {
    engine: Engine,
    name: String,
}

impl Container {
    /// The one of a name.
    ///
    /// # Errors
    /// It is not one that containers, volumes and repositories can have.
    pub(super) fn named(engine: Engine, name: &str) -> Result<Self, String> {
        let role = ROLES.iter().find(|role| name.ends_with(*role));
        if let Some(role) = role {
            return Err(format!("a name that ends in {role} is taken"));
        }
        is_name(name)?;
        Ok(Self {
            engine,
            name: name.to_owned(),
        })
    }

    fn place(&self) -> Place<'_> {
        Place {
            engine: self.engine,
            name: &self.name,
        }
    }

    /// What an image is called on the engine.
    fn image(&self, revision: &str) -> String {
        format!("localhost/goma/{}:{revision}", self.name)
    }

    /// The history on what serves, and that revision.
    async fn deployed(&self) -> anyhow::Result<(Option<Seen>, Vec<Kept>)> {
        let current = self.place().current().await?;
        let history = current.as_ref().map(history_of).unwrap_or_default();
        Ok((current, history))
    }

    /// Makes a revision current, says how that went, and removes images that nothing names now.
    async fn switch(&self, next: Kept, current: Option<Seen>, wait: Wait) -> anyhow::Result<()> {
        let revision = next.entry.revision.clone();
        let mut history = current.as_ref().map(history_of).unwrap_or_default();
        history.push(next);
        let all = history.clone();
        self.place().roll_out(all.clone(), current, wait.0).await?;
        say!("revision  {revision}");
        say!("serves    from {self}");
        kept::label(&mut history)?;
        for dropped in all {
            // A tag is that of a revision, which another image may have by now.
            let is_it = |kept: &Kept| {
                kept.image == dropped.image || kept.entry.revision == dropped.entry.revision
            };
            if !history.iter().any(is_it) {
                let remove = ["image", "rm", &self.image(&dropped.entry.revision)];
                // It costs room, no more.
                let _ = self.engine.call(&remove).await;
            }
        }
        Ok(())
    }

    async fn bring(&self, read: Read, how: &How) -> anyhow::Result<()> {
        let next = Kept {
            entry: Entry::now(&read.revision, "deploy"),
            image: self.engine.load(&read.archive, &read.name).await?,
            digest: read.digest,
            golden: how.golden.clone(),
            args: how.args.clone(),
            ports: Vec::new(),
        };
        let current = self.place().tidied().await?;
        self.switch(next, current, how.wait).await
    }

    async fn back(&self, revision: Option<&str>, wait: Wait) -> Result<(), Failure> {
        let serving = self.place().tidied().await?;
        let history = serving.as_ref().map(history_of).unwrap_or_default();
        let mut there = Vec::new();
        for kept in &history {
            if self.engine.image(&kept.image).await?.is_some() {
                there.push(kept.entry.revision.clone());
            }
        }
        let current = serving.as_ref().and_then(|seen| seen.label(REVISION));
        let is_there = |revision: &str| there.iter().any(|known| known == revision);
        let entries = kept::entries(&history);
        let wanted = history::before(&entries, current, revision, is_there)?;
        let again = Kept {
            entry: Entry::now(&wanted, "rollback"),
            ..kept::last(&history, &wanted)?
        };
        Ok(self.switch(again, serving, wait).await?)
    }

    async fn would_change(&self, coming: &Coming<'_>, how: &How) -> anyhow::Result<Vec<String>> {
        let Coming { revision, .. } = coming;
        let (current, history) = self.deployed().await?;
        let name = self.image(revision);
        let mut changes = Vec::new();
        if self.engine.image(&name).await?.is_none() {
            changes.push(format!("load {name}"));
        }
        if !how.golden.is_empty() {
            changes.push(format!("run {}-trial", self.name));
        }
        changes.extend(how.golden.iter().map(|golden| format!("ask {golden}")));
        let options = args::shown(&args::options(&self.name, &how.args));
        changes.push(format!(
            "run {} of {name}: {} {options}",
            self.name,
            self.engine.program(),
        ));
        let before = history.last();
        match current.as_ref().and_then(|seen| seen.label(REVISION)) {
            Some(before) => changes.push(format!("current: {before} → {revision}")),
            None => changes.push(format!("current: none → {revision}")),
        }
        if before.is_some_and(|before| before.args != how.args) {
            let before = before.map(|before| args::shown(&before.args));
            let (before, now) = (before.unwrap_or_default(), args::shown(&how.args));
            changes.push(format!("arguments: `{before}` → `{now}`"));
        }
        if current.is_some() {
            changes.push("drain and remove the container before".to_owned());
        }
        Ok(changes)
    }

    async fn is(&self) -> anyhow::Result<Status> {
        let (Some(current), history) = self.deployed().await? else {
            return Ok(Status::nothing());
        };
        let last = history.into_iter().last();
        let label = |name: &str| {
            let label = current.label(&format!("org.opencontainers.image.{name}"));
            label.unwrap_or("unknown").to_owned()
        };
        let mut facts = vec![("built by", format!("goma {}", label("version")))];
        if label("source") != "unknown" {
            facts.push(("built of", label("source")));
        }
        facts.extend(last.as_ref().map(|last| ("image", last.digest.clone())));
        facts.push(("container", current.id.chars().take(12).collect()));
        let serves = if !current.running {
            Serves::No(Some("it does not run".to_owned()))
        } else {
            let ready = self.engine.is_ready(&current.id).await;
            ready.map_or_else(|why| Serves::No(Some(format!("{why:#}"))), |()| Serves::Yes)
        };
        let revision = current.label(REVISION).unwrap_or("unknown").to_owned();
        Ok(Status {
            current: Some((revision, last.map(|last| last.entry))),
            facts,
            serves,
        })
    }
}

/// An image that was read, to be loaded.
struct Read {
    revision: String,
    digest: String,
    name: String,
    archive: image::Archive,
}

impl Read {
    fn new(image: &Path, how: &How, named: impl Fn(&str) -> String) -> anyhow::Result<Self> {
        let place = ImagePlace::open(image, how.access)?;
        let place = place.with_context(|| format!("{} is no image", image.display()))?;
        let revision = image::revision(&place)?;
        let name = named(&revision);
        Ok(Self {
            digest: image::digest(&place)?,
            archive: image::archive(&place, &name)?,
            revision,
            name,
        })
    }
}

/// A name that containers, volumes, repositories and projects can have.
pub(super) fn is_name(name: &str) -> Result<&str, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().next_back()];
    let ends = ends.iter().all(|byte| byte.is_some_and(plain));
    let letters = name.bytes().all(|byte| plain(byte) || byte == b'-');
    if ends && letters && !name.contains("--") && name.len() <= NAME_BYTES_MAX {
        return Ok(name);
    }
    Err(format!(
        "`{}` is no name: up to {NAME_BYTES_MAX} of a-z and 0-9, with single `-` between them",
        name.escape_debug()
    ))
}

/// Where whoever changes the containers of an engine locks them: each user has a Podman of its own, and all others
/// are the machine's.
fn lock_dir(engine: Engine) -> PathBuf {
    let user = rustix::process::geteuid();
    if engine == Engine::Docker || user.is_root() {
        return PathBuf::from("/run/lock");
    }
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    // What that says where something says it: cron does not.
    run.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", user.as_raw())))
}

/// A file that every user may lock, made if it is not there.
fn lock_file(path: &Path) -> io::Result<File> {
    // Linux has nobody open, as one to be made, the file of another user in a directory of all.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let open = || File::options().read(true).custom_flags(flags).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    match File::options().write(true).create_new(true).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(0o666))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(),
        Err(error) => Err(error),
    }
}

/// Keeps others on this machine from changing a target meanwhile; for as long as the file lives.
fn lock(engine: Engine, target: &str) -> anyhow::Result<File> {
    let path = lock_dir(engine).join(format!("goma-{target}.lock"));
    let context = || format!("cannot lock {}", path.display());
    let file = lock_file(&path).with_context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("something else is deployed there now"),
        Err(TryLockError::Error(error)) => Err(error).with_context(context),
    }
}

/// A file of a template.
pub(super) fn render(template: &str, data: &serde_json::Value) -> anyhow::Result<String> {
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(handlebars::no_escape);
    handlebars.set_strict_mode(true);
    let rendered = handlebars.render_template(template, data);
    rendered.context("a template")
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.engine.program(), self.name)
    }
}

impl Destination for Container {
    fn accept(&self, how: &How) -> Result<(), Failure> {
        args::check(self.engine, &how.args)
    }

    fn changes(&self, coming: &Coming<'_>, how: &How) -> Result<Vec<String>, Failure> {
        Ok(wait(self.would_change(coming, how))??)
    }

    fn deploy(&self, image: &Path, how: &How) -> Outcome {
        let _lock = lock(self.engine, &self.to_string().replace(':', "-"))?;
        // Before: registries are waited for in another way.
        let read = Read::new(image, how, |revision| self.image(revision))?;
        wait(self.bring(read, how))??;
        Ok(ExitCode::SUCCESS)
    }

    fn rollback(&self, revision: Option<&str>, within: Wait) -> Outcome {
        let _lock = lock(self.engine, &self.to_string().replace(':', "-"))?;
        wait(self.back(revision, within))??;
        Ok(ExitCode::SUCCESS)
    }

    fn history(&self) -> Result<Vec<Entry>, Failure> {
        let (_, history) = wait(self.deployed())??;
        Ok(kept::entries(&history))
    }

    fn status(&self) -> Result<Status, Failure> {
        Ok(wait(self.is())??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever comes second may open it, whatever its mask was; a link to another file is not followed.
    #[test]
    fn a_lock_is_for_every_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = lock_file(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666);
        let second = lock_file(&path).unwrap();
        first.try_lock().unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(lock_file(&link).is_err());
        std::os::unix::fs::symlink(dir.path().join("new"), dir.path().join("dead")).unwrap();
        assert!(lock_file(&dir.path().join("dead")).is_err());
        assert!(!dir.path().join("new").exists());
    }
}
