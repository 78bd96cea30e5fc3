//! What each cargo feature of the runtime brings: crates, and modules of the runtime.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use toml::{Table, Value};

use super::owner::{Owner, path};
use crate::build::Linked;
use crate::build::record::Crate;

/// The runtime, for cargo and in code.
const RUNTIME: (&str, &str) = ("goma-runtime", "goma_runtime");

/// Features that are needed for the same bytes: without one of them they would be there still.
pub(super) type Features = BTreeSet<String>;

/// What would not be there without features.
#[derive(Debug)]
pub(super) struct Brought {
    /// Packages that nothing else needs.
    pub(super) packages: BTreeMap<String, Features>,
    /// Paths of modules of the runtime, the longest first.
    modules: Vec<(String, Features)>,
}

impl Brought {
    /// By these features of what a gateway links; `files` are those of the runtime.
    ///
    /// # Errors
    /// Its manifest is none.
    pub(super) fn new<'a>(
        features: &[&str],
        linked: &Linked,
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> anyhow::Result<Self> {
        let mut modules = Vec::new();
        let mut manifest = Table::new();
        for (name, text) in files {
            if name == "Cargo.toml" {
                manifest = text.parse().context("the runtime's manifest")?;
            } else if let Some(parents) = parents(name) {
                let gated = gated(text).filter(|(feature, _)| features.contains(feature));
                modules.extend(gated.map(|(feature, module)| {
                    let path = format!("{}{parents}::{module}", RUNTIME.1);
                    (path, Features::from([feature.to_owned()]))
                }));
            }
        }
        modules.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let optional = dependencies(&manifest).filter(|(feature, _)| features.contains(feature));
        let optional: Vec<_> = optional.collect();
        Ok(Self {
            packages: packages(&optional, linked),
            modules,
        })
    }

    /// The features without which a symbol would not be there, if there are any.
    pub(super) fn by(&self, owner: &Owner, readable: Option<&str>) -> Option<&Features> {
        let Owner::Package(package) = owner else {
            return None;
        };
        if package != RUNTIME.0 {
            return self.packages.get(package);
        }
        let path = path(readable?, RUNTIME.1)?;
        let is_in = |module: &str| {
            let rest = path.strip_prefix(module);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let found = self.modules.iter().find(|(module, _)| is_in(module));
        found.map(|(_, features)| features)
    }
}

/// Packages that the runtime has for some of its features only, with all that those call.
fn packages(optional: &[(&str, &str)], linked: &Linked) -> BTreeMap<String, Features> {
    let direct = linked
        .crates
        .iter()
        .find(|(item, _)| item.name == RUNTIME.0);
    let direct: Vec<&Crate> = direct.into_iter().flat_map(|(_, calls)| calls).collect();
    let is_optional = |item: &Crate| optional.iter().any(|(_, name)| *name == item.name);
    let always = direct.iter().copied().filter(|item| !is_optional(item));
    let always = reached(linked, always.collect());
    let mut packages: BTreeMap<String, Features> = BTreeMap::new();
    for (feature, name) in optional {
        let own = direct.iter().copied().filter(|item| item.name == *name);
        for package in reached(linked, own.collect()) {
            if !always.contains(package) {
                let features = packages.entry(package.to_owned()).or_default();
                features.insert((*feature).to_owned());
            }
        }
    }
    packages
}

/// These, and all that they call.
fn reached<'a>(linked: &'a Linked, mut open: Vec<&'a Crate>) -> BTreeSet<&'a str> {
    let mut known: BTreeSet<&Crate> = BTreeSet::new();
    while let Some(item) = open.pop() {
        if known.insert(item) {
            open.extend(linked.crates.get(item).into_iter().flatten());
        }
    }
    known.into_iter().map(|item| item.name.as_str()).collect()
}

/// Features of a manifest, each with an optional dependency that it turns on.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&str, &str)> {
    let features = manifest.get("features").and_then(Value::as_table);
    features.into_iter().flatten().flat_map(|(feature, list)| {
        let names = list.as_array().into_iter().flatten();
        let names = names.filter_map(|name| name.as_str()?.strip_prefix("dep:"));
        names.map(move |name| (feature.as_str(), name))
    })
}

/// `::upstream::pool` of `src/upstream/pool.rs`; none: it is no module.
fn parents(file: &str) -> Option<String> {
    let name = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let parts = name.split('/').filter(|part| *part != "lib");
    Some(parts.map(|part| format!("::{part}")).collect())
}

/// Modules that a file has with one feature only.
fn gated(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n#[cfg(feature = \"")
        .skip(1)
        .filter_map(|rest| {
            let (feature, rest) = rest.split_once("\")]\n")?;
            let mut lines = rest.lines();
            let item = lines.find(|line| !line.starts_with("#[") && !line.starts_with("//"))?;
            let (visibility, module) = item.split_once("mod ")?;
            let is_module = visibility.is_empty() || visibility.starts_with("pub");
            let module = module.trim_end_matches([';', '{', ' ']);
            is_module.then_some((feature, module))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"goma-runtime\"\n\n[features]\ndefault = []\n\
        # A comment.\nlogin = [\"dep:hash\", \"dep:same\", \"tokio/sync\"]\ntls = [\"dep:rustls\"]\n\
        off = [\"dep:never\"]\nsticky = [\"dep:hash\"]\n\n[dependencies]\nhash = \"1\"\n";

    const UPSTREAM: &str = "//! x\n\n#[cfg(feature = \"tls\")]\n/// y\nmod tls;\nmod pool;\n\
        #[cfg(any(feature = \"tls\", test))]\nmod both;\n#[cfg(feature = \"off\")]\nmod off;\n\
        #[cfg(feature = \"tls\")]\nuse tls::A;\n#[cfg(feature = \"sticky\")]\npub(crate) mod sticky {\n";

    fn linked() -> Linked {
        let item = |name: &str| Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: None,
            sha256: None,
        };
        let calls = [
            ("gateway", &["goma-runtime"][..]),
            ("goma-runtime", &["hash", "same", "rustls", "tokio"]),
            ("hash", &["digest"]),
            ("rustls", &["ring", "bytes", "same"]),
            ("tokio", &["bytes"]),
        ];
        let leaves = ["same", "digest", "ring", "bytes"].map(|name| (item(name), BTreeSet::new()));
        let mut crates: BTreeMap<_, _> = leaves.into_iter().collect();
        crates.extend(
            calls.map(|(name, calls)| (item(name), calls.iter().map(|name| item(name)).collect())),
        );
        Linked { crates }
    }

    #[test]
    fn what_features_bring() {
        let files = [
            ("Cargo.toml", MANIFEST),
            ("src/upstream.rs", UPSTREAM),
            (
                "src/lib.rs",
                "//! x\n\n#[cfg(feature = \"login\")]\npub mod login;\n",
            ),
        ];
        let features = ["login", "sticky", "tls"];
        let brought = Brought::new(&features, &linked(), files.into_iter()).unwrap();
        let by = |package: &str, readable: Option<&str>| {
            let owner = Owner::Package(package.to_owned());
            let features = brought.by(&owner, readable)?;
            Some(
                features
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        for (package, expected) in [
            ("hash", Some("login sticky")),
            ("digest", Some("login sticky")),
            ("same", Some("login tls")),
            ("ring", Some("tls")),
            // Needed anyway.
            ("bytes", None),
            ("tokio", None),
            ("gateway", None),
        ] {
            assert_eq!(by(package, None).as_deref(), expected, "{package}");
        }
        for (name, expected) in [
            ("goma_runtime::upstream::tls::connect", Some("tls")),
            ("<goma_runtime::upstream::tls::A as B>::c", Some("tls")),
            (
                "core::ptr::drop_in_place::<goma_runtime::login::A>",
                Some("login"),
            ),
            ("goma_runtime::upstream::sticky", Some("sticky")),
            ("goma_runtime::upstream::tlsa::x", None),
            ("goma_runtime::upstream::both::x", None),
            ("goma_runtime::upstream::off::x", None),
            ("goma_runtime::upstream::pool::x", None),
        ] {
            assert_eq!(
                by("goma-runtime", Some(name)).as_deref(),
                expected,
                "{name}"
            );
        }
        assert_eq!(brought.by(&Owner::Rust, Some("core::x")), None);
    }
}
