//! An image layout (OCI image specification): blobs by their hash, and an index that names the image.
//! A directory, or an archive of one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Written;
use super::blob::{Blob, INDEX};
use super::layer::{Entry, pack};

/// The file that makes a directory a layout.
const MARK: &str = "oci-layout";

/// Writes the layout of an image, which is known by `name` in it; what refers to it has no name.
pub(super) fn write(
    top: &Value,
    name: &str,
    referrers: &[Value],
    blobs: Vec<Blob>,
    out: &Path,
) -> anyhow::Result<Written> {
    let mut named = top.clone();
    if let Some(named) = named.as_object_mut() {
        let annotations = json!({"org.opencontainers.image.ref.name": name});
        named.insert("annotations".to_owned(), annotations);
    }
    let manifests = [&[named], referrers].concat();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    // Each once: platforms share layers.
    let blobs: BTreeMap<String, Vec<u8>> = blobs
        .into_iter()
        .map(|blob| (blob.sha256, blob.bytes))
        .collect();
    let size = blobs.values().map(|bytes| bytes.len() as u64).sum();
    let mut entries = vec![Entry::directory("blobs"), Entry::directory("blobs/sha256")];
    for (sha256, bytes) in blobs {
        entries.push(Entry::file(&format!("blobs/sha256/{sha256}"), bytes));
    }
    entries.push(Entry::file("index.json", index.to_string()));
    entries.push(Entry::file(MARK, "{\"imageLayoutVersion\":\"1.0.0\"}"));
    if out.extension().is_some_and(|extension| extension == "tar") {
        write_archive(&entries, out)?;
    } else {
        write_directory(&entries, out)?;
    }
    let digest = top.get("digest").and_then(Value::as_str);
    Ok(Written {
        digest: digest.unwrap_or_default().to_owned(),
        size,
    })
}

fn write_archive(entries: &[Entry], out: &Path) -> anyhow::Result<()> {
    let temporary = beside(out)?;
    fs::write(&temporary, pack(entries)?)
        .and_then(|()| fs::rename(&temporary, out))
        .with_context(|| format!("cannot write {}", out.display()))
}

/// Makes the directory beside its place, so that there never is half an image.
fn write_directory(entries: &[Entry], out: &Path) -> anyhow::Result<()> {
    let replaced = may_replace(out)?;
    let temporary = beside(out)?;
    let context = || format!("cannot write {}", out.display());
    if temporary.exists() {
        fs::remove_dir_all(&temporary).with_context(context)?;
    }
    fs::create_dir_all(&temporary).with_context(context)?;
    for entry in entries {
        let path = temporary.join(&entry.path);
        match &entry.content {
            None => fs::create_dir(&path).with_context(context)?,
            Some(bytes) => fs::write(&path, bytes).with_context(context)?,
        }
    }
    if replaced {
        fs::remove_dir_all(out).with_context(context)?;
    }
    fs::rename(&temporary, out).with_context(context)
}

/// Whether there is something to be replaced.
///
/// # Errors
/// It is no image.
fn may_replace(out: &Path) -> anyhow::Result<bool> {
    let Ok(mut entries) = fs::read_dir(out) else {
        if out.exists() {
            bail!(
                "{} is a file; an archive's name ends in .tar",
                out.display()
            );
        }
        return Ok(false);
    };
    if entries.next().is_some() && !out.join(MARK).is_file() {
        bail!("{} is not empty and holds no image", out.display());
    }
    Ok(true)
}

/// A name in the same directory, which is made if need be.
fn beside(out: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = out.file_name() else {
        bail!("{} names no file", out.display());
    };
    let directory = out.parent().unwrap_or(Path::new(""));
    if directory != Path::new("") {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let name = format!(".{}.{}", name.to_string_lossy(), std::process::id());
    Ok(directory.join(name))
}
