//! `swarm:STACK`: a stack of Docker's swarm with the service `gateway`, which the swarm itself rolls out, one machine
//! after another, and takes back if it does not become healthy.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use super::engine::Engine;
use super::kept::{self, Kept};
use super::{HISTORY, REVISION, TARGET, args, is_name, lock, render};
use crate::commands::deploy::program::{call, wait};
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
        let service = self.service();
        // Also of those whose names begin so.
        let filter = format!("name={service}");
        let ls = ["service", "ls", "--filter", &filter];
        let ls = [ls.as_slice(), &["--format", "{{.Name}}"]].concat();
        let names = Engine::Docker.call(&ls).await?;
        if !names.lines().any(|name| name.trim() == service) {
            return Ok(None);
        }
        let labels = ["--format", "{{json .Spec.Labels}}"];
        let inspect = [&["service", "inspect"], labels.as_slice(), &[&service]].concat();
        let text = Engine::Docker.call(&inspect).await?;
        let labels: Option<Map<String, Value>> =
            serde_json::from_str(&text).context("what a service is")?;
        let labels = labels.unwrap_or_default();
        ensure!(
            labels.get(TARGET).and_then(Value::as_str) == Some(&self.0)
                && labels.contains_key(REVISION),
            "the service {service} was not deployed by goma: remove it, or choose another name"
        );
        Ok(Some(labels))
    }

    /// The label with the history; empty, if there is none.
    async fn label(&self) -> anyhow::Result<String> {
        let labels = self.labels().await?.unwrap_or_default();
        let label = labels.get(HISTORY).and_then(Value::as_str);
        Ok(label.unwrap_or_default().to_owned())
    }

    async fn kept(&self) -> anyhow::Result<Vec<Kept>> {
        Ok(kept::read(&self.label().await?))
    }

    /// The file for the last of a history.
    fn rendered(&self, history: &[Kept], label: &str) -> anyhow::Result<String> {
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

    /// Has the swarm roll it out; what the service is then is known by its history, in which every deployment is another.
    async fn apply(&self, next: Kept, within: Wait) -> anyhow::Result<()> {
        let old = self.label().await?;
        let mut history = kept::read(&old);
        let before = history.last().map(|last| last.entry.revision.clone());
        let revision = next.entry.revision.clone();
        history.push(next.clone());
        let new = kept::label(&mut history)?;
        let text = self.rendered(&history, &new)?;
        let first = ["stack", "deploy", "--detach=false", "--with-registry-auth"];
        let mut words = [first.as_slice(), &["--compose-file", "-"]].concat();
        words.extend(next.args.iter().map(String::as_str));
        words.push(&self.0);
        let applied = call(&["docker"], &words, text.as_bytes(), within.0).await;
        let unknown =
            || format!("whether {revision} serves is not known: `goma status --to {self}`");
        let now = self.label().await;
        let error = match (applied, now) {
            (Ok(_), Ok(now)) if now == new => {
                say!("revision  {revision}");
                say!("serves    from {self}");
                return Ok(());
            }
            (Ok(_), Ok(_)) => anyhow::anyhow!("the swarm did not keep {revision}"),
            (Ok(_), Err(error)) => return Err(error.context(unknown())),
            (Err(error), Ok(now)) if now == new && before.is_some() => {
                self.take_back(within).await.map_or_else(
                    |other| other.context(format!("{error:#}")),
                    |()| anyhow::anyhow!("{error:#}"),
                )
            }
            (Err(error), _) => error,
        };
        let back = self.label().await.is_ok_and(|now| now == old);
        Err(error.context(match before {
            Some(before) if back => format!("rolled back to {before}"),
            None if back => "nothing is deployed".to_owned(),
            Some(_) | None => unknown(),
        }))
    }

    /// Has the swarm go back to what the service was, and waits for it.
    async fn take_back(&self, within: Wait) -> anyhow::Result<()> {
        let service = self.service();
        let back = ["service", "rollback", "--detach=false", &service];
        call(&["docker"], &back, &[], within.0).await.map(|_| ())
    }

    fn coming(image: &Path, how: &How) -> Result<Kept, Failure> {
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
        Ok(Kept {
            entry: Entry::now(&image::revision(&place)?, "deploy"),
            image: digest.trim_start_matches("sha256:").to_owned(),
            digest: format!("{}/{}@{digest}", reference.host, reference.repository),
            golden: Vec::new(),
            args: how.args.clone(),
            ports: image::ports(&place)?,
        })
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
        let _lock = lock(Engine::Docker, &format!("swarm-{}", self.0))?;
        let next = Self::coming(image, how)?;
        wait(self.apply(next, how.wait))??;
        Ok(ExitCode::SUCCESS)
    }

    fn rollback(&self, revision: Option<&str>, within: Wait) -> Outcome {
        let _lock = lock(Engine::Docker, &format!("swarm-{}", self.0))?;
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
