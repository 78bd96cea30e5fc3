//! Golden requests: a pod of the new revision that no service sends requests to must answer them, before anything
//! is changed for others. It is asked by way of the API server, which needs the right `pods/proxy`.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::client::{Cluster, message};
use super::kind::{Kind, items, name, number, text};
use super::manifests::trial;
use super::rollout::{reason, shown};
use super::watch::follow;
use crate::golden::Golden;

/// After which a pod ends that nobody deletes, in seconds.
const LIFE_SECONDS: u32 = 3600;
/// A container that waits for one of these waits for something that does not come by itself.
const HOPELESS: [&str; 6] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// A pod as those of a deployment, for a revision.
pub(super) fn pod(deployment: &Value, revision: &str) -> Value {
    let mut pod = trial(
        deployment,
        &format!("{}-trial-{revision}", name(deployment)),
    );
    if let Some(spec) = pod.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.insert("activeDeadlineSeconds".to_owned(), LIFE_SECONDS.into());
    }
    pod
}

/// Has such a pod answer golden requests. Whoever asks for it removes it.
///
/// # Errors
/// It does not serve in time, or answers otherwise.
pub(super) async fn hold(
    cluster: &Cluster,
    pod: &Value,
    golden: &[Golden],
    time: Duration,
) -> anyhow::Result<()> {
    remove(cluster, name(pod), time).await?;
    cluster.create(pod).await?;
    answers(cluster, pod, golden, time).await
}

/// One that an earlier attempt left.
async fn remove(cluster: &Cluster, pod: &str, time: Duration) -> anyhow::Result<()> {
    cluster.delete(Kind::Pod, pod).await?;
    let gone = |object: Option<&Value>| object.is_none().then_some(());
    let gone = follow(cluster, (Kind::Pod, pod), gone);
    let gone = tokio::time::timeout(time, gone).await;
    gone.with_context(|| format!("the pod {pod} does not end"))?
}

async fn answers(
    cluster: &Cluster,
    pod: &Value,
    golden: &[Golden],
    time: Duration,
) -> anyhow::Result<()> {
    let pod_name = name(pod);
    let port = pod
        .pointer("/spec/containers/0/ports")
        .and_then(Value::as_array)
        .and_then(|ports| ports.iter().find(|port| text(port, "/name") == "http"))
        .and_then(|port| u16::try_from(number(port, "/containerPort")).ok());
    let port = port.context("a gateway without `web` answers no golden requests")?;
    let mut last = None;
    let judge = |object: Option<&Value>| {
        last = object.and_then(reason);
        settled(object)
    };
    let settled = follow(cluster, (Kind::Pod, pod_name), judge);
    match tokio::time::timeout(time, settled).await {
        Ok(settled) => {
            if let Err(why) = settled? {
                let log = cluster.log(pod_name, "1").await.unwrap_or_default();
                let log = log.trim();
                ensure!(!log.is_empty(), "{why}");
                bail!("{why}; it logs: {}", shown(log));
            }
        }
        Err(_) => {
            let seconds = time.as_secs();
            bail!(
                last.unwrap_or_else(|| format!(
                    "{pod_name} does not serve after {seconds} seconds"
                ))
            );
        }
    }
    let asked = tokio::time::timeout(time, ask(cluster, (pod_name, port), golden));
    asked.await.unwrap_or_else(|_| {
        let seconds = time.as_secs();
        bail!("its golden requests were not answered after {seconds} seconds")
    })
}

async fn ask(cluster: &Cluster, at: (&str, u16), golden: &[Golden]) -> anyhow::Result<()> {
    for golden in golden {
        let asked = cluster.through(at, golden.request());
        let asked = asked.await.with_context(|| golden.to_string())?;
        check(golden, asked)?;
    }
    Ok(())
}

/// What the server says itself is no answer of the gateway.
fn check(golden: &Golden, (status, body): (u16, Vec<u8>)) -> anyhow::Result<()> {
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    if (text(&said, "/kind"), text(&said, "/apiVersion")) == ("Status", "v1") {
        bail!("{golden}: the server answers {status} {}", message(&said));
    }
    ensure!(golden.is(status), "{golden}: {status} came");
    Ok(())
}

/// Whether a pod serves; none: it may still.
fn settled(pod: Option<&Value>) -> Option<Result<(), String>> {
    let Some(pod) = pod else {
        return Some(Err("the pod for golden requests was deleted".to_owned()));
    };
    let conditions = items(pod, "/status/conditions").iter();
    let ready = conditions.map(|condition| ["/type", "/status"].map(|key| text(condition, key)));
    if ready
        .into_iter()
        .any(|condition| condition == ["Ready", "True"])
    {
        return Some(Ok(()));
    }
    let failed = text(pod, "/status/phase") == "Failed";
    let waiting = items(pod, "/status/containerStatuses").iter();
    let hopeless = waiting
        .map(|status| text(status, "/state/waiting/reason"))
        .any(|reason| HOPELESS.contains(&reason));
    let why = || reason(pod).unwrap_or_else(|| shown(text(pod, "/status/message")));
    (failed || hopeless).then(|| Err(why()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_serves_or_never_will() {
        let pod = |status: Value| json!({"metadata": {"name": "p"}, "status": status});
        let waits = |reason| {
            pod(
                json!({"phase": "Pending", "containerStatuses": [{"ready": false, "state": {"waiting": {"reason": reason}}}]}),
            )
        };
        assert_eq!(settled(Some(&waits("ContainerCreating"))), None);
        let error = Some(Err("pod p: ImagePullBackOff".to_owned()));
        assert_eq!(settled(Some(&waits("ImagePullBackOff"))), error);
        let ready = pod(json!({"conditions": [{"type": "Ready", "status": "True"}]}));
        assert_eq!(settled(Some(&ready)), Some(Ok(())));
        let failed = pod(
            json!({"phase": "Failed", "containerStatuses": [{"ready": false, "state": {"terminated": {"exitCode": 1}}}]}),
        );
        let error = Some(Err("pod p ended with 1".to_owned()));
        assert_eq!(settled(Some(&failed)), error);
        assert!(settled(None).is_some_and(|settled| settled.is_err()));
    }

    /// A server that refuses is none that has the route.
    #[test]
    fn what_the_server_says_itself_is_no_answer() {
        let golden: Golden = "GET http://h/a 403".parse().unwrap();
        assert!(check(&golden, (403, b"no".to_vec())).is_ok());
        let refusal = json!({"kind": "Status", "apiVersion": "v1", "message": "pods/proxy"});
        let error = check(&golden, (403, refusal.to_string().into_bytes())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "GET http://h/a 403: the server answers 403 pods/proxy"
        );
        let error = check(&golden, (200, Vec::new())).unwrap_err();
        assert_eq!(error.to_string(), "GET http://h/a 403: 200 came");
    }
}
