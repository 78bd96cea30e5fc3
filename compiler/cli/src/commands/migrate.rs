//! `goma migrate`: today's spelling for a configuration of an older release.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use goma_compiler::diag::Diagnostics;
use goma_compiler::migrate::{Migrated, migrate};
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check};

use super::{Color, FindingsFormat};
use crate::environment::{self, Assignment};
use crate::failure::{FAILED, Failure, Outcome};
use crate::input;
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
    let options = Options {
        env: environment::collect(&args.env_file, &args.env)?,
        ..Options::default()
    };
    let mut changed = false;
    let files: Vec<Option<&Path>> = match args.files.as_slice() {
        [] => vec![None],
        files => files.iter().map(|file| Some(file.as_path())).collect(),
    };
    for file in files {
        let path = input::locate(file);
        let name = input::shown(&path);
        let text = match input::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| Failure::Failed {
                message: format!("{name} is not UTF-8"),
                help: Some("`goma check` says where".to_owned()),
            })?,
            Err(missing) => {
                missing.print(FindingsFormat::Human, Color::Auto);
                return Ok(ExitCode::from(FAILED));
            }
        };
        let migrated = migrate(&name, &text, &options);
        if migrated.text == text {
            continue;
        }
        changed = true;
        if args.write {
            std::fs::write(&path, &migrated.text)
                .with_context(|| format!("cannot write {name}"))?;
            say!("{name}: {} fixed", migrated.fixed);
        } else {
            print(format_args!("{}", diff(&name, &text, &migrated, &options)));
        }
    }
    Ok(if changed && !args.write {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// A unified diff in which secrets are masked: it is for reading.
fn diff(name: &str, old: &str, migrated: &Migrated, options: &Options) -> String {
    let mut sources = SourceMap::new();
    sources.add(name, old);
    let before = masked(old, &check(&sources, options).diagnostics);
    let after = masked(&migrated.text, &migrated.diagnostics);
    similar::TextDiff::from_lines(&before, &after)
        .unified_diff()
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}

fn masked(text: &str, findings: &Diagnostics) -> String {
    let mut secrets: Vec<_> = findings.secrets().to_vec();
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
