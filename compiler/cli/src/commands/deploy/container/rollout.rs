//! One container takes over from another: the new one is tried out, started beside the old one, and holds the
//! same sockets; then the old one drains. Whatever goes wrong before, the old one serves on.
//!
//! Names say who is who, so that a deployment that was killed can be tidied up by the next: `NAME` serves,
//! `NAME-next` is about to, `NAME-trial` answers golden requests, and those that drain are `NAME-last-` and the
//! beginning of their identifier. All have the label of the target: whatever has none is another's.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::engine::{Engine, Seen};
use super::kept::{self, Kept};
use super::serving::{RESTART, serves};
use super::{HISTORY, REVISION, TARGET, args};
use crate::pauses::Pauses;

/// What may follow a name: no target ends so.
pub(super) const ROLES: [&str; 2] = [NEXT, TRIAL];
const NEXT: &str = "-next";
const TRIAL: &str = "-trial";
/// What begins what follows the name of one that drains.
const LAST: &str = "-last-";
/// Letters of an identifier in a name.
const ID_SHOWN: usize = 8;

/// The longest drain that is waited for. The gateway itself ends its drain, after 10 seconds unless it is told otherwise.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(3600);
/// Where a gateway takes over from the one before (RT-TAKE): in the volume that both have.
pub(super) const TAKES_OVER: &[&str] = &["--takeover", "/run/goma/takeover.sock"];

/// Containers of one name on an engine.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// What runs them.
    pub(super) engine: Engine,
    /// The name of the target.
    pub(super) name: &'a str,
}

/// Why a container did not become the one that serves.
struct Stuck {
    error: anyhow::Error,
    /// The one before has stopped listening.
    let_go: bool,
}

impl Place<'_> {
    fn role(self, role: &str) -> String {
        format!("{}{role}", self.name)
    }

    /// The container that serves, or is to.
    ///
    /// # Errors
    /// Another container has its name.
    pub(super) async fn current(self) -> anyhow::Result<Option<Seen>> {
        self.seen("").await
    }

    /// The container of a role.
    ///
    /// # Errors
    /// Another container has its name.
    async fn seen(self, role: &str) -> anyhow::Result<Option<Seen>> {
        let seen = self.engine.seen(&self.role(role)).await?;
        if let Some(foreign) = seen
            .as_ref()
            .filter(|seen| seen.label(TARGET) != Some(self.name))
        {
            bail!(
                "the container {} was not deployed by goma to this target: remove it, or choose another name",
                foreign.name
            );
        }
        Ok(seen)
    }

    /// Removes the container of a role at once, if it is there and ours.
    async fn remove(self, role: &str) {
        match self.seen(role).await {
            Ok(Some(seen)) => self.engine.remove(&seen.id).await,
            Ok(None) => {}
            Err(error) => eprintln!("note: {error:#}"),
        }
    }

    /// Waits until all that were taken over from have drained.
    async fn drained(self, pauses: &mut Pauses) -> anyhow::Result<()> {
        pauses.again(DRAIN_MAX);
        let label = format!("label={TARGET}={}", self.name);
        for id in self.engine.listed(&[&label]).await? {
            let seen = self.engine.seen(&id).await?;
            let drains = |seen: &Seen| seen.name.starts_with(&self.role(LAST));
            if let Some(seen) = seen.filter(drains) {
                self.engine.drained(&seen, pauses).await;
            }
        }
        Ok(())
    }

    async fn drained_or_noted(self, pauses: &mut Pauses) {
        if let Err(error) = self.drained(pauses).await {
            eprintln!("note: the next deployment removes what drains still: {error:#}");
        }
    }

    /// Makes the last of a history current, after it has answered its golden requests.
    ///
    /// # Errors
    /// It does not serve; what was current serves still, or again.
    pub(super) async fn roll_out(
        self,
        mut history: Vec<Kept>,
        current: Option<Seen>,
        wait: Duration,
    ) -> anyhow::Result<()> {
        let mut pauses = Pauses::new(wait)?;
        let next = history.last().context("nothing is to be deployed")?.clone();
        let label = kept::label(&mut history)?;
        let current = current.as_ref();
        let tried = self.try_out(&next, &mut pauses).await;
        let came = match tried {
            Ok(()) => self.replace(&next, &label, current, &mut pauses).await,
            Err(error) => Err(Stuck {
                error,
                let_go: false,
            }),
        };
        let Err(Stuck { error, let_go }) = came else {
            self.drained_or_noted(&mut pauses).await;
            return Ok(());
        };
        let mut before = current.map(history_of).unwrap_or_default();
        let served = current.is_some_and(|current| current.running);
        let Some(last) = before.last().filter(|_| served).cloned() else {
            return Err(error.context("taken back"));
        };
        if let_go {
            let label = kept::label(&mut before)?;
            pauses.again(wait);
            let current = self.tidied().await?;
            let back = self.replace(&last, &label, current.as_ref(), &mut pauses);
            let back = back.await.map_err(|stuck| stuck.error);
            back.context("what served before does not come back")
                .with_context(|| format!("{error:#}"))?;
            self.drained_or_noted(&mut pauses).await;
        }
        Err(error.context(format!("rolled back to {}", last.entry.revision)))
    }

    /// Starts a container that takes over. If it does not, it is gone; unless the one before has let go, then it
    /// has its place until another takes over.
    async fn replace(
        self,
        next: &Kept,
        label: &str,
        current: Option<&Seen>,
        pauses: &mut Pauses,
    ) -> Result<(), Stuck> {
        let id = self.start(next, label, current).await;
        let came = match &id {
            Ok(id) => self.engine.takes_over(id, current, pauses).await,
            Err(_) => Ok(()),
        };
        let Err(error) = id.map(|_| ()).and(came) else {
            return self.promote(current).await.map_err(|error| Stuck {
                error,
                let_go: true,
            });
        };
        let next = self.seen(NEXT).await.ok().flatten();
        let let_go = self.give_up(next.as_ref(), current).await;
        let mut error = error;
        if let_go {
            if let Err(other) = self.promote(current).await {
                error = other.context(error);
            }
        } else if let Some(current) = current {
            self.engine.set_lasting(current).await;
        }
        if let Some(next) = next {
            self.engine.show_log(&next.id).await;
            if !let_go {
                self.engine.remove(&next.id).await;
            }
        }
        Err(Stuck { error, let_go })
    }

    /// Ends one that did not come to serve, unless the one before has let go: whether it has.
    async fn give_up(self, next: Option<&Seen>, current: Option<&Seen>) -> bool {
        let let_go = async || match current {
            Some(current) => self.engine.has_let_go(current).await,
            None => false,
        };
        if let_go().await {
            return true;
        }
        if let Some(next) = next {
            self.engine.stop(next).await;
        }
        // Only now it can no longer take over.
        let_go().await
    }

    /// Creates and starts it; its identifier.
    async fn start(
        self,
        next: &Kept,
        label: &str,
        current: Option<&Seen>,
    ) -> anyhow::Result<String> {
        let labels = [
            format!("{REVISION}={}", next.entry.revision),
            format!("{HISTORY}={label}"),
        ];
        let restart = format!("--restart={RESTART}");
        let mut options = vec![restart.as_str()];
        options.extend(labels.iter().flat_map(|label| ["--label", label]));
        let id = self.create(NEXT, next, (&options, TAKES_OVER)).await?;
        if let Some(current) = current {
            self.engine.set_ending(current).await?;
        }
        self.engine.call(&["container", "start", &id]).await?;
        Ok(id)
    }

    async fn create(
        self,
        role: &str,
        what: &Kept,
        (options, program): (&[&str], &[&str]),
    ) -> anyhow::Result<String> {
        let own = args::options(self.name, &what.args);
        let (name, label) = (self.role(role), format!("{TARGET}={}", self.name));
        let mut call = vec!["container", "create", "--name", &name, "--label", &label];
        call.extend(options);
        call.extend(own.iter().map(String::as_str));
        call.push(&what.image);
        call.extend(program);
        self.engine.call(&call).await?;
        let made = self.engine.container(&name).await?;
        ensure!(
            made.image == what.image,
            "the arguments behind `--` name another image"
        );
        Ok(made.id)
    }

    /// Gives it the name of the one that serves.
    async fn promote(self, current: Option<&Seen>) -> anyhow::Result<()> {
        let rename =
            async |from: &str, to: &str| self.engine.call(&["container", "rename", from, to]).await;
        if let Some(current) = current {
            let id: String = current.id.chars().take(ID_SHOWN).collect();
            rename(&current.id, &self.role(&format!("{LAST}{id}"))).await?;
        }
        rename(&self.role(NEXT), self.name).await?;
        if let Some(now) = self.current().await? {
            self.engine.set_lasting(&now).await;
        }
        Ok(())
    }

    /// The container that serves, after what was begun and not finished is put right.
    pub(super) async fn tidied(self) -> anyhow::Result<Option<Seen>> {
        let mut current = self.current().await?;
        let (next, trial) = (self.seen(NEXT).await?, self.seen(TRIAL).await?);
        for seen in [&current, &next].into_iter().flatten() {
            self.engine.can_look_into(seen).await?;
        }
        if let Some(trial) = trial {
            self.engine.remove(&trial.id).await;
        }
        if let Some(next) = next {
            if serves(&next) && !current.as_ref().is_some_and(serves) {
                // It has taken over.
                self.promote(current.as_ref()).await?;
                current = self.current().await?;
            } else {
                self.engine.remove(&next.id).await;
            }
        }
        Ok(current)
    }

    /// Sends golden requests to a container that only they reach.
    async fn try_out(self, next: &Kept, pauses: &mut Pauses) -> anyhow::Result<()> {
        if next.golden.is_empty() {
            return Ok(());
        }
        let held = self.ask(next, pauses).await;
        self.remove(TRIAL).await;
        held
    }

    async fn ask(self, next: &Kept, pauses: &mut Pauses) -> anyhow::Result<()> {
        let id = self.create(TRIAL, next, (&[], &["--trial"])).await?;
        self.engine.call(&["container", "start", &id]).await?;
        self.engine.hold(&id, &next.golden, pauses).await
    }
}

/// The history that a container has.
pub(super) fn history_of(container: &Seen) -> Vec<Kept> {
    container.label(HISTORY).map(kept::read).unwrap_or_default()
}
