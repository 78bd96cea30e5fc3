//! `goma verify`: whether a gateway or an image is what the configuration here is built to.

mod rebuild;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use goma_compiler::{Output, archive};
use serde_json::{Map, Value};

use super::Common;
use super::build::{self, parse_name};
use crate::build::{record, trailer};
use crate::failure::{FAILED, Failure, Outcome};
use crate::image::{self, Place, PublicKey};
use crate::input::Input;
use crate::platform::Platform;
use crate::terminal::say;

/// The largest binary.
const BINARY_BYTES_MAX: u64 = 256 << 20;

/// Hold a gateway or an image against the configuration here; exit with 1 if it was built from another
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A gateway, such as dist/gateway; or an image: a layout, a .tar, oci://HOST/REPOSITORY:TAG
    artifact: PathBuf,

    #[command(flatten)]
    common: Common,

    /// Build it again, and compare every byte
    #[arg(long)]
    rebuild: bool,

    /// The image must be signed by the other half of this public key (ECDSA on P-256, in PEM), as `goma sign` and
    /// cosign do
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Print what it says of itself, as JSON, and compare nothing; with --key only what is signed
    #[arg(long, conflicts_with = "rebuild")]
    show: bool,
}

/// What is verified.
struct Artifact {
    /// None: a binary.
    image: Option<Place>,
    /// What its signature says that it is called, if that was asked for.
    signed: Option<String>,
    /// One, or one for each platform.
    programs: Vec<Program>,
}

/// A gateway; not its bytes, of which there may be many.
struct Program {
    sha256: String,
    /// What it says of itself.
    record: Value,
    /// SHA-256 of the specification that the image has beside it.
    specification: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: VerifyArgs) -> Outcome {
    let artifact = Artifact::read(&args.artifact, &args.common, args.key.as_deref())?;
    if args.show {
        say!("{:#}", artifact.shown());
        return Ok(ExitCode::SUCCESS);
    }
    let mut differences = artifact.own_differences()?;
    let (name, platforms) = artifact.built_for()?;
    let main = args.common.main(None)?;
    let compiled = build::compile_main(main, &args.common, &name, &platforms)?;
    let Some((input, output)) = compiled else {
        return Ok(ExitCode::from(FAILED));
    };
    let now = Now::of(&input, &output)?;
    for program in &artifact.programs {
        now.compare(&program.record, &mut differences);
    }
    if args.rebuild && differences.is_empty() {
        let compiled = (&input, &output);
        differences = rebuild::differences(&artifact, args.common, compiled, &name, platforms)?;
    }
    differences.dedup();
    for difference in &differences {
        say!("differs   {difference}");
    }
    if !differences.is_empty() {
        return Ok(ExitCode::from(FAILED));
    }
    say!("revision  {}", output.revision);
    let how = if args.rebuild {
        "built again, every byte"
    } else {
        "by what it says of itself"
    };
    if let Some(named) = artifact.signed {
        say!("signed    as {}", named.escape_debug());
    }
    say!("verified  {} ({how})", args.artifact.display());
    Ok(ExitCode::SUCCESS)
}

/// Where an image disagrees with the gateways in it.
pub(super) fn image_differences(path: &Path, common: &Common) -> Result<Vec<String>, Failure> {
    Ok(Artifact::read(path, common, None)?.own_differences()?)
}

impl Artifact {
    /// What is not signed by the key, if there is one, is not read.
    fn read(path: &Path, common: &Common, key: Option<&Path>) -> Result<Self, Failure> {
        let context = || format!("cannot read {}", path.display());
        let image = Place::open(path, common.registries()).with_context(context)?;
        let signed = key.map(|key| signed(image.as_ref(), key)).transpose()?;
        let read = |program: &image::Program| Program::read(program, path);
        let programs = match &image {
            Some(image) => image::programs(image, read).with_context(context)?,
            None => {
                let bytes = read_binary(path).with_context(context)?;
                vec![read(&image::Program::of(bytes))]
            }
        };
        Ok(Self {
            image,
            signed,
            programs: programs.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// The record, or one for each platform of an index.
    fn shown(&self) -> Value {
        match self.programs.as_slice() {
            [only] => only.record.clone(),
            several => {
                let named = several.iter().map(|Program { record, .. }| {
                    (text(record, "target").to_owned(), record.clone())
                });
                Value::Object(named.collect::<Map<_, _>>())
            }
        }
    }

    /// Where an image disagrees with the programs in it.
    fn own_differences(&self) -> anyhow::Result<Vec<String>> {
        let Some(image) = &self.image else {
            return Ok(Vec::new());
        };
        let revision = image::revision(image)?;
        let mut differences = Vec::new();
        for program in &self.programs {
            let record = &program.record;
            let own = text(record, "revision");
            if own != revision {
                differences.push(format!(
                    "revision: the image says {revision}, its gateway {own}"
                ));
            }
            if program.specification.as_deref() != Some(text(record, "specification")) {
                differences.push(
                    "specification: that in the image is not what its gateway was built from"
                        .to_owned(),
                );
            }
        }
        Ok(differences)
    }

    /// Name and platforms.
    fn built_for(&self) -> anyhow::Result<(String, Vec<Platform>)> {
        let records = self.programs.iter().map(|program| &program.record);
        let name = records.clone().next().map(|record| text(record, "name"));
        let name = name.unwrap_or_default();
        // It becomes the name of a package.
        ensure!(
            parse_name(name).is_ok(),
            "`{}` is no name of a gateway",
            name.escape_debug()
        );
        let targets = records.map(|record| text(record, "target"));
        Ok((
            name.to_owned(),
            targets.filter_map(Platform::of_target).collect(),
        ))
    }
}

impl Program {
    fn read(program: &image::Program, path: &Path) -> Result<Self, Failure> {
        let record = trailer::read(&program.bytes).ok_or_else(|| {
            let message = format!("{} has no record of its build", path.display());
            let help = "goma writes it behind every gateway that it builds; `strip` removes it";
            Failure::with_help(message, help)
        })?;
        Ok(Self {
            sha256: record::sha256(&program.bytes),
            record,
            specification: program.specification.clone(),
        })
    }
}

/// What the configuration here is now.
struct Now<'a> {
    output: &'a Output,
    specification: String,
    toolchain: String,
}

impl<'a> Now<'a> {
    fn of(input: &Input, output: &'a Output) -> Result<Self, Failure> {
        let archive = archive(&input.sources, &input.options, output);
        let toolchain = input.options.machine.toolchain.clone();
        Ok(Self {
            output,
            specification: record::sha256(archive.text().as_bytes()),
            toolchain: toolchain.unwrap_or_else(|| "not installed".to_owned()),
        })
    }

    /// Adds what a record says otherwise, the causes first.
    fn compare(&self, record: &Value, differences: &mut Vec<String>) {
        let before = differences.len();
        let mut differ = |what: &str, built: &str, now: &str| {
            if built != now {
                let built = built.escape_debug();
                differences.push(format!("{what}: built from {built}, now {now}"));
            }
        };
        differ("goma", text(record, "version"), goma_compiler::VERSION);
        differ("toolchain", text(record, "toolchain"), &self.toolchain);
        let none = Vec::new();
        let inputs = record
            .get("inputs")
            .and_then(Value::as_array)
            .unwrap_or(&none);
        for (source, sha256) in self.output.lock.inputs() {
            let built = inputs.iter().find(|item| text(item, "source") == source);
            let built = built.map_or("nothing", |item| text(item, "sha256"));
            differ(&format!("input {source}"), built, sha256);
        }
        for item in inputs {
            let source = text(item, "source");
            if !self.output.lock.inputs().any(|(known, _)| known == source) {
                differ(
                    &format!("input {}", source.escape_debug()),
                    text(item, "sha256"),
                    "nothing",
                );
            }
        }
        if differences.len() > before {
            return;
        }
        let mut differ = |what: &str, built: &str, now: &str| {
            if built != now {
                let built = built.escape_debug();
                differences.push(format!("{what}: built as {built}, now {now}"));
            }
        };
        differ(
            "specification (variables of structural keys)",
            text(record, "specification"),
            &self.specification,
        );
        differ(
            "revision (variables, or crates)",
            text(record, "revision"),
            &self.output.revision,
        );
    }
}

/// As what the key has signed an image.
fn signed(image: Option<&Place>, key: &Path) -> Result<String, Failure> {
    let key = PublicKey::read(key)?;
    let Some(image) = image else {
        let message = "--key verifies the signature of an image; a gateway has none";
        return Err(Failure::Usage(message.to_owned()));
    };
    Ok(image::verify_signature(image, &key)?)
}

fn read_binary(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(BINARY_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= BINARY_BYTES_MAX,
        "it is larger than {BINARY_BYTES_MAX} bytes"
    );
    Ok(bytes)
}

/// A text of a record; none is as good as an empty one.
fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record.get(key).and_then(Value::as_str).unwrap_or_default()
}
