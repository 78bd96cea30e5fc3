//! `goma build --report`: where the bytes of a gateway come from.

use std::fs;

use anyhow::Context as _;
use goma_compiler::Output;

use super::{BuildArgs, Gateway, crate_files};
use crate::build::{self, Profile, Toolchain, write_if_changed};
use crate::failure::Failure;
use crate::size::{self, Report, Subject};
use crate::terminal::{print, say};

/// The report for programs, beside the gateway.
const FILE: &str = "size.json";

/// Measures a gateway that was built. A production build has no names: it is compiled once more with them, beside
/// what was built, which stays as it is.
pub(super) fn measure(
    gateway: &Gateway,
    output: &Output,
    args: &BuildArgs,
    toolchain: &Toolchain,
) -> Result<Report, Failure> {
    let path = &gateway.path;
    let program = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let files = crate_files(output);
    let (profile, platform) = (args.options.profile(), gateway.platform);
    let offline = args.common.offline;
    let named = match profile {
        Profile::Fast => None,
        Profile::Release => {
            let options = build::Options {
                profile,
                offline,
                platform,
                symbols: true,
            };
            Some(build::again(toolchain, &files, options)?)
        }
    };
    let linked = build::linked(toolchain, &files, platform, offline)?;
    linked.verify(&gateway.built.linked)?;
    let report = size::measure(&Subject {
        program: &program,
        named: named.as_deref().unwrap_or(&program),
        output,
        linked: &linked,
        libraries: &gateway.built.libraries,
    })?;
    write_if_changed(&path.with_file_name(FILE), &report.json())?;
    Ok(report)
}

/// Prints it.
pub(super) fn say(report: &Report, gateway: &Gateway) {
    say!("report    {}", gateway.path.with_file_name(FILE).display());
    print(format_args!("{}", report.text()));
}
