//! A roll-out: whether the pods of a revision have taken the place of those before, and if not, why not.

use std::time::Duration;

use serde_json::Value;

use super::client::{Cluster, FIELD_MANAGER};
use super::kind::{Kind, items, line, name, number, text};
use super::manifests::{INSTANCE, PROGRESS_SECONDS, REVISION};
use super::watch::follow;

/// The longest text of others that is shown.
const TEXT_CHARS_MAX: usize = 300;
/// After which a failure counts that was said before: as long as a roll-out may stand still.
const GRACE: Duration = Duration::from_secs(PROGRESS_SECONDS as u64);

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

/// What was applied.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    revision: String,
    generation: u64,
    /// When, by the clock of the server.
    at: String,
}

impl Applied {
    /// What the server says that a deployment is like, once it was applied.
    pub(super) fn of(deployment: &Value) -> Self {
        let entries = items(deployment, "/metadata/managedFields").iter();
        let ours = entries.filter(|entry| text(entry, "/manager") == FIELD_MANAGER);
        // Times of the API are of one form, which sorts.
        let at = ours.map(|entry| text(entry, "/time")).max();
        Self {
            revision: revision_of(deployment).to_owned(),
            generation: number(deployment, "/metadata/generation"),
            at: at.unwrap_or_default().to_owned(),
        }
    }
}

/// Waits for the roll-out of what was applied, for some time. That it does not get on is said of the deployment, and
/// may have been said before: a controller that begins with a template once more leaves it there until a pod serves.
///
/// # Errors
/// It cannot be known.
pub(super) async fn wait(
    cluster: &Cluster,
    deployment: &str,
    applied: &Applied,
    time: Duration,
) -> anyhow::Result<Rolled> {
    let at = (Kind::Deployment, deployment);
    let new = follow(cluster, at, |object| {
        judge(object, applied, Some(&applied.at))
    });
    let mut rolled = tokio::time::timeout(time.min(GRACE), new).await.ok();
    if rolled.is_none() && time > GRACE {
        let any = follow(cluster, at, |object| judge(object, applied, None));
        rolled = tokio::time::timeout(time - GRACE, any).await.ok();
    }
    let revision = applied.revision.as_str();
    let Some(rolled) = rolled else {
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

/// What a deployment says of its roll-out; none: nothing final. As `kubectl rollout status` reads it, but for failures
/// that were said before `since`.
fn judge(object: Option<&Value>, applied: &Applied, since: Option<&str>) -> Option<Rolled> {
    let generation = applied.generation;
    let Some(object) = object else {
        return Some(Rolled::Replaced("nothing".to_owned()));
    };
    let other = revision_of(object);
    if other != applied.revision && number(object, "/metadata/generation") >= generation {
        return Some(Rolled::Replaced(shown(other)));
    }
    let seen = number(object, "/status/observedGeneration");
    if seen < generation || seen < number(object, "/metadata/generation") {
        return None;
    }
    for condition in items(object, "/status/conditions") {
        let said = ["/type", "/status", "/reason"].map(|key| text(condition, key));
        let is_failure = matches!(
            said,
            ["Progressing", "False", "ProgressDeadlineExceeded"] | ["ReplicaFailure", "True", _]
        );
        let said_at = text(condition, "/lastUpdateTime");
        if is_failure && since.is_none_or(|since| said_at > since) {
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
        let entry = |manager: &str, time: &str| json!({"manager": manager, "time": time});
        json!({
            "metadata": {
                "generation": 3,
                "annotations": {REVISION: "r"},
                "managedFields": [
                    entry("kubectl", "2026-01-01T00:00:09Z"),
                    entry("goma", "2026-01-01T00:00:05Z"),
                ],
            },
            "spec": {"replicas": 2},
            "status": status,
        })
    }

    fn judged(object: Option<&Value>) -> Option<Rolled> {
        let applied = Applied::of(&deployment(Value::Null));
        judge(object, &applied, Some(&applied.at))
    }

    /// K-REC-7: what serves is counted, not what was made.
    #[test]
    fn when_a_roll_out_is_over() {
        let ready = json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        let with = |key: &str, value: Value| {
            let mut status = ready.clone();
            status[key] = value;
            judged(Some(&deployment(status)))
        };
        assert_eq!(with("replicas", json!(2)), Some(Rolled::Complete));
        // The controller has not seen it yet: all these numbers are of before.
        assert_eq!(with("observedGeneration", json!(2)), None);
        for key in ["updatedReplicas", "availableReplicas"] {
            assert_eq!(with(key, json!(1)), None, "{key}");
        }
        assert_eq!(with("replicas", json!(3)), None, "one of before is left");
        let mut other = deployment(ready.clone());
        other["metadata"]["annotations"][REVISION] = json!("other");
        assert_eq!(
            judged(Some(&other)),
            Some(Rolled::Replaced("other".to_owned()))
        );
        assert_eq!(judged(None), Some(Rolled::Replaced("nothing".to_owned())));
    }

    /// K-REC-7: that the revision before did not get on says nothing of this one, at first.
    #[test]
    fn a_failure_of_before() {
        let of = |time: Value| {
            deployment(json!({"observedGeneration": 3, "conditions": [{
                "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                "message": "m", "lastUpdateTime": time,
            }]}))
        };
        let stuck = Some(Rolled::Stuck("m".to_owned()));
        assert_eq!(judged(Some(&of(json!("2026-01-01T00:00:06Z")))), stuck);
        let applied = Applied::of(&deployment(Value::Null));
        for time in [
            json!("2026-01-01T00:00:05Z"),
            json!("2025-12-31T23:59:59Z"),
            Value::Null,
        ] {
            let old = of(time);
            assert_eq!(judged(Some(&old)), None, "{old}");
            assert_eq!(judge(Some(&old), &applied, None), stuck, "it stays");
        }
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
