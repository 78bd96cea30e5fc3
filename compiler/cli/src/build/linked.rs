//! Which crates a gateway links for a platform, and which of them each one calls: what cargo resolves,
//! without what only runs while compiling. Compiles nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use anyhow::{Context as _, anyhow};
use serde_json::Value;

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
    let output = cargo::bare(&workspace, toolchain)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(offline.then_some("--offline"))
        .args(["--filter-platform", &target.triple])
        .arg("--manifest-path")
        .arg(workspace.root().join("gateway/Cargo.toml"))
        .stdin(Stdio::null())
        .output()
        .map_err(|_| failed::no_rust("cargo"))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(failed::explain(&log, workspace.root()));
    }
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")?;
    let checksums = record::checksums(&workspace.lock_text()?);
    let linked = walk(&metadata, &checksums);
    Ok(linked.ok_or_else(|| anyhow!("cargo metadata lacks something"))?)
}

fn walk(metadata: &Value, checksums: &record::Checksums) -> Option<Linked> {
    let packages = metadata.get("packages")?.as_array()?;
    let packages: BTreeMap<&str, &Value> = packages
        .iter()
        .filter_map(|package| Some((package.get("id")?.as_str()?, package)))
        .collect();
    let resolve = metadata.get("resolve")?;
    let nodes = resolve.get("nodes")?.as_array()?;
    let nodes: BTreeMap<&str, &Value> = nodes
        .iter()
        .filter_map(|node| Some((node.get("id")?.as_str()?, node)))
        .collect();
    let root = resolve.get("root")?.as_str()?;
    let mut crates = BTreeMap::new();
    let mut open = vec![root];
    let mut seen = BTreeSet::from([root]);
    while let Some(id) = open.pop() {
        let calls: Vec<&str> = calls(nodes.get(id)?)?
            .filter(|id| packages.get(id).is_some_and(|package| is_linked(package)))
            .collect();
        let named = |id: &&str| item(packages.get(id)?, checksums);
        let called: BTreeSet<Crate> = calls.iter().filter_map(named).collect();
        crates.insert(item(packages.get(id)?, checksums)?, called);
        open.extend(calls.into_iter().filter(|id| seen.insert(id)));
    }
    Some(Linked { crates })
}

/// The packages that a node depends on in another way than for tests and builds.
fn calls(node: &Value) -> Option<impl Iterator<Item = &str>> {
    let normal = |dependency: &&Value| {
        let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
        let is_normal = |kind: &Value| kind.get("kind").is_some_and(Value::is_null);
        kinds.is_some_and(|kinds| kinds.iter().any(is_normal))
    };
    let dependencies = node.get("deps")?.as_array()?.iter().filter(normal);
    Some(dependencies.filter_map(|dependency| dependency.get("pkg")?.as_str()))
}

/// Macros run while compiling.
fn is_linked(package: &Value) -> bool {
    let targets = package.get("targets").and_then(Value::as_array);
    let mut kinds = targets.into_iter().flatten().flat_map(|target| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.into_iter().flatten()
    });
    !kinds.any(|kind| kind == "proc-macro")
}

fn item(package: &Value, checksums: &record::Checksums) -> Option<Crate> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let (name, version) = (text("name")?.to_owned(), text("version")?.to_owned());
    let sha256 = checksums.get(&(name.clone(), version.clone())).cloned();
    Some(Crate {
        name,
        version,
        license: text("license").map(str::to_owned),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_only_runs_while_compiling_is_not_linked() {
        let package = |name: &str, kind: &str| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0",
                   "targets": [{"kind": [kind]}]})
        };
        let deps = |names: &[(&str, Value)]| {
            let deps = names
                .iter()
                .map(|(name, kind)| json!({"pkg": name, "dep_kinds": [{"kind": kind}]}));
            deps.collect::<Vec<_>>()
        };
        let metadata = json!({
            "packages": [package("gateway", "bin"), package("a", "lib"), package("b", "proc-macro"),
                         package("c", "lib"), package("d", "lib")],
            "resolve": {"root": "gateway", "nodes": [
                {"id": "gateway", "deps": deps(&[("a", Value::Null)])},
                {"id": "a", "deps": deps(&[("b", Value::Null), ("c", json!("build")), ("d", Value::Null)])},
                {"id": "b", "deps": []}, {"id": "c", "deps": []}, {"id": "d", "deps": []},
            ]},
        });
        let checksums = [(("d".to_owned(), "1.0.0".to_owned()), "ff".to_owned())].into();
        let linked = walk(&metadata, &checksums).unwrap();
        let shown: Vec<_> = linked
            .crates
            .iter()
            .map(|(item, calls)| (item.name.as_str(), calls.len(), item.sha256.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [("a", 1, None), ("d", 0, Some("ff")), ("gateway", 1, None)]
        );
    }
}
