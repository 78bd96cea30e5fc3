//! One container takes over from another: the new one is tried out, started beside the old one, and holds the
//! same sockets; then the old one drains. Whatever goes wrong before, the old one serves on.
//!
//! Names say who is who, so that a deployment that was killed can be tidied up by the next: `NAME` serves,
//! `NAME-next` is about to, `NAME-last` drains, `NAME-trial` answers golden requests.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::engine::{Engine, Seen};
use super::kept::{self, Kept};
use super::serving::{RESTART, serves};
use super::{HISTORY, REVISION, TARGET, args};
use crate::pauses::Pauses;

/// What may follow a name: no target ends so.
pub(super) const ROLES: [&str; 3] = ["-last", "-next", "-trial"];

/// The longest drain that is waited for. The gateway itself ends its drain, after 10 seconds unless it is told otherwise.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(3600);
/// How long the next deployment waits for a drain that another left behind.
const TIDY_MAX: Duration = Duration::from_secs(30);
/// How a gateway is told that another listens already, and is to be followed.
pub(super) const TAKES_OVER: &[&str] = &["--share-address"];

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
        let current = self.engine.seen(self.name).await?;
        let foreign = current.as_ref();
        ensure!(
            foreign.is_none_or(|seen| seen.label(TARGET) == Some(self.name)),
            "the container {} was not deployed by goma: remove it, or choose another name",
            self.name
        );
        Ok(current)
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
            pauses.again(DRAIN_MAX);
            self.engine.drained(&self.role("-last"), &mut pauses).await;
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
            pauses.again(DRAIN_MAX);
            self.engine.drained(&self.role("-last"), &mut pauses).await;
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
        let next = self.role("-next");
        let let_go = current.is_some_and(|current| current.running && !serves(current));
        if let_go {
            let promoted = self.promote(current).await;
            let error = match promoted {
                Ok(()) => error,
                Err(other) => other.context(error),
            };
            return Err(Stuck { error, let_go });
        }
        self.engine.show_log(&next).await;
        self.engine.stop(&next).await;
        if let Some(current) = current {
            self.engine.set_lasting(current).await;
        }
        Err(Stuck { error, let_go })
    }

    /// Creates and starts it; its identifier.
    async fn start(
        self,
        next: &Kept,
        label: &str,
        current: Option<&Seen>,
    ) -> anyhow::Result<String> {
        let name = self.role("-next");
        let labels = [
            format!("{TARGET}={}", self.name),
            format!("{REVISION}={}", next.entry.revision),
            format!("{HISTORY}={label}"),
        ];
        let restart = format!("--restart={RESTART}");
        let mut options = vec![restart.as_str()];
        options.extend(labels.iter().flat_map(|label| ["--label", label]));
        let id = self.create(&name, next, (&options, TAKES_OVER)).await?;
        if let Some(current) = current {
            self.engine.set_ending(current).await?;
        }
        self.engine.call(&["container", "start", &id]).await?;
        Ok(id)
    }

    async fn create(
        self,
        name: &str,
        what: &Kept,
        (options, program): (&[&str], &[&str]),
    ) -> anyhow::Result<String> {
        let own = args::options(self.name, &what.args);
        let mut call = vec!["container", "create", "--name", name];
        call.extend(options);
        call.extend(own.iter().map(String::as_str));
        call.push(&what.image);
        call.extend(program);
        self.engine.call(&call).await?;
        let made = self.engine.container(name).await?;
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
            rename(&current.id, &self.role("-last")).await?;
        }
        rename(&self.role("-next"), self.name).await?;
        if let Some(now) = self.current().await? {
            self.engine.set_lasting(&now).await;
        }
        Ok(())
    }

    /// The container that serves, after what was begun and not finished is put right.
    pub(super) async fn tidied(self) -> anyhow::Result<Option<Seen>> {
        self.engine.remove(&self.role("-trial")).await;
        let mut pauses = Pauses::new(TIDY_MAX)?;
        self.engine.drained(&self.role("-last"), &mut pauses).await;
        let mut current = self.current().await?;
        let next = self.engine.seen(&self.role("-next")).await?;
        if let Some(next) = next {
            if serves(&next) && !current.as_ref().is_some_and(serves) {
                // It has taken over.
                self.promote(current.as_ref()).await?;
                current = self.current().await?;
            } else {
                self.engine.remove(&self.role("-next")).await;
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
        self.engine.remove(&self.role("-trial")).await;
        held
    }

    async fn ask(self, next: &Kept, pauses: &mut Pauses) -> anyhow::Result<()> {
        let name = self.role("-trial");
        let id = self.create(&name, next, (&[], &["--trial"])).await?;
        self.engine.call(&["container", "start", &id]).await?;
        self.engine.hold(&id, &next.golden, pauses).await
    }
}

/// The history that a container has.
pub(super) fn history_of(container: &Seen) -> Vec<Kept> {
    container.label(HISTORY).map(kept::read).unwrap_or_default()
}
