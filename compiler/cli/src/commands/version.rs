//! `goma version`: what to put into a bug report.

use std::process::ExitCode;

use clap::Args;

use crate::build;
use crate::terminal::say;

/// Version of the YAML dialect.
const CONFIGURATION: &str = "2";

/// Print version, configuration version, toolchain and commit
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {}

/// Runs the command.
pub(crate) fn run(_: &VersionArgs) -> ExitCode {
    say!("version        {}", goma_compiler::VERSION);
    say!("configuration  {CONFIGURATION}");
    say!(
        "toolchain      {}",
        build::toolchain_version()
            .as_deref()
            .unwrap_or("none: install Rust to build gateways")
    );
    say!("commit         {}", env!("GOMA_COMMIT"));
    ExitCode::SUCCESS
}
