//! `goma version`: what to put into a bug report.

use std::process::ExitCode;

use clap::Args;

use crate::build;

/// Version of the YAML dialect.
const CONFIGURATION: &str = "2";

/// Print version, configuration version, toolchain and commit
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {}

/// Runs the command.
pub(crate) fn run(_: &VersionArgs) -> ExitCode {
    println!("version        {}", goma_compiler::VERSION);
    println!("configuration  {CONFIGURATION}");
    println!(
        "toolchain      {}",
        build::toolchain_version()
            .as_deref()
            .unwrap_or("none: install Rust to build gateways")
    );
    println!("commit         {}", env!("GOMA_COMMIT"));
    ExitCode::SUCCESS
}
