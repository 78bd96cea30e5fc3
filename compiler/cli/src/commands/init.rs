//! `goma init`: a first configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use goma_compiler::dialect;

use crate::build::write_if_changed;
use crate::failure::{Failure, Outcome};
use crate::terminal::say;

/// What is written, from templates/init.
const FILES: [(&str, &str); 4] = [
    (
        "goma.yml",
        include_str!("../../../../templates/init/goma.yml"),
    ),
    (
        "goma.test.yaml",
        include_str!("../../../../templates/init/goma.test.yaml"),
    ),
    (
        ".env.example",
        include_str!("../../../../templates/init/env.example"),
    ),
    (
        ".gitignore",
        include_str!("../../../../templates/init/gitignore"),
    ),
];

/// What the first line of goma.yml names.
const SCHEMA: &str = ".goma/schema.json";

/// Write a first configuration: goma.yml, goma.test.yaml, .env.example, .gitignore
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory; made if it does not exist
    #[arg(default_value = ".")]
    dir: PathBuf,

    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

/// Runs the command. Writes nothing if one of the files exists, unless forced.
pub(crate) fn run(args: &InitArgs) -> Outcome {
    let path = |name: &str| args.dir.join(name);
    if let Some((name, _)) = FILES
        .iter()
        .find(|(name, _)| !args.force && path(name).exists())
    {
        let message = format!("{} exists, nothing was written", path(name).display());
        return Err(Failure::with_help(message, "use --force to overwrite"));
    }
    for (name, text) in FILES {
        write_if_changed(&path(name), text).context("init")?;
        say!("wrote {}", path(name).display());
    }
    // For editors; not to be committed, `goma schema` prints it.
    write_if_changed(&path(SCHEMA), &dialect::schema()).context("init")?;
    say!("wrote {}", path(SCHEMA).display());
    say!("next: goma run --demo{}", argument(&args.dir));
    Ok(ExitCode::SUCCESS)
}

/// The directory as an argument; none for the current one.
fn argument(dir: &Path) -> String {
    if dir == Path::new(".") {
        String::new()
    } else {
        format!(" {}", dir.display())
    }
}
