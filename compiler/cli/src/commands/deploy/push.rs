//! `oci://…`: pushing an image to a registry, as `goma build --push` and `goma deploy` both do.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::{Coming, Destination, How, Status, Wait};
use crate::failure::{Failure, Outcome};
use crate::history::Entry;
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
    let from = opened(path, access)?;
    let to = named(to, &image::revision(&from)?)?;
    eprintln!("pushing {to}");
    let repository = Repository::open(to.clone(), access)?;
    let what = image::push(&from, &repository, to.tag.as_deref())
        .with_context(|| format!("cannot push {to}"))?;
    Ok(Pushed { what, to })
}

impl Destination for Reference {
    fn accept(&self, how: &How) -> Result<(), Failure> {
        how.without_golden("a registry answers no golden requests")?;
        how.without_args(self)
    }

    fn changes(&self, coming: &Coming<'_>, how: &How) -> Result<Vec<String>, Failure> {
        let to = named(self, coming.revision)?;
        let wanted = match coming.image {
            Some(image) => Some(image::digest(&opened(image, how.access)?)?),
            None => None,
        };
        let repository = Repository::open(to.clone(), how.access)?;
        let there = repository.manifest(to.tag.as_deref().unwrap_or_default())?;
        let there = there.map(|there| there.digest);
        Ok(match there {
            Some(there) if wanted.as_ref() == Some(&there) => Vec::new(),
            Some(there) => vec![format!("push {to}, which is {there} now")],
            None => vec![format!("push {to}, which is not there")],
        })
    }

    fn deploy(&self, image: &Path, how: &How) -> Outcome {
        push(image, self, how.access)?.say();
        Ok(ExitCode::SUCCESS)
    }

    fn rollback(&self, _: Option<&str>, _: Wait) -> Outcome {
        Err(no_history())
    }

    fn history(&self) -> Result<Vec<Entry>, Failure> {
        Err(no_history())
    }

    fn status(&self) -> Result<Status, Failure> {
        Err(no_history())
    }
}

fn no_history() -> Failure {
    Failure::Usage("a registry keeps no history: name where it is deployed to".to_owned())
}

fn opened(image: &Path, access: Access) -> anyhow::Result<Place> {
    let place = Place::open(image, access)?;
    place.with_context(|| format!("{} is no image", image.display()))
}

/// The name of a revision there.
fn named(to: &Reference, revision: &str) -> Result<Reference, Failure> {
    if to.digest.is_some() {
        let message = format!("{to}: an image has the digest it has; name a tag, or none");
        return Err(Failure::Usage(message));
    }
    if to.tag.is_some() {
        return Ok(to.clone());
    }
    let tagged: Result<_, String> = format!("{to}:{revision}").parse();
    let no_tag = |_| anyhow::anyhow!("the image's revision is no tag: name one");
    Ok(tagged.map_err(no_tag)?)
}

impl Pushed {
    /// The image there, by its digest.
    pub(in crate::commands) fn by_digest(&self) -> Reference {
        self.to.at(&self.what.digest)
    }

    /// Prints what there is.
    pub(in crate::commands) fn say(&self) {
        let image::Pushed {
            digest: _,
            uploaded,
            mounted,
            manifests,
        } = &self.what;
        say!("pushed    {}", self.to);
        say!("as        {}", self.by_digest());
        say!(
            "sent      {uploaded} blobs, {manifests} manifests; {mounted} blobs taken from another repository"
        );
    }
}
