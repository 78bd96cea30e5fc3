//! `swarm:STACK`: a stack of Docker's swarm with the service `gateway`, which the swarm itself rolls out, one machine
//! after another, and takes back if it does not become healthy.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::engine::{Engine, call};
use super::kept::{self, Kept};
use super::{HISTORY, REVISION, TARGET, args, is_name, lock, render, wait};
use crate::commands::deploy::{Coming, Destination, How, Serves, Status, Wait};
use crate::failure::{Failure, Outcome};
use crate::history::{self, Entry};
use crate::image::{self, Place};
use crate::registry::Reference;
use crate::terminal::say;

const TEMPLATE: &str = include_str!("../../../../../../templates/deploy/stack.yaml.hbs");

/// A stack of a swarm.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Swarm(String);

impl Swarm {
    /// What it begins with.
    pub(in crate::commands::deploy) const SCHEME: &'static str = "swarm:";

    /// The one of a name.
    ///
    /// # Errors
    /// It is none that a stack can have.
    pub(in crate::commands::deploy) fn named(name: &str) -> Result<Self, String> {
        is_name(name).map(|name| Self(name.to_owned()))
    }

    fn service(&self) -> String {
        format!("{}_gateway", self.0)
    }

    /// Labels of the service; none, if there is none.
    async fn labels(&self) -> anyhow::Result<Option<Map<String, Value>>> {
        let filter = format!("label={TARGET}={}", self.0);
        let ls = ["service", "ls", "--quiet", "--filter", &filter];
        if Engine::Docker.call(&ls).await?.trim().is_empty() {
            return Ok(None);
        }
        let labels = ["--format", "{{json .Spec.Labels}}"];
        let service = self.service();
        let inspect = [&["service", "inspect"], labels.as_slice(), &[&service]].concat();
        let text = Engine::Docker.call(&inspect).await?;
        serde_json::from_str(&text)
            .context("what a service is")
            .map(Some)
    }

    async fn kept(&self) -> anyhow::Result<Vec<Kept>> {
        let labels = self.labels().await?.unwrap_or_default();
        let label = labels.get(HISTORY).and_then(Value::as_str);
        Ok(kept::read(label.unwrap_or_default()))
    }

    /// The file for the last of a history.
    fn rendered(&self, history: &mut Vec<Kept>) -> anyhow::Result<String> {
        let label = kept::label(history)?;
        let last = history.last().context("nothing is to be deployed")?;
        let ports = last.ports.iter().map(|port| {
            let number = port
                .split_once('/')
                .map_or(port.as_str(), |(number, _)| number);
            format!("{number}:{port}")
        });
        let data = json!({
            "image": last.digest,
            "ports": json!(ports.collect::<Vec<_>>()).to_string(),
            "stack": self.0,
            "revision": last.entry.revision,
            // Docker would put variables in.
            "history": json!(label.replace('$', "$$")).to_string(),
        });
        render(TEMPLATE, &data)
    }

    async fn apply(&self, next: Kept, within: Wait) -> anyhow::Result<()> {
        let mut history = self.kept().await?;
        let before = history.last().map(|last| last.entry.revision.clone());
        let revision = next.entry.revision.clone();
        history.push(next.clone());
        let text = self.rendered(&mut history)?;
        let first = ["stack", "deploy", "--detach=false", "--with-registry-auth"];
        let mut words = [first.as_slice(), &["--compose-file", "-"]].concat();
        words.extend(next.args.iter().map(String::as_str));
        words.push(&self.0);
        let applied = call(&["docker"], &words, text.as_bytes());
        let applied = match tokio::time::timeout(within.0, applied).await {
            Ok(applied) => applied.map(|_| ()),
            Err(_) => Err(anyhow::anyhow!("{revision} did not serve in time")),
        };
        let now = self.labels().await?.unwrap_or_default();
        let is_it = now.get(REVISION).and_then(Value::as_str) == Some(revision.as_str());
        match applied {
            Ok(()) if is_it => {
                say!("revision  {revision}");
                say!("serves    from {self}");
                Ok(())
            }
            Ok(()) => bail!(
                "the swarm has rolled back to {}",
                before.unwrap_or_default()
            ),
            Err(error) if is_it && before.is_some() => {
                let back = ["service", "rollback", "--detach", &self.service()];
                Engine::Docker.call(&back).await?;
                Err(error.context(format!("rolled back to {}", before.unwrap_or_default())))
            }
            Err(error) => Err(error),
        }
    }

    async fn bring(&self, image: &Path, how: &How) -> Result<(), Failure> {
        let reference = image
            .to_str()
            .and_then(|text| text.parse::<Reference>().ok());
        let reference = reference.filter(|reference| reference.digest.is_some());
        let (Some(reference), Some(place)) = (reference, Place::open(image, how.access)?) else {
            return Err(Failure::with_help(
                "a swarm takes images from a registry",
                "push it first: `goma deploy --to oci://…`",
            ));
        };
        let digest = image::digest(&place)?;
        let next = Kept {
            entry: Entry::now(&image::revision(&place)?, "deploy"),
            image: digest.trim_start_matches("sha256:").to_owned(),
            digest: format!("{}/{}@{digest}", reference.host, reference.repository),
            golden: Vec::new(),
            args: how.args.clone(),
            ports: image::ports(&place)?,
        };
        Ok(self.apply(next, how.wait).await?)
    }

    async fn back(&self, revision: Option<&str>, within: Wait) -> Result<(), Failure> {
        let kept = self.kept().await?;
        let current = kept.last().map(|last| last.entry.revision.as_str());
        let wanted = history::before(&kept::entries(&kept), current, revision, |_| true)?;
        let again = Kept {
            entry: Entry::now(&wanted, "rollback"),
            ..kept::last(&kept, &wanted)?
        };
        Ok(self.apply(again, within).await?)
    }

    async fn is(&self) -> anyhow::Result<Status> {
        let Some(labels) = self.labels().await? else {
            return Ok(Status::nothing());
        };
        let text = |name: &str| labels.get(name).and_then(Value::as_str).unwrap_or_default();
        let last = kept::read(text(HISTORY)).pop();
        let service = self.service();
        let ps = [
            "service",
            "ps",
            "--filter",
            "desired-state=running",
            "--format",
        ];
        let ps = [ps.as_slice(), &["{{.CurrentState}}", &service]].concat();
        let states = Engine::Docker.call(&ps).await?;
        let other = states.lines().find(|state| !state.starts_with("Running"));
        let serves = match other {
            Some(other) => Serves::No(Some(other.to_owned())),
            None if states.trim().is_empty() => Serves::No(None),
            None => Serves::Yes,
        };
        let digest = last.as_ref().map(|last| ("image", last.digest.clone()));
        Ok(Status {
            current: Some((text(REVISION).to_owned(), last.map(|last| last.entry))),
            facts: digest.into_iter().collect(),
            serves,
        })
    }
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::SCHEME, self.0)
    }
}

impl Destination for Swarm {
    fn accept(&self, how: &How) -> Result<(), Failure> {
        how.without_golden("golden requests do not reach one machine of a swarm")?;
        args::are_options("docker stack deploy", &how.args)
    }

    fn changes(&self, coming: &Coming<'_>, how: &How) -> Result<Vec<String>, Failure> {
        let before = wait(self.kept())??.pop();
        let before = before.map_or_else(|| "none".to_owned(), |kept| kept.entry.revision);
        let args = args::shown(&how.args);
        Ok(vec![
            format!("docker stack deploy {args} {}", self.0),
            format!("current: {before} → {}", coming.revision),
        ])
    }

    fn deploy(&self, image: &Path, how: &How) -> Outcome {
        let _lock = lock(&format!("swarm-{}", self.0))?;
        wait(self.bring(image, how))??;
        Ok(ExitCode::SUCCESS)
    }

    fn rollback(&self, revision: Option<&str>, within: Wait) -> Outcome {
        let _lock = lock(&format!("swarm-{}", self.0))?;
        wait(self.back(revision, within))??;
        Ok(ExitCode::SUCCESS)
    }

    fn history(&self) -> Result<Vec<Entry>, Failure> {
        Ok(kept::entries(&wait(self.kept())??))
    }

    fn status(&self) -> Result<Status, Failure> {
        Ok(wait(self.is())??)
    }
}
