//! Whose the number of pods is. What a release does not say of it stays as it is: an API server removes a field
//! that whoever applied it no longer says and nobody else has said, and one pod is what it then puts there. So the
//! number is handed to a second name of ours first, from which a release that says one takes it back.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::client::{Apply, Cluster, FIELD_MANAGER, REPLICAS_MANAGER};
use super::kind::{Kind, items, name, text};

/// Applies a deployment; what it then is like.
///
/// # Errors
/// Others say something else of a field, or the server will not have it.
pub(super) async fn apply(
    cluster: &Cluster,
    deployment: &Value,
    how: Apply,
) -> anyhow::Result<Value> {
    let live = cluster.get(Kind::Deployment, name(deployment)).await?;
    let live = live.unwrap_or_default();
    let number = live.pointer(REPLICAS).filter(|number| number.is_u64());
    let owners = owners(&live);
    let says = deployment.pointer(REPLICAS).is_some();
    match number {
        Some(number) if !says && owners == [FIELD_MANAGER] => {
            if how.dry_run {
                return cluster.apply(&with(deployment, number)?, how).await;
            }
            cluster
                .apply_as(REPLICAS_MANAGER, &only(deployment, number), how)
                .await?;
            cluster.apply(deployment, how).await
        }
        Some(_) if says && !how.force && is_ours(&owners) => {
            // Whether others say something else of the rest.
            cluster.apply(&without(deployment), how).await?;
            let how = Apply { force: true, ..how };
            cluster.apply(deployment, how).await
        }
        Some(_) | None => cluster.apply(deployment, how).await,
    }
}

const REPLICAS: &str = "/spec/replicas";

/// Who has said how many pods there are to be.
fn owners(live: &Value) -> Vec<&str> {
    let entries = items(live, "/metadata/managedFields").iter();
    entries
        .filter(|entry| entry.pointer("/fieldsV1/f:spec/f:replicas").is_some())
        .map(|entry| text(entry, "/manager"))
        .collect()
}

/// Whether it was handed over, and nobody else has said something since.
fn is_ours(owners: &[&str]) -> bool {
    owners.contains(&REPLICAS_MANAGER)
        && owners
            .iter()
            .all(|owner| [FIELD_MANAGER, REPLICAS_MANAGER].contains(owner))
}

fn with(deployment: &Value, number: &Value) -> anyhow::Result<Value> {
    let mut deployment = deployment.clone();
    let spec = deployment
        .pointer_mut("/spec")
        .and_then(Value::as_object_mut);
    let spec = spec.context("the deployment is none")?;
    spec.insert("replicas".to_owned(), number.clone());
    Ok(deployment)
}

fn without(deployment: &Value) -> Value {
    let mut deployment = deployment.clone();
    let spec = deployment
        .pointer_mut("/spec")
        .and_then(Value::as_object_mut);
    spec.map(|spec| spec.remove("replicas"));
    deployment
}

/// Nothing of it but how many pods there are.
fn only(deployment: &Value, number: &Value) -> Value {
    json!({
        "apiVersion": deployment.get("apiVersion"),
        "kind": deployment.get("kind"),
        "metadata": {
            "name": name(deployment),
            "namespace": deployment.pointer("/metadata/namespace"),
        },
        "spec": {"replicas": number},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_said_how_many() {
        let entry = |manager: &str, fields: Value| json!({"manager": manager, "fieldsV1": fields});
        let replicas = || json!({"f:spec": {"f:replicas": {}}});
        let live = |entries: &[Value]| json!({"metadata": {"managedFields": entries}});
        let goma = entry("goma", replicas());
        let handed = entry("goma-replicas", replicas());
        let other = entry("kubectl", replicas());
        let rest = entry("kubelet", json!({"f:spec": {"f:template": {}}}));
        assert_eq!(owners(&live(&[goma.clone(), rest])), ["goma"]);
        assert!(is_ours(&owners(&live(&[goma.clone(), handed.clone()]))));
        assert!(!is_ours(&owners(&live(&[goma]))), "nothing is in the way");
        assert!(!is_ours(&owners(&live(&[handed, other]))));
        assert!(!is_ours(&owners(&Value::Null)));
    }
}
