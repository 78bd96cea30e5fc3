//! The configuration of an image: how a container of it is run.

use serde_json::{Map, Value, json};

use super::blob::{Blob, CONFIG};
use super::contents::{PROGRAM, USER};
use super::layer::Layer;
use super::{Labels, Source};
use crate::platform::Platform;

/// Images tell no time; tools that want one get this.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// Nanoseconds, as Docker counts.
const SECOND: u64 = 1_000_000_000;

/// The configuration for one platform. `Healthcheck` is Docker's; OCI has no such field, and lets others
/// be.
pub(super) fn config(source: &Source<'_>, platform: Platform, layers: &[&Layer]) -> Blob {
    let program = format!("/{PROGRAM}");
    let owner = format!("{USER}:{USER}");
    let ports = source.contents.ports.iter();
    let writable = source.contents.writable.iter();
    let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    let history: Vec<Value> = layers
        .iter()
        .map(|layer| json!({"created": EPOCH, "created_by": "goma build", "comment": layer.title}))
        .collect();
    let mut config = json!({
        "created": EPOCH,
        "architecture": platform.architecture(),
        "os": "linux",
        "config": {
            "User": owner,
            "Entrypoint": [program],
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Healthcheck": {
                "Test": ["CMD", program, "healthcheck"],
                "Interval": 10 * SECOND,
                "Timeout": 6 * SECOND,
                "StartPeriod": 5 * SECOND,
                "Retries": 3,
            },
            "ExposedPorts": set(ports.map(|(port, protocol)| format!("{port}/{protocol}"))),
            "Volumes": set(writable.map(|directory| format!("/{directory}"))),
            "Labels": labels(source.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    if let (Some(variant), Some(config)) = (platform.variant(), config.as_object_mut()) {
        config.insert("variant".to_owned(), variant.into());
    }
    Blob::json(CONFIG, &config)
}

/// What is said of an image, in OCI's words.
pub(super) fn labels(labels: Labels<'_>) -> Value {
    let mut map = Map::new();
    let mut add = |name: &str, value: &str| {
        map.insert(format!("org.opencontainers.image.{name}"), value.into());
    };
    add("title", labels.name);
    add("revision", labels.revision);
    add("version", goma_compiler::VERSION);
    if let Some(url) = labels.url {
        add("source", url);
    }
    Value::Object(map)
}

/// OCI writes a set as an object with empty members.
fn set(names: impl Iterator<Item = String>) -> Value {
    Value::Object(names.map(|name| (name, json!({}))).collect())
}
