//! `goma migrate`: today's spelling for a configuration of an older release.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use goma_compiler::diag::{Code, Diagnostics, render};
use goma_compiler::migrate::{Migrated, migrate};
use goma_compiler::source::{SourceId, Span};
use goma_compiler::{Options, check};

use super::{Color, FindingsFormat};
use crate::environment::{self, Assignment};
use crate::failure::{FAILED, Failure, Outcome};
use crate::input::{self, Input};
use crate::terminal::{print, say};

/// Replace deprecated keys; comments and layout stay. Prints the changes as a diff, or writes them
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Files, or directories with a goma.yml [default: as for `goma check`]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Change the files instead of printing what would change
    #[arg(long)]
    write: bool,

    /// Set a variable for `${NAME}` in structural keys
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Assignment>,

    /// Read variables from a file of NAME=VALUE lines; a later file wins
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

/// Runs the command; 1 if something would change and nothing is written.
pub(crate) fn run(args: &MigrateArgs) -> Outcome {
    let mut changed = false;
    let files: Vec<Option<&Path>> = match args.files.as_slice() {
        [] => vec![None],
        files => files.iter().map(|file| Some(file.as_path())).collect(),
    };
    for file in files {
        let env = environment::collect(&args.env_file, &args.env)?;
        let input = match input::load(file, env, None) {
            Ok(input) => input,
            Err(missing) => {
                missing.print(FindingsFormat::Human, Color::Auto);
                return Ok(ExitCode::from(FAILED));
            }
        };
        differences(&input);
        let ids = input.shown.main().into_iter().chain(input.shown.others());
        let ids: Vec<SourceId> = ids.collect();
        for &id in &ids {
            readable(&input, id)?;
        }
        for (id, migrated) in ids.into_iter().zip(migrate(&input.shown, &input.options)) {
            changed |= show(&input, id, &migrated, args.write)?;
        }
    }
    Ok(if changed && !args.write {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// A file that is not text stays as it is.
fn readable(input: &Input, id: SourceId) -> Result<(), Failure> {
    if input.shown.invalid_at(id).is_some() {
        let message = format!("{} is not UTF-8", input.shown.name(id));
        return Err(Failure::with_help(message, "`goma check` says where"));
    }
    Ok(())
}

/// Writes or shows one file; whether there was anything to change.
fn show(input: &Input, id: SourceId, migrated: &Migrated, write: bool) -> Result<bool, Failure> {
    let (name, text) = (input.shown.name(id), input.shown.text(id));
    if migrated.text == text {
        return Ok(false);
    }
    if write {
        std::fs::write(name, &migrated.text).with_context(|| format!("cannot write {name}"))?;
        say!("{name}: {} fixed", migrated.fixed);
    } else {
        let before = masked(text, &secrets_of(input, id));
        let after = masked(&migrated.text, migrated.diagnostics.secrets());
        let diff = similar::TextDiff::from_lines(&before, &after);
        let mut diff = diff.unified_diff();
        print(format_args!(
            "{}",
            diff.header(&format!("a/{name}"), &format!("b/{name}"))
        ));
    }
    Ok(true)
}

/// Tells what Goma Gateway 1.0 did differently; beside the diff, so that it can be piped on.
fn differences(input: &Input) {
    let options = Options {
        compat_v1: true,
        ..input.options.clone()
    };
    let found = check(&input.sources, &options).diagnostics;
    let mut notes = Diagnostics::new();
    let other = found
        .iter()
        .filter(|finding| finding.code == Code::V1Difference);
    other.for_each(|finding| notes.push(finding.clone()));
    found
        .secrets()
        .iter()
        .for_each(|&secret| notes.hide(secret));
    if !notes.is_empty() {
        eprint!("{}", render::human(&notes, &input.shown, false));
    }
}

/// The secrets of a file as it is.
fn secrets_of(input: &Input, id: SourceId) -> Vec<Span> {
    let mut secrets = check(&input.shown, &input.options)
        .diagnostics
        .secrets()
        .to_vec();
    secrets.retain(|secret| secret.source == id);
    secrets
}

/// A text in which secrets are masked: it is for reading.
fn masked(text: &str, secrets: &[Span]) -> String {
    let mut secrets = secrets.to_vec();
    secrets.sort();
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        let (start, end) = (secret.start as usize, secret.end as usize);
        if start >= at {
            result.push_str(text.get(at..start).unwrap_or(""));
            result.push_str("****");
            at = end;
        }
    }
    result.push_str(text.get(at..).unwrap_or(""));
    result
}
