//! Why a command stopped, apart from findings: what is printed and with which exit code.
//! Findings are results and do not come through here.

use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code for findings and for things that failed (runtime.md §22).
pub(crate) const FAILED: u8 = 1;
/// Exit code for a wrong command line.
pub(crate) const USAGE: u8 = 2;
/// Exit code for a defect of goma itself.
pub(crate) const INTERNAL: u8 = 70;

/// What every command returns.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The surroundings do not allow it: no cargo, no network, no permission. Exit code 1.
    Failed {
        /// One line.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A defect of goma. Exit code 70.
    Internal {
        /// One line.
        message: String,
        /// Where the details were saved.
        log: Option<PathBuf>,
    },
    /// The command line asks for something that does not exist. Exit code 2.
    Usage(String),
}

impl Failure {
    /// A failure with advice.
    pub(crate) fn with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// Prints to stderr and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Failed { message, help } => {
                eprintln!("error: {message}");
                if let Some(help) = help {
                    eprintln!("  = help: {help}");
                }
                ExitCode::from(FAILED)
            }
            Self::Internal { message, log } => {
                eprintln!("internal error: {message}");
                if let Some(log) = log {
                    eprintln!("  = log: {}", log.display());
                }
                eprintln!(
                    "  = this is a defect of goma {}, not of your configuration",
                    goma_compiler::VERSION
                );
                ExitCode::from(INTERNAL)
            }
            Self::Usage(message) => {
                eprintln!("error: {message}");
                ExitCode::from(USAGE)
            }
        }
    }
}

/// Errors with a context chain are the surroundings' fault: files, sockets, processes.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed {
            message: format!("{error:#}"),
            help: None,
        }
    }
}
