//! `goma deploy`: brings an image to where it runs, or to the registry that it is taken from.

mod push;
mod releases;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::build::{self, BuildArgs, BuildOptions, ImageContents};
use super::{Common, FindingsFormat, verify};
use crate::failure::{FAILED, Failure, Outcome};
use crate::findings;
use crate::golden::{GOLDEN_MAX, Golden};
use crate::image::{Place, is_image};
use crate::registry::Access;
use crate::terminal::say;
use target::Target;

pub(super) use push::push;
pub(super) use releases::switch;
pub(super) use target::{Directory, Wait};

/// Bring an image to a registry, or the gateway in it to a directory that `goma run` runs; one of a
/// configuration is built first
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Where to: oci://HOST/REPOSITORY[:TAG] pushes (the tag is the revision if none is given); dir:PATH makes
    /// it the current release there
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

    /// For dir:PATH, what the release must answer before it takes over: `METHOD http://HOST/PATH STATUS`; once
    /// for each
    #[arg(long, value_name = "REQUEST")]
    golden: Vec<Golden>,

    /// How long the new release may take until it serves; then the one before is current again
    #[arg(long, value_name = "SECONDS", default_value = "60s")]
    wait: Wait,

    /// Say what would be deployed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: DeployArgs) -> Outcome {
    if args.golden.len() > GOLDEN_MAX {
        let message = format!("there are more than {GOLDEN_MAX} golden requests");
        return Err(Failure::Usage(message));
    }
    if !args.golden.is_empty() && matches!(args.to, Target::Registry(_)) {
        let message = "a registry answers no golden requests: --golden is for dir:PATH";
        return Err(Failure::Usage(message.to_owned()));
    }
    let access = args.common.registries();
    let image = match args.what.as_deref().filter(|path| is_image(path)) {
        Some(image) => {
            let image = fixed(image, access)?;
            if !is_good(&image, &args.common)? {
                return Ok(ExitCode::from(FAILED));
            }
            image
        }
        None if args.dry_run => {
            let file = args.what.as_deref();
            let compiled = build::compile_checked(file, &args.common, &args.options.name)?;
            let Some((_, output)) = compiled else {
                return Ok(ExitCode::from(FAILED));
            };
            say!("revision  {}\nto        {}", output.revision, args.to);
            return Ok(ExitCode::SUCCESS);
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
    if args.dry_run {
        say!("image     {}\nto        {}", image.display(), args.to);
        return Ok(ExitCode::SUCCESS);
    }
    match &args.to {
        Target::Directory(to) => {
            let golden = args.golden.as_slice();
            releases::deploy(&image, (to, golden), access, args.wait)
        }
        Target::Registry(to) => {
            push(&image, to, access)?.say();
            Ok(ExitCode::SUCCESS)
        }
    }
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
