//! `.goma/inputs/` beside the main file: what was fetched, by its SHA-256. The directory may be deleted
//! at any time; it is not for version control.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::build::record::sha256;

/// The directory.
pub(super) struct Store {
    root: PathBuf,
}

/// What to ask with whether a document has changed, and what it was.
pub(super) struct Validator {
    /// An entity tag, with its quotes.
    pub(super) tag: String,
    /// Of the document that it belongs to.
    pub(super) sha256: String,
}

impl Store {
    /// The store of a configuration in this directory.
    pub(super) fn beside(home: &Path) -> Self {
        Self {
            root: home.join(".goma/inputs"),
        }
    }

    /// A document, if it is here and whole.
    pub(super) fn read(&self, hash: &str) -> Option<Vec<u8>> {
        // The name comes from a file: it must not lead elsewhere.
        if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let bytes = std::fs::read(self.root.join(hash)).ok()?;
        (sha256(&bytes) == hash).then_some(bytes)
    }

    /// Keeps a document; its name.
    pub(super) fn keep(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = sha256(bytes);
        if self.read(&hash).is_none() {
            write_private(&self.root.join(&hash), bytes)?;
        }
        Ok(hash)
    }

    /// What was last learnt of a place.
    pub(super) fn validator(&self, place: &str) -> Option<Validator> {
        let text = std::fs::read_to_string(self.validator_path(place)).ok()?;
        let (tag, sha256) = text.trim_end().split_once('\n')?;
        Some(Validator {
            tag: tag.to_owned(),
            sha256: sha256.to_owned(),
        })
    }

    /// Remembers it.
    pub(super) fn set_validator(&self, place: &str, validator: &Validator) -> io::Result<()> {
        let text = format!("{}\n{}\n", validator.tag, validator.sha256);
        write_private(&self.validator_path(place), text.as_bytes())
    }

    /// The file of the last good document of a place.
    pub(super) fn last(&self, place: &str) -> PathBuf {
        self.root.join(format!("{}.last", sha256(place.as_bytes())))
    }

    fn validator_path(&self, place: &str) -> PathBuf {
        self.root.join(format!("{}.tag", sha256(place.as_bytes())))
    }
}

/// Replaces a file in one step; only its owner can read it. Makes its directories.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    // Of mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
