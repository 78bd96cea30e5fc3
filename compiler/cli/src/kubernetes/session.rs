//! What commands ask of a cluster, one after the other.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::client::Cluster;
use super::deploy::{Became, Deployed};
use super::place::Place;
use super::record::Release;
use crate::failure::Failure;
use crate::golden::Golden;
use crate::history::{self, Entry};
use crate::terminal::say;

/// A gateway of a cluster that is asked.
pub(crate) struct Session {
    runtime: Runtime,
    deployed: Deployed,
}

/// What is to be deployed.
pub(crate) struct Asked {
    /// Its revision.
    pub(crate) revision: String,
    /// What it consists of.
    pub(crate) objects: Vec<Value>,
    /// What it must answer.
    pub(crate) golden: Vec<Golden>,
    /// What was decided about the objects, as it was written.
    pub(crate) args: Vec<String>,
    /// What others say of the same fields does not count.
    pub(crate) force: bool,
}

/// What is deployed: its revision, words and lines about it, and why it does not serve.
pub(crate) type Known = (String, Vec<(&'static str, String)>, Option<String>);

impl Session {
    /// Asks the cluster for what was deployed.
    ///
    /// # Errors
    /// There is no such cluster, or it does not say.
    pub(crate) fn open(place: &Place) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        let deployed = runtime.block_on(async {
            let context = place.context.as_deref();
            let cluster = Cluster::open(context, place.namespace.as_deref()).await?;
            Deployed::open(cluster, &place.name).await
        })?;
        Ok(Self { runtime, deployed })
    }

    /// Where the objects are.
    pub(crate) fn namespace(&self) -> &str {
        &self.deployed.cluster.namespace
    }

    /// What was decided about the objects of the last release.
    pub(crate) fn last_args(&self) -> &[String] {
        let last = self.deployed.records.last();
        last.map(|record| record.release.args.as_slice())
            .unwrap_or_default()
    }

    /// What deploying would change.
    ///
    /// # Errors
    /// The cluster would not have it, or does not say.
    pub(crate) fn changes(&self, asked: &Asked) -> anyhow::Result<Vec<String>> {
        let release = asked.release();
        self.runtime
            .block_on(self.deployed.changes(&release, asked.force))
    }

    /// Deploys.
    ///
    /// # Errors
    /// It does not serve, or is refused.
    pub(crate) fn deploy(&self, asked: &Asked, time: Duration) -> Result<(), Failure> {
        self.bring(&asked.release(), (asked.force, time))
    }

    /// Makes a revision current that was so before; none: the one before the current one.
    ///
    /// # Errors
    /// There is none, or as for [`Self::deploy`].
    pub(crate) fn rollback(&self, named: Option<&str>, time: Duration) -> Result<(), Failure> {
        let state = self.runtime.block_on(self.deployed.status())?;
        let current = state.map(|state| state.revision);
        let wanted = history::before(&self.history(), current.as_deref(), named, |_| true)?;
        let mut records = self.deployed.records.iter().rev();
        let found = records.find(|record| record.release.entry.revision == wanted);
        let found = found.context("its objects are not there any more")?;
        let release = Release {
            entry: Entry::now(&wanted, "rollback"),
            ..found.release.clone()
        };
        // They were ours.
        self.bring(&release, (true, time))
    }

    /// What was deployed, the last at the end.
    pub(crate) fn history(&self) -> Vec<Entry> {
        self.deployed.entries()
    }

    /// What is deployed now.
    ///
    /// # Errors
    /// The cluster does not say.
    pub(crate) fn status(&self) -> anyhow::Result<Option<Known>> {
        let state = self.runtime.block_on(self.deployed.status())?;
        Ok(state.map(|state| {
            let facts = vec![("image", state.image), ("pods", state.pods)];
            (state.revision, facts, state.why)
        }))
    }

    fn bring(&self, release: &Release, how: (bool, Duration)) -> Result<(), Failure> {
        let Deployed { cluster, name, .. } = &self.deployed;
        let revision = &release.entry.revision;
        match self.runtime.block_on(self.deployed.bring(release, how))? {
            Became::Serves => {
                say!("revision  {revision}");
                say!("serves    as {}/{name}", cluster.namespace);
                Ok(())
            }
            Became::Nothing(why) => Err(Failure::with_help(
                format!("{revision} was not deployed: {why}"),
                "nothing was changed",
            )),
            Became::TakenBack(why, Some(before)) => Err(Failure::Failed {
                message: format!("{revision} was not deployed: {why}; {before} serves"),
                help: None,
            }),
            Became::TakenBack(why, None) => Err(Failure::with_help(
                format!("{revision} does not serve: {why}"),
                "nothing was deployed before that could take its place: it is left as it is",
            )),
        }
    }
}

impl Asked {
    fn release(&self) -> Release {
        Release {
            entry: Entry::now(&self.revision, "deploy"),
            objects: self.objects.clone(),
            golden: self.golden.clone(),
            args: self.args.clone(),
        }
    }
}
