//! Podman or Docker as a program: the few calls that both understand in the same words.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::kept::is_hex;
use crate::image::Archive;

/// How long a call may take. Loading an image is the longest.
pub(super) const CALL_MAX: Duration = Duration::from_secs(300);
/// Lines of a container's log that are shown when it does not start.
const LOG_LINES: &str = "10";
/// Characters of a complaint that are shown.
const COMPLAINT_MAX: usize = 2000;

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
        let mut command = Command::new(self.program());
        command.args(["container", "logs", "--tail", LOG_LINES, container]);
        let output = tokio::time::timeout(CALL_MAX, command.kill_on_drop(true).output()).await;
        let Ok(Ok(output)) = output else {
            return;
        };
        for line in [output.stdout, output.stderr]
            .concat()
            .split(|byte| *byte == b'\n')
        {
            if !line.is_empty() {
                let line = String::from_utf8_lossy(line);
                eprintln!("  | {}", line.replace(char::is_control, " "));
            }
        }
    }
}

/// Calls a program, which may be a command of another, and gives it something to read; what it prints.
///
/// # Errors
/// It is not there, does not come to an end within that time, or fails: with its complaint.
pub(super) async fn call(
    program: &[&str],
    args: &[&str],
    input: &[u8],
    within: Duration,
) -> anyhow::Result<String> {
    let (name, first) = program.split_first().context("no program")?;
    let shown: Vec<_> = program.iter().chain(args).take(3).copied().collect();
    let shown = shown.join(" ");
    let mut child = Command::new(name)
        .args(first)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A terminal's Ctrl-C is for goma, which then takes back what it has begun.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run `{name}`"))?;
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // It says itself why it does not read.
            let _ = stdin.write_all(input).await;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(within, work).await;
    let output = output.with_context(|| format!("`{shown}` did not come to an end in time"))?;
    let output = output.with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint: String = complaint.trim().chars().take(COMPLAINT_MAX).collect();
        bail!("`{shown}` failed: {complaint}");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
