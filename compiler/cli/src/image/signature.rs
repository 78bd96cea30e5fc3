//! Signatures of images, as cosign keeps them in a registry: what is signed names the digest of a manifest;
//! it is a layer of an image with the tag `sha256-….sig`, and the signature stands beside it.
//!
//! Not in layouts that goma writes: a signature is another one each time, and layouts are the same.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::blob::{Blob, CONFIG, MANIFEST};
use super::key::{PrivateKey, PublicKey};
use super::place::{Descriptor, ITEMS_MAX, Manifest, Place};
use crate::registry::Repository;

/// Media type of what is signed.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of a layer that has the signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What a payload says that it is.
const TYPE: &str = "cosign container image signature";
/// The largest payload that is read.
const PAYLOAD_BYTES_MAX: u64 = 64 << 10;
/// Images that are no images have no time; cosign writes this one.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What was signed.
pub(crate) struct Signed {
    /// Of the manifest or index.
    pub(crate) digest: String,
    /// Signatures that were not there yet.
    pub(crate) added: usize,
}

/// Signs an image of a registry, and each platform's of an index: who pulls for one platform verifies that.
/// What the key has signed already is left alone.
///
/// # Errors
/// The image is in no registry, or the registry does not take it.
pub(crate) fn sign(place: &Place, key: &PrivateKey) -> anyhow::Result<Signed> {
    let Place::Repository(repository) = place else {
        anyhow::bail!("signatures are kept in registries: push it, and name it there (oci://…)");
    };
    let top = place.top()?;
    let mut signed = Signed {
        digest: top.descriptor.digest.clone(),
        added: 0,
    };
    for digest in subjects(&top)? {
        signed.added += usize::from(add(place, repository, &digest, key)?);
    }
    Ok(signed)
}

/// The manifest and, if it is an index, those in it.
pub(super) fn subjects(top: &Manifest) -> anyhow::Result<Vec<String>> {
    let inner = if top.is_index() {
        top.manifests()?
    } else {
        Vec::new()
    };
    let inner = inner.into_iter().map(|item| item.digest);
    Ok(std::iter::once(top.descriptor.digest.clone())
        .chain(inner)
        .collect())
}

/// Whether a signature had to be added.
fn add(place: &Place, to: &Repository, digest: &str, key: &PrivateKey) -> anyhow::Result<bool> {
    let known = layers(place, digest)?;
    for layer in &known {
        if identity(place, layer, digest, key.public())?.is_some() {
            return Ok(false);
        }
    }
    let named = format!("{}/{}", to.reference.host, to.reference.repository);
    let payload = Blob::json(PAYLOAD, &payload(&named, digest));
    let signature = STANDARD.encode(key.sign(&payload.bytes)?);
    let mut layer = payload.descriptor();
    if let Some(layer) = layer.as_object_mut() {
        layer.insert("annotations".to_owned(), json!({SIGNATURE: signature}));
    }
    send(to, payload)?;
    let known = known.into_iter().map(|layer| layer.whole);
    put(to, digest, known.chain([layer]).collect())?;
    Ok(true)
}

/// What is signed. The keys are sorted, as cosign has them.
fn payload(named: &str, digest: &str) -> Value {
    json!({
        "critical": {
            "identity": {"docker-reference": named},
            "image": {"docker-manifest-digest": digest},
            "type": TYPE,
        },
        "optional": null,
    })
}

/// Puts the image of the signatures of a manifest; their payloads are there.
fn put(to: &Repository, digest: &str, layers: Vec<Value>) -> anyhow::Result<()> {
    ensure!(
        layers.len() <= ITEMS_MAX,
        "it has {ITEMS_MAX} signatures already"
    );
    // Payloads are not compressed: their digests are those of what is in them.
    let payloads: Vec<&Value> = layers
        .iter()
        .filter_map(|layer| layer.get("digest"))
        .collect();
    let history: Vec<Value> = layers.iter().map(|_| json!({"created": NEVER})).collect();
    let config = Blob::json(
        CONFIG,
        &json!({
            "architecture": "",
            "config": {},
            "created": NEVER,
            "history": history,
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": payloads},
        }),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": layers,
    });
    let manifest = Blob::json(MANIFEST, &manifest);
    send(to, config)?;
    to.put_manifest(&tag(digest), MANIFEST, &manifest.bytes)
}

fn send(to: &Repository, blob: Blob) -> anyhow::Result<()> {
    let digest = blob.digest();
    if to.has_blob(&digest)? {
        return Ok(());
    }
    to.upload(&digest, blob.bytes)
}

/// Takes the signatures of a manifest along to a repository, what is signed by `send`; whether there are more of
/// them there now.
///
/// # Errors
/// They cannot be read, or the registry does not take them.
pub(super) fn copy(
    from: &Place,
    to: &Repository,
    digest: &str,
    mut send: impl FnMut(&Descriptor) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let given = layers(from, digest)?;
    if given.is_empty() {
        return Ok(false);
    }
    let known = match to.manifest(&tag(digest))? {
        Some(known) => of(&Manifest::of(known)?)?,
        None => Vec::new(),
    };
    let is_new = |layer: &&Descriptor| !known.iter().any(|known| known.is_same(layer));
    let added: Vec<&Descriptor> = given.iter().filter(is_new).collect();
    if added.is_empty() {
        return Ok(false);
    }
    for layer in &added {
        send(layer)?;
    }
    let all = known.iter().chain(added).map(|layer| layer.whole.clone());
    put(to, digest, all.collect())?;
    Ok(true)
}

/// As what a key has signed an image.
///
/// # Errors
/// It has not.
pub(crate) fn verify(place: &Place, key: &PublicKey) -> anyhow::Result<String> {
    let digest = place.top()?.descriptor.digest;
    let signatures = layers(place, &digest)?;
    for layer in &signatures {
        if let Some(identity) = identity(place, layer, &digest, key)? {
            return Ok(identity);
        }
    }
    match signatures.len() {
        0 => anyhow::bail!("{digest} is not signed"),
        count => anyhow::bail!("none of the {count} signatures of {digest} is by this key"),
    }
}

/// What a signature says that the image is called; none: it is not of this manifest and this key.
fn identity(
    place: &Place,
    layer: &Descriptor,
    digest: &str,
    key: &PublicKey,
) -> anyhow::Result<Option<String>> {
    let signature = layer
        .whole
        .get("annotations")
        .and_then(|all| all.get(SIGNATURE));
    let signature = signature.and_then(Value::as_str);
    let Some(signature) = signature.and_then(|text| STANDARD.decode(text).ok()) else {
        return Ok(None);
    };
    ensure!(
        layer.size <= PAYLOAD_BYTES_MAX,
        "what is signed is larger than {PAYLOAD_BYTES_MAX} bytes"
    );
    let payload = place.blob(layer)?;
    if !key.verifies(&payload, &signature) {
        return Ok(None);
    }
    let payload: Value = serde_json::from_slice(&payload).context("what is signed")?;
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    let fits = text("/critical/type") == Some(TYPE)
        && text("/critical/image/docker-manifest-digest") == Some(digest);
    let named = text("/critical/identity/docker-reference").unwrap_or_default();
    Ok(fits.then(|| named.to_owned()))
}

/// The signatures of a manifest.
fn layers(place: &Place, digest: &str) -> anyhow::Result<Vec<Descriptor>> {
    place
        .tagged(&tag(digest))?
        .map_or_else(|| Ok(Vec::new()), |image| of(&image))
}

fn of(image: &Manifest) -> anyhow::Result<Vec<Descriptor>> {
    let mut layers = image.layers()?;
    layers.retain(|layer| layer.media_type == PAYLOAD);
    Ok(layers)
}

/// `sha256-….sig`
fn tag(digest: &str) -> String {
    format!("{}.sig", digest.replacen(':', "-", 1))
}
