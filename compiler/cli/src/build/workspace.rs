//! The workspace in the cache: one per version of goma, synchronized under a lock with what this goma
//! embeds and with the crate of each build. The layout is explained in the parent module.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::{CrateFile, embedded};

/// Stands for the generated package in `templates/gateway.Cargo.lock` (`ci/lock`).
const PLACEHOLDER: &str = "goma-gateway-placeholder";

/// Names the embedded files that the workspace holds; absent while they are being written.
const STAMP: &str = "content";

/// `<cache>/<version>`, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Workspace {
    root: PathBuf,
    /// INVARIANT: holds an exclusive lock, which the system drops with the file.
    _lock: File,
}

impl Workspace {
    /// Waits until no other goma uses it. A runtime of the same version with other content (a goma
    /// under development) replaces its files, not the compiled dependencies.
    pub(super) fn open() -> anyhow::Result<Self> {
        let root = cache_dir()?.join(goma_compiler::VERSION);
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let lock = lock(&root.join("lock"))?;
        unpack(&root)?;
        Ok(Self { root, _lock: lock })
    }

    /// Makes `gateway/` exactly these files. Cargo compiles them again if one has changed, whatever the clock says.
    pub(super) fn sync(&self, files: &[CrateFile<'_>]) -> anyhow::Result<()> {
        let gateway = self.root.join("gateway");
        remove_others(&gateway, Path::new("src"), &|name| {
            files.iter().any(|(wanted, _)| *wanted == name)
        })?;
        let mut is_new = false;
        for (name, text) in files {
            is_new |= write_if_changed(&gateway.join(name), text)?;
        }
        let manifest = files.iter().find(|(name, _)| *name == "Cargo.toml");
        let (_, manifest) = manifest.ok_or_else(|| anyhow!("the crate has no Cargo.toml"))?;
        let (name, version) = package_of(manifest)
            .ok_or_else(|| anyhow!("the crate's Cargo.toml names no package"))?;
        write_if_changed(&self.root.join("Cargo.lock"), &lock_for(name, version)?)?;
        if is_new {
            forget(&self.root, |package| package == name)?;
        }
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

/// Writes a file, and its directories, unless it has this text already. Returns whether it wrote. In one step: who
/// reads meanwhile, or after a crash, has the old text or the new one. Links and modes stay as they are.
pub(crate) fn write_if_changed(path: &Path, text: &str) -> anyhow::Result<bool> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(false);
    }
    let context = || format!("cannot write {}", path.display());
    let place = path.canonicalize();
    let place = place.as_deref().unwrap_or(path);
    let there = fs::metadata(place).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        fs::write(place, text).with_context(context)?;
        return Ok(true);
    }
    let dir = place.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let new = fs::Permissions::from_mode(0o666);
    let file = tempfile::Builder::new().permissions(new).tempfile_in(dir);
    let mut file = file.with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    if let Some(there) = there {
        fs::set_permissions(file.path(), there.permissions()).with_context(context)?;
    }
    file.persist(place).with_context(context)?;
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

/// Makes the embedded part of the workspace what this goma embeds.
fn unpack(root: &Path) -> anyhow::Result<()> {
    let stamp = root.join(STAMP);
    if fs::read(&stamp).is_ok_and(|held| held == embedded::content_hash().as_bytes()) {
        return Ok(());
    }
    if stamp.exists() {
        fs::remove_file(&stamp).with_context(|| format!("cannot remove {}", stamp.display()))?;
    }
    remove_others(root, Path::new("runtime"), &|name| {
        embedded::files().iter().any(|(wanted, _)| *wanted == name)
    })?;
    for (name, text) in embedded::files() {
        write_if_changed(&root.join(name), text)?;
    }
    forget(root, |package| package.starts_with("goma-"))?;
    write_if_changed(&stamp, embedded::content_hash())?;
    Ok(())
}

/// Has cargo compile packages again. By itself it does so for a file that is newer than what was made of it, and none
/// is if the clock has been set back since.
fn forget(root: &Path, is_one: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    const HASH_DIGITS: usize = 16;
    let inside = |dirs: Vec<PathBuf>| -> Vec<PathBuf> {
        let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok());
        entries
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .collect()
    };
    let profiles = inside(inside(vec![root.join("target")]));
    let fingerprints = profiles.into_iter().map(|dir| dir.join(".fingerprint"));
    for path in inside(fingerprints.collect()) {
        let name = path.file_name().and_then(|name| name.to_str());
        let package = name.and_then(|name| name.rsplit_once('-'));
        if package.is_some_and(|(package, hash)| hash.len() == HASH_DIGITS && is_one(package)) {
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
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

/// Removes what an earlier build left below `root`/`place` and is not `wanted` by that name any more.
fn remove_others(root: &Path, place: &Path, wanted: &dyn Fn(&str) -> bool) -> anyhow::Result<()> {
    let dir = root.join(place);
    let context = || format!("cannot read {}", dir.display());
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(context),
    };
    for entry in entries {
        let entry = entry.with_context(context)?;
        let name = place.join(entry.file_name());
        if entry.file_type().with_context(context)?.is_dir() {
            remove_others(root, &name, wanted)?;
        } else if !wanted(&name.to_string_lossy()) {
            let path = entry.path();
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The embedded lock file with the placeholder replaced by this package, sorted as
/// cargo sorts it (`--locked` refuses any other order).
pub(super) fn lock_for(name: &str, version: &str) -> anyhow::Result<String> {
    let template = embedded::file("Cargo.lock").context("no lock file is embedded")?;
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

    /// A clock that was set back makes a changed file look older than what was made of it.
    #[test]
    fn what_has_changed_is_compiled_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let workspace = Workspace {
            root: root.to_path_buf(),
            _lock: lock(&root.join("lock")).unwrap(),
        };
        let fingerprints = root.join("target/x86_64-unknown-linux-gnu/release/.fingerprint");
        let all = ["shop", "shop-two", "serde"].map(|name| format!("{name}-0123456789abcdef"));
        for name in &all {
            fs::create_dir_all(fingerprints.join(name)).unwrap();
        }
        let there = || all.each_ref().map(|name| fingerprints.join(name).exists());
        let manifest = "[package]\nname = \"shop\"\nversion = \"0.0.0\"\n";
        let sync = |text: &'static str| {
            let files = [("Cargo.toml", manifest), ("src/main.rs", text)];
            workspace.sync(&files).unwrap();
        };
        sync("one");
        assert_eq!(there(), [false, true, true]);
        fs::create_dir(fingerprints.join(&all[0])).unwrap();
        sync("one");
        assert_eq!(there(), [true, true, true]);
        sync("two");
        assert_eq!(there(), [false, true, true]);
    }

    /// Who has it open reads on what it was.
    #[test]
    fn a_file_is_replaced_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        fs::write(&path, "x").unwrap();
        let ours = fs::metadata(&path).unwrap().permissions().mode();
        let fresh = dir.path().join("fresh");
        write_if_changed(&fresh, "x").unwrap();
        assert_eq!(fs::metadata(&fresh).unwrap().permissions().mode(), ours);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut open = File::open(&path).unwrap();
        write_if_changed(&link, "y").unwrap();
        assert_eq!(io::read_to_string(&mut open).unwrap(), "x");
        assert_eq!(fs::read_to_string(&path).unwrap(), "y");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn an_older_runtime_is_replaced_and_the_target_directory_kept() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        unpack(root).unwrap();
        let library = root.join("runtime/src/lib.rs");
        fs::write(root.join("runtime/src/gone.rs"), "").unwrap();
        fs::write(&library, "").unwrap();
        fs::create_dir(root.join("target")).unwrap();
        unpack(root).unwrap();
        assert!(
            root.join("runtime/src/gone.rs").exists(),
            "the stamp says enough"
        );

        fs::write(root.join(STAMP), "another").unwrap();
        unpack(root).unwrap();
        assert!(!root.join("runtime/src/gone.rs").exists());
        assert!(fs::metadata(&library).unwrap().len() > 0);
        assert!(root.join("target").exists());
    }
}
