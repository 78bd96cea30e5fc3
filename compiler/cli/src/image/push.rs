//! Puts an image into a registry: what is there already is not sent again. Documents that refer to the
//! image go with it.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::blob::{Blob, INDEX};
use super::place::{Descriptor, Manifest, Place};
use super::signature;
use crate::registry::Repository;

/// How deep indexes may nest.
const DEPTH_MAX: usize = 4;

/// An image in a registry.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    /// Of its manifest or index.
    pub(crate) digest: String,
    /// How many blobs were sent.
    pub(crate) uploaded: usize,
    /// How many the registry took from another of its repositories.
    pub(crate) mounted: usize,
    /// How many manifests were put, tags and lists of referrers included.
    pub(crate) manifests: usize,
}

/// Pushes an image; `tag` is a name for it there.
///
/// # Errors
/// The image is not whole, or the registry does not take it.
pub(crate) fn push(from: &Place, to: &Repository, tag: Option<&str>) -> anyhow::Result<Pushed> {
    let top = from.top()?;
    let mut pushed = Pushed {
        digest: top.descriptor.digest.clone(),
        ..Pushed::default()
    };
    let mut images = Vec::new();
    put(from, to, &top, &mut pushed, &mut images, DEPTH_MAX)?;
    for image in &images {
        attach(from, to, image, &mut pushed)?;
    }
    for digest in signature::subjects(&top)? {
        let send = |layer: &Descriptor| put_blob(from, to, layer, &mut pushed);
        if signature::copy(from, to, &digest, send)? {
            pushed.manifests += 1;
        }
    }
    // Last: whoever asks for the name gets all of it.
    if let Some(tag) = tag {
        let known = to.manifest(tag)?;
        if known.is_none_or(|known| known.digest != pushed.digest) {
            to.put_manifest(tag, &top.descriptor.media_type, &top.bytes)?;
            pushed.manifests += 1;
        }
    }
    Ok(pushed)
}

/// Puts a manifest after everything that it names; a registry that has it has that too.
fn put(
    from: &Place,
    to: &Repository,
    manifest: &Manifest,
    pushed: &mut Pushed,
    images: &mut Vec<Descriptor>,
    depth: usize,
) -> anyhow::Result<()> {
    ensure!(depth > 0, "its indexes are nested too deep");
    let descriptor = &manifest.descriptor;
    let known = to.has_manifest(&descriptor.digest)?;
    if manifest.is_index() {
        for inner in manifest.manifests()? {
            let inner = from.manifest(&inner)?;
            put(from, to, &inner, pushed, images, depth - 1)?;
        }
    } else {
        images.push(descriptor.clone());
        if !known {
            let config = manifest.config()?;
            for blob in std::iter::once(config).chain(manifest.layers()?) {
                put_blob(from, to, &blob, pushed)?;
            }
        }
    }
    if !known {
        to.put_manifest(&descriptor.digest, &descriptor.media_type, &manifest.bytes)?;
        pushed.manifests += 1;
    }
    Ok(())
}

fn put_blob(
    from: &Place,
    to: &Repository,
    blob: &Descriptor,
    pushed: &mut Pushed,
) -> anyhow::Result<()> {
    if to.has_blob(&blob.digest)? {
        return Ok(());
    }
    if let Place::Repository(source) = from
        && to.mount(&blob.digest, &source.reference)?
    {
        pushed.mounted += 1;
        return Ok(());
    }
    to.upload(&blob.digest, from.blob(blob)?)?;
    pushed.uploaded += 1;
    Ok(())
}

/// Puts what refers to a manifest, and sees that the registry lists it.
fn attach(
    from: &Place,
    to: &Repository,
    subject: &Descriptor,
    pushed: &mut Pushed,
) -> anyhow::Result<()> {
    let wanted = from.referrers(subject)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let mut known = referrers(to, &subject.digest)?;
    let mut added = false;
    for descriptor in wanted {
        if known.has(&descriptor.digest) {
            continue;
        }
        let manifest = from.manifest(&descriptor)?;
        put(from, to, &manifest, pushed, &mut Vec::new(), 1)?;
        known.items.push(descriptor.whole);
        added = true;
    }
    if added && !known.by_registry {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": known.items});
        let index = Blob::json(INDEX, &index);
        to.put_manifest(&list_tag(&subject.digest), INDEX, &index.bytes)?;
        pushed.manifests += 1;
    }
    Ok(())
}

/// What refers to a manifest in a repository.
pub(super) struct Referrers {
    /// Their descriptors.
    pub(super) items: Vec<Value>,
    /// Whether the registry keeps the list; otherwise it is an index under a tag of its own.
    by_registry: bool,
}

impl Referrers {
    fn has(&self, digest: &str) -> bool {
        let mut digests = self.items.iter().filter_map(|item| item.get("digest"));
        digests.any(|known| known == digest)
    }
}

/// Asks the registry, or reads the list under its tag where the registry keeps none (distribution
/// specification, referrers tag schema).
pub(super) fn referrers(repository: &Repository, digest: &str) -> anyhow::Result<Referrers> {
    if let Some(items) = repository.referrers(digest)? {
        return Ok(Referrers {
            items,
            by_registry: true,
        });
    }
    let listed = match repository.manifest(&list_tag(digest))? {
        None => Vec::new(),
        Some(list) => {
            let list: Value = serde_json::from_slice(&list.bytes).context("a list of referrers")?;
            let items = list.get("manifests").and_then(Value::as_array);
            items.cloned().unwrap_or_default()
        }
    };
    Ok(Referrers {
        items: listed,
        by_registry: false,
    })
}

/// `sha256-…`
fn list_tag(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}
