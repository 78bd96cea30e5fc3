//! Which Rust compiles a gateway, and with which linker: the one on the PATH, else that of the system,
//! which may have the standard libraries of other processors.
//!
//! All platforms of an image are compiled by one Rust: the lock names it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::failed;
use crate::failure::Failure;
use crate::platform::Platform;

/// Where distributions put theirs.
const OF_THE_SYSTEM: &str = "/usr/bin/rustc";

/// A Rust compiler on this machine.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// The program.
    rustc: PathBuf,
    /// Its own triple.
    host: String,
    /// The line of `rustc -V`.
    pub(crate) version: String,
}

/// What is compiled for, and what links it.
#[derive(Debug)]
pub(super) struct Target {
    /// The triple.
    pub(super) triple: String,
    /// None: the usual one.
    pub(super) linker: Option<&'static str>,
}

impl Toolchain {
    /// The first that has the standard library of every platform; without platforms, that on the PATH.
    ///
    /// # Errors
    /// There is none, or a standard library or a linker is missing.
    pub(crate) fn find(platforms: &[Platform]) -> Result<Self, Failure> {
        let first = Self::ask("rustc".into());
        if platforms.is_empty() {
            return first.ok_or_else(|| failed::no_rust("rustc"));
        }
        let others = || Self::ask(OF_THE_SYSTEM.into());
        let mut lacking = None;
        for toolchain in first.into_iter().chain(others()) {
            match platforms.iter().find(|platform| !toolchain.has(**platform)) {
                None => {
                    for platform in platforms {
                        toolchain.target(Some(*platform))?;
                    }
                    return Ok(toolchain);
                }
                Some(platform) => {
                    lacking.get_or_insert(*platform);
                }
            }
        }
        Err(lacking.map_or_else(|| failed::no_rust("rustc"), failed::no_library))
    }

    fn ask(rustc: PathBuf) -> Option<Self> {
        let text = output(&rustc, &["-vV"])?;
        let host = text.lines().find_map(|line| line.strip_prefix("host: "))?;
        Some(Self {
            host: host.to_owned(),
            version: text.lines().next()?.to_owned(),
            rustc,
        })
    }

    /// What a platform is compiled as; none: this machine.
    ///
    /// # Errors
    /// Its linker is missing.
    pub(super) fn target(&self, platform: Option<Platform>) -> Result<Target, Failure> {
        let foreign = platform.filter(|platform| !self.is_own(*platform));
        let Some(platform) = foreign else {
            return Ok(Target {
                triple: self.host.clone(),
                linker: None,
            });
        };
        let linker = platform.linker();
        if !is_on_path(linker) {
            return Err(failed::no_linker(platform));
        }
        Ok(Target {
            triple: platform.target().to_owned(),
            linker: Some(linker),
        })
    }

    /// The program, unless cargo finds the same one by itself.
    pub(super) fn program(&self) -> Option<&Path> {
        self.rustc.is_absolute().then_some(&*self.rustc)
    }

    fn is_own(&self, platform: Platform) -> bool {
        Platform::of_target(&self.host) == Some(platform)
    }

    fn has(&self, platform: Platform) -> bool {
        let target = platform.target();
        let args = ["--print", "target-libdir", "--target", target];
        let library = || output(&self.rustc, &args).map(|text| PathBuf::from(text.trim()));
        self.is_own(platform) || library().is_some_and(|directory| directory.is_dir())
    }
}

fn output(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
