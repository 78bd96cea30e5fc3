//! From a configuration to a crate: read, checked, its findings printed.

use std::path::{Path, PathBuf};

use clap::Args;
use goma_compiler::{Output, compile};

use super::{DEFAULT_NAME, parse_name};
use crate::commands::{Common, FindingsFormat};
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::platform::Platform;
use crate::{build, environment, findings, lock_file};

/// What a command takes that compiles one configuration and does not build it.
#[derive(Debug, Args)]
pub(in crate::commands) struct Configuration {
    /// The main file, or a directory with a goma.yml; same as --config
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::commands) common: Common,

    /// Name of the gateway, as for `goma build`
    #[arg(long, default_value = DEFAULT_NAME, value_parser = parse_name)]
    name: String,
}

impl Configuration {
    /// As [`compile_checked`].
    pub(in crate::commands) fn compile(&self) -> Result<Option<(Input, Output)>, Failure> {
        compile_checked(self.file.as_deref(), &self.common, &self.name)
    }
}

/// Reads the configuration and compiles it to a crate; prints the findings, if there are any. None:
/// there are errors.
pub(in crate::commands) fn compile_checked(
    file: Option<&Path>,
    common: &Common,
    name: &str,
) -> Result<Option<(Input, Output)>, Failure> {
    compile_main(common.main(file)?, common, name, &[])
}

/// Likewise for one of several.
pub(in crate::commands) fn compile_main(
    main: Option<&Path>,
    common: &Common,
    name: &str,
    platforms: &[Platform],
) -> Result<Option<(Input, Output)>, Failure> {
    match load_main(main, common)? {
        Some(input) => compile_for(input, common, name, platforms),
        None => Ok(None),
    }
}

/// Reads the configuration. None: it is not there, which is said.
pub(in crate::commands) fn load(
    file: Option<&Path>,
    common: &Common,
) -> Result<Option<Input>, Failure> {
    load_main(common.main(file)?, common)
}

fn load_main(main: Option<&Path>, common: &Common) -> Result<Option<Input>, Failure> {
    if main.is_some_and(crate::image::is_image) {
        let message = "an image carries no secrets, so nothing can be built from it";
        return Err(Failure::Usage(message.to_owned()));
    }
    read(main, common)
}

/// Reads what an image was built from.
pub(in crate::commands) fn load_image(
    image: &Path,
    common: &Common,
) -> Result<Option<Input>, Failure> {
    read(Some(image), common)
}

fn read(main: Option<&Path>, common: &Common) -> Result<Option<Input>, Failure> {
    let env = environment::collect(&common.env_file, &common.env)?;
    match input::load(main, env, common.policy()) {
        Ok(input) => Ok(Some(input)),
        Err(missing) => {
            missing.print(FindingsFormat::Human, common.color);
            Ok(None)
        }
    }
}

/// Compiles a configuration to a crate; prints the findings, if there are any. None: there are errors.
pub(in crate::commands) fn compile_input(
    input: Input,
    common: &Common,
    name: &str,
) -> Result<Option<(Input, Output)>, Failure> {
    compile_for(input, common, name, &[])
}

fn compile_for(
    mut input: Input,
    common: &Common,
    name: &str,
    platforms: &[Platform],
) -> Result<Option<(Input, Output)>, Failure> {
    name.clone_into(&mut input.options.name);
    input.options.machine = build::machine(name, platforms)?;
    let mut compiled = compile(&input.sources, &input.options);
    input.note_absent(&compiled.files, &mut compiled.diagnostics);
    if let (true, Some(output)) = (common.locked, &compiled.output) {
        let mismatches = lock_file::mismatches(&mut input, &output.lock);
        compiled.diagnostics.extend(mismatches);
    }
    let found = common.severities.apply(compiled.diagnostics);
    if !found.is_empty() {
        findings::print(&found, &input.shown, FindingsFormat::Human, common.color);
    }
    let output = compiled.output.filter(|_| !found.has_errors());
    Ok(output.map(|output| (input, output)))
}
