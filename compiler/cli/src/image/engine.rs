//! An image as an archive that engines of containers load: a layout with the image of this machine's processor
//! alone, and beside its index the `manifest.json` that Docker reads where it stores no layouts.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::blob::INDEX;
use super::layer::{Entry, pack};
use super::place::{Descriptor, Place};
use super::read::manifest;

/// What an engine is given.
pub(crate) struct Archive {
    /// The archive.
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the image's configuration, by which Podman knows it, and Docker unless it stores layouts.
    pub(crate) config: String,
    /// SHA-256 of its manifest, by which Docker knows it if it does.
    pub(crate) manifest: String,
}

/// The image in a place, to be loaded under a name.
///
/// # Errors
/// It cannot be read, or is for another processor.
pub(crate) fn archive(place: &Place, name: &str) -> anyhow::Result<Archive> {
    let manifest = manifest(place)?;
    let config = manifest.config()?;
    let layers = manifest.layers()?;
    let bytes = place.blob(&config)?;
    check(&bytes)?;
    let paths: Vec<String> = layers.iter().map(path).collect();
    let docker = json!([{"Config": path(&config), "RepoTags": [name], "Layers": paths}]);
    let mut named = manifest.descriptor.whole.clone();
    if let Some(named) = named.as_object_mut() {
        let annotations = json!({
            "org.opencontainers.image.ref.name": name,
            "io.containerd.image.name": name,
        });
        named.insert("annotations".to_owned(), annotations);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]});
    let mut entries = vec![
        Entry::directory("blobs"),
        Entry::directory("blobs/sha256"),
        Entry::file(&path(&manifest.descriptor), manifest.bytes),
        Entry::file(&path(&config), bytes),
    ];
    for layer in &layers {
        let known = entries.iter().any(|entry| entry.path == path(layer));
        if !known {
            entries.push(Entry::file(&path(layer), place.blob(layer)?));
        }
    }
    entries.push(Entry::file("index.json", index.to_string()));
    entries.push(Entry::file("manifest.json", docker.to_string()));
    entries.push(Entry::file(
        "oci-layout",
        "{\"imageLayoutVersion\":\"1.0.0\"}",
    ));
    Ok(Archive {
        bytes: pack(&entries)?,
        config: hex(&config).to_owned(),
        manifest: hex(&manifest.descriptor).to_owned(),
    })
}

fn hex(descriptor: &Descriptor) -> &str {
    descriptor.digest.trim_start_matches("sha256:")
}

fn path(descriptor: &Descriptor) -> String {
    format!("blobs/sha256/{}", hex(descriptor))
}

fn check(config: &[u8]) -> anyhow::Result<()> {
    let config: Value = serde_json::from_slice(config).context("the image's configuration")?;
    let architecture = config.get("architecture").and_then(Value::as_str);
    let architecture = architecture.unwrap_or("none");
    let here = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    ensure!(
        architecture == here,
        "it has no gateway for this machine, only for {}",
        architecture.escape_debug()
    );
    Ok(())
}
