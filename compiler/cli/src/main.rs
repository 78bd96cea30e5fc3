//! The `goma` command line: the only crate that reads, writes, prints, exits and runs cargo.
//!
//! Each command is one file in `commands/`; what they share stands beside it: `input` finds and
//! reads the configuration, `environment` collects variables, `findings` prints diagnostics,
//! `build/` drives cargo. What is compiled, and how, is decided in the library.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a command line does"
)]

mod ask;
mod build;
mod commands;
mod environment;
mod failure;
mod findings;
mod gateway;
mod golden;
mod history;
mod image;
mod input;
mod kubernetes;
mod lock_file;
mod missing;
mod pauses;
mod platform;
mod registry;
mod releases;
mod requests;
mod size;
mod sockets;
mod terminal;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use commands::Command;
use terminal::say;

/// A large specification is a million small pieces of text, and with the C library's allocator a quarter of
/// `goma check` was finding room for them (measured at 10,000 routes). Gateways keep that one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A compiler for API gateways: checks a goma.yml and builds the gateway it describes.
#[derive(Debug, Parser)]
#[command(name = "goma", disable_version_flag = true, max_term_width = 100)]
struct Cli {
    /// Print `goma version <v>`
    #[arg(long, short = 'V')]
    version: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    set_panic_hook();
    let run = std::panic::catch_unwind(|| match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => usage(&error),
    });
    run.unwrap_or(ExitCode::from(failure::INTERNAL))
}

fn run(cli: Cli) -> ExitCode {
    if cli.version {
        say!("goma version {}", goma_compiler::VERSION);
        return ExitCode::SUCCESS;
    }
    match cli.command {
        Some(command) => command.run().unwrap_or_else(|failure| failure.report()),
        None => {
            failure::Failure::Usage("no command given; `goma help` lists them".to_owned()).report()
        }
    }
}

/// Help goes to stdout with 0, everything else that clap says to stderr with 2.
fn usage(error: &clap::Error) -> ExitCode {
    let wanted = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // Nothing can be done about a closed terminal.
    let _ = error.print();
    if wanted {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(failure::USAGE)
    }
}

/// A panic is a defect of goma: two lines instead of a backtrace, unless one is asked for.
fn set_panic_hook() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            default(panic);
        }
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = format!("{} ({place})", panic.payload_as_str().unwrap_or("unknown"));
        failure::Failure::Internal { message, log: None }.report();
    }));
}
