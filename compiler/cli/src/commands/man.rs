//! `goma man`: the manual page.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

use crate::Cli;
use crate::failure::Outcome;
use crate::terminal::print;

/// Print the manual page: `goma man | man -l -`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {}

/// Runs the command. One page for all commands, each with its options.
pub(crate) fn run(ManArgs {}: &ManArgs) -> Outcome {
    let page = page().context("the manual page")?;
    print(format_args!("{page}"));
    Ok(ExitCode::SUCCESS)
}

fn page() -> std::io::Result<String> {
    let mut cli = Cli::command();
    cli.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(cli.clone()).render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    for command in cli.get_subcommands() {
        let name = command.get_name();
        // There is one page, not one for each command.
        let other = format!("goma\\-{}(1)", name.replace('-', "\\-"));
        page = page.replace(&other, &format!("goma {name}"));
        let mut options = Vec::new();
        clap_mangen::Man::new(command.clone()).render_options_section(&mut options)?;
        let options = String::from_utf8_lossy(&options);
        let about = command.get_about().map(ToString::to_string);
        page.push_str(&format!(
            ".SH GOMA {}\n{}\n{}",
            name.to_uppercase(),
            about.unwrap_or_default(),
            options.replace(".SH OPTIONS", ".SS Options")
        ));
    }
    Ok(page)
}
