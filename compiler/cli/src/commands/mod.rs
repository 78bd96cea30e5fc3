//! The commands, one file each, and the flags that several of them take.

mod build;
mod check;
mod completion;
mod config;
mod demo_backend;
mod deploy;
mod dev;
mod diff;
mod explain;
mod export;
mod init;
mod lock;
mod man;
mod migrate;
mod rollback;
mod run;
mod sbom;
mod schema;
mod sign;
mod status;
mod test;
mod verify;
mod version;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::environment::Assignment;
use crate::failure::{Failure, Outcome};
use crate::findings::Severities;
use crate::input::Policy;
use crate::registry::Access;

/// What `goma` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Completion(completion::CompletionArgs),
    Config(config::ConfigArgs),
    DemoBackend(demo_backend::DemoBackendArgs),
    Deploy(deploy::DeployArgs),
    Dev(dev::DevArgs),
    Diff(diff::DiffArgs),
    Explain(explain::ExplainArgs),
    Export(export::ExportArgs),
    Init(init::InitArgs),
    Lock(lock::LockArgs),
    Man(man::ManArgs),
    Migrate(migrate::MigrateArgs),
    Rollback(rollback::RollbackArgs),
    Run(run::RunArgs),
    Sbom(sbom::SbomArgs),
    Schema(schema::SchemaArgs),
    Sign(sign::SignArgs),
    Status(status::StatusArgs),
    Test(test::TestArgs),
    Verify(verify::VerifyArgs),
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
            Self::Deploy(args) => deploy::run(args),
            Self::Dev(args) => dev::run(args),
            Self::Diff(args) => diff::run(&args),
            Self::Explain(args) => explain::run(&args),
            Self::Export(args) => export::run(&args),
            Self::Init(args) => init::run(&args),
            Self::Lock(args) => lock::run(&args),
            Self::Man(args) => man::run(&args),
            Self::Migrate(args) => migrate::run(&args),
            Self::Rollback(args) => rollback::run(&args),
            Self::Run(args) => run::run(&args),
            Self::Sbom(args) => sbom::run(&args),
            Self::Schema(args) => Ok(schema::run(&args)),
            Self::Sign(args) => sign::run(&args),
            Self::Status(args) => status::run(&args),
            Self::Test(args) => test::run(&args),
            Self::Verify(args) => verify::run(args),
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
    config: Vec<PathBuf>,

    /// Set a variable for `${NAME}` in structural keys; wins over --env-file and the environment
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<Assignment>,

    /// Read variables from a file of NAME=VALUE lines; a later file wins
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,

    /// Take inputs only as goma.lock lists them; anything else is the error `lock-mismatch`
    #[arg(long)]
    pub(crate) locked: bool,

    /// Use no network: what providers deliver comes from .goma/inputs, crates from cargo's cache; registries
    /// are not asked
    #[arg(long)]
    pub(crate) offline: bool,

    /// Ask registries without TLS, also those that are not on this machine
    #[arg(long)]
    plain_http: bool,

    #[command(flatten)]
    pub(crate) severities: Severities,

    /// Colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

impl Common {
    /// The main file of a command that takes one; none: the usual places.
    ///
    /// # Errors
    /// Several are given.
    pub(crate) fn main<'a>(&'a self, file: Option<&'a Path>) -> Result<Option<&'a Path>, Failure> {
        match self.config.as_slice() {
            [] => Ok(file),
            [config] => Ok(file.or(Some(config))),
            [..] => {
                let message = "only `check` and `build` take several main files";
                Err(Failure::Usage(message.to_owned()))
            }
        }
    }

    /// The main files of a command that takes several (RT-CLI), at least one.
    pub(crate) fn mains<'a>(&'a self, files: &'a [PathBuf]) -> Vec<Option<&'a Path>> {
        let given: Vec<_> = files.iter().chain(&self.config).collect();
        match given.as_slice() {
            [] => vec![None],
            given => given.iter().map(|file| Some(file.as_path())).collect(),
        }
    }

    /// How providers are asked.
    #[expect(clippy::unnecessary_wraps, reason = "what `input::load` takes")]
    pub(crate) const fn policy(&self) -> Option<Policy> {
        Some(Policy {
            locked: self.locked,
            offline: self.offline,
            registries: self.registries(),
        })
    }

    /// How registries are asked.
    pub(crate) const fn registries(&self) -> Access {
        Access {
            offline: self.offline,
            plain_http: self.plain_http,
        }
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
