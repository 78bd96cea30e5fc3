//! The workspace in the cache: unpacked once per version of goma, then synchronized with the
//! crate of each build under a lock. The layout is explained in the parent module.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::{CrateFile, embedded};

/// Stands for the generated package in `templates/gateway.Cargo.lock` (`ci/lock`).
const PLACEHOLDER: &str = "goma-gateway-placeholder";

/// `<cache>/<version>-<content hash>`, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Workspace {
    root: PathBuf,
    /// INVARIANT: holds an exclusive lock, which the system drops with the file.
    _lock: File,
}

impl Workspace {
    /// Unpacks the workspace if it is not there yet, and waits until no other goma uses it.
    pub(super) fn open() -> anyhow::Result<Self> {
        let cache = cache_dir()?;
        let root = cache.join(format!(
            "{}-{}",
            goma_compiler::VERSION,
            embedded::content_hash()
        ));
        if !root.is_dir() {
            unpack(&cache, &root)?;
        }
        let lock = lock(&root.join("lock"))?;
        Ok(Self { root, _lock: lock })
    }

    /// Makes `gateway/` exactly these files. Unchanged files keep their time, which is what cargo
    /// looks at.
    pub(super) fn sync(&self, files: &[CrateFile<'_>]) -> anyhow::Result<()> {
        let gateway = self.root.join("gateway");
        remove_others(&gateway.join("src"), files)?;
        for (name, text) in files {
            write_if_changed(&gateway.join(name), text)?;
        }
        let manifest = files.iter().find(|(name, _)| *name == "Cargo.toml");
        let (_, manifest) = manifest.ok_or_else(|| anyhow!("the crate has no Cargo.toml"))?;
        let (name, version) = package_of(manifest)
            .ok_or_else(|| anyhow!("the crate's Cargo.toml names no package"))?;
        write_if_changed(&self.root.join("Cargo.lock"), &lock_for(name, version)?)?;
        Ok(())
    }

    /// Where cargo runs.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Shared by all gateways.
    pub(super) fn target_dir(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The lock file of the crate that was synchronized last.
    pub(super) fn lock_text(&self) -> anyhow::Result<String> {
        fs::read_to_string(self.root.join("Cargo.lock")).context("cannot read the lock file")
    }
}

/// Writes a file, and its directories, unless it has this text already. Returns whether it wrote.
pub(crate) fn write_if_changed(path: &Path, text: &str) -> anyhow::Result<bool> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(false);
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// `$GOMA_CACHE_DIR`, else `$XDG_CACHE_HOME/goma`, else `~/.cache/goma`.
fn cache_dir() -> anyhow::Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let dir = variable("GOMA_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| dir.join("goma")))
        .or_else(|| variable("HOME").map(|dir| dir.join(".cache/goma")))
        .ok_or_else(|| anyhow!("no place for the cache: set GOMA_CACHE_DIR or HOME"))?;
    fs::create_dir_all(&dir)
        .with_context(|| format!("cannot create the cache {}", dir.display()))?;
    dir.canonicalize()
        .with_context(|| format!("cannot open the cache {}", dir.display()))
}

/// Writes the embedded files beside `root` and renames them into place: others see all or nothing.
fn unpack(cache: &Path, root: &Path) -> anyhow::Result<()> {
    let temporary = cache.join(format!(".unpack-{}", std::process::id()));
    for (name, text) in embedded::files() {
        write_if_changed(&temporary.join(name), text)?;
    }
    match fs::rename(&temporary, root) {
        Ok(()) => Ok(()),
        // Another goma was faster; its files are the same.
        Err(_) if root.is_dir() => fs::remove_dir_all(&temporary)
            .with_context(|| format!("cannot remove {}", temporary.display())),
        Err(error) => Err(error).with_context(|| format!("cannot create {}", root.display())),
    }
}

fn lock(path: &Path) -> anyhow::Result<File> {
    let context = || format!("cannot lock {}", path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error).with_context(context),
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another goma build");
            file.lock().with_context(context)?;
            Ok(file)
        }
    }
}

/// Removes what an earlier crate left in `gateway/src`.
fn remove_others(src: &Path, files: &[CrateFile<'_>]) -> anyhow::Result<()> {
    let entries = match fs::read_dir(src) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", src.display())),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", src.display()))?;
        let name = format!("src/{}", entry.file_name().to_string_lossy());
        if !files.iter().any(|(wanted, _)| *wanted == name) {
            let path = entry.path();
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The embedded lock file with the placeholder replaced by this package, sorted as
/// cargo sorts it (`--locked` refuses any other order).
pub(super) fn lock_for(name: &str, version: &str) -> anyhow::Result<String> {
    let template = embedded::files()
        .iter()
        .find(|(name, _)| *name == "Cargo.lock");
    let (_, template) = template.ok_or_else(|| anyhow!("no lock file is embedded"))?;
    let mut blocks = template.trim_end().split("\n\n");
    let head = blocks.next().unwrap_or_default();
    let mut packages: Vec<String> = blocks.map(|block| rename(block, name, version)).collect();
    packages.sort_by(|a, b| sort_key(a).cmp(sort_key(b)));
    Ok(format!("{head}\n\n{}\n", packages.join("\n\n")))
}

fn rename(block: &str, name: &str, version: &str) -> String {
    let is_gateway = block
        .lines()
        .any(|line| line == format!("name = \"{PLACEHOLDER}\""));
    if !is_gateway {
        return block.to_owned();
    }
    format!(
        "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ndependencies = [\n \"goma-runtime\",\n]"
    )
}

/// Name first: the versions of one name keep the template's order, because the sort is stable.
fn sort_key(block: &str) -> &str {
    block
        .lines()
        .find_map(|line| line.strip_prefix("name = "))
        .unwrap_or_default()
        .trim_matches('"')
}

/// Name and version of `[package]`, which stands first in generated manifests.
fn package_of(manifest: &str) -> Option<(&str, &str)> {
    let value = |key: &str| {
        let line = manifest.lines().find(|line| line.starts_with(key))?;
        line.split('"').nth(1)
    };
    Some((value("name = ")?, value("version = ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_names_the_generated_package_in_order() {
        let lock = lock_for("zebra", "0.0.0").unwrap();
        assert!(!lock.contains(PLACEHOLDER));
        assert!(lock.contains(
            "name = \"zebra\"\nversion = \"0.0.0\"\ndependencies = [\n \"goma-runtime\",\n]"
        ));
        let names: Vec<&str> = lock.split("\n\n").skip(1).map(sort_key).collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn unchanged_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        assert!(write_if_changed(&path, "x").unwrap());
        assert!(!write_if_changed(&path, "x").unwrap());
        assert!(write_if_changed(&path, "y").unwrap());
    }
}
