//! Which crates a gateway links for a platform, and which of them each one calls: what cargo resolves,
//! without what only runs while compiling. Compiles nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use anyhow::anyhow;

use super::record::Crate;
use super::workspace::Workspace;
use super::{CrateFile, Toolchain, cargo, failed, record};
use crate::failure::Failure;
use crate::platform::Platform;

/// The crates that a gateway links.
#[derive(Debug)]
pub(crate) struct Linked {
    /// The gateway's own crate and all others, each with those that it calls.
    pub(crate) crates: BTreeMap<Crate, BTreeSet<Crate>>,
}

impl Linked {
    /// Holds what cargo resolved against what it compiled: a bill that is wrong is a defect.
    pub(crate) fn verify(&self, compiled: &[Crate]) -> Result<(), Failure> {
        fn names<'a>(crates: impl Iterator<Item = &'a Crate>) -> BTreeSet<(&'a str, &'a str)> {
            let pair = |item: &'a Crate| (item.name.as_str(), item.version.as_str());
            crates.map(pair).collect()
        }
        let (resolved, compiled) = (names(self.crates.keys()), names(compiled.iter()));
        match resolved.symmetric_difference(&compiled).next() {
            None => Ok(()),
            Some((name, version)) => Err(Failure::Internal {
                message: format!("it is not known whether {name} {version} is linked"),
                log: None,
            }),
        }
    }
}

/// Asks cargo about the crate of these files; `platform` as for compiling.
///
/// # Errors
/// As for compiling.
pub(crate) fn linked(
    toolchain: &Toolchain,
    files: &[CrateFile<'_>],
    platform: Option<Platform>,
    offline: bool,
) -> Result<Linked, Failure> {
    let target = toolchain.target(platform)?;
    let workspace = Workspace::open()?;
    workspace.sync(files)?;
    // Not `cargo metadata`, which has the features of all members of the workspace as one.
    let output = cargo::bare(&workspace, toolchain)
        .args(["tree", "--locked", "--color", "never"])
        .args(offline.then_some("--offline"))
        .args(["--target", &target.triple])
        .args(["--edges", "normal,no-proc-macro"])
        .args(["--prefix", "depth", "--format", FORMAT])
        .arg("--manifest-path")
        .arg(workspace.root().join("gateway/Cargo.toml"))
        .stdin(Stdio::null())
        .output()
        .map_err(|_| failed::no_rust("cargo"))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(failed::explain(&log, workspace.root()));
    }
    let checksums = record::checksums(&workspace.lock_text()?)?;
    let tree = String::from_utf8_lossy(&output.stdout);
    let linked = read(&tree, &checksums);
    Ok(linked.ok_or_else(|| anyhow!("cargo tree says something unexpected"))?)
}

/// Package and licence.
const FORMAT: &str = "{p}\t{l}";

/// Reads the lines of a tree, each with its depth in front; what a package calls stands below its first
/// line.
fn read(tree: &str, checksums: &record::Checksums) -> Option<Linked> {
    let mut crates: BTreeMap<Crate, BTreeSet<Crate>> = BTreeMap::new();
    let mut above: Vec<Crate> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let digits = line.find(|char: char| !char.is_ascii_digit())?;
        let (depth, text) = line.split_at_checked(digits)?;
        let item = item(text, checksums)?;
        above.truncate(depth.parse().ok()?);
        if let Some(caller) = above.last() {
            crates.get_mut(caller)?.insert(item.clone());
        }
        crates.entry(item.clone()).or_default();
        above.push(item);
    }
    (!crates.is_empty()).then_some(Linked { crates })
}

/// `tokio v1.54.1<TAB>MIT`, with a place in brackets if it is no crate of a registry, and ` (*)` at the end
/// if it was there before.
fn item(text: &str, checksums: &record::Checksums) -> Option<Crate> {
    let (package, license) = text.split_once('\t')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let license = license.trim_end_matches(" (*)").trim();
    let key = (name.to_owned(), version.to_owned());
    let sha256 = checksums.get(&key).cloned();
    let (name, version) = key;
    Some(Crate {
        name,
        version,
        license: (!license.is_empty()).then(|| license.to_owned()),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree() {
        let tree = "0gateway v0.0.0 (/x/y z)\t\n1a v1.0.0 (/x/a)\tMIT/Apache-2.0\n2d v1.0.0+x\tMIT\n\
                    2e v2.0.0\tISC\n3d v1.0.0+x\tMIT (*)\n1e v2.0.0\tISC (*)\n";
        let checksums = [(("e".to_owned(), "2.0.0".to_owned()), "ff".to_owned())].into();
        let linked = read(tree, &checksums).unwrap();
        let names = |calls: &BTreeSet<Crate>| {
            let names = calls.iter().map(|item| item.name.as_str());
            names.collect::<Vec<_>>().join(" ")
        };
        let shown: Vec<_> = linked
            .crates
            .iter()
            .map(|(item, calls)| (item.name.as_str(), item.version.as_str(), names(calls)))
            .collect();
        let expected = [
            ("a", "1.0.0", "d e"),
            ("d", "1.0.0+x", ""),
            ("e", "2.0.0", "d"),
            ("gateway", "0.0.0", "a e"),
        ];
        assert_eq!(
            shown,
            expected.map(|(name, version, calls)| (name, version, calls.to_owned()))
        );
        let mut all: Vec<Crate> = linked.crates.keys().cloned().collect();
        assert_eq!(all[2].sha256.as_deref(), Some("ff"));
        assert_eq!(all[3].license, None);
        assert!(linked.verify(&all).is_ok());
        all.pop();
        assert!(linked.verify(&all).is_err());
        assert!(read("error\n", &checksums).is_none());
    }
}
