//! `goma schema`: the dialect for editors.

use std::process::ExitCode;

use crate::terminal::print;
use clap::Args;
use goma_compiler::dialect;

/// Print the JSON Schema of the configuration, for completion and checks in editors
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {}

/// Runs the command.
pub(crate) fn run(SchemaArgs {}: &SchemaArgs) -> ExitCode {
    print(format_args!("{}", dialect::schema()));
    ExitCode::SUCCESS
}
