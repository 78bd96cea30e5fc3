//! Whether a container serves, and what it answers: asked of the engine, and of the system, which knows whose
//! sockets are whose.

use std::io::ErrorKind;

use anyhow::{bail, ensure};

use super::engine::{Engine, Seen};
use crate::golden::{self, Golden};
use crate::pauses::{Pauses, TICK};
use crate::sockets::{is_up, listening};

/// One that ends well has been taken over from: it is not started again.
pub(super) const RESTART: &str = "on-failure";
/// How long one that never served may drain, in seconds.
const STOP_TIME: &str = "30";
/// How often a process that is not there is looked for, a tick apart: its engine sees later that it has ended.
const LOOKS_MAX: u32 = 40;
/// Where the program is in an image (RT-CLI-9).
const PROGRAM: &str = "/usr/local/bin/goma";

impl Engine {
    /// Whether a container answers as ready.
    pub(super) async fn is_ready(self, container: &str) -> anyhow::Result<()> {
        let ask = ["container", "exec", container, PROGRAM, "healthcheck"];
        self.call(&ask).await.map(|_| ())
    }

    /// Whether it can be known what a container that runs has open.
    ///
    /// # Errors
    /// Its process is that of another, or of another machine.
    pub(super) async fn can_look_into(self, container: &Seen) -> anyhow::Result<()> {
        let mut runs = container.running;
        for _ in 0..LOOKS_MAX {
            let open = std::fs::read_dir(format!("/proc/{}/fd", container.process));
            match open {
                Err(error) if runs && error.kind() == ErrorKind::NotFound => {}
                Err(_) if runs => break,
                Ok(_) | Err(_) => return Ok(()),
            }
            // One that has just ended is not there either.
            tokio::time::sleep(TICK).await;
            let now = self.seen(&container.id).await?;
            runs = now.is_some_and(|now| now.running && now.process == container.process);
        }
        bail!(
            "the process of {} cannot be looked into: deploy on its machine, as root or as whose containers they are",
            container.name
        )
    }

    /// Waits until it listens, the one before no longer does (RT-TAKE-2), and it is ready.
    pub(super) async fn takes_over(
        self,
        id: &str,
        current: Option<&Seen>,
        pauses: &mut Pauses,
    ) -> anyhow::Result<()> {
        loop {
            let next = self.container(id).await?;
            ensure!(
                next.running && next.restarts == 0,
                "it does not start; its log says why"
            );
            self.can_look_into(&next).await?;
            let what = if !is_up(next.process) {
                "it did not listen in time".to_owned()
            } else if current.is_some_and(serves) {
                "it did not take over in time".to_owned()
            } else if let Err(why) = self.is_ready(id).await {
                format!("it was not ready in time: {why:#}")
            } else {
                return Ok(());
            };
            ensure!(pauses.next().await?, what);
        }
    }

    /// It ends by itself, and is not to be started again for that.
    pub(super) async fn set_ending(self, container: &Seen) -> anyhow::Result<()> {
        if container.restart != RESTART {
            let policy = format!("--restart={RESTART}");
            let end = ["container", "update", &policy, &container.id];
            self.call(&end).await?;
        }
        Ok(())
    }

    /// Docker starts it again with itself. Podman does not; a unit of systemd does.
    pub(super) async fn set_lasting(self, container: &Seen) {
        if self == Engine::Docker {
            let update = [
                "container",
                "update",
                "--restart=unless-stopped",
                &container.id,
            ];
            if let Err(error) = self.call(&update).await {
                eprintln!("note: it is not started again with the machine: {error:#}");
            }
        }
    }

    /// Waits until a container has drained, and removes it.
    pub(super) async fn drained(self, container: &Seen, pauses: &mut Pauses) {
        loop {
            match self.seen(&container.id).await {
                Ok(None) => return,
                Ok(Some(seen)) if !seen.running => break,
                // An engine that does not answer says nothing about what it runs.
                Ok(Some(_)) | Err(_) => {}
            }
            match pauses.next().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    let name = &container.name;
                    eprintln!("note: {name} drains still; the next deployment removes it");
                    return;
                }
            }
        }
        self.remove(&container.id).await;
    }

    /// Lets a container that never served answer what it has taken, and ends it. It is there still, with its log.
    pub(super) async fn stop(self, container: &Seen) {
        let stop = ["container", "stop", "-t", STOP_TIME, &container.id];
        if let Err(error) = self.call(&stop).await {
            eprintln!("note: {} did not stop: {error:#}", container.name);
        }
    }

    /// Whether a container that ran has stopped listening since, for good or for one that takes over.
    pub(super) async fn has_let_go(self, container: &Seen) -> bool {
        if !container.running {
            return false;
        }
        let now = self.container(&container.id).await;
        !serves(now.as_ref().unwrap_or(container))
    }

    /// Removes a container at once, if it is there.
    pub(super) async fn remove(self, name: &str) {
        if matches!(self.seen(name).await, Ok(None)) {
            return;
        }
        let remove = ["container", "rm", "--force", name];
        if let Err(error) = self.call(&remove).await {
            eprintln!("note: {name} is left behind: {error:#}");
        }
    }

    /// Sends golden requests to a container that only they reach.
    pub(super) async fn hold(
        self,
        id: &str,
        golden: &[Golden],
        pauses: &mut Pauses,
    ) -> anyhow::Result<()> {
        let process = loop {
            let trial = self.container(id).await?;
            if !trial.running {
                self.show_log(id).await;
                bail!("it does not start for its golden requests; its log says why");
            }
            if let Some(address) = listening(trial.process).next() {
                break (trial.process, address);
            }
            ensure!(
                pauses.next().await?,
                "it did not start for its golden requests in time"
            );
        };
        golden::hold_all(golden, process, pauses).await
    }
}

/// Whether it runs and listens.
pub(super) fn serves(container: &Seen) -> bool {
    container.running && is_up(container.process)
}
