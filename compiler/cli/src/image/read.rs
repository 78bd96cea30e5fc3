//! What an image carries of the specification it was built from.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use flate2::read::GzDecoder;

use super::contents::{ARCHIVE, PROGRAM};
use super::place::{BLOB_BYTES_MAX, Manifest, Place, all};
use crate::build::record::sha256;
use crate::history::is_revision;
use crate::registry::Access;

/// The largest file in an image.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most platforms of an image that is compared with its gateways: goma knows three.
const PLATFORMS_MAX: usize = 16;
/// How deep indexes may nest.
const DEPTH_MAX: usize = 4;

/// The archived specification of the image at a path; `None`: it is no image.
pub(crate) fn specification(path: &Path, access: Access) -> anyhow::Result<Option<String>> {
    let context = || format!("cannot read the image {}", path.display());
    let Some(place) = Place::open(path, access).with_context(context)? else {
        return Ok(None);
    };
    let found = manifest(&place).and_then(|manifest| file(&place, &manifest, ARCHIVE));
    let found = found.with_context(context)?;
    let text = String::from_utf8(found).context("its specification is no text");
    text.with_context(context).map(Some)
}

/// A gateway, perhaps in an image.
pub(crate) struct Program {
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the specification that the image has beside it.
    pub(crate) specification: Option<String>,
}

impl Program {
    /// One that is in no image.
    pub(crate) const fn of(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            specification: None,
        }
    }
}

/// The gateway of an image for this machine; if there is none, another.
pub(crate) fn program(place: &Place) -> anyhow::Result<Vec<u8>> {
    file(place, &manifest(place)?, PROGRAM)
}

/// Reads the gateways of an image, one for each platform; one after the other, since all of them may be more
/// than there is memory for.
///
/// # Errors
/// The image is not whole.
pub(crate) fn programs<T>(place: &Place, read: impl Fn(&Program) -> T) -> anyhow::Result<Vec<T>> {
    let programs = images(place)?.map(|manifest| {
        let manifest = manifest?;
        let archive = file(place, &manifest, ARCHIVE)?;
        let specification = Some(sha256(&archive));
        drop(archive);
        let bytes = file(place, &manifest, PROGRAM)?;
        Ok(read(&Program {
            bytes,
            specification,
        }))
    });
    programs.collect()
}

/// The manifests of an image's platforms, each read when it is asked for.
fn images(
    place: &Place,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Manifest>> + use<'_>> {
    let top = place.top()?;
    let (own, inner) = if top.is_index() {
        (None, top.manifests()?)
    } else {
        (Some(top), Vec::new())
    };
    ensure!(
        inner.len() <= PLATFORMS_MAX,
        "it has more than {PLATFORMS_MAX} platforms"
    );
    let inner = inner.into_iter().map(|item| place.manifest(&item));
    Ok(own.map(Ok).into_iter().chain(inner))
}

/// Which parts two images have not in common.
pub(crate) fn differences(one: &Place, two: &Place) -> anyhow::Result<Vec<String>> {
    const LAYERS: [&str; 3] = ["system", "specification", "gateway"];
    let (old, new) = (one.top()?.descriptor.digest, two.top()?.descriptor.digest);
    if old == new {
        return Ok(Vec::new());
    }
    let mut differences = vec![format!("image: {old}, built again {new}")];
    for (one, two) in images(one)?.zip(images(two)?) {
        let (one, two) = (one?, two?);
        let layers = one.layers()?.into_iter().zip(two.layers()?);
        for ((one, two), name) in layers.zip(LAYERS) {
            if one.digest != two.digest {
                differences.push(format!("layer {name}"));
            }
        }
        if one.config()?.digest != two.config()?.digest {
            differences.push("configuration of the image".to_owned());
        }
    }
    Ok(differences)
}

/// Of the manifest of an image, or of the index of its platforms: `sha256:…`.
pub(crate) fn digest(place: &Place) -> anyhow::Result<String> {
    Ok(place.top()?.descriptor.digest)
}

/// The ports that a container of an image listens on, as `8080/tcp`.
pub(crate) fn ports(place: &Place) -> anyhow::Result<Vec<String>> {
    let is_port = |port: &String| {
        let number = port.strip_suffix("/tcp").or(port.strip_suffix("/udp"));
        number.is_some_and(|number| number.parse::<u16>().is_ok())
    };
    let mut ports = set(place, "ExposedPorts")?;
    ports.retain(is_port);
    Ok(ports)
}

/// The directories that a container of an image writes to, as `/var/log/shop`.
pub(crate) fn volumes(place: &Place) -> anyhow::Result<Vec<String>> {
    set(place, "Volumes")
}

/// A set of the image's configuration.
fn set(place: &Place, name: &str) -> anyhow::Result<Vec<String>> {
    let config = place.blob(&manifest(place)?.config()?)?;
    let config: serde_json::Value =
        serde_json::from_slice(&config).context("the image's configuration")?;
    let set = config.get("config").and_then(|config| config.get(name));
    let set = set.and_then(serde_json::Value::as_object);
    let members = set.into_iter().flat_map(|set| set.keys());
    Ok(members.cloned().collect())
}

/// The revision that an image says it is: it becomes a part of names and URLs.
///
/// # Errors
/// It says none, or something that is none.
pub(crate) fn revision(place: &Place) -> anyhow::Result<String> {
    let said = label(place, "revision")?;
    let said = said.filter(|said| is_revision(said));
    said.context("the image names no revision")
}

/// Whether there is an image of this revision where one is: images that goma writes and pushes have it for a
/// name.
pub(crate) fn has(place: &Place, revision: &str) -> anyhow::Result<bool> {
    Ok(place.tagged(revision)?.is_some())
}

/// Where an image says its specification is kept.
pub(crate) fn source(place: &Place) -> anyhow::Result<Option<String>> {
    label(place, "source")
}

fn label(place: &Place, name: &str) -> anyhow::Result<Option<String>> {
    let top = place.top()?;
    let key = format!("org.opencontainers.image.{name}");
    let annotations = top.content.get("annotations");
    let label = annotations.and_then(|annotations| annotations.get(key));
    Ok(label.and_then(serde_json::Value::as_str).map(str::to_owned))
}

/// All platforms carry the same specification: that of this machine will do, or the first.
pub(super) fn manifest(place: &Place) -> anyhow::Result<Manifest> {
    let mut manifest = place.top()?;
    for _ in 0..DEPTH_MAX {
        if !manifest.is_index() {
            return Ok(manifest);
        }
        manifest = place.manifest(&manifest.preferred()?)?;
    }
    bail!("its indexes are nested too deep")
}

/// A file of the first layer that has it.
fn file(place: &Place, manifest: &Manifest, name: &str) -> anyhow::Result<Vec<u8>> {
    for layer in manifest.layers()? {
        let bytes = place.blob(&layer)?;
        let unpacked = std::io::Read::take(GzDecoder::new(bytes.as_slice()), BLOB_BYTES_MAX);
        let mut archive = tar::Archive::new(unpacked);
        for entry in archive.entries().context("a layer is no archive")? {
            let entry = entry.context("a layer is no archive")?;
            if entry.path().is_ok_and(|path| path == Path::new(name)) {
                return all(entry, FILE_BYTES_MAX, name);
            }
        }
    }
    bail!("it carries no {name}; goma writes images that do")
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

    /// Many platforms of a hostile image are many gateways.
    #[test]
    fn platforms_are_bounded() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("image");
        let write = |platforms: usize| {
            let program = Layer::new("gateway", &contents::program(vec![7; 9])).unwrap();
            let archive = Layer::new("specification", &contents::archive("spec")).unwrap();
            let layers = json!([archive.blob.descriptor(), program.blob.descriptor()]);
            let manifest = Blob::json(MANIFEST, &json!({"schemaVersion": 2, "layers": layers}));
            let manifests = vec![manifest.descriptor(); platforms];
            let index = Blob::json(INDEX, &json!({"schemaVersion": 2, "manifests": manifests}));
            let top = index.descriptor();
            let blobs = vec![program.blob, archive.blob, manifest, index];
            layout::write(&top, "shop", &[], blobs, &out).unwrap();
            let place = Place::open(&out, Access::default()).unwrap().unwrap();
            let read = programs(&place, |program| program.bytes.len());
            read.map_err(|error| error.to_string())
        };
        assert_eq!(write(3), Ok(vec![9; 3]));
        let error = format!("it has more than {PLATFORMS_MAX} platforms");
        assert_eq!(write(PLATFORMS_MAX + 1), Err(error));
    }

    /// What an image says becomes a part of names and URLs.
    #[test]
    fn a_revision_is_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("image");
        for (said, expected) in [
            (json!("00000000000a"), true),
            (json!("x/../../services/db"), false),
            (json!("00000000000a\n- x"), false),
            (json!(""), false),
            (json!(7), false),
        ] {
            let annotations = json!({"org.opencontainers.image.revision": said});
            let content = json!({"schemaVersion": 2, "layers": [], "annotations": annotations});
            let manifest = Blob::json(MANIFEST, &content);
            layout::write(&manifest.descriptor(), "x", &[], vec![manifest], &out).unwrap();
            let place = Place::open(&out, Access::default()).unwrap().unwrap();
            let revision = revision(&place);
            assert_eq!(revision.is_ok(), expected, "{said}");
            if let Err(error) = revision {
                assert_eq!(error.to_string(), "the image names no revision");
            }
        }
    }

    fn said(path: &Path) -> String {
        match specification(path, Access::default()) {
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
            said(&out).contains("carries no usr/local/share/goma/specification.json"),
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
            r#"{"manifests":[{"digest":"sha256:../../x","size":1}]}"#,
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
