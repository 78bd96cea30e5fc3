//! The way of a release into a cluster: tried, applied, waited for, and taken back if it does not serve.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::both::reaching_both;
use super::changes::changes;
use super::client::{Apply, Cluster};
use super::kind::{Kind, items, name, number, text};
use super::manifests::MANAGED_BY;
use super::record::{self, Record, Release};
use super::replicas;
use super::rollout::{self, Applied, Rolled, shown};
use super::trial;
use crate::history::Entry;

/// How long a release that served before may take until it serves again.
const BACK_TIME: Duration = Duration::from_secs(300);
/// Objects that not every release has.
const OPTIONAL: [Kind; 2] = [Kind::HorizontalPodAutoscaler, Kind::PodDisruptionBudget];

/// A gateway of a cluster, and its history.
pub(super) struct Deployed {
    pub(super) cluster: Cluster,
    /// Of the gateway.
    pub(super) name: String,
    /// What served, the last at the end.
    pub(super) records: Vec<Record>,
}

/// What became of a release.
#[derive(Debug)]
pub(super) enum Became {
    /// Nothing, for a reason: nothing was changed.
    Nothing(String),
    /// It serves.
    Serves,
    /// It does not, for a reason, and what was before does, if there was something.
    TakenBack(String, Option<String>),
}

impl Deployed {
    /// The one of a name, as it is now.
    pub(super) async fn open(cluster: Cluster, name: &str) -> anyhow::Result<Self> {
        let records = record::list(&cluster, name).await?;
        Ok(Self {
            cluster,
            name: name.to_owned(),
            records,
        })
    }

    /// What applying a release would change; the server is asked, and changes nothing.
    pub(super) async fn changes(
        &self,
        release: &Release,
        force: bool,
    ) -> anyhow::Result<Vec<String>> {
        let how = Apply {
            force,
            dry_run: true,
        };
        let mut found = Vec::new();
        for object in &release.objects {
            let kind = Kind::of(object).context("there is no such kind of object")?;
            let before = self.cluster.get(kind, name(object)).await?;
            let after = self.apply(object, how).await?;
            found.extend(changes(before.as_ref(), &after));
        }
        for kind in self.leftovers(release).await? {
            found.push(format!("{} {}: deleted", kind.name(), self.name));
        }
        Ok(found)
    }

    /// Brings a release there. Nothing is changed before the server says that it will have all of it, and before
    /// it has answered its golden requests.
    ///
    /// # Errors
    /// It is refused, or it cannot be known whether it serves.
    pub(super) async fn bring(
        &self,
        release: &Release,
        (force, time): (bool, Duration),
    ) -> anyhow::Result<Became> {
        let revision = release.entry.revision.as_str();
        let before = self.revision().await?;
        self.changes(release, force).await?;
        if !release.golden.is_empty() {
            eprintln!("asking   {} golden requests", release.golden.len());
            let deployment = release.deployment()?;
            let pod = trial::pod(deployment, revision);
            let held = tokio::select! {
                held = trial::hold(&self.cluster, &pod, &release.golden, time) => held,
                stopped = stopped() => Err(stopped),
            };
            self.cluster.delete(Kind::Pod, name(&pod)).await?;
            if let Err(why) = held {
                return Ok(Became::Nothing(format!("{why:#}")));
            }
            self.is_still(before.as_deref()).await?;
        }
        let taken = tokio::select! {
            taken = self.take(release, force, time) => taken,
            stopped = stopped() => Err(stopped),
        };
        let why = match taken {
            Ok(Rolled::Complete) => {
                if let Err(error) = self.note(release).await {
                    eprintln!("note: it serves, but was not added to the history: {error:#}");
                }
                return Ok(Became::Serves);
            }
            Ok(Rolled::Replaced(other)) => {
                bail!("{}", meanwhile(Some(&other)))
            }
            Ok(Rolled::Stuck(why)) => why,
            Err(error) => format!("{error:#}"),
        };
        self.take_back(why, revision, before.as_deref()).await
    }

    /// Adds what serves to the history.
    async fn note(&self, release: &Release) -> anyhow::Result<()> {
        let deployment = self.cluster.get(Kind::Deployment, &self.name).await?;
        let deployment = deployment.context("the deployment is gone")?;
        record::add(&self.cluster, &deployment, release, &self.records).await
    }

    /// Which revision is there; none: no deployment.
    async fn revision(&self) -> anyhow::Result<Option<String>> {
        let deployment = self.cluster.get(Kind::Deployment, &self.name).await?;
        Ok(deployment.map(|deployment| rollout::revision_of(&deployment).to_owned()))
    }

    /// That nobody has deployed anything since, while golden requests were asked.
    async fn is_still(&self, before: Option<&str>) -> anyhow::Result<()> {
        let there = self.revision().await?;
        if there.as_deref() != before {
            bail!("{}", meanwhile(there.as_deref()));
        }
        Ok(())
    }

    async fn apply(&self, object: &Value, how: Apply) -> anyhow::Result<Value> {
        if Kind::of(object) == Some(Kind::Deployment) {
            return replicas::apply(&self.cluster, object, how).await;
        }
        self.cluster.apply(object, how).await
    }

    /// Applies all objects, and waits. As long as there may be pods of the revision before, they can be reached.
    async fn take(&self, release: &Release, force: bool, time: Duration) -> anyhow::Result<Rolled> {
        let how = Apply {
            force,
            dry_run: false,
        };
        let mut applied = None;
        let mut wider = Vec::new();
        for object in &release.objects {
            let kind = Kind::of(object).context("there is no such kind of object")?;
            let both = match kind {
                Kind::NetworkPolicy | Kind::Service => {
                    let there = self.cluster.get(kind, name(object)).await?;
                    reaching_both(object, there.as_ref())
                }
                _ => None,
            };
            let is = self.apply(both.as_ref().unwrap_or(object), how).await?;
            if kind == Kind::Deployment {
                applied = Some(Applied::of(&is));
            }
            wider.extend(both.is_some().then_some(object));
        }
        let applied = applied.context("the release has no deployment")?;
        for kind in self.leftovers(release).await? {
            self.cluster.delete(kind, &self.name).await?;
        }
        let revision = release.entry.revision.as_str();
        eprintln!("waiting  for the pods of {revision}");
        let rolled = rollout::wait(&self.cluster, &self.name, &applied, time).await?;
        if matches!(rolled, Rolled::Complete) {
            for object in wider {
                // It serves, on more ports than it has.
                if let Err(error) = self.apply(object, how).await {
                    eprintln!("note: ports of the revision before are still open: {error:#}");
                }
            }
        }
        Ok(rolled)
    }

    /// Makes what was there before what is there again, unless somebody else has deployed meanwhile.
    async fn take_back(
        &self,
        why: String,
        revision: &str,
        before: Option<&str>,
    ) -> anyhow::Result<Became> {
        let there = self.revision().await;
        let there = there.with_context(|| format!("{why}; it is left as it is"))?;
        if ![Some(revision), before].contains(&there.as_deref()) {
            bail!("{why}; {}", meanwhile(there.as_deref()));
        }
        // Somebody else may have added one meanwhile.
        let records = record::list(&self.cluster, &self.name).await;
        let records = records.with_context(|| format!("{why}; it is left as it is"))?;
        let Some(Record { release, .. }) = records.last() else {
            return Ok(Became::TakenBack(why, None));
        };
        let revision = release.entry.revision.clone();
        if let Some(before) = before.filter(|before| *before != revision) {
            // What served before that may be open to more people.
            bail!(
                "{why}; {}, which served, is not in the history: it is left as it is, and its pods serve as long as \
                 none of the other does",
                shown(before)
            );
        }
        eprintln!("taking   back: {why}");
        let back = self.take(release, true, BACK_TIME).await;
        let back = back.with_context(|| format!("{why}; {revision} cannot be taken back to"))?;
        match back {
            Rolled::Complete => Ok(Became::TakenBack(why, Some(revision))),
            Rolled::Replaced(other) => bail!("{why}; {other} was deployed meanwhile"),
            Rolled::Stuck(again) => {
                bail!("{why}; {revision}, which was before, does not serve: {again}")
            }
        }
    }

    /// Objects of ours that a release does not have.
    async fn leftovers(&self, release: &Release) -> anyhow::Result<Vec<Kind>> {
        let mut found = Vec::new();
        for kind in OPTIONAL {
            let mut objects = release.objects.iter();
            if objects.any(|object| Kind::of(object) == Some(kind)) {
                continue;
            }
            let object = self.cluster.get(kind, &self.name).await?;
            let (label, us) = MANAGED_BY;
            let ours = object.is_some_and(|object| {
                let labels = object.pointer("/metadata/labels");
                labels.and_then(|labels| labels.get(label)?.as_str()) == Some(us)
            });
            found.extend(ours.then_some(kind));
        }
        Ok(found)
    }

    /// What is there: its revision, what is to be said of it, and why it does not serve, if it does not.
    pub(super) async fn status(&self) -> anyhow::Result<Option<State>> {
        let Some(object) = self.cluster.get(Kind::Deployment, &self.name).await? else {
            return Ok(None);
        };
        let revision = rollout::revision_of(&object).to_owned();
        let count = |key: &str| number(&object, &format!("/status/{key}"));
        let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64);
        let wanted = wanted.unwrap_or(1);
        let ready = count("availableReplicas");
        let containers = items(&object, "/spec/template/spec/containers");
        let image = containers
            .first()
            .map(|container| text(container, "/image"));
        let why = if wanted == 0 {
            Some("no pod is wanted".to_owned())
        } else if rollout::is_complete(&object) {
            None
        } else {
            let why = rollout::reasons(&self.cluster, &self.name, &revision).await;
            Some(why.unwrap_or_else(|| "a roll-out is under way".to_owned()))
        };
        Ok(Some(State {
            image: image.unwrap_or_default().to_owned(),
            pods: format!(
                "{ready} of {wanted} serve, {} of this revision",
                count("updatedReplicas")
            ),
            revision,
            why,
        }))
    }

    /// The entries of the history.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entries = self.records.iter();
        entries.map(|record| record.release.entry.clone()).collect()
    }
}

/// That somebody else was faster; none: the deployment is gone.
fn meanwhile(other: Option<&str>) -> String {
    let other = other.map_or_else(|| "nothing".to_owned(), shown);
    format!("{other} was deployed meanwhile, which is left as it is")
}

/// What is there.
pub(super) struct State {
    /// Which revision.
    pub(super) revision: String,
    /// Of its pods.
    pub(super) image: String,
    /// How many of them serve.
    pub(super) pods: String,
    /// Why it does not serve.
    pub(super) why: Option<String>,
}

/// Waits until somebody wants to stop.
async fn stopped() -> anyhow::Error {
    let signals = signal(SignalKind::interrupt()).and_then(|interrupt| {
        let terminate = signal(SignalKind::terminate())?;
        Ok((interrupt, terminate))
    });
    match signals {
        Ok((mut interrupt, mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            anyhow::anyhow!("it was interrupted")
        }
        Err(error) => error.into(),
    }
}
