//! `build.json`: what was built from what (RT-CLI-12).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use goma_compiler::lock::Lock;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use toml::Table;

use super::{Built, Profile};

/// A package that took part in a build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The SPDX expression of its manifest.
    pub(crate) license: Option<String>,
    /// Checksum of the registry's archive; none for what goma brings along.
    pub(crate) sha256: Option<String>,
}

/// Checksums by name and version.
pub(super) type Checksums = BTreeMap<(String, String), String>;

/// What is said of a build, apart from what came out of it.
pub(crate) struct Record<'a> {
    /// Of the gateway.
    pub(crate) name: &'a str,
    /// First 12 hex digits that identify the configuration.
    pub(crate) revision: &'a str,
    /// How it was compiled.
    pub(crate) profile: Profile,
    /// The line of `rustc -V`.
    pub(crate) toolchain: &'a str,
    /// What was locked.
    pub(crate) lock: &'a Lock,
    /// SHA-256 of the archive of the specification, which images carry.
    pub(crate) specification: &'a str,
}

impl Record<'_> {
    /// What a gateway says of itself. The keys are sorted; there is no time and no path of this machine.
    pub(crate) fn of(&self, built: &Built) -> Value {
        let inputs: Vec<Value> = self
            .lock
            .inputs()
            .map(|(source, sha256)| json!({"source": source, "sha256": sha256}))
            .collect();
        let crates: Vec<Value> = built.crates.iter().map(crate_json).collect();
        json!({
            "name": self.name,
            "version": goma_compiler::VERSION,
            "revision": self.revision,
            "target": built.target,
            "profile": self.profile.name(),
            "toolchain": self.toolchain,
            "specification": self.specification,
            "inputs": inputs,
            "crates": crates,
        })
    }
}

/// The text of `build.json`: a record, the binary that it is in, and the digest of the image, if there is
/// one.
pub(crate) fn json(record: &Value, (size, sha256): (u64, &str), image: Option<&str>) -> String {
    let mut record = record.clone();
    if let Some(record) = record.as_object_mut() {
        record.insert("sha256".to_owned(), sha256.into());
        record.insert("size".to_owned(), size.into());
        record.insert("image".to_owned(), image.into());
    }
    format!("{record:#}\n")
}

/// SHA-256 as hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Size and SHA-256 of a file.
pub(crate) fn measure(path: &Path) -> anyhow::Result<(u64, String)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((bytes.len() as u64, sha256(&bytes)))
}

/// Reads name, version and licence from the manifests; sorted.
///
/// # Errors
/// One of them cannot be read: what took part is told in full, or not at all.
pub(super) fn crates(manifests: &[PathBuf], checksums: &Checksums) -> anyhow::Result<Vec<Crate>> {
    let of =
        |path: &PathBuf| package(&read(path)?, checksums).with_context(|| not_a_manifest(path));
    let crates: anyhow::Result<BTreeSet<_>> = manifests.iter().map(of).collect();
    Ok(crates?.into_iter().collect())
}

/// What code calls each package, by its name.
///
/// # Errors
/// As for [`crates`].
pub(super) fn libraries(found: &[(PathBuf, String)]) -> anyhow::Result<BTreeMap<String, String>> {
    let entry = |(path, library): &(PathBuf, String)| {
        let manifest = read(path)?;
        let package =
            package(&manifest, &Checksums::new()).with_context(|| not_a_manifest(path))?;
        Ok((package.name, library.clone()))
    };
    found.iter().map(entry).collect()
}

fn read(path: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| not_a_manifest(path))
}

fn not_a_manifest(path: &Path) -> String {
    format!("{} is no manifest of a package", path.display())
}

fn package(manifest: &Table, checksums: &Checksums) -> Option<Crate> {
    let package = manifest.get("package")?.as_table()?;
    let (name, version) = (text(package, "name")?, text(package, "version")?);
    let sha256 = checksums.get(&(name.clone(), version.clone())).cloned();
    Some(Crate {
        name,
        version,
        license: text(package, "license"),
        sha256,
    })
}

/// The checksums of a lock file.
///
/// # Errors
/// It is none.
pub(super) fn checksums(lock: &str) -> anyhow::Result<Checksums> {
    let lock: Table = lock.parse().context("cannot read the lock file")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let packages = packages.context("the lock file has no packages")?;
    let tables = packages.iter().filter_map(toml::Value::as_table);
    let entry = |package| {
        let key = (text(package, "name")?, text(package, "version")?);
        Some((key, text(package, "checksum")?))
    };
    Ok(tables.filter_map(entry).collect())
}

fn text(table: &Table, key: &str) -> Option<String> {
    Some(table.get(key)?.as_str()?.to_owned())
}

fn crate_json(item: &Crate) -> Value {
    let Crate {
        name,
        version,
        license,
        sha256,
    } = item;
    json!({"name": name, "version": version, "license": license, "sha256": sha256})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_manifest_and_lock() {
        let lock =
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"ff\"\n";
        let manifest = "# x\n[package]\nedition = \"2021\"\nname = \"a\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\n\n[lib]\nname = \"b\"\n";
        let manifest: Table = manifest.parse().unwrap();
        let item = package(&manifest, &checksums(lock).unwrap()).unwrap();
        assert_eq!(
            crate_json(&item),
            json!({"name": "a", "version": "1.0.0", "license": "MIT", "sha256": "ff"})
        );
    }
}
