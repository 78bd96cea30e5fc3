//! The pure compiler of goma: YAML sources in, diagnostics and a generated crate out.
//!
//! ```text
//! Source ─parse→ Spec ─resolve→ Model ─check→ Model ─lower→ Plan ─emit→ files
//!         spec/       resolve/       check/        plan/       emit/
//! ```
//!
//! Nothing here reads, writes, prints or exits; that is the command line's part (compiler/cli).

pub mod archive;
pub mod bundle;
mod check;
pub mod diag;
pub mod dialect;
pub mod diff;
pub mod emit;
mod encrypted;
pub mod expect;
pub mod explain;
pub mod lock;
pub mod migrate;
pub mod model;
pub mod plan;
mod resolve;
pub mod source;
mod spec;
pub mod yaml;

use std::collections::BTreeMap;

pub use check::StartFile;
use diag::{Diagnostic, Diagnostics};
use lock::{Lock, Machine, Variable};
use model::provider::Inputs;
use source::{SourceMap, Spanned};

/// Version of the compiler and, always equal, of the runtime it generates for.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Version of the runtime that generated crates ask for.
pub const RUNTIME_VERSION: &str = VERSION;

/// What a compilation depends on besides the sources.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the generated package.
    pub name: String,
    /// Variables for `${NAME}` in keys of class S (C-ENV-3). Values of class V are looked up when
    /// the gateway starts.
    pub env: BTreeMap<String, String>,
    /// What was found when the inputs were read: what is missing, where it is named.
    pub findings: Vec<Diagnostic>,
    /// Whether notes say what Goma Gateway 1.0 did differently (`v1-difference`).
    pub compat_v1: bool,
    /// The text of `gateway.providers.signing.publicKeyFile`, if there is such a file.
    pub key_file: Option<String>,
    /// What compiles; part of the lock and so of the revision (C-LOCK-3).
    pub machine: Machine,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "gateway".to_owned(),
            env: BTreeMap::new(),
            findings: Vec::new(),
            compat_v1: false,
            key_file: None,
            machine: Machine::default(),
        }
    }
}

/// Result of [`check`].
#[derive(Debug)]
pub struct Checked {
    /// Present iff there is no error.
    pub model: Option<model::Model>,
    /// All findings, sorted.
    pub diagnostics: Diagnostics,
    /// What class S keys refer to (C-LOCK-1).
    pub variables: Vec<Variable>,
    /// What the gateway reads when it starts (C-FILE-10).
    pub files: Vec<StartFile>,
}

/// Result of [`compile`].
#[derive(Debug)]
pub struct Compiled {
    /// Present iff there is no error.
    pub output: Option<Output>,
    /// All findings, sorted.
    pub diagnostics: Diagnostics,
    /// What the gateway reads when it starts (C-FILE-10).
    pub files: Vec<StartFile>,
}

/// A generated crate.
#[derive(Debug)]
pub struct Output {
    /// What the files were printed from.
    pub plan: plan::Plan,
    /// All files, in a fixed order.
    pub files: Vec<emit::File>,
    /// What it is built from.
    pub lock: Lock,
    /// Twelve hex digits that stand for plan and lock.
    pub revision: String,
}

/// The whole picture: sources in, files and findings out. Pure; same input, same bytes.
#[must_use]
pub fn compile(sources: &SourceMap, options: &Options) -> Compiled {
    let Checked {
        model,
        diagnostics,
        variables,
        files: start_files,
    } = check(sources, options);
    let output = model.map(|model| {
        let plan = plan::lower(&model, sources, &options.name);
        let lock = Lock::new(sources, &variables, &options.machine);
        let revision = plan::revision(&plan, &lock.text());
        let files = emit::emit(&plan, &revision);
        Output {
            plan,
            files,
            lock,
            revision,
        }
    });
    Compiled {
        output,
        diagnostics,
        files: start_files,
    }
}

/// What an image carries of a specification without errors.
#[must_use]
pub fn archive(sources: &SourceMap, options: &Options, output: &Output) -> archive::Archive {
    let checked = check(sources, options);
    let secrets = checked.diagnostics.secrets();
    let made = (options.name.as_str(), output);
    archive::Archive::new(made, sources, secrets, &checked.variables)
}

/// What the main file names as further inputs. What is wrong with it is [`check`]'s to say.
#[must_use]
pub fn inputs(sources: &SourceMap, options: &Options) -> Inputs {
    let Some(main) = sources.main() else {
        return Inputs::default();
    };
    // Most files have none: spare them the second reading.
    let text = sources.text(main);
    let mentioned = ["extraConfig", "providers"]
        .iter()
        .any(|key| text.contains(key));
    if !mentioned && !options.env.contains_key("GOMA_FILE_PROVIDER_ENABLED") {
        return Inputs::default();
    }
    let mut diags = Diagnostics::new();
    let tree = spec::parse(sources, main, &mut diags);
    let spec = tree.and_then(|tree| spec::decode(&tree, &mut diags));
    spec.map(|spec| resolve::inputs(&spec, sources, &options.env))
        .unwrap_or_default()
}

/// The files that are to be embedded (C-FILE-9): where each is named, and how. The caller reads them,
/// relative to the file that names them, and adds them with [`SourceMap::embed`]. What is wrong with
/// them is [`check`]'s to say.
#[must_use]
pub fn embedded_files(sources: &SourceMap, options: &Options) -> Vec<Spanned<String>> {
    // Most specifications have none: spare them the second reading.
    let named = |id| {
        // What an encrypted rule names is not to be seen.
        let text = sources.text(id).to_ascii_lowercase();
        text.contains("errorinterceptor") && (text.contains("file") || text.contains("pgp message"))
    };
    if !sources.ids().any(named) {
        return Vec::new();
    }
    let mut diags = Diagnostics::new();
    let read = read(sources, options, &mut diags);
    read.map_or_else(Vec::new, |(spec, _)| {
        resolve::embedded_files(&spec, sources, &options.env, &mut diags)
    })
}

/// Decrypts every encrypted `rule` with the passphrase in [`Options::env`] and adds the texts to the
/// sources (C-SEC-1); gives the places of what was encrypted. What is wrong with them is [`check`]'s to
/// say.
pub fn decrypt_rules(sources: &mut SourceMap, options: &Options) -> Vec<source::Span> {
    let passphrase = options.env.get(model::PASSPHRASE);
    let passphrase = passphrase.filter(|passphrase| !passphrase.is_empty());
    encrypted::decrypt_rules(sources, passphrase.map(String::as_str))
}

/// Parses, resolves and checks; reports every finding of one run. Pure.
#[must_use]
pub fn check(sources: &SourceMap, options: &Options) -> Checked {
    let mut checked = Checked {
        model: None,
        diagnostics: Diagnostics::new(),
        variables: Vec::new(),
        files: Vec::new(),
    };
    let _ = check_into(sources, options, &mut checked);
    encrypted::conceal(sources, &mut checked.diagnostics);
    checked.diagnostics.sort();
    if checked.diagnostics.has_errors() {
        checked.model = None;
    }
    checked
}

/// Takes away what comments of the sources allow (C-DIAG-3); [`check`] has done so with its own.
pub fn silence(sources: &SourceMap, diagnostics: &mut Diagnostics) {
    check::allow(sources, diagnostics);
}

/// `None`: there is nothing to check.
fn check_into(sources: &SourceMap, options: &Options, checked: &mut Checked) -> Option<()> {
    let diags = &mut checked.diagnostics;
    for finding in &options.findings {
        diags.push(finding.clone());
    }
    let (spec, sealed) = read(sources, options, diags)?;
    let resolved = resolve::resolve(&spec, sources, &options.env, diags);
    bundle::verify(
        &sealed,
        &resolved.signing,
        options.key_file.as_deref(),
        diags,
    );
    check::check(&resolved, diags);
    if options.compat_v1 {
        check::v1::check(&resolved.outline, diags);
    }
    plan::names::check(&resolved.model, diags);
    check::allow(sources, diags);
    checked.files = check::start_files(&resolved.outline);
    checked.variables = resolved.variables;
    checked.model = Some(resolved.model);
    Some(())
}

/// What [`diff::diff`] compares.
#[derive(Debug)]
pub struct Drawn {
    /// Present iff there is no error but for keys that this release cannot build.
    pub side: Option<diff::Side>,
    /// All findings, sorted.
    pub diagnostics: Diagnostics,
}

/// Checks a configuration and draws it for a comparison; `shown` has its files with the names that the
/// user knows. Pure.
#[must_use]
pub fn draw(sources: &SourceMap, shown: &SourceMap, options: &Options) -> Drawn {
    let checked = check(sources, options);
    let wrong = |finding: &Diagnostic| {
        finding.severity == diag::Severity::Error && finding.code != diag::Code::NotYetSupported
    };
    let mut drawn = Drawn {
        side: None,
        diagnostics: checked.diagnostics,
    };
    if drawn.diagnostics.iter().any(wrong) {
        return drawn;
    }
    // What is wrong has been said.
    let mut unheard = Diagnostics::new();
    drawn.side = trees(sources, options, &mut unheard).map(|trees| {
        let others: Vec<_> = trees.others.iter().map(|other| &other.tree).collect();
        diff::draw(&trees.main, &others, &options.env, checked.model, shown)
    });
    drawn
}

/// The trees of all YAML files, in today's form and with their rules decrypted.
struct Trees<'a> {
    main: spec::Tree,
    others: Vec<spec::Other<'a>>,
    /// Of what was fetched.
    sealed: Vec<bundle::Sealed>,
    /// False: there are files that could not be read.
    whole: bool,
}

/// All YAML files as one specification; and the seals of what was fetched.
fn read(
    sources: &SourceMap,
    options: &Options,
    diags: &mut Diagnostics,
) -> Option<(spec::Spec, Vec<bundle::Sealed>)> {
    let trees = trees(sources, options, diags)?;
    let mut spec = spec::decode(&trees.main, diags)?;
    for other in &trees.others {
        spec.extend(&other.tree, other.bundle, diags);
    }
    if !trees.whole {
        spec.incomplete();
    }
    Some((spec, trees.sealed))
}

fn trees<'a>(
    sources: &'a SourceMap,
    options: &Options,
    diags: &mut Diagnostics,
) -> Option<Trees<'a>> {
    let main = sources.main()?;
    let mut tree = spec::parse(sources, main, diags)?;
    let mut others = Vec::new();
    let mut sealed = Vec::new();
    let mut whole = options.findings.is_empty();
    for id in sources.others() {
        let Some(tree) = spec::parse(sources, id, diags) else {
            whole = false;
            continue;
        };
        let kind = sources.kind(id);
        if kind.is_fetched() {
            sealed.push(bundle::seal(&tree));
        }
        others.push(spec::Other {
            tree,
            text: sources.text(id),
            bundle: kind.is_bundle(),
        });
    }
    spec::modernise(&mut tree, sources.text(main), &mut others, diags);
    encrypted::open_rules(&mut tree, sources, diags);
    for other in &mut others {
        encrypted::open_rules(&mut other.tree, sources, diags);
        if other.bundle {
            bundle::literal(&mut other.tree, "", diags);
        }
    }
    Some(Trees {
        main: tree,
        others,
        sealed,
        whole,
    })
}
