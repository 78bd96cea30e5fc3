//! The part of `goma build` that makes images.

use std::path::{Path, PathBuf};

use clap::Args;
use goma_compiler::{Output, archive};

use super::{BuildArgs, Gateway, crate_files, human_size};
use crate::build::{self, CrateFile, Toolchain};
use crate::commands::{deploy, sign};
use crate::failure::Failure;
use crate::image::{self, Binary, Build, Labels, PrivateKey, Source, Written};
use crate::input::Input;
use crate::platform::Platform;
use crate::registry::Reference;
use crate::terminal::say;

/// Whether there is to be an image, and where it goes.
#[derive(Debug, Args)]
pub(super) struct ImageOptions {
    /// Write an image too: an OCI layout in this directory, or an archive of one if the name ends in .tar
    #[arg(long, value_name = "OUT", conflicts_with_all = ["emit", "dry_run"])]
    image: Option<PathBuf>,

    /// Push the image to a registry: HOST/REPOSITORY[:TAG]; the tag is the revision if none is given
    #[arg(long, value_name = "REF", requires = "image")]
    push: Option<Reference>,

    /// Sign what is pushed with the private key in this file: ECDSA on P-256, in PEM, without a passphrase
    #[arg(long, value_name = "FILE", requires = "push")]
    sign_key: Option<PathBuf>,

    #[command(flatten)]
    pub(super) contents: ImageContents,
}

/// What is in an image, and what is said of it.
#[derive(Debug, Args)]
pub(in crate::commands) struct ImageContents {
    /// Compile for these, such as linux/amd64,linux/arm64,linux/arm/v7; an image has all of them
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub(super) platforms: Vec<Platform>,

    /// Where the configuration is kept, for the image's label `org.opencontainers.image.source`
    #[arg(long, value_name = "URL")]
    source: Option<String>,
}

/// An image that was written.
pub(super) struct Image<'a> {
    /// `sha256:…`
    pub(super) digest: String,
    size: u64,
    out: &'a Path,
}

impl ImageContents {
    /// Those of an image that was built before.
    pub(in crate::commands) const fn again(
        platforms: Vec<Platform>,
        source: Option<String>,
    ) -> Self {
        Self { platforms, source }
    }
}

impl ImageOptions {
    /// An image that is not pushed.
    pub(super) fn new((out, contents): (PathBuf, ImageContents)) -> Self {
        Self {
            image: Some(out),
            push: None,
            sign_key: None,
            contents,
        }
    }

    /// Whether they can be followed for so many gateways.
    pub(super) fn check(&self, gateways: usize) -> Result<(), Failure> {
        let mut rest = self.contents.platforms.iter();
        while let Some(platform) = rest.next() {
            if rest.clone().any(|other| other == platform) {
                return Err(Failure::Usage(format!("{platform} is named twice")));
            }
        }
        if self.contents.source.is_some() && self.image.is_none() {
            let message = "--source is a label of an image: --image says where that goes";
            return Err(Failure::Usage(message.to_owned()));
        }
        if self.image.is_some() && gateways > 1 {
            let message = "--image takes one main file: build the others' images each by itself";
            return Err(Failure::Usage(message.to_owned()));
        }
        // Not only after minutes of compiling.
        self.sign_key().map(drop)?;
        Ok(())
    }

    fn sign_key(&self) -> anyhow::Result<Option<PrivateKey>> {
        self.sign_key.as_deref().map(PrivateKey::read).transpose()
    }

    /// Writes the image, if there is to be one.
    pub(super) fn write(
        &self,
        (output, input): (&Output, &Input),
        args: &BuildArgs,
        toolchain: &Toolchain,
        gateways: &[Gateway],
    ) -> Result<Option<Image<'_>>, Failure> {
        let Some(out) = self.image.as_deref() else {
            return Ok(None);
        };
        let files = crate_files(output);
        let binary = |gateway| binary(gateway, toolchain, &files, args.common.offline);
        let archive = archive(&input.sources, &input.options, output);
        let source = Source {
            labels: Labels {
                name: &output.plan.name,
                revision: &output.revision,
                url: self.contents.source.as_deref(),
            },
            contents: image::contents(&output.plan),
            archive: archive.text(),
            build: Build {
                profile: args.options.profile().name(),
                toolchain: &toolchain.version,
                lock: &output.lock,
            },
            binaries: gateways.iter().map(binary).collect::<Result<_, _>>()?,
        };
        if let Some(address) = image::loopback(&output.plan) {
            eprintln!(
                "note: the gateway listens on {address} unless told otherwise: nothing outside its container reaches it"
            );
        }
        let Written { digest, size } = image::write(&source, out)?;
        Ok(Some(Image { digest, size, out }))
    }
}

impl ImageOptions {
    /// Pushes what was written, if it is to be pushed, and signs it, if it is to be signed.
    pub(super) fn push(&self, args: &BuildArgs) -> Result<(), Failure> {
        let (Some(image), Some(to)) = (&self.image, &self.push) else {
            return Ok(());
        };
        let access = args.common.registries();
        let pushed = deploy::push(image, to, access)?;
        pushed.say();
        if let Some(key) = self.sign_key()? {
            sign::sign(&pushed.by_digest(), &key, access)?;
        }
        Ok(())
    }
}

fn binary<'a>(
    gateway: &'a Gateway,
    toolchain: &Toolchain,
    files: &[CrateFile<'_>],
    offline: bool,
) -> Result<Binary<'a>, Failure> {
    let target = &gateway.built.target;
    let platform = Platform::of_target(target).ok_or_else(|| {
        let message = format!("there are no images for `{target}`");
        Failure::with_help(message, "build the image on Linux, or name a --platform")
    })?;
    let linked = build::linked(toolchain, files, gateway.platform, offline)?;
    linked.verify(&gateway.built.linked)?;
    Ok(Binary {
        platform,
        target,
        linked,
        crates: &gateway.built.crates,
        path: gateway.path.clone(),
    })
}

impl Image<'_> {
    /// Prints what there is.
    pub(super) fn say(&self) {
        let Self { digest, size, out } = self;
        say!("image     {}", out.display());
        say!("size      {} ({size} bytes)", human_size(*size));
        say!("digest    {digest}");
    }
}
