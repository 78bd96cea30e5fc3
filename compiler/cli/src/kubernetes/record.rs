//! The history of a gateway: one `ControllerRevision` for each release that served, with the objects that it
//! consisted of. They belong to the deployment, and go with it.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::client::Cluster;
use super::kind::{Kind, is_object_name, items, name, number, text};
use super::manifests::{INSTANCE, MANAGED_BY};
use crate::golden::{GOLDEN_MAX, Golden};
use crate::history::Entry;

/// Releases that are kept.
const KEPT_MAX: usize = 10;
/// Most objects of a release.
const OBJECTS_MAX: usize = 16;

/// What is deployed as one.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// Which revision, when, and how.
    pub(super) entry: Entry,
    /// What it consists of.
    pub(super) objects: Vec<Value>,
    /// What it must answer.
    pub(super) golden: Vec<Golden>,
    /// What was decided about the objects, as it was written.
    pub(super) args: Vec<String>,
}

/// A release that served.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Counts up.
    number: u64,
    name: String,
    /// What served.
    pub(super) release: Release,
}

impl Release {
    /// The object that has the pods.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn deployment(&self) -> anyhow::Result<&Value> {
        let mut objects = self.objects.iter();
        let found = objects.find(|object| Kind::of(object) == Some(Kind::Deployment));
        found.context("the release has no deployment")
    }

    fn data(&self) -> Value {
        let Self {
            entry,
            objects,
            golden,
            args,
        } = self;
        let golden: Vec<String> = golden.iter().map(Golden::to_string).collect();
        json!({"entry": entry.json(), "objects": objects, "golden": golden, "args": args})
    }

    /// None: goma did not write it, or another goma that knew more.
    fn read(data: &Value) -> Option<Self> {
        let texts = |key: &str| {
            let texts = items(data, key).iter();
            texts
                .map(|text| text.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        };
        let objects = items(data, "/objects").to_vec();
        let golden = texts("/golden")?.into_iter().map(|text| text.parse().ok());
        let golden: Vec<Golden> = golden.collect::<Option<_>>()?;
        let fits = (1..=OBJECTS_MAX).contains(&objects.len())
            && golden.len() <= GOLDEN_MAX
            && objects
                .iter()
                .all(|object| Kind::of(object).is_some() && is_object_name(name(object)));
        fits.then_some(Self {
            entry: Entry::read(data.get("entry")?)?,
            objects,
            golden,
            args: texts("/args")?,
        })
    }
}

/// What served, the last at the end.
///
/// # Errors
/// It may not be read.
pub(super) async fn list(cluster: &Cluster, instance: &str) -> anyhow::Result<Vec<Record>> {
    let (managed_by, us) = MANAGED_BY;
    let selector = format!("{managed_by}={us},{INSTANCE}={instance}");
    let selector = ("labelSelector", selector.as_str());
    let list = cluster.list(Kind::ControllerRevision, selector).await?;
    let records = items(&list, "/items").iter().filter_map(|object| {
        Some(Record {
            number: number(object, "/revision"),
            name: name(object).to_owned(),
            release: Release::read(object.get("data")?)?,
        })
    });
    let mut records: Vec<Record> = records.collect();
    records.sort_by_key(|record| record.number);
    Ok(records)
}

/// Adds a release that serves to those before, and removes the oldest.
///
/// # Errors
/// It may not be written.
pub(super) async fn add(
    cluster: &Cluster,
    deployment: &Value,
    release: &Release,
    before: &[Record],
) -> anyhow::Result<()> {
    let instance = name(deployment);
    let owner = json!({
        "apiVersion": "apps/v1",
        "kind": Kind::Deployment.name(),
        "name": instance,
        "uid": text(deployment, "/metadata/uid"),
    });
    let mut number = before.last().map_or(0, |record| record.number);
    // Somebody else may add one at the same time.
    for _ in 0..KEPT_MAX {
        number += 1;
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": Kind::ControllerRevision.name(),
            "metadata": {
                "name": format!("{instance}-goma-{number}"),
                "namespace": cluster.namespace,
                "labels": {INSTANCE: instance, MANAGED_BY.0: MANAGED_BY.1},
                "ownerReferences": [owner],
            },
            "revision": number,
            "data": release.data(),
        });
        if cluster.create_with_data(&object).await? {
            prune(cluster, before).await;
            return Ok(());
        }
    }
    bail!("others deploy {instance} at the same time")
}

/// Removes the oldest, so that there is room for one more.
async fn prune(cluster: &Cluster, before: &[Record]) {
    let many = (before.len() + 1).saturating_sub(KEPT_MAX);
    for record in before.iter().take(many) {
        let deleted = cluster.delete(Kind::ControllerRevision, &record.name);
        if let Err(error) = deleted.await {
            eprintln!("note: an old release is left in the history: {error:#}");
        }
    }
}
