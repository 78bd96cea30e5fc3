//! The objects of a gateway without operator (K-CMD-3): what they say follows from what the gateway needs and from
//! what was decided, byte for byte. Nobody is asked, and no value of a variable is in them.

use serde_json::{Map, Value, json};

use super::needs::Needs;
use super::options::{Autoscale, Options};
use super::pod;

/// How the annotation is called that names the revision (K-BUILD-5).
pub(super) const REVISION: &str = "gateway.jkaninda.dev/revision";
/// How the label is called that says who looks after an object, and what it says of ours.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "goma");
/// How the label is called that says whose an object is.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";
/// How long a roll-out may stand still, in seconds (K-BUILD-6).
pub(super) const PROGRESS_SECONDS: u32 = 120;
/// Replica sets that the cluster keeps.
const REPLICA_SETS: u32 = 10;

/// What objects are of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gateway<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Where it is; none: where the reader of the objects is.
    pub(crate) namespace: Option<&'a str>,
    /// `HOST/REPOSITORY@sha256:…`
    pub(crate) image: &'a str,
    /// What it was built from.
    pub(crate) revision: &'a str,
}

/// All objects, in the order in which they are wanted.
pub(crate) fn manifests(of: Gateway<'_>, needs: &Needs, options: &Options) -> Vec<Value> {
    let mut objects = vec![
        service_account(of),
        overlay(of),
        network_policy(of, needs),
        service(of, needs, options),
        deployment(of, needs, options),
    ];
    let least = options
        .autoscale
        .map_or(options.replicas, |bounds| Some(bounds.min));
    if least.is_some_and(|least| least > 1) {
        objects.push(disruption_budget(of));
    }
    if let Some(bounds) = options.autoscale {
        objects.push(autoscaler(of, bounds, options.cpu));
    }
    objects
}

/// The pod that golden requests are held against: as those of the deployment, but no service, no policy and no
/// budget takes it for one of them.
pub(super) fn trial(deployment: &Value, name: &str) -> Value {
    let namespace = deployment.pointer("/metadata/namespace");
    let instance = deployment.pointer("/metadata/name");
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/component": "trial",
                INSTANCE: instance,
                MANAGED_BY.0: MANAGED_BY.1,
            },
        },
        "spec": deployment.pointer("/spec/template/spec"),
    });
    if let Some(spec) = pod.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.insert("restartPolicy".to_owned(), "Never".into());
    }
    pod
}

/// What every object begins with.
fn object(of: Gateway<'_>, (api, kind): (&str, &str), name: &str, rest: Value) -> Value {
    let mut labels = selector(of);
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.into());
    labels.insert(
        "app.kubernetes.io/part-of".to_owned(),
        "goma-gateway".into(),
    );
    let mut metadata = json!({"name": name, "labels": labels});
    if let (Some(namespace), Some(metadata)) = (of.namespace, metadata.as_object_mut()) {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": metadata});
    if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
        object.extend(rest);
    }
    object
}

/// By which pods are found.
fn selector(of: Gateway<'_>) -> Map<String, Value> {
    [("app", of.name), (INSTANCE, of.name)]
        .map(|(label, value)| (label.to_owned(), value.into()))
        .into_iter()
        .collect()
}

fn service_account(of: Gateway<'_>) -> Value {
    let rest = json!({"automountServiceAccountToken": false});
    object(of, ("v1", "ServiceAccount"), &account(of), rest)
}

fn account(of: Gateway<'_>) -> String {
    format!("{}-gateway", of.name)
}

/// Without data: those are of whoever switches routes while they run, and a deployment leaves them alone.
fn overlay(of: Gateway<'_>) -> Value {
    object(of, ("v1", "ConfigMap"), &overlay_name(of), json!({}))
}

fn overlay_name(of: Gateway<'_>) -> String {
    format!("{}-overlay", of.name)
}

/// Nobody reaches a port that it does not offer. What it may reach is not limited: backends are names.
fn network_policy(of: Gateway<'_>, needs: &Needs) -> Value {
    let ports: Vec<Value> = ports(needs)
        .map(|(_, port, protocol)| json!({"port": port, "protocol": protocol}))
        .collect();
    let rest = json!({"spec": {
        "podSelector": {"matchLabels": selector(of)},
        "policyTypes": ["Ingress"],
        "ingress": if ports.is_empty() { json!([]) } else { json!([{"ports": ports}]) },
    }});
    object(of, ("networking.k8s.io/v1", "NetworkPolicy"), of.name, rest)
}

fn service(of: Gateway<'_>, needs: &Needs, options: &Options) -> Value {
    let ports: Vec<Value> = ports(needs)
        .map(|(name, port, protocol)| {
            json!({"name": name, "port": port, "protocol": protocol, "targetPort": name})
        })
        .collect();
    let rest = json!({"spec": {
        "type": options.service.name(),
        "selector": selector(of),
        "ports": ports,
    }});
    object(of, ("v1", "Service"), of.name, rest)
}

/// Name, number and protocol of each port.
pub(super) fn ports(needs: &Needs) -> impl Iterator<Item = (String, u16, &'static str)> {
    let web = needs.web.map(|port| ("http".to_owned(), port, "TCP"));
    let forwards = needs.forwards.iter().map(|(port, protocol)| {
        let upper = if *protocol == "udp" { "UDP" } else { "TCP" };
        (format!("{protocol}-{port}"), *port, upper)
    });
    web.into_iter().chain(forwards)
}

fn deployment(of: Gateway<'_>, needs: &Needs, options: &Options) -> Value {
    let names = pod::Names {
        account: account(of),
        overlay: overlay_name(of),
        env: options
            .env_secret
            .clone()
            .unwrap_or_else(|| env_secret(of.name)),
    };
    let mut spec = json!({
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "revisionHistoryLimit": REPLICA_SETS,
        "selector": {"matchLabels": selector(of)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "template": {
            "metadata": {"labels": selector(of), "annotations": {REVISION: of.revision}},
            "spec": pod::spec(of.image, &names, needs, options),
        },
    });
    if let (Some(replicas), Some(spec)) = (options.replicas, spec.as_object_mut()) {
        spec.insert("replicas".to_owned(), replicas.into());
    }
    let mut object = object(
        of,
        ("apps/v1", "Deployment"),
        of.name,
        json!({"spec": spec}),
    );
    if let Some(metadata) = object
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.insert("annotations".to_owned(), json!({REVISION: of.revision}));
    }
    object
}

/// The Secret with the variables of a gateway, unless another is named.
pub(crate) fn env_secret(name: &str) -> String {
    format!("{name}-env")
}

fn disruption_budget(of: Gateway<'_>) -> Value {
    let rest = json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": selector(of)}}});
    object(of, ("policy/v1", "PodDisruptionBudget"), of.name, rest)
}

fn autoscaler(of: Gateway<'_>, bounds: Autoscale, cpu: u32) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": cpu});
    let rest = json!({"spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": of.name},
        "minReplicas": bounds.min,
        "maxReplicas": bounds.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }});
    object(
        of,
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        of.name,
        rest,
    )
}
