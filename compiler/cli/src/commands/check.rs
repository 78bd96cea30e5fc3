//! `goma check`: all findings of a configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use goma_compiler::diag::Diagnostics;
use goma_compiler::lock::{Lock, Machine};
use goma_compiler::source::SourceMap;
use goma_compiler::{check, dialect};

use super::{Common, FindingsFormat};
use crate::failure::{FAILED, Failure, Outcome};
use crate::findings::Several;
use crate::terminal::say;
use crate::{environment, findings, input, lock_file};

/// Report every finding of a configuration; exit with 1 if there is an error
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Main files, or directories with a goma.yml, each checked by itself; same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// How findings are written
    #[arg(long, value_enum, default_value_t = FindingsFormat::Human)]
    format: FindingsFormat,

    /// Also note what Goma Gateway of this version did differently
    #[arg(long, value_enum, value_name = "VERSION")]
    compat: Option<Compat>,

    /// List what of the dialect this release cannot do yet, and check nothing
    #[arg(long, conflicts_with_all = ["files", "config"])]
    list_unsupported: bool,
}

/// Gateways that a configuration may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Compat {
    /// Goma Gateway 1.0
    V1,
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs) -> Outcome {
    if args.list_unsupported {
        for item in dialect::unsupported() {
            say!("{:<44} {}", item.place, item.doc);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut all = Several::default();
    for main in args.common.mains(&args.files) {
        let (found, sources) = check_one(args, main)?;
        all.add(&args.common.severities.apply(found), &sources);
    }
    findings::print(&all.found, &all.sources, args.format, args.common.color);
    Ok(if all.found.has_errors() {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// All findings of one configuration, with its files as the user names them.
fn check_one(args: &CheckArgs, main: Option<&Path>) -> Result<(Diagnostics, SourceMap), Failure> {
    let env = environment::collect(&args.common.env_file, &args.common.env)?;
    let mut input = match input::load(main, env, args.common.policy()) {
        Ok(input) => input,
        Err(missing) => return Ok(missing.finding()),
    };
    input.options.compat_v1 = args.compat == Some(Compat::V1);
    let mut checked = check(&input.sources, &input.options);
    input.note_absent(&checked.files, &mut checked.diagnostics);
    if args.common.locked && checked.model.is_some() {
        let lock = Lock::new(&input.sources, &checked.variables, &Machine::default());
        let mismatches = lock_file::mismatches(&mut input, &lock);
        checked.diagnostics.extend(mismatches);
    }
    // The process ends with this: taking a large model apart first would be a good part of its time.
    std::mem::forget(checked.model.take());
    Ok((checked.diagnostics, input.shown))
}
