//! `goma diff`: what changes for requests between two configurations.

mod look_up;
mod running;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use goma_compiler::archive::Archive;
use goma_compiler::diag::Diagnostics;
use goma_compiler::diff::{self, Diff, Side};
use goma_compiler::source::SourceMap;
use goma_compiler::{Drawn, Options, draw};

use super::build::{DEFAULT_NAME, parse_name};
use super::{Common, FindingsFormat};
use crate::failure::{FAILED, Failure, Outcome};
use crate::input::revision::Revision;
use crate::{environment, findings, image, input, terminal};

/// Say what changes for requests between two configurations, what is opened first
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A file, a directory with a goma.yml, an image layout, an image in a registry
    /// (`oci://HOST/REPOSITORY:TAG`), a git revision (`main`, `HEAD~1:path/goma.yml`, `git:REV`), or a gateway
    /// that runs (`https://HOST[:PORT]/healthz/build`)
    old: String,

    /// Likewise
    new: String,

    #[command(flatten)]
    common: Common,

    /// Where the specification of a gateway that runs may be: an image, a repository of images
    /// (`oci://HOST/REPOSITORY`), a file or directory with its history in git, or a git revision; the one that
    /// gives the revision that runs is taken [default: the other side, the configuration here, their histories]
    #[arg(long, value_name = "PLACE")]
    from: Vec<String>,

    /// Name of the gateway that runs, as for `goma build`: it is part of the revision
    #[arg(long, default_value = DEFAULT_NAME, value_parser = parse_name)]
    name: String,

    /// `Host` of the request to a gateway that runs, if `monitoring.host` is not that of its URL
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// How the difference is written
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    format: DiffFormat,

    /// What makes the exit code 1
    #[arg(long, value_enum, value_delimiter = ',', default_value = "any")]
    fail_on: Vec<FailOn>,
}

/// How a difference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people
    Human,
    /// For programs
    Json,
    /// A comment on a pull request
    Markdown,
}

/// Differences that are not tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Anything
    Any,
    /// Something may get through that did not
    Exposure,
    /// Something is no longer served
    Removal,
}

/// Runs the command.
pub(crate) fn run(args: &DiffArgs) -> Outcome {
    let runs = running::is_url(&args.old) || running::is_url(&args.new);
    if !runs && (args.host.is_some() || !args.from.is_empty()) {
        let message = "--from and --host are for a side that is a gateway that runs";
        return Err(Failure::Usage(message.to_owned()));
    }
    let (old, new) = (
        side(&args.old, &args.new, args)?,
        side(&args.new, &args.old, args)?,
    );
    let (Some(old), Some(new)) = (old, new) else {
        return Ok(ExitCode::from(FAILED));
    };
    let diff = diff::diff(&old, &new);
    let text = match args.format {
        DiffFormat::Human => diff.human(),
        DiffFormat::Json => diff.json(),
        DiffFormat::Markdown => diff.markdown(),
    };
    terminal::print(format_args!("{text}"));
    let fails = args.fail_on.iter().any(|fail_on| fail_on.fits(&diff));
    Ok(if fails {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

impl FailOn {
    fn fits(self, diff: &Diff) -> bool {
        match self {
            Self::Any => !diff.is_empty(),
            Self::Exposure => diff.exposes(),
            Self::Removal => diff.removes(),
        }
    }
}

/// Reads one side, beside which the other stands; `None`: it has errors, which are printed.
fn side(text: &str, other: &str, args: &DiffArgs) -> Result<Option<Side>, Failure> {
    if running::is_url(text) {
        let running = running::ask(text, args.host.as_deref())?;
        return look_up::side(&running, other, args);
    }
    let inside = args.common.main(None)?;
    let path = Path::new(text);
    if let Some(archive) = image::specification(path, args.common.registries())? {
        return of_image(text, &archive, args);
    }
    if path.exists() {
        return load(path, None, args);
    }
    let rev = text.strip_prefix("git:").unwrap_or(text);
    let revision = Revision::lay_out(rev, inside)?;
    load(&revision.main, Some(revision.prefix()), args)
}

/// What an image was built from, without secrets and comments.
fn of_image(image: &str, text: &str, args: &DiffArgs) -> Result<Option<Side>, Failure> {
    let unreadable = |error| Failure::Failed {
        message: format!("the specification of {image}: {error}"),
        help: None,
    };
    let archive = Archive::read(text).map_err(unreadable)?;
    let sources = archive.sources();
    let mut shown = sources.clone();
    shown.rename("", &format!("{image}:"));
    let options = Options {
        env: archive.env_of_build(),
        ..Options::default()
    };
    let Drawn { side, diagnostics } = draw(&sources, &shown, &options);
    if side.is_none() {
        print(&diagnostics, &shown, args);
    }
    Ok(side)
}

fn load(
    main: &Path,
    prefix: Option<(String, String)>,
    args: &DiffArgs,
) -> Result<Option<Side>, Failure> {
    let common = &args.common;
    let env = environment::collect(&common.env_file, &common.env)?;
    let rename = |sources: &mut SourceMap| {
        if let Some((from, to)) = &prefix {
            sources.rename(from, to);
        }
    };
    let (found, sources) = match input::load(Some(main), env, common.policy()) {
        Err(mut missing) => {
            if let Some((from, to)) = &prefix {
                missing.file = missing.file.replace(from, to);
            }
            missing.finding()
        }
        Ok(mut input) => {
            rename(&mut input.shown);
            let Drawn { side, diagnostics } = draw(&input.sources, &input.shown, &input.options);
            match side {
                Some(side) => return Ok(Some(side)),
                None => (diagnostics, input.shown),
            }
        }
    };
    print(&found, &sources, args);
    Ok(None)
}

/// What is wrong with a side. Who takes the output for the differences gets nothing else, unless it says what
/// it is.
fn print(found: &Diagnostics, sources: &SourceMap, args: &DiffArgs) {
    match args.format {
        DiffFormat::Human | DiffFormat::Markdown => {
            findings::tell(found, sources, args.common.color);
        }
        DiffFormat::Json => {
            findings::print(found, sources, FindingsFormat::Json, args.common.color);
        }
    }
}
