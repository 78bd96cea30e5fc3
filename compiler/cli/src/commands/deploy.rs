//! `goma deploy`: brings an image to where it runs, or to the registry that it is taken from.

mod container;
mod destination;
mod directory;
mod kubernetes;
mod program;
mod push;
mod systemd;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::build::{self, BuildArgs, BuildOptions, ImageContents};
use super::{Common, FindingsFormat, verify};
use crate::failure::{FAILED, Failure, Outcome};
use crate::findings;
use crate::golden::{GOLDEN_MAX, Golden};
use crate::image::{self, Place, is_image};
use crate::registry::Access;
use crate::terminal::say;
use container::{Compose, Container, Engine, Swarm};
use destination::{Coming, Destination, How, Serves, Status};
use directory::Directory;
use systemd::Systemd;

pub(super) use push::push;
pub(super) use target::{Target, Wait};

/// Bring an image to a registry, or to where it runs; one of a configuration is built first
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Where to: oci://HOST/REPOSITORY[:TAG] pushes (the tag is the revision if none is given); dir:PATH makes
    /// it the current release there; podman:NAME, docker:NAME, compose:FILE/PROJECT, swarm:STACK and
    /// systemd:NAME run it
    #[arg(long, value_name = "TARGET")]
    to: Target,

    /// An image: a layout, a .tar, oci://HOST/REPOSITORY:TAG; or a main file, or a directory with one, which
    /// is built [default: as for `goma build`]
    #[arg(value_name = "IMAGE|SPEC")]
    what: Option<PathBuf>,

    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    options: BuildOptions,

    #[command(flatten)]
    contents: ImageContents,

    /// What the release must answer before it takes over: `METHOD http://HOST/PATH STATUS`; once for each. Not
    /// for oci://…
    #[arg(long, value_name = "REQUEST")]
    golden: Vec<Golden>,

    /// How long the new release may take until it serves; then the one before is current again
    #[arg(long, value_name = "SECONDS", default_value = "60s")]
    wait: Wait,

    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Arguments of the program that runs it, for targets that take some
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: DeployArgs) -> Outcome {
    if args.golden.len() > GOLDEN_MAX {
        let message = format!("there are more than {GOLDEN_MAX} golden requests");
        return Err(Failure::Usage(message));
    }
    let how = How {
        golden: args.golden,
        wait: args.wait,
        args: args.args,
        access: args.common.registries(),
    };
    let to = args.to.destination();
    to.accept(&how)?;
    let image = match args.what.as_deref().filter(|path| is_image(path)) {
        Some(image) => {
            let image = fixed(image, how.access)?;
            if !is_good(&image, &args.common)? {
                return Ok(ExitCode::from(FAILED));
            }
            if args.dry_run {
                let place = Place::open(&image, how.access)?;
                let revision = place.as_ref().map(image::revision).transpose()?;
                let revision = revision.unwrap_or_default();
                say!("image     {}", image.display());
                return would_change(&args.to, (&revision, Some(&image)), &how);
            }
            image
        }
        None if args.dry_run => {
            let file = args.what.as_deref();
            let compiled = build::compile_checked(file, &args.common, &args.options.name)?;
            let Some((_, output)) = compiled else {
                return Ok(ExitCode::from(FAILED));
            };
            return would_change(&args.to, (&output.revision, None), &how);
        }
        None => {
            let out = args.options.image();
            let files = args.what.into_iter().collect();
            let image = (out.clone(), args.contents);
            let build = BuildArgs::of_image(files, args.common, args.options, image);
            let built = build::run(&build)?;
            if built != ExitCode::SUCCESS {
                return Ok(built);
            }
            out
        }
    };
    to.deploy(&image, &how)
}

/// Prints what deploying would change.
fn would_change(to: &Target, (revision, image): (&str, Option<&Path>), how: &How) -> Outcome {
    say!("revision  {revision}\nto        {to}");
    let coming = Coming { revision, image };
    let changes = to.destination().changes(&coming, how)?;
    if changes.is_empty() {
        say!("nothing would change");
    }
    for change in changes {
        say!("change    {change}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The image by its digest, if it is in a registry: its tag may become that of another meanwhile.
fn fixed(image: &Path, access: Access) -> anyhow::Result<PathBuf> {
    match Place::open(image, access)? {
        Some(Place::Repository(repository)) if repository.reference.digest.is_none() => {
            let digest = repository.asked()?.digest;
            Ok(repository.reference.at(&digest).to_string().into())
        }
        _ => Ok(image.to_path_buf()),
    }
}

/// Whether `goma check` finds no error in what an image was built from, and the gateways in it were built from
/// that.
fn is_good(image: &Path, common: &Common) -> Result<bool, Failure> {
    if common.main(None)?.is_some() {
        let message = "an image is deployed as it is: --config has no say";
        return Err(Failure::Usage(message.to_owned()));
    }
    let Some(input) = build::load_image(image, common)? else {
        return Ok(false);
    };
    let checked = goma_compiler::check(&input.sources, &input.options);
    let found = common.severities.apply(checked.diagnostics);
    if found.has_errors() {
        findings::print(&found, &input.shown, FindingsFormat::Human, common.color);
    }
    let differences = verify::image_differences(image, common)?;
    for difference in &differences {
        eprintln!("error: {difference}");
    }
    Ok(!found.has_errors() && differences.is_empty())
}
