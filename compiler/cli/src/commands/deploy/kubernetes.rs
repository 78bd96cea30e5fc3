//! `kubernetes:[NAMESPACE/]NAME[@CONTEXT]`: a gateway of a cluster.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use super::destination::flags;
use super::{Coming, Destination, How, Serves, Status, Wait, push};
use crate::commands::export::{Exported, of_image};
use crate::failure::{Failure, Outcome};
use crate::history::Entry;
use crate::image::{self, Place as ImagePlace};
use crate::kubernetes::{Asked, Gateway, Options, Place, Session, manifests};
use crate::registry::{Reference, SCHEME};

/// What stands behind `--`.
#[derive(Debug, Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Flags {
    #[command(flatten)]
    options: Options,

    /// Where the image goes first, if it is not in a registry: HOST/REPOSITORY[:TAG]
    #[arg(long, value_name = "REF")]
    push: Option<Reference>,

    /// Take over fields that others have set, such as with `kubectl edit`
    #[arg(long)]
    force_conflicts: bool,
}

impl Destination for Place {
    fn accept(&self, how: &How) -> Result<(), Failure> {
        flags::<Flags>(&how.args).map(|_| ())
    }

    fn changes(&self, coming: &Coming<'_>, how: &How) -> Result<Vec<String>, Failure> {
        let Some(image) = coming.image else {
            return Ok(vec![Coming::UNKNOWN.to_owned()]);
        };
        let flags: Flags = flags(&how.args)?;
        let reference = match &flags.push {
            Some(to) => {
                let place = ImagePlace::open(image, how.access)?;
                let place = place.with_context(|| format!("{} is no image", image.display()))?;
                to.at(&image::digest(&place)?)
            }
            None => in_registry(image)?,
        };
        let session = Session::open(self)?;
        let asked = asked(&session, self, (image, &reference), how)?;
        Ok(session.changes(&asked)?)
    }

    fn deploy(&self, image: &Path, how: &How) -> Outcome {
        let flags: Flags = flags(&how.args)?;
        let reference = match &flags.push {
            Some(to) => push(image, to, how.access)?.by_digest(),
            None => in_registry(image)?,
        };
        let session = Session::open(self)?;
        let asked = asked(&session, self, (image, &reference), how)?;
        session.deploy(&asked, how.wait.0)?;
        Ok(ExitCode::SUCCESS)
    }

    fn rollback(&self, revision: Option<&str>, wait: Wait) -> Outcome {
        Session::open(self)?.rollback(revision, wait.0)?;
        Ok(ExitCode::SUCCESS)
    }

    fn history(&self) -> Result<Vec<Entry>, Failure> {
        Ok(Session::open(self)?.history())
    }

    fn status(&self) -> Result<Status, Failure> {
        let session = Session::open(self)?;
        let Some((revision, facts, why)) = session.status()? else {
            return Ok(Status::nothing());
        };
        let last = session.history().pop();
        let last = last.filter(|last| last.revision == revision);
        Ok(Status {
            current: Some((revision, last)),
            facts,
            serves: why.map_or(Serves::Yes, |why| Serves::No(Some(why))),
        })
    }
}

/// An image that a cluster can pull.
fn in_registry(image: &Path) -> Result<Reference, Failure> {
    let text = image.to_str().filter(|text| text.starts_with(SCHEME));
    let reference = text.and_then(|text| text.parse::<Reference>().ok());
    reference.ok_or_else(|| {
        let message = format!(
            "{} is in no registry that a cluster could pull from",
            image.display()
        );
        Failure::with_help(
            message,
            "`-- --push HOST/REPOSITORY` brings it to one first",
        )
    })
}

/// The objects of the gateway in an image. What is not said about them is as it was.
fn asked(
    session: &Session,
    place: &Place,
    (image, reference): (&Path, &Reference),
    how: &How,
) -> Result<Asked, Failure> {
    let force = flags::<Flags>(&how.args)?.force_conflicts;
    let mut args = kept(&how.args);
    if args.is_empty() {
        args = session.last_args().to_vec();
    }
    let Exported {
        revision, needs, ..
    } = of_image(image, how.access)?;
    let pulled = reference.by_digest();
    let gateway = Gateway {
        name: &place.name,
        namespace: Some(session.namespace()),
        image: &pulled,
        revision: &revision,
    };
    Ok(Asked {
        objects: manifests(gateway, &needs, &flags::<Flags>(&args)?.options),
        golden: how.golden.clone(),
        revision,
        args,
        force,
    })
}

/// Without what is meant for this one time.
fn kept(args: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--push" {
            args.next();
        } else if arg != "--force-conflicts" && !arg.starts_with("--push=") {
            kept.push(arg.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_behind_two_dashes() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let all = args("--replicas 3 --push h.example/shop --force-conflicts --push=h.example/b");
        assert_eq!(kept(&all), ["--replicas", "3"]);
        let said: Flags = flags(&all[..5]).unwrap();
        assert!(said.force_conflicts);
        for (wrong, said) in [
            ("--replica 3", "--replica"),
            ("--replicas x", "x"),
            ("--replicas 3 --autoscale 1-2", "--autoscale"),
        ] {
            let Err(Failure::Usage(text)) = flags::<Flags>(&args(wrong)) else {
                panic!("{wrong}");
            };
            assert!(text.contains(said) && !text.contains('\n'), "{text}");
        }
    }
}
