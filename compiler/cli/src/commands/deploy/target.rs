//! Where a gateway goes, as the command line says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::registry::{Reference, SCHEME};

/// What a directory of releases begins with.
const DIRECTORY: &str = "dir:";

/// Where a gateway goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// Releases of this machine.
    Directory(Directory),
    /// A registry.
    Registry(Reference),
}

/// A directory of releases.
#[derive(Clone, Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

/// How long is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait(pub(crate) Duration);

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(SCHEME) {
            return text.parse().map(Self::Registry);
        }
        text.parse().map(Self::Directory).map_err(|_: String| {
            let shown = text.escape_debug();
            format!("`{shown}` is no target; there are oci://HOST/REPOSITORY[:TAG] and dir:PATH")
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(Directory(path)) => write!(f, "{DIRECTORY}{}", path.display()),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

impl FromStr for Directory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.strip_prefix(DIRECTORY).filter(|path| !path.is_empty());
        let expected = || "expected dir:PATH; a registry keeps no history".to_owned();
        path.map(|path| Self(PathBuf::from(path)))
            .ok_or_else(expected)
    }
}

impl FromStr for Wait {
    type Err = String;

    /// `60s`, or `60`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SECONDS_MAX: u64 = 3600;
        let seconds = text.strip_suffix('s').unwrap_or(text).parse();
        let seconds = seconds.ok().filter(|seconds| *seconds <= SECONDS_MAX);
        let expected = || format!("expected seconds, {SECONDS_MAX} at most, such as 60s");
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(expected)
    }
}
