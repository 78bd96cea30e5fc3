//! Pushing an image, as `goma build --push` and `goma deploy --to oci://…` both do.

use std::path::Path;

use anyhow::Context as _;

use crate::failure::Failure;
use crate::image::{self, Place};
use crate::registry::{Access, Reference, Repository};
use crate::terminal::say;

/// An image in a registry.
pub(in crate::commands) struct Pushed {
    what: image::Pushed,
    /// Its name there.
    to: Reference,
}

/// Pushes the image at a path. Without a tag its name is its revision.
pub(in crate::commands) fn push(
    path: &Path,
    to: &Reference,
    access: Access,
) -> Result<Pushed, Failure> {
    if to.digest.is_some() {
        let message = format!("{to}: an image has the digest it has; name a tag, or none");
        return Err(Failure::Usage(message));
    }
    let from = Place::open(path, access)?;
    let from = from.with_context(|| format!("{} is no image", path.display()))?;
    let to = match &to.tag {
        Some(_) => to.clone(),
        None => {
            let revision = image::revision(&from)?;
            let tagged = format!("{to}:{revision}").parse();
            tagged.map_err(|_| anyhow::anyhow!("the image's revision is no tag: name one"))?
        }
    };
    eprintln!("pushing {to}");
    let repository = Repository::open(to.clone(), access)?;
    let what = image::push(&from, &repository, to.tag.as_deref())
        .with_context(|| format!("cannot push {to}"))?;
    Ok(Pushed { what, to })
}

impl Pushed {
    /// Prints what there is.
    pub(in crate::commands) fn say(&self) {
        let image::Pushed {
            digest,
            uploaded,
            mounted,
            manifests,
        } = &self.what;
        say!("pushed    {}", self.to);
        say!("as        {}", self.to.at(digest));
        say!(
            "sent      {uploaded} blobs, {manifests} manifests; {mounted} blobs taken from another repository"
        );
    }
}
