//! Builds an artifact again, elsewhere, and compares.

use anyhow::Context as _;
use goma_compiler::Output;
use serde_json::Value;

use super::{Artifact, text};
use crate::build::{Profile, record, trailer};
use crate::commands::Common;
use crate::commands::build::{BuildArgs, BuildOptions, ImageContents, rebuild};
use crate::failure::Failure;
use crate::image::{self, Place};
use crate::input::Input;
use crate::platform::Platform;
use crate::registry::Access;

/// What differs, the programs first.
pub(super) fn differences(
    artifact: &Artifact,
    common: Common,
    (input, output): (&Input, &Output),
    name: &str,
    platforms: Vec<Platform>,
) -> Result<Vec<String>, Failure> {
    let out = tempfile::tempdir().context("cannot make a directory")?;
    let profile = artifact
        .programs
        .first()
        .map(|program| text(&program.record, "profile"));
    let options = BuildOptions::again(profile == Some(Profile::Fast.name()), out.path(), name);
    let source = artifact.image.as_ref().map(image::source).transpose()?;
    let contents = ImageContents::again(platforms, source.flatten());
    let layout = out.path().join("image");
    let args = BuildArgs::of_image(Vec::new(), common, options, (layout.clone(), contents));
    let built = rebuild((input, output), &args, out.path(), artifact.image.is_some())?;
    let mut differences = Vec::new();
    for (program, path) in artifact.programs.iter().zip(&built) {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (old, new) = (&program.sha256, record::sha256(&bytes));
        if *old != new {
            differences.push(format!("gateway: {old}, built again {new}"));
            let again = trailer::read(&bytes);
            crates(Some(&program.record), again.as_ref(), &mut differences);
        }
    }
    if let Some(image) = &artifact.image
        && differences.is_empty()
    {
        let again = Place::open(&layout, Access::default())?.context("no image was written")?;
        differences = image::differences(image, &again)?;
    }
    Ok(differences)
}

/// Crates that only one of two records lists.
fn crates(old: Option<&Value>, new: Option<&Value>, differences: &mut Vec<String>) {
    let list = |record: Option<&Value>| {
        let crates = record.and_then(|record| record.get("crates"));
        crates
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let (old, new) = (list(old), list(new));
    let mut only = |of: &[Value], other: &[Value], when: &str| {
        for item in of.iter().filter(|item| !other.contains(item)) {
            let (name, version) = (text(item, "name"), text(item, "version"));
            let shown = format!("{name} {version}");
            differences.push(format!("crate {} {when}", shown.escape_debug()));
        }
    };
    only(&old, &new, "was there");
    only(&new, &old, "is new");
}
