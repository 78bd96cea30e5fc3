//! What an image layout carries of the specification it was built from. Hashes are checked; every size
//! has a bound, since a layout may come from anywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::contents::ARCHIVE;
use crate::build::record::sha256;

/// The largest blob.
const BLOB_BYTES_MAX: u64 = 256 << 20;
/// The largest archive of a layout.
const LAYOUT_BYTES_MAX: u64 = 2 << 30;
/// The largest specification.
const SPECIFICATION_BYTES_MAX: u64 = 64 << 20;
/// How deep indexes may nest.
const DEPTH_MAX: usize = 4;

/// The archived specification of the layout at a path; `None`: it is no layout.
pub(crate) fn specification(path: &Path) -> anyhow::Result<Option<String>> {
    if !is_layout(path) {
        return Ok(None);
    }
    let layout = if path.is_dir() {
        Layout::Directory(path)
    } else {
        Layout::Archive(unpack(path)?)
    };
    let found = of(&layout).with_context(|| format!("cannot read the image {}", path.display()))?;
    Ok(Some(found))
}

/// Whether there is an image layout, or an archive of one, by its name.
pub(crate) fn is_layout(path: &Path) -> bool {
    let is_tar = || path.extension().is_some_and(|extension| extension == "tar");
    path.join("oci-layout").is_file() || (path.is_file() && is_tar())
}

/// Where blobs are.
enum Layout<'p> {
    Archive(BTreeMap<String, Vec<u8>>),
    Directory(&'p Path),
}

impl Layout<'_> {
    fn file(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Archive(files) => {
                let bytes = files
                    .get(name)
                    .with_context(|| format!("it has no {name}"))?;
                Ok(bytes.clone())
            }
            Self::Directory(root) => {
                let file =
                    File::open(root.join(name)).with_context(|| format!("it has no {name}"))?;
                all(file, BLOB_BYTES_MAX, name)
            }
        }
    }

    fn blob(&self, descriptor: &Value) -> anyhow::Result<Vec<u8>> {
        let digest = descriptor.get("digest").and_then(Value::as_str);
        let hex = digest.and_then(|digest| digest.strip_prefix("sha256:"));
        let is_hex =
            |hex: &&str| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hex = hex.filter(is_hex).context("a digest is none of SHA-256")?;
        let bytes = self.file(&format!("blobs/sha256/{hex}"))?;
        ensure!(sha256(&bytes) == hex, "the blob {hex} has another hash");
        Ok(bytes)
    }
}

/// The regular files of an archive.
fn unpack(path: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut archive = tar::Archive::new(file.take(LAYOUT_BYTES_MAX));
    let mut files = BTreeMap::new();
    for entry in archive.entries().context("it is no archive")? {
        let entry = entry.context("it is no archive")?;
        if entry.header().entry_type().is_file() {
            let name = entry
                .path()
                .context("it is no archive")?
                .to_string_lossy()
                .into_owned();
            let bytes = all(entry, BLOB_BYTES_MAX, &name)?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// All platforms carry the same specification: the first will do.
fn of(layout: &Layout<'_>) -> anyhow::Result<String> {
    let mut top: Value =
        serde_json::from_slice(&layout.file("index.json")?).context("index.json")?;
    for _ in 0..DEPTH_MAX {
        if let Some(layers) = top.get("layers").and_then(Value::as_array) {
            return in_layers(layout, layers);
        }
        let manifests = top.get("manifests").and_then(Value::as_array);
        let first = manifests.and_then(|manifests| manifests.first());
        let first = first.context("it has no manifest")?;
        top = serde_json::from_slice(&layout.blob(first)?).context("a manifest")?;
    }
    bail!("its indexes are nested too deep")
}

fn in_layers(layout: &Layout<'_>, layers: &[Value]) -> anyhow::Result<String> {
    for layer in layers {
        let bytes = layout.blob(layer)?;
        let unpacked = GzDecoder::new(bytes.as_slice()).take(BLOB_BYTES_MAX);
        let mut archive = tar::Archive::new(unpacked);
        for entry in archive.entries().context("a layer is no archive")? {
            let entry = entry.context("a layer is no archive")?;
            if entry.path().is_ok_and(|path| path == Path::new(ARCHIVE)) {
                let bytes = all(entry, SPECIFICATION_BYTES_MAX, ARCHIVE)?;
                return String::from_utf8(bytes).context("its specification is no text");
            }
        }
    }
    bail!("it carries no specification; goma writes images that do")
}

fn all(reader: impl Read, bytes_max: u64, name: &str) -> anyhow::Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::blob::{Blob, INDEX, MANIFEST};
    use super::super::layer::{Entry, Layer};
    use super::super::{contents, layout};
    use super::*;

    /// A layout whose index has an index, with a layer before that of the specification.
    fn write(entries: &[Entry], out: &Path) {
        let base = Layer::new("system", &[Entry::file("etc/passwd", "x")]).unwrap();
        let layer = Layer::new("specification", entries).unwrap();
        let layers = json!([base.blob.descriptor(), layer.blob.descriptor()]);
        let manifest = Blob::json(MANIFEST, &json!({"schemaVersion": 2, "layers": layers}));
        let manifests = json!([manifest.descriptor()]);
        let index = Blob::json(INDEX, &json!({"schemaVersion": 2, "manifests": manifests}));
        let top = index.descriptor();
        let blobs = vec![base.blob, layer.blob, manifest, index];
        layout::write(&top, "shop", &[], blobs, out).unwrap();
    }

    fn said(path: &Path) -> String {
        match specification(path) {
            Ok(found) => found.unwrap_or_else(|| "no layout".to_owned()),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn layouts_and_archives_of_them() {
        let home = tempfile::tempdir().unwrap();
        for name in ["image", "image.tar"] {
            let out = home.path().join(name);
            write(&contents::archive("spec"), &out);
            assert_eq!(said(&out), "spec", "{name}");
        }
        assert_eq!(said(home.path()), "no layout");
        fs::write(home.path().join("goma.yml"), "version: 2").unwrap();
        assert_eq!(said(&home.path().join("goma.yml")), "no layout");
    }

    #[test]
    fn what_is_not_as_it_should_be() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("image");
        write(&[Entry::file("etc/other", "x")], &out);
        assert!(
            said(&out).contains("carries no specification"),
            "{}",
            said(&out)
        );

        write(&contents::archive("spec"), &out);
        let blobs = fs::read_dir(out.join("blobs/sha256")).unwrap();
        for blob in blobs.map(|blob| blob.unwrap().path()) {
            let whole = fs::read(&blob).unwrap();
            fs::write(&blob, [&whole[..], b" "].concat()).unwrap();
            assert!(said(&out).contains("has another hash") || said(&out) == "spec");
            fs::write(&blob, whole).unwrap();
        }
        fs::write(
            out.join("index.json"),
            r#"{"manifests":[{"digest":"sha256:../../x"}]}"#,
        )
        .unwrap();
        assert!(said(&out).contains("none of SHA-256"), "{}", said(&out));
        fs::write(out.join("index.json"), "[]").unwrap();
        assert!(said(&out).contains("has no manifest"), "{}", said(&out));
        let tar = home.path().join("x.tar");
        fs::write(&tar, [1; 2000]).unwrap();
        assert!(said(&tar).contains("no archive"), "{}", said(&tar));
    }
}
