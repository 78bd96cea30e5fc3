//! Where an image comes from, as an in-toto statement with SLSA's predicate (v1): the inputs of the
//! configuration, the lock, and every crate that took part. Not signed, and without times.

use goma_compiler::lock::FILE_NAME;
use serde_json::{Map, Value, json};

use super::blob::Blob;
use super::contents::ARCHIVE;
use super::sbom::purl;
use super::{Binary, Source};
use crate::build::record::{Crate, sha256};

/// Its media type.
pub(super) const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// What the statement says.
pub(super) const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// What is said of the building of one manifest.
pub(super) fn statement(source: &Source<'_>, binary: &Binary<'_>, manifest: &Blob) -> Value {
    let labels = source.labels;
    let mut parameters = Map::new();
    let mut add = |key: &str, value: &str| parameters.insert(key.to_owned(), value.into());
    add("name", labels.name);
    add("platform", &binary.platform.to_string());
    add("profile", source.build.profile);
    add("revision", labels.revision);
    if let Some(url) = labels.url {
        add("source", url);
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": labels.name, "digest": {"sha256": manifest.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:goma:build:1",
                "externalParameters": parameters,
                "internalParameters": {"target": binary.target},
                "resolvedDependencies": dependencies(source, binary),
            },
            "runDetails": {
                "builder": {
                    "id": "urn:goma",
                    "version": {"goma": goma_compiler::VERSION, "rustc": source.build.toolchain},
                },
                "metadata": {"invocationId": labels.revision},
            },
        },
    })
}

fn dependencies(source: &Source<'_>, binary: &Binary<'_>) -> Vec<Value> {
    let file = |name: &str, sha256: &str| json!({"name": name, "digest": {"sha256": sha256}});
    let lock = source.build.lock;
    let inputs = lock.inputs().map(|(name, sha256)| file(name, sha256));
    let own = [
        file(FILE_NAME, &sha256(lock.text().as_bytes())),
        file(ARCHIVE, &sha256(source.archive.as_bytes())),
    ];
    let crates = binary.crates.iter().map(dependency);
    inputs.chain(own).chain(crates).collect()
}

fn dependency(item: &Crate) -> Value {
    let mut dependency = json!({"uri": purl(item)});
    if let (Some(sha256), Some(dependency)) = (&item.sha256, dependency.as_object_mut()) {
        dependency.insert("digest".to_owned(), json!({"sha256": sha256}));
    }
    dependency
}
