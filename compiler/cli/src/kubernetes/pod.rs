//! The pod of a gateway: nobody in particular, without rights, without a file system of its own to write to.

use serde_json::{Map, Value, json};

use super::manifests::ports;
use super::needs::{Needs, Probes};
use super::options::{Options, Quantities};
use crate::image::{PROGRAM, USER};

/// How the container is called.
const CONTAINER: &str = "goma-gateway";
/// Where the overlay is, outside of every directory that a specification is likely to name.
const OVERLAY: &str = "/run/goma/overlay";
/// What the gateway may keep for a moment.
const TEMPORARY: &str = "/tmp";
/// The most of that, and of what is written to a log file: it is the node's disk.
const TEMPORARY_MAX: &str = "64Mi";
const LOGS_MAX: &str = "1Gi";
/// Ports below are only for who has a right that the gateway is not given.
const UNPRIVILEGED: u16 = 1024;

/// How other objects are called that a pod names.
pub(super) struct Names {
    /// The service account.
    pub(super) account: String,
    /// The ConfigMap with the overlay.
    pub(super) overlay: String,
    /// The Secret with the variables.
    pub(super) env: String,
}

/// What a pod is.
pub(super) fn spec(image: &str, names: &Names, needs: &Needs, options: &Options) -> Value {
    let mut context = json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let low = ports(needs).any(|(_, port, _)| port < UNPRIVILEGED);
    if let (true, Some(context)) = (low, context.as_object_mut()) {
        let start = json!({"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"});
        context.insert("sysctls".to_owned(), json!([start]));
    }
    let (volumes, mounts) = volumes(names, needs);
    let mut spec = json!({
        "automountServiceAccountToken": false,
        // Variables of other services could be taken for those of the specification.
        "enableServiceLinks": false,
        "serviceAccountName": names.account,
        "securityContext": context,
        "terminationGracePeriodSeconds": needs.grace,
        "containers": [container(image, names, (needs, options), &mounts)],
        "volumes": volumes,
    });
    if let (Some(secret), Some(spec)) = (&options.pull_secret, spec.as_object_mut()) {
        spec.insert("imagePullSecrets".to_owned(), json!([{"name": secret}]));
    }
    spec
}

fn container(
    image: &str,
    names: &Names,
    (needs, options): (&Needs, &Options),
    mounts: &[Value],
) -> Value {
    let ports: Vec<Value> = ports(needs)
        .map(|(name, port, protocol)| {
            json!({"name": name, "containerPort": port, "protocol": protocol})
        })
        .collect();
    let mut container = json!({
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": env(&names.env, needs),
        "ports": ports,
        "resources": resources(options),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "privileged": false,
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": mounts,
    });
    if let Some(container) = container.as_object_mut() {
        container.extend(probes(needs.probes));
        if needs.pause > 0 {
            // Services go on to send connections for a moment; the image has no `sleep`.
            let pause = json!({"preStop": {"sleep": {"seconds": needs.pause}}});
            container.insert("lifecycle".to_owned(), pause);
        }
    }
    container
}

/// Each variable by its name; one that has a default may be missing.
fn env(secret: &str, needs: &Needs) -> Vec<Value> {
    let overlay = json!({"name": "GOMA_OVERLAY_FILE", "value": format!("{OVERLAY}/overlay.yaml")});
    let variables = needs.variables().map(|(name, required)| {
        let mut key = json!({"name": secret, "key": name});
        if let (false, Some(key)) = (required, key.as_object_mut()) {
            key.insert("optional".to_owned(), true.into());
        }
        json!({"name": name, "valueFrom": {"secretKeyRef": key}})
    });
    std::iter::once(overlay).chain(variables).collect()
}

fn resources(options: &Options) -> Value {
    let mut resources = Map::new();
    let limits = options.limits.as_ref();
    let named = [("requests", Some(&options.requests)), ("limits", limits)];
    for (name, quantities) in named {
        if let Some(Quantities(quantities)) = quantities.filter(|some| !some.0.is_empty()) {
            resources.insert(name.to_owned(), json!(quantities));
        }
    }
    Value::Object(resources)
}

fn probes(probes: Probes) -> Map<String, Value> {
    let command = || json!({"exec": {"command": [format!("/{PROGRAM}"), "healthcheck"]}});
    let http = |path| json!({"httpGet": {"path": path, "port": "http", "scheme": "HTTP"}});
    let (ready, live) = match probes {
        Probes::Command => (command(), None),
        Probes::Http(ready, live) => (http(ready), live.map(http)),
    };
    let timed = |mut probe: Value, [period, timeout, failures]: [u32; 3]| {
        if let Some(probe) = probe.as_object_mut() {
            probe.insert("periodSeconds".to_owned(), period.into());
            probe.insert("timeoutSeconds".to_owned(), timeout.into());
            probe.insert("failureThreshold".to_owned(), failures.into());
        }
        probe
    };
    let mut all = Map::new();
    all.insert("startupProbe".to_owned(), timed(ready.clone(), [2, 2, 30]));
    all.insert("readinessProbe".to_owned(), timed(ready, [5, 2, 3]));
    if let Some(live) = live {
        all.insert("livenessProbe".to_owned(), timed(live, [10, 3, 3]));
    }
    all
}

/// Volumes, and where each is.
fn volumes(names: &Names, needs: &Needs) -> (Vec<Value>, Vec<Value>) {
    let overlay = json!({"configMap": {"name": names.overlay, "defaultMode": 0o440}});
    let temporary = json!({"emptyDir": {"sizeLimit": TEMPORARY_MAX}});
    let mut all = vec![
        ("overlay".to_owned(), OVERLAY, overlay, true),
        ("temporary".to_owned(), TEMPORARY, temporary, false),
    ];
    for (number, (directory, secret)) in needs.mounts().enumerate() {
        let secret = json!({"secret": {"secretName": secret, "defaultMode": 0o440}});
        all.push((format!("files-{number}"), directory, secret, true));
    }
    for (number, directory) in needs.writable.iter().enumerate() {
        let empty = json!({"emptyDir": {"sizeLimit": LOGS_MAX}});
        all.push((
            format!("written-{number}"),
            directory.as_str(),
            empty,
            false,
        ));
    }
    let mounts = all.iter().map(|(name, directory, _, read_only)| {
        let mut mount = json!({"name": name, "mountPath": directory});
        if let (true, Some(mount)) = (read_only, mount.as_object_mut()) {
            mount.insert("readOnly".to_owned(), true.into());
        }
        mount
    });
    let mounts = mounts.collect();
    let volumes = all.into_iter().map(|(name, _, mut volume, _)| {
        if let Some(volume) = volume.as_object_mut() {
            volume.insert("name".to_owned(), name.into());
        }
        volume
    });
    (volumes.collect(), mounts)
}
