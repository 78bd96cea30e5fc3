//! A layer: a compressed archive of files that does not tell who made it, when, and where.

use anyhow::Context as _;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::blob::{Blob, LAYER};
use crate::build::record::sha256;

/// What a layer holds at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the root, without `/` before and behind.
    pub(super) path: String,
    /// Permissions.
    pub(super) mode: u32,
    /// User and group.
    pub(super) owner: u64,
    /// None: a directory.
    pub(super) content: Option<Vec<u8>>,
}

impl Entry {
    /// A directory of root's that everybody may read.
    pub(super) fn directory(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            mode: 0o755,
            owner: 0,
            content: None,
        }
    }

    /// A file of root's that everybody may read.
    pub(super) fn file(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.to_owned(),
            mode: 0o644,
            owner: 0,
            content: Some(content.into()),
        }
    }
}

/// A layer of an image.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Compressed.
    pub(super) blob: Blob,
    /// `sha256:…` of what it is unpacked.
    pub(super) diff_id: String,
    /// What it is, for the history.
    pub(super) title: &'static str,
}

impl Layer {
    /// Packs entries in their order; a directory stands before what is in it.
    pub(super) fn new(title: &'static str, entries: &[Entry]) -> anyhow::Result<Self> {
        let archive = pack(entries)?;
        let diff_id = format!("sha256:{}", sha256(&archive));
        let blob = Blob::new(LAYER, compress(&archive)?);
        Ok(Self {
            blob,
            diff_id,
            title,
        })
    }
}

/// An archive of such entries, for layers and for whole images.
pub(super) fn pack(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let content = entry.content.as_deref().unwrap_or_default();
        let mut header = Header::new_ustar();
        let directory = entry.content.is_none();
        header.set_entry_type(if directory {
            EntryType::Directory
        } else {
            EntryType::Regular
        });
        header.set_mode(entry.mode);
        header.set_uid(entry.owner);
        header.set_gid(entry.owner);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        let slash = if directory { "/" } else { "" };
        let path = format!("{}{slash}", entry.path);
        builder
            .append_data(&mut header, &path, content)
            .with_context(|| format!("cannot archive {path}"))?;
    }
    builder.into_inner().context("cannot archive")
}

/// gzip without name and time, and with the same letter for every operating system.
fn compress(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    use std::io::Write as _;
    const UNKNOWN_SYSTEM: u8 = 255;
    let builder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut encoder = builder.write(Vec::new(), Compression::best());
    encoder.write_all(bytes).context("cannot compress")?;
    encoder.finish().context("cannot compress")
}
