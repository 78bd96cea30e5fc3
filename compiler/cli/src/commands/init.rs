//! `goma init`: a first configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
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

/// Pipelines: where they are looked for, from templates/ci.
const fn pipeline(ci: Ci) -> (&'static str, &'static str) {
    match ci {
        Ci::Github => (
            ".github/workflows/goma.yml",
            include_str!("../../../../templates/ci/github.yml"),
        ),
        Ci::Gitlab => (
            ".gitlab-ci.yml",
            include_str!("../../../../templates/ci/gitlab.yml"),
        ),
        Ci::Woodpecker => (
            ".woodpecker/goma.yml",
            include_str!("../../../../templates/ci/woodpecker.yml"),
        ),
    }
}

/// What the first line of goma.yml names.
const SCHEMA: &str = ".goma/schema.json";

/// Write a first configuration: goma.yml, goma.test.yaml, .env.example, .gitignore
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory; made if it does not exist
    #[arg(default_value = ".")]
    dir: PathBuf,

    /// Write a pipeline too, which checks, shows what changes, builds, and pushes; beside a goma.yml that is
    /// there, nothing but that
    #[arg(long, value_enum)]
    ci: Option<Ci>,

    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

/// What runs pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ci {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// Woodpecker
    Woodpecker,
}

/// Runs the command. Writes nothing if one of the files exists, unless forced.
pub(crate) fn run(args: &InitArgs) -> Outcome {
    let path = |name: &str| args.dir.join(name);
    let pipeline = args.ci.map(pipeline);
    let is_there = args.ci.is_some() && !args.force && path(FILES[0].0).exists();
    let first: &[_] = if is_there { &[] } else { &FILES };
    let files: Vec<_> = first.iter().copied().chain(pipeline).collect();
    if let Some((name, _)) = files
        .iter()
        .find(|(name, _)| !args.force && path(name).exists())
    {
        let message = format!("{} exists, nothing was written", path(name).display());
        return Err(Failure::with_help(message, "use --force to overwrite"));
    }
    for (name, text) in files {
        write_if_changed(&path(name), text).context("init")?;
        say!("wrote {}", path(name).display());
    }
    if let Some((name, _)) = pipeline {
        let lock = goma_compiler::lock::FILE_NAME;
        say!(
            "next: read {}, and commit it with {lock} (`goma lock`)",
            path(name).display()
        );
    }
    if is_there {
        return Ok(ExitCode::SUCCESS);
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
