//! Where an image is: in a layout, in an archive of one, or in a repository of a registry. Hashes are
//! checked; every size has a bound, since an image may come from anywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::build::record::sha256;
use crate::registry::{Access, Document, Reference, Repository, SCHEME, is_digest};

/// The largest blob.
pub(super) const BLOB_BYTES_MAX: u64 = 256 << 20;
/// The largest archive of a layout.
const LAYOUT_BYTES_MAX: u64 = 2 << 30;
/// Most files of one.
const FILES_MAX: usize = 4096;
/// Most manifests of an index, and most layers of a manifest.
pub(super) const ITEMS_MAX: usize = 256;

/// How the file is called that a layout begins with.
const INDEX_FILE: &str = "index.json";

/// Where blobs are.
pub(crate) enum Place {
    /// An archive of a layout.
    Archive(Archive),
    /// A layout.
    Directory(PathBuf),
    /// A registry's.
    Repository(Box<Repository>),
}

/// An archive whose files are read where they are.
pub(crate) struct Archive {
    file: File,
    /// Where each begins, and its size.
    places: BTreeMap<String, (u64, u64)>,
}

/// What a manifest or an index says of others.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    /// `sha256:…`
    pub(super) digest: String,
    /// What it is.
    pub(super) media_type: String,
    /// In bytes.
    pub(super) size: u64,
    /// All of it.
    pub(super) whole: Value,
}

/// A manifest or an index.
#[derive(Debug)]
pub(super) struct Manifest {
    /// How others refer to it.
    pub(super) descriptor: Descriptor,
    /// As it was stored.
    pub(super) bytes: Vec<u8>,
    /// What it says.
    pub(super) content: Value,
}

/// Whether a path names an image: a layout, an archive of one by its name, or an image in a registry.
pub(crate) fn is_image(path: &Path) -> bool {
    let is_tar = || path.extension().is_some_and(|extension| extension == "tar");
    in_registry(path).is_some() || path.join("oci-layout").is_file() || (path.is_file() && is_tar())
}

fn in_registry(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.starts_with(SCHEME))
}

impl Place {
    /// The image at a path; none: there is none.
    ///
    /// # Errors
    /// It cannot be read, or it is in a registry that may not be asked.
    pub(crate) fn open(path: &Path, access: Access) -> anyhow::Result<Option<Self>> {
        if !is_image(path) {
            return Ok(None);
        }
        if let Some(text) = in_registry(path) {
            let reference: Reference = text.parse().map_err(anyhow::Error::msg)?;
            let repository = Repository::open(reference, access)?;
            return Ok(Some(Self::Repository(Box::new(repository))));
        }
        Ok(Some(if path.is_dir() {
            Self::Directory(path.to_path_buf())
        } else {
            Self::Archive(Archive::open(path)?)
        }))
    }

    /// The manifest of the image, or the index of its platforms.
    pub(super) fn top(&self) -> anyhow::Result<Manifest> {
        if let Self::Repository(repository) = self {
            return Manifest::of(repository.asked()?);
        }
        let index: Value = serde_json::from_slice(&self.file(INDEX_FILE)?).context(INDEX_FILE)?;
        let first = items(&index, "manifests")?.into_iter().next();
        self.manifest(&first.context("it has no manifest")?)
    }

    /// What has a name here, if anything has.
    pub(super) fn tagged(&self, name: &str) -> anyhow::Result<Option<Manifest>> {
        if let Self::Repository(repository) = self {
            return repository.manifest(name)?.map(Manifest::of).transpose();
        }
        let index: Value = serde_json::from_slice(&self.file(INDEX_FILE)?).context(INDEX_FILE)?;
        let mut items = items(&index, "manifests")?.into_iter();
        let found = items.find(|item| item.name() == Some(name));
        found.map(|item| self.manifest(&item)).transpose()
    }

    /// What a descriptor stands for.
    pub(super) fn manifest(&self, descriptor: &Descriptor) -> anyhow::Result<Manifest> {
        let bytes = match self {
            Self::Repository(repository) => {
                let found = repository.manifest(&descriptor.digest)?;
                found
                    .with_context(|| format!("it has no {}", descriptor.digest))?
                    .bytes
            }
            Self::Archive(_) | Self::Directory(_) => self.blob(descriptor)?,
        };
        Ok(Manifest {
            descriptor: descriptor.clone(),
            content: serde_json::from_slice(&bytes).context("a manifest")?,
            bytes,
        })
    }

    /// The bytes that a descriptor stands for.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> anyhow::Result<Vec<u8>> {
        let Descriptor { digest, size, .. } = descriptor;
        ensure!(
            *size <= BLOB_BYTES_MAX,
            "the blob {digest} is larger than {BLOB_BYTES_MAX} bytes"
        );
        if let Self::Repository(repository) = self {
            return repository.blob(digest, usize::try_from(*size)?);
        }
        let hex = digest.trim_start_matches("sha256:");
        let bytes = self.file(&format!("blobs/sha256/{hex}"))?;
        ensure!(sha256(&bytes) == hex, "the blob {hex} has another hash");
        Ok(bytes)
    }

    /// Descriptors of the manifests that refer to one.
    pub(super) fn referrers(&self, subject: &Descriptor) -> anyhow::Result<Vec<Descriptor>> {
        match self {
            Self::Repository(repository) => {
                let found = super::push::referrers(repository, &subject.digest)?.items;
                found.into_iter().map(Descriptor::read).collect()
            }
            Self::Archive(_) | Self::Directory(_) => {
                let index: Value = serde_json::from_slice(&self.file(INDEX_FILE)?)?;
                let mut found = Vec::new();
                for item in items(&index, "manifests")?.into_iter().skip(1) {
                    let manifest = self.manifest(&item)?;
                    let about = manifest.content.pointer("/subject/digest");
                    if about.and_then(Value::as_str) == Some(&subject.digest) {
                        found.push(item);
                    }
                }
                Ok(found)
            }
        }
    }

    fn file(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let missing = || format!("it has no {name}");
        match self {
            Self::Archive(archive) => {
                let (start, size) = *archive.places.get(name).with_context(missing)?;
                let mut file = &archive.file;
                file.seek(SeekFrom::Start(start)).with_context(missing)?;
                all(file.take(size), BLOB_BYTES_MAX, name)
            }
            Self::Directory(root) => {
                let file = File::open(root.join(name)).with_context(missing)?;
                all(file, BLOB_BYTES_MAX, name)
            }
            Self::Repository(_) => anyhow::bail!(missing()),
        }
    }
}

impl Descriptor {
    fn read(whole: Value) -> anyhow::Result<Self> {
        let text = |key: &str| whole.get(key).and_then(Value::as_str);
        let digest = text("digest").filter(|digest| is_digest(digest));
        Ok(Self {
            digest: digest.context("a digest is none of SHA-256")?.to_owned(),
            media_type: text("mediaType").unwrap_or_default().to_owned(),
            size: whole
                .get("size")
                .and_then(Value::as_u64)
                .context("a descriptor has no size")?,
            whole,
        })
    }

    /// What it is called in a layout.
    fn name(&self) -> Option<&str> {
        let annotations = self.whole.get("annotations")?;
        annotations
            .get("org.opencontainers.image.ref.name")?
            .as_str()
    }

    /// Whether both say the same of the same bytes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
            && self.whole.get("annotations") == other.whole.get("annotations")
    }

    /// Whether it stands for a gateway on this processor.
    fn is_here(&self) -> bool {
        let architecture = self
            .whole
            .pointer("/platform/architecture")
            .and_then(Value::as_str);
        match architecture {
            Some("amd64") => cfg!(target_arch = "x86_64"),
            Some("arm64") => cfg!(target_arch = "aarch64"),
            Some("arm") => cfg!(target_arch = "arm"),
            Some(_) | None => false,
        }
    }
}

impl Manifest {
    /// What a registry has.
    pub(super) fn of(document: Document) -> anyhow::Result<Self> {
        let Document {
            digest,
            media_type,
            bytes,
        } = document;
        let whole = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        Ok(Self {
            descriptor: Descriptor::read(whole)?,
            content: serde_json::from_slice(&bytes).context("a manifest")?,
            bytes,
        })
    }

    /// Of an index: its manifests.
    pub(super) fn manifests(&self) -> anyhow::Result<Vec<Descriptor>> {
        items(&self.content, "manifests")
    }

    /// Of an index: that of this processor, or else the first.
    pub(super) fn preferred(&self) -> anyhow::Result<Descriptor> {
        let manifests = self.manifests()?;
        let here = manifests.iter().find(|item| item.is_here());
        let found = here.or(manifests.first()).cloned();
        found.context("it has no manifest")
    }

    /// Of an image: its layers.
    pub(super) fn layers(&self) -> anyhow::Result<Vec<Descriptor>> {
        items(&self.content, "layers")
    }

    /// Of an image: how a container of it is run.
    pub(super) fn config(&self) -> anyhow::Result<Descriptor> {
        let config = self.content.get("config").cloned();
        Descriptor::read(config.context("a manifest has no configuration")?)
    }

    /// Whether it is an index.
    pub(super) fn is_index(&self) -> bool {
        self.content.get("layers").is_none()
    }
}

fn items(content: &Value, key: &str) -> anyhow::Result<Vec<Descriptor>> {
    let items = content.get(key).and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    ensure!(
        items.len() <= ITEMS_MAX,
        "it has more than {ITEMS_MAX} {key}"
    );
    items.iter().cloned().map(Descriptor::read).collect()
}

impl Archive {
    /// Finds the regular files.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(context)?;
        let size = file.metadata().with_context(context)?.len();
        ensure!(
            size <= LAYOUT_BYTES_MAX,
            "it is larger than {LAYOUT_BYTES_MAX} bytes"
        );
        let mut archive = tar::Archive::new(&file);
        let mut places = BTreeMap::new();
        for entry in archive.entries_with_seek().context("it is no archive")? {
            let entry = entry.context("it is no archive")?;
            if entry.header().entry_type().is_file() {
                let name = entry.path().context("it is no archive")?;
                let name = name.to_string_lossy().into_owned();
                places.insert(name, (entry.raw_file_position(), entry.size()));
            }
            ensure!(
                places.len() <= FILES_MAX,
                "it has more than {FILES_MAX} files"
            );
        }
        Ok(Self { file, places })
    }
}

/// All that there is, if it is not too much.
pub(super) fn all(reader: impl Read, bytes_max: u64, name: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    ensure!(
        bytes.len() as u64 <= bytes_max,
        "{name} is larger than {bytes_max} bytes"
    );
    Ok(bytes)
}
