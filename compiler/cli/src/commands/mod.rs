//! The commands, one file each, and the flags that several of them take.

mod build;
mod check;
mod completion;
mod config;
mod demo_backend;
mod dev;
mod explain;
mod init;
mod lock;
mod man;
mod migrate;
mod run;
mod schema;
mod version;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::environment::Assignment;
use crate::failure::Outcome;
use crate::findings::Severities;
use crate::input::Policy;

/// What `goma` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Completion(completion::CompletionArgs),
    Config(config::ConfigArgs),
    DemoBackend(demo_backend::DemoBackendArgs),
    Dev(dev::DevArgs),
    Explain(explain::ExplainArgs),
    Init(init::InitArgs),
    Lock(lock::LockArgs),
    Man(man::ManArgs),
    Migrate(migrate::MigrateArgs),
    Run(run::RunArgs),
    Schema(schema::SchemaArgs),
    Version(version::VersionArgs),
}

impl Command {
    /// Runs the command to its exit code.
    pub(crate) fn run(self) -> Outcome {
        match self {
            Self::Build(args) => build::run(&args),
            Self::Check(args) => check::run(&args),
            Self::Completion(args) => Ok(completion::run(&args)),
            Self::Config(args) => config::run(&args),
            Self::DemoBackend(args) => demo_backend::run(&args),
            Self::Dev(args) => dev::run(args),
            Self::Explain(args) => explain::run(&args),
            Self::Init(args) => init::run(&args),
            Self::Lock(args) => lock::run(&args),
            Self::Man(args) => man::run(&args),
            Self::Migrate(args) => migrate::run(&args),
            Self::Run(args) => run::run(&args),
            Self::Schema(args) => Ok(schema::run(&args)),
            Self::Version(args) => Ok(version::run(&args)),
        }
    }
}

/// Which configuration, with which variables, and how findings are shown.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The main file, or a directory with a goma.yml [default: $GOMA_CONFIG_FILE, ./goma.yml,
    /// /etc/goma/goma.yml]
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(crate) config: Option<PathBuf>,

    /// Set a variable for `${NAME}` in structural keys; wins over --env-file and the environment
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<Assignment>,

    /// Read variables from a file of NAME=VALUE lines; a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,

    /// Take inputs only as goma.lock lists them; anything else is the error `lock-mismatch`
    #[arg(long)]
    pub(crate) locked: bool,

    /// Use no network: what providers deliver comes from .goma/inputs, crates from cargo's cache
    #[arg(long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) severities: Severities,

    /// Colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

impl Common {
    /// How providers are asked.
    #[expect(clippy::unnecessary_wraps, reason = "what `input::load` takes")]
    pub(crate) const fn policy(&self) -> Option<Policy> {
        Some(Policy {
            locked: self.locked,
            offline: self.offline,
        })
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsFormat {
    /// Annotations of a pull request on GitHub
    Github,
    /// For people, with the lines of the source
    Human,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl From<Format> for FindingsFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Json => Self::Json,
        }
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Always
    Always,
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Never
    Never,
}
