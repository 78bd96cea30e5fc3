//! Compiles a generated crate into a gateway. Knows cargo, the cache and the embedded runtime;
//! knows no YAML and no plan: it gets files and returns a binary.
//!
//! Why there is a workspace in the cache: `OUT/crate` may lie inside some other cargo workspace
//! (this repository, for one), and an absolute path to the crate or the runtime would get into
//! symbol hashes and so into the binary. So the crate is copied to `gateway/` of a workspace that
//! also holds the unpacked runtime. Package ids are then relative to the workspace: the binary is
//! the same wherever `OUT` and the cache are. One target directory serves all gateways of a machine,
//! so dependencies compile once; a lock keeps two builds apart.

mod cargo;
mod embedded;
mod failed;
mod linked;
mod profile;
mod progress;
pub(crate) mod record;
mod toolchain;
pub(crate) mod trailer;
mod workspace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use goma_compiler::lock::Machine;
use serde_json::Value;

use crate::failure::Failure;
use crate::platform::Platform;

pub(crate) use linked::{Linked, linked};
pub(crate) use toolchain::Toolchain;
pub(crate) use workspace::write_if_changed;

/// How much time rustc spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build; for trying things out.
    Fast,
    /// Small and fast; for production.
    Release,
}

impl Profile {
    /// Name of the cargo profile in `templates/workspace.Cargo.toml`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Release => "release",
        }
    }
}

/// How cargo is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How much time rustc spends.
    pub(crate) profile: Profile,
    /// Whether crates must be in cargo's cache already.
    pub(crate) offline: bool,
    /// None: this machine.
    pub(crate) platform: Option<Platform>,
    /// Whether the names of functions stay, whatever the profile says.
    pub(crate) symbols: bool,
}

/// One file of a crate: path relative to the crate's directory, and text.
pub(crate) type CrateFile<'a> = (&'a str, &'a str);

/// What came out of cargo.
#[derive(Debug)]
pub(crate) struct Built {
    /// The triple that was compiled for.
    pub(crate) target: String,
    /// Everything that was linked or ran during the build, sorted.
    pub(crate) crates: Vec<record::Crate>,
    /// Everything that was compiled for the target, likewise.
    pub(crate) linked: Vec<record::Crate>,
    /// What code calls the packages of these that are libraries.
    pub(crate) libraries: BTreeMap<String, String>,
}

/// Compiles the crate and copies its binary to `artefact`, with the record of it at its end.
///
/// # Errors
/// No usable toolchain, no network for the first build, a full disk; or a defect of goma.
pub(crate) fn compile(
    toolchain: &Toolchain,
    files: &[CrateFile<'_>],
    options: Options,
    artefact: &Path,
    record: impl FnOnce(&Built) -> Value,
) -> Result<Built, Failure> {
    let target = toolchain.target(options.platform)?;
    let workspace = workspace::Workspace::open()?;
    workspace.sync(files)?;
    let compiled = cargo::build(&workspace, toolchain, &target, options)?;
    let checksums = record::checksums(&workspace.lock_text()?)?;
    let built = Built {
        target: target.triple,
        crates: record::crates(&compiled.packages, &checksums)?,
        linked: record::crates(&compiled.linked, &checksums)?,
        libraries: record::libraries(&compiled.libraries)?,
    };
    install(&compiled.binary, &record(&built), artefact)?;
    Ok(built)
}

/// A gateway compiled from these files once more, with what the options say; nothing is written beside the cache.
///
/// # Errors
/// As for [`compile`].
pub(crate) fn again(
    toolchain: &Toolchain,
    files: &[CrateFile<'_>],
    options: Options,
) -> Result<Vec<u8>, Failure> {
    let target = toolchain.target(options.platform)?;
    let workspace = workspace::Workspace::open()?;
    workspace.sync(files)?;
    let binary = cargo::build(&workspace, toolchain, &target, options)?.binary;
    let context = || format!("cannot read {}", binary.display());
    Ok(std::fs::read(&binary).with_context(context)?)
}

/// The files of the runtime by their paths in its crate, as they are compiled.
pub(crate) fn runtime() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = embedded::files().iter();
    files.filter_map(|(name, text)| Some((name.strip_prefix("runtime/")?, *text)))
}

/// Version of every generated package.
const PACKAGE_VERSION: &str = "0.0.0";

/// What compiles here for these platforms, for the lock of a gateway of this name.
pub(crate) fn machine(name: &str, platforms: &[Platform]) -> anyhow::Result<Machine> {
    let crates = workspace::lock_for(name, PACKAGE_VERSION)?;
    Ok(Machine {
        toolchain: version(platforms),
        crates: Some(record::sha256(crates.as_bytes())),
    })
}

/// The compiler that gateways are built with, as `rustc -V` says it; none: not installed.
pub(crate) fn toolchain_version() -> Option<String> {
    version(&[])
}

fn version(platforms: &[Platform]) -> Option<String> {
    let toolchain = Toolchain::find(platforms).ok();
    toolchain.map(|toolchain| toolchain.version)
}

/// Puts a copy in place in one step, so that a running gateway keeps its own file.
fn install(binary: &Path, record: &Value, artefact: &Path) -> anyhow::Result<()> {
    let dir = artefact
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let temporary = dir.join(format!(".gateway.{}", std::process::id()));
    std::fs::copy(binary, &temporary)
        .and_then(|_| trailer::append(&temporary, record))
        .and_then(|()| std::fs::rename(&temporary, artefact))
        .with_context(|| format!("cannot write {}", artefact.display()))
}
