//! A roll-out: whether the pods of a revision have taken the place of those before, and if not, why not.

use std::time::Duration;

use serde_json::Value;

use super::client::Cluster;
use super::kind::{Kind, items, line, name, number, text};
use super::manifests::{INSTANCE, REVISION};
use super::watch::follow;

/// The longest text of others that is shown.
const TEXT_CHARS_MAX: usize = 300;

/// How a roll-out ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rolled {
    /// Its pods serve, and no others do.
    Complete,
    /// Something else was deployed meanwhile.
    Replaced(String),
    /// It came to nothing, for a reason.
    Stuck(String),
}

/// Waits for the roll-out of a revision that was applied as a generation, for some time.
///
/// # Errors
/// It cannot be known.
pub(super) async fn wait(
    cluster: &Cluster,
    deployment: &str,
    (revision, generation): (&str, u64),
    time: Duration,
) -> anyhow::Result<Rolled> {
    let judge = |object: Option<&Value>| judge(object, revision, generation);
    let followed = follow(cluster, (Kind::Deployment, deployment), judge);
    let Ok(rolled) = tokio::time::timeout(time, followed).await else {
        let seconds = time.as_secs();
        let why = reasons(cluster, deployment, revision).await;
        return Ok(Rolled::Stuck(why.unwrap_or_else(|| {
            format!("it does not serve after {seconds} seconds")
        })));
    };
    Ok(match rolled? {
        Rolled::Stuck(message) => {
            let why = reasons(cluster, deployment, revision).await;
            Rolled::Stuck(why.unwrap_or(message))
        }
        rolled @ (Rolled::Complete | Rolled::Replaced(_)) => rolled,
    })
}

/// What a deployment says of its roll-out; none: nothing final. As `kubectl rollout status` reads it.
pub(super) fn judge(object: Option<&Value>, revision: &str, generation: u64) -> Option<Rolled> {
    let Some(object) = object else {
        return Some(Rolled::Replaced("nothing".to_owned()));
    };
    let other = revision_of(object);
    if other != revision && number(object, "/metadata/generation") >= generation {
        return Some(Rolled::Replaced(shown(other)));
    }
    let seen = number(object, "/status/observedGeneration");
    if seen < generation || seen < number(object, "/metadata/generation") {
        return None;
    }
    for condition in items(object, "/status/conditions") {
        let said = ["/type", "/status", "/reason"].map(|key| text(condition, key));
        if matches!(
            said,
            ["Progressing", "False", "ProgressDeadlineExceeded"] | ["ReplicaFailure", "True", _]
        ) {
            return Some(Rolled::Stuck(shown(text(condition, "/message"))));
        }
    }
    is_complete(object).then_some(Rolled::Complete)
}

/// Whether as many pods as wanted are of this template and serve, and there are no others.
pub(super) fn is_complete(object: &Value) -> bool {
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64);
    let wanted = wanted.unwrap_or(1);
    let all = ["updatedReplicas", "replicas", "availableReplicas"];
    all.iter()
        .all(|key| number(object, &format!("/status/{key}")) == wanted)
        && number(object, "/status/observedGeneration") >= number(object, "/metadata/generation")
}

/// Which revision an object says it is.
pub(super) fn revision_of(object: &Value) -> &str {
    let annotations = object.pointer("/metadata/annotations");
    let revision = annotations.and_then(|annotations| annotations.get(REVISION)?.as_str());
    revision.unwrap_or_default()
}

/// Why pods of a revision do not serve: the first that says so, and what it logged last.
pub(super) async fn reasons(cluster: &Cluster, instance: &str, revision: &str) -> Option<String> {
    let selector = format!("{INSTANCE}={instance}");
    let pods = cluster
        .list(Kind::Pod, ("labelSelector", &selector))
        .await
        .ok()?;
    let mut pods = items(&pods, "/items").iter();
    let (pod, why) = pods.find_map(|pod| {
        let is_of_it = revision_of(pod) == revision;
        Some((pod, is_of_it.then(|| reason(pod))??))
    })?;
    let log = cluster.log(name(pod), "1").await.unwrap_or_default();
    let log = log.trim();
    Some(if log.is_empty() {
        why
    } else {
        format!("{why}; it logs: {}", shown(log))
    })
}

/// Why a pod does not serve, if it knows.
pub(super) fn reason(pod: &Value) -> Option<String> {
    let pod_name = name(pod);
    for status in items(pod, "/status/containerStatuses") {
        if status.pointer("/ready").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        if let Some(waiting) = status.pointer("/state/waiting") {
            let said = ["/reason", "/message"].map(|key| shown(text(waiting, key)));
            if said[0] != "ContainerCreating" {
                let said = said.join(" ");
                return Some(format!("pod {pod_name}: {}", said.trim()));
            }
        }
        if let Some(ended) = status.pointer("/state/terminated") {
            let code = number(ended, "/exitCode");
            return Some(format!("pod {pod_name} ended with {code}"));
        }
        if status.pointer("/state/running").is_some() {
            return Some(format!("pod {pod_name} runs and is not ready"));
        }
    }
    for condition in items(pod, "/status/conditions") {
        let said = ["/type", "/status"].map(|key| text(condition, key));
        if said == ["PodScheduled", "False"] {
            let message = shown(text(condition, "/message"));
            return Some(format!("pod {pod_name} finds no node: {message}"));
        }
    }
    None
}

/// A text of others, on one line.
pub(super) fn shown(text: &str) -> String {
    line(text, TEXT_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(status: Value) -> Value {
        json!({
            "metadata": {"generation": 3, "annotations": {REVISION: "r"}},
            "spec": {"replicas": 2},
            "status": status,
        })
    }

    /// K-REC-7: what serves is counted, not what was made.
    #[test]
    fn when_a_roll_out_is_over() {
        let ready = json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        let with = |key: &str, value: Value| {
            let mut status = ready.clone();
            status[key] = value;
            judge(Some(&deployment(status)), "r", 3)
        };
        assert_eq!(with("replicas", json!(2)), Some(Rolled::Complete));
        // The controller has not seen it yet: all these numbers are of before.
        assert_eq!(with("observedGeneration", json!(2)), None);
        for key in ["updatedReplicas", "availableReplicas"] {
            assert_eq!(with(key, json!(1)), None, "{key}");
        }
        assert_eq!(with("replicas", json!(3)), None, "one of before is left");
        let conditions = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"}]);
        assert_eq!(
            with("conditions", conditions),
            Some(Rolled::Stuck("m".to_owned()))
        );
        let mut other = deployment(ready.clone());
        other["metadata"]["annotations"][REVISION] = json!("other");
        assert_eq!(
            judge(Some(&other), "r", 3),
            Some(Rolled::Replaced("other".to_owned()))
        );
        assert_eq!(
            judge(None, "r", 3),
            Some(Rolled::Replaced("nothing".to_owned()))
        );
    }

    #[test]
    fn why_a_pod_does_not_serve() {
        let pod = |state: Value| json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [{"ready": false, "state": state}]}});
        let waiting = |reason| pod(json!({"waiting": {"reason": reason, "message": "of\nit"}}));
        let expected = Some("pod p: ImagePullBackOff of it".to_owned());
        assert_eq!(reason(&waiting("ImagePullBackOff")), expected);
        assert_eq!(reason(&waiting("ContainerCreating")), None);
        let ended = pod(json!({"terminated": {"exitCode": 1}}));
        assert_eq!(reason(&ended), Some("pod p ended with 1".to_owned()));
    }
}
