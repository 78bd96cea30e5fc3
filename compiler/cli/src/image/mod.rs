//! OCI images, written without Docker: from a compiled gateway to an image layout. Knows nothing of
//! cargo and YAML; it gets a plan, an archive of the specification and binaries.
//!
//! The same gateway has the same digest: there are no times, no owners of this machine and no order that
//! depends on it. What changes seldom stands first, in a layer of its own.

mod authorities;
mod blob;
mod config;
mod contents;
mod engine;
mod key;
mod layer;
mod layout;
mod place;
mod provenance;
mod push;
mod read;
mod sbom;
mod signature;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use goma_compiler::lock::Lock;
use goma_compiler::plan::Plan;
use serde_json::{Map, Value, json};

use crate::build::Linked;
use crate::build::record::Crate;
use crate::platform::Platform;
use blob::Blob;
use layer::Layer;

pub(crate) use contents::{Contents, PROGRAM, USER, contents, usual, web_port};
pub(crate) use engine::{Archive, archive};
pub(crate) use key::{PrivateKey, PublicKey};
pub(crate) use place::{Place, is_image};
pub(crate) use push::{Pushed, push};
pub(crate) use read::{
    Program, differences, digest, has, ports, program, programs, revision, source, specification,
    volumes,
};
pub(crate) use sbom::sbom;
pub(crate) use signature::{sign, verify as verify_signature};

/// What an image is made from.
pub(crate) struct Source<'a> {
    /// Name of the gateway, revision, and where its specification is kept, if that was said.
    pub(crate) labels: Labels<'a>,
    /// What the gateway needs around it.
    pub(crate) contents: Contents,
    /// The text of the archive.
    pub(crate) archive: String,
    /// How it was built.
    pub(crate) build: Build<'a>,
    /// One for each platform.
    pub(crate) binaries: Vec<Binary<'a>>,
}

/// How a gateway was built.
pub(crate) struct Build<'a> {
    /// Name of cargo's profile.
    pub(crate) profile: &'static str,
    /// The line of `rustc -V`.
    pub(crate) toolchain: &'a str,
    /// What it was built from.
    pub(crate) lock: &'a Lock,
}

/// What is said of an image, for people and tools.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// Name of the gateway.
    pub(crate) name: &'a str,
    /// Its revision.
    pub(crate) revision: &'a str,
    /// Where its specification is kept.
    pub(crate) url: Option<&'a str>,
}

/// A gateway for one platform.
pub(crate) struct Binary<'a> {
    /// What it runs on.
    pub(crate) platform: Platform,
    /// What it was compiled as.
    pub(crate) target: &'a str,
    /// What it links.
    pub(crate) linked: Linked,
    /// What took part in the build.
    pub(crate) crates: &'a [Crate],
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// An image on disk.
#[derive(Debug)]
pub(crate) struct Written {
    /// Of the manifest, or of the index if there are several platforms: `sha256:…`.
    pub(crate) digest: String,
    /// Of all blobs, in bytes.
    pub(crate) size: u64,
}

/// Writes an image layout to a directory, or to an archive if the name ends in `.tar`. Another layout in
/// its place is replaced, anything else is not.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn write(source: &Source<'_>, out: &Path) -> anyhow::Result<Written> {
    let base = Layer::new("system", &source.contents.base())?;
    let spec = Layer::new("specification", &contents::archive(&source.archive))?;
    let mut blobs = vec![base.blob.clone(), spec.blob.clone()];
    let mut manifests = Vec::new();
    let mut referrers = Vec::new();
    for binary in &source.binaries {
        let path = &binary.path;
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let program = Layer::new("gateway", &contents::program(bytes))?;
        let layers = [&base, &spec, &program];
        let config = config::config(source, binary.platform, &layers);
        let manifest = manifest(&config, &layers, source.labels);
        manifests.push(with_platform(manifest.descriptor(), binary.platform));
        for attached in attached(source, binary, &manifest) {
            referrers.push(attached.descriptor);
            blobs.extend(attached.blobs);
        }
        blobs.extend([program.blob, config, manifest]);
    }
    let top = match manifests.as_slice() {
        [only] => only.clone(),
        [..] => {
            let index = index(&manifests, source.labels);
            let descriptor = index.descriptor();
            blobs.push(index);
            descriptor
        }
    };
    layout::write(&top, source.labels.revision, &referrers, blobs, out)
}

fn manifest(config: &Blob, layers: &[&Layer], labels: Labels<'_>) -> Blob {
    let layers: Vec<Value> = layers.iter().map(|layer| layer.blob.descriptor()).collect();
    Blob::json(
        blob::MANIFEST,
        &json!({
            "schemaVersion": 2,
            "mediaType": blob::MANIFEST,
            "config": config.descriptor(),
            "layers": layers,
            "annotations": config::labels(labels),
        }),
    )
}

/// A document about a manifest, which refers to it.
struct Attached {
    descriptor: Value,
    blobs: [Blob; 3],
}

fn attached(source: &Source<'_>, binary: &Binary<'_>, manifest: &Blob) -> [Attached; 2] {
    let bill = sbom(source.labels, source.build.toolchain, &binary.linked);
    let statement = provenance::statement(source, binary, manifest);
    let about = [("in-toto.io/predicate-type", provenance::PREDICATE)];
    [
        attach(manifest, Blob::json(sbom::MEDIA_TYPE, &bill), &[]),
        attach(
            manifest,
            Blob::json(provenance::MEDIA_TYPE, &statement),
            &about,
        ),
    ]
}

fn attach(subject: &Blob, document: Blob, annotations: &[(&str, &str)]) -> Attached {
    let empty = Blob::empty();
    let annotations: Map<String, Value> = annotations
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let artifact_type = document.media_type;
    let referrer = Blob::json(
        blob::MANIFEST,
        &json!({
            "schemaVersion": 2,
            "mediaType": blob::MANIFEST,
            "artifactType": artifact_type,
            "config": empty.descriptor(),
            "layers": [document.descriptor()],
            "subject": subject.descriptor(),
            "annotations": annotations,
        }),
    );
    let mut descriptor = referrer.descriptor();
    if let Some(descriptor) = descriptor.as_object_mut() {
        descriptor.insert("artifactType".to_owned(), artifact_type.into());
        descriptor.insert("annotations".to_owned(), annotations.into());
    }
    Attached {
        descriptor,
        blobs: [empty, document, referrer],
    }
}

fn index(manifests: &[Value], labels: Labels<'_>) -> Blob {
    Blob::json(
        blob::INDEX,
        &json!({
            "schemaVersion": 2,
            "mediaType": blob::INDEX,
            "manifests": manifests,
            "annotations": config::labels(labels),
        }),
    )
}

/// Adds what it runs on to how others refer to it.
fn with_platform(mut descriptor: Value, platform: Platform) -> Value {
    let mut object = json!({"os": "linux", "architecture": platform.architecture()});
    if let (Some(variant), Some(object)) = (platform.variant(), object.as_object_mut()) {
        object.insert("variant".to_owned(), variant.into());
    }
    if let Some(descriptor) = descriptor.as_object_mut() {
        descriptor.insert("platform".to_owned(), object);
    }
    descriptor
}

/// The address that keeps a gateway from being reached from outside its container, if it has such a one
/// unless told otherwise.
pub(crate) fn loopback(plan: &Plan) -> Option<String> {
    let address = contents::usual(&plan.settings.web_address)?;
    let (host, _) = address.rsplit_once(':')?;
    let own = ["127.", "[::1]", "localhost"];
    own.iter()
        .any(|start| host.starts_with(start))
        .then_some(address)
}
