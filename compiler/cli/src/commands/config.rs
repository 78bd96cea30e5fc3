//! `goma config`: keys and signatures of bundles (C-SIGN-1), and the check under its old name.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use goma_compiler::bundle::{self, PrivateKey};

use super::check::{self, CheckArgs};
use crate::failure::{Failure, Outcome};
use crate::terminal::say;

/// The variable that may hold the private key.
const KEY_VARIABLE: &str = "GOMA_BUNDLE_SIGNING_KEY";

/// Make keys for bundles, and sign bundles with them
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Same as `goma check`
    Check(CheckArgs),
    Keygen(KeygenArgs),
    Sign(SignArgs),
}

/// Make an Ed25519 key: the private half for `goma config sign`, the public one for
/// `gateway.providers.signing`
#[derive(Debug, Args)]
struct KeygenArgs {
    /// Write the private key to this new file, which only you can read, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Set the `signature` of bundles; nothing else in them is changed
#[derive(Debug, Args)]
struct SignArgs {
    /// File of the private key [default: the key in $GOMA_BUNDLE_SIGNING_KEY]
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,

    /// The private key itself; other users of this machine can see it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Bundles, as YAML or JSON
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &ConfigArgs) -> Outcome {
    match &args.command {
        ConfigCommand::Check(args) => check::run(args),
        ConfigCommand::Keygen(args) => keygen(args.output.as_deref()),
        ConfigCommand::Sign(args) => sign(args),
    }
}

fn keygen(output: Option<&Path>) -> Outcome {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let key = PrivateKey::new(&seed);
    match output {
        None => {
            say!("{}", key.text());
            eprintln!("public key  {}", key.public());
        }
        Some(path) => {
            let context = || format!("cannot write {}", path.display());
            let mut file = std::fs::File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .with_context(context)?;
            writeln!(file, "{}", key.text()).with_context(context)?;
            say!("public key  {}", key.public());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sign(args: &SignArgs) -> Outcome {
    let key = private_key(args)?;
    for path in &args.bundles {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let signed =
            bundle::sign(&name, &text, &key).with_context(|| format!("{name} cannot be signed"))?;
        if signed != text {
            std::fs::write(path, &signed).with_context(|| format!("cannot write {name}"))?;
        }
        say!("{name}: signed for {}", key.public());
    }
    Ok(ExitCode::SUCCESS)
}

fn private_key(args: &SignArgs) -> Result<PrivateKey, Failure> {
    let variable = || {
        std::env::var(KEY_VARIABLE)
            .ok()
            .filter(|key| !key.is_empty())
    };
    let text = match (&args.key_file, &args.key) {
        (Some(path), _) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        (None, Some(key)) => key.clone(),
        (None, None) => variable().ok_or_else(|| {
            Failure::with_help(
                "no key to sign with",
                format!(
                    "give --key-file FILE, or set {KEY_VARIABLE}; `goma config keygen` makes one"
                ),
            )
        })?,
    };
    let key = PrivateKey::parse(&text);
    Ok(key.context("the private key cannot be used")?)
}
