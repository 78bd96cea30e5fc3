//! `goma export`: what other programs need to run a gateway, printed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use goma_compiler::{Output, StartFile, compile};

use super::build;
use super::{Common, FindingsFormat};
use crate::build::machine;
use crate::environment;
use crate::failure::{FAILED, Failure, Outcome};
use crate::findings;
use crate::image::{self, Place, is_image};
use crate::input::{self, Policy};
use crate::kubernetes::{self, Gateway, Needs, Options, gateway_name, is_name, manifests};
use crate::registry::{Access, Reference};
use crate::terminal::print;

/// Print what another program needs to run a gateway
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

/// Which program.
#[derive(Debug, Subcommand)]
enum What {
    Kubernetes(KubernetesArgs),
}

/// Print the objects of Kubernetes that run an image, and the names of the variables and files that it needs
#[derive(Debug, Args)]
struct KubernetesArgs {
    /// The image of the gateway: HOST/REPOSITORY@sha256:DIGEST
    #[arg(long, value_name = "IMAGE", value_parser = by_digest)]
    image: Reference,

    /// Name of the gateway, as for `goma build`, and of its objects [default: the image's with -c IMAGE, else
    /// gateway]
    #[arg(long, value_parser = gateway_name)]
    name: Option<String>,

    /// The namespace that the objects name [default: none]
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,

    #[command(flatten)]
    options: Options,

    #[command(flatten)]
    common: Common,
}

/// What objects are made from.
pub(super) struct Exported {
    /// The gateway's.
    pub(super) name: String,
    /// Which it is.
    pub(super) revision: String,
    /// What it needs of its pod.
    pub(super) needs: Needs,
}

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Outcome {
    let What::Kubernetes(args) = &args.what;
    let common = &args.common;
    let given = args.name.as_deref();
    let exported = match common.main(None)?.filter(|main| is_image(main)) {
        Some(image) => of_image(image, common.registries())?,
        None => match of_files(common, given.unwrap_or(build::DEFAULT_NAME))? {
            Some(exported) => exported,
            None => return Ok(ExitCode::from(FAILED)),
        },
    };
    let name = given.unwrap_or(&exported.name);
    let name = gateway_name(name).map_err(|expected| {
        Failure::Usage(format!(
            "`{name}` cannot be the name of objects: {expected}; say --name"
        ))
    })?;
    let image = args.image.by_digest();
    let gateway = Gateway {
        name: &name,
        namespace: args.namespace.as_deref(),
        image: &image,
        revision: &exported.revision,
    };
    let objects = manifests(gateway, &exported.needs, &args.options);
    let text = kubernetes::print(gateway, &exported.needs, &objects, &args.options);
    print(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

/// What an image says of the gateway in it.
pub(super) fn of_image(image: &Path, access: Access) -> Result<Exported, Failure> {
    let place = Place::open(image, access)?;
    let place = place.with_context(|| format!("{} is no image", image.display()))?;
    let policy = Policy {
        locked: false,
        offline: access.offline,
        registries: access,
    };
    let env = environment::collect(&[], &[])?;
    let input = input::load(Some(image), env, Some(policy));
    let input = input.map_err(|missing| anyhow::anyhow!("{} {}", missing.file, missing.why))?;
    let compiled = compile(&input.sources, &input.options);
    let output = compiled.output.with_context(|| {
        format!(
            "{0} has findings: `goma check -c {0}` shows them",
            image.display()
        )
    })?;
    Ok(Exported {
        name: input.options.name,
        // The image's own: it knows the machine that compiled it.
        revision: image::revision(&place)?,
        needs: needs(&output, input.values, &compiled.files)?,
    })
}

/// What a configuration says; none: there are errors, which are printed in place of objects.
fn of_files(common: &Common, name: &str) -> Result<Option<Exported>, Failure> {
    let Some(mut input) = build::load(None, common)? else {
        return Ok(None);
    };
    name.clone_into(&mut input.options.name);
    input.options.machine = machine(name, &[])?;
    let compiled = compile(&input.sources, &input.options);
    let found = common.severities.apply(compiled.diagnostics);
    let Some(output) = compiled.output.filter(|_| !found.has_errors()) else {
        findings::print(&found, &input.shown, FindingsFormat::Human, common.color);
        return Ok(None);
    };
    Ok(Some(Exported {
        name: name.to_owned(),
        needs: needs(&output, output.plan.variables(), &compiled.files)?,
        revision: output.revision,
    }))
}

fn needs(
    output: &Output,
    variables: BTreeMap<String, bool>,
    files: &[StartFile],
) -> Result<Needs, Failure> {
    let needs = Needs::of(&output.plan, variables, files);
    needs.map_err(|unfit| Failure::with_help(unfit.to_string(), unfit.help()))
}

fn by_digest(text: &str) -> Result<Reference, String> {
    let reference: Reference = text.parse()?;
    if reference.digest.is_none() {
        return Err(
            "expected a digest, which is another image's at no time: …@sha256:DIGEST".to_owned(),
        );
    }
    Ok(reference)
}

fn namespace(text: &str) -> Result<String, String> {
    let expected = || "expected up to 63 of a-z, 0-9 and `-`".to_owned();
    is_name(text).then(|| text.to_owned()).ok_or_else(expected)
}
