//! `goma sign`: the signature of an image in a registry, where cosign and others look for it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::failure::Outcome;
use crate::image::{self, Place, PrivateKey};
use crate::registry::{Access, Reference};
use crate::terminal::say;

/// Sign an image in a registry with a key, as cosign does
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The image: oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:…
    image: Reference,

    /// File of the private key: ECDSA on P-256, in PEM, without a passphrase
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Ask registries without TLS, also those that are not on this machine
    #[arg(long)]
    plain_http: bool,
}

/// Runs the command.
pub(crate) fn run(args: &SignArgs) -> Outcome {
    let key = PrivateKey::read(&args.key)?;
    let access = Access {
        offline: false,
        plain_http: args.plain_http,
    };
    sign(&args.image, &key, access)?;
    Ok(ExitCode::SUCCESS)
}

/// Signs an image, and says so.
pub(super) fn sign(image: &Reference, key: &PrivateKey, access: Access) -> anyhow::Result<()> {
    let place = Place::open(Path::new(&image.to_string()), access)?;
    let place = place.with_context(|| format!("{image} is no image"))?;
    let signed = image::sign(&place, key).with_context(|| format!("cannot sign {image}"))?;
    say!("signed    {}", image.at(&signed.digest));
    say!("sent      {} signatures", signed.added);
    Ok(())
}
