//! Podman or Docker as a program: the few calls that both understand in the same words.

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value};

use super::kept::is_hex;
use crate::commands::deploy::program::{CALL_MAX, LOG_LINES, call, show};
use crate::image::Archive;

/// What runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// A container, as the engine describes it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Its name.
    pub(super) name: String,
    /// Its identifier, which no other container ever has.
    pub(super) id: String,
    /// Whether it runs.
    pub(super) running: bool,
    /// How often it was started again, after it had ended by itself.
    pub(super) restarts: u64,
    /// Its first process, as this machine numbers it.
    pub(super) process: u32,
    /// Identifier of its image, without `sha256:`.
    pub(super) image: String,
    /// When it is started again.
    pub(super) restart: String,
    labels: Map<String, Value>,
}

impl Seen {
    /// A label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).and_then(Value::as_str)
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |at: &str| value.pointer(at).and_then(Value::as_str);
        let number = |at: &str| value.pointer(at).and_then(Value::as_u64);
        Some(Self {
            // Docker's begin with a slash.
            name: text("/Name")?.trim_start_matches('/').to_owned(),
            id: text("/Id")?.to_owned(),
            running: value.pointer("/State/Running")?.as_bool()?,
            restarts: number("/RestartCount").unwrap_or_default(),
            process: u32::try_from(number("/State/Pid")?).ok()?,
            image: text("/Image")?.trim_start_matches("sha256:").to_owned(),
            restart: text("/HostConfig/RestartPolicy/Name")?.to_owned(),
            labels: value
                .pointer("/Config/Labels")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        })
    }
}

impl Engine {
    /// Name of the program.
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// Calls it; what it prints.
    ///
    /// # Errors
    /// It is not there, does not answer, or fails: with its complaint.
    pub(super) async fn call(self, args: &[&str]) -> anyhow::Result<String> {
        call(&[self.program()], args, &[], CALL_MAX).await
    }

    /// The container of a name or an identifier; none, if there is none.
    pub(super) async fn seen(self, name: &str) -> anyhow::Result<Option<Seen>> {
        // A dot is the only letter of a name that stands for another in an expression.
        let filter = match is_hex(name) {
            true => format!("id={name}"),
            false => format!("name=^{}$", name.replace('.', "[.]")),
        };
        let ids = self.listed(&[&filter]).await?;
        match ids.first() {
            Some(id) => self.container(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Identifiers of the containers that pass all filters.
    pub(super) async fn listed(self, filters: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut ls = vec!["container", "ls", "--all", "--no-trunc", "--quiet"];
        ls.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
        let ids = self.call(&ls).await?;
        Ok(ids.split_whitespace().map(str::to_owned).collect())
    }

    /// The container of a name or an identifier.
    pub(super) async fn container(self, id: &str) -> anyhow::Result<Seen> {
        let text = self.call(&["container", "inspect", id]).await?;
        let value: Value = serde_json::from_str(&text).context("what a container is")?;
        value
            .get(0)
            .and_then(Seen::read)
            .context("what a container is")
    }

    /// The identifier of an image; none, if there is no such image.
    pub(super) async fn image(self, name: &str) -> anyhow::Result<Option<String>> {
        let filter = format!("reference={name}");
        let mut args = vec!["image", "ls", "--all", "--no-trunc", "--quiet"];
        if !is_hex(name) {
            args.extend(["--filter", &filter]);
        }
        let found = self.call(&args).await?;
        let mut ids = found
            .split_whitespace()
            .map(|id| id.trim_start_matches("sha256:"));
        let found = ids.find(|id| !is_hex(name) || *id == name);
        Ok(found.map(str::to_owned))
    }

    /// Has the engine know an image by this name; its identifier.
    pub(super) async fn load(self, archive: &Archive, name: &str) -> anyhow::Result<String> {
        if let Some(id) = self.image(&archive.config).await? {
            self.call(&["image", "tag", &id, name]).await?;
            return Ok(id);
        }
        let load = ["image", "load"];
        call(&[self.program()], &load, &archive.bytes, CALL_MAX).await?;
        let found = self.image(name).await?;
        let id = found.with_context(|| format!("{} loaded no {name}", self.program()))?;
        ensure!(
            id == archive.config || id == archive.manifest,
            "{} has another image under the name {name}",
            self.program()
        );
        Ok(id)
    }

    /// The end of a container's log, on standard error.
    pub(super) async fn show_log(self, container: &str) {
        let logs = ["container", "logs", "--tail", LOG_LINES, container];
        show(self.program(), &logs).await;
    }
}
