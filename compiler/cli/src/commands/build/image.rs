//! The part of `goma build` that makes images.

use std::path::{Path, PathBuf};

use clap::Args;
use goma_compiler::{Output, archive};

use super::{BuildArgs, Gateway, crate_files, human_size};
use crate::build::{self, CrateFile, Toolchain};
use crate::failure::Failure;
use crate::image::{self, Binary, Build, Labels, Source, Written};
use crate::input::Input;
use crate::platform::Platform;
use crate::terminal::say;

/// Whether there is to be an image, and what is said of it.
#[derive(Debug, Args)]
pub(super) struct ImageOptions {
    /// Write an image too: an OCI layout in this directory, or an archive of one if the name ends in .tar
    #[arg(long, value_name = "OUT", conflicts_with_all = ["emit", "dry_run"])]
    image: Option<PathBuf>,

    /// Compile for these, such as linux/amd64,linux/arm64,linux/arm/v7; an image has all of them
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',', conflicts_with_all = ["emit", "dry_run"])]
    pub(super) platforms: Vec<Platform>,

    /// Where the configuration is kept, for the image's label `org.opencontainers.image.source`
    #[arg(long, value_name = "URL", requires = "image")]
    source: Option<String>,
}

/// An image that was written.
pub(super) struct Image<'a> {
    /// `sha256:…`
    pub(super) digest: String,
    size: u64,
    out: &'a Path,
}

impl ImageOptions {
    /// Whether they can be followed for so many gateways.
    pub(super) fn check(&self, gateways: usize) -> Result<(), Failure> {
        let mut rest = self.platforms.iter();
        while let Some(platform) = rest.next() {
            if rest.clone().any(|other| other == platform) {
                return Err(Failure::Usage(format!("{platform} is named twice")));
            }
        }
        if self.image.is_some() && gateways > 1 {
            let message = "--image takes one main file: build the others' images each by itself";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(())
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
        let archive = archive(&input.sources, &input.options, &output.revision);
        let source = Source {
            labels: Labels {
                name: &output.plan.name,
                revision: &output.revision,
                url: self.source.as_deref(),
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
