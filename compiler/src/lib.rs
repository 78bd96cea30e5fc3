//! The pure compiler of goma: YAML sources in, diagnostics and a generated crate out.
//!
//! ```text
//! Source ─parse→ Spec ─resolve→ Model ─check→ Model ─lower→ Plan ─emit→ files
//!         spec/       resolve/       check/        plan/       emit/
//! ```
//!
//! Nothing here reads, writes, prints or exits; that is the command line's part (compiler/cli).

mod check;
pub mod diag;
pub mod dialect;
pub mod emit;
pub mod explain;
pub mod migrate;
pub mod model;
pub mod plan;
mod resolve;
pub mod source;
mod spec;

use std::collections::BTreeMap;

use diag::Diagnostics;
use source::SourceMap;

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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "gateway".to_owned(),
            env: BTreeMap::new(),
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
}

/// Result of [`compile`].
#[derive(Debug)]
pub struct Compiled {
    /// Present iff there is no error.
    pub output: Option<Output>,
    /// All findings, sorted.
    pub diagnostics: Diagnostics,
}

/// A generated crate.
#[derive(Debug)]
pub struct Output {
    /// What the files were printed from.
    pub plan: plan::Plan,
    /// All files, in a fixed order.
    pub files: Vec<emit::File>,
    /// Twelve hex digits that stand for the plan and the runtime's version.
    pub revision: String,
}

/// The whole picture: sources in, files and findings out. Pure; same input, same bytes.
#[must_use]
pub fn compile(sources: &SourceMap, options: &Options) -> Compiled {
    let Checked { model, diagnostics } = check(sources, options);
    let output = model.map(|model| {
        let plan = plan::lower(&model, sources, &options.name);
        let revision = plan::revision(&plan);
        let files = emit::emit(&plan, &revision);
        Output {
            plan,
            files,
            revision,
        }
    });
    Compiled {
        output,
        diagnostics,
    }
}

/// Parses, resolves and checks; reports every finding of one run. Pure.
#[must_use]
pub fn check(sources: &SourceMap, options: &Options) -> Checked {
    let mut diagnostics = Diagnostics::new();
    let model = checked_model(sources, options, &mut diagnostics);
    diagnostics.sort();
    let model = model.filter(|_| !diagnostics.has_errors());
    Checked { model, diagnostics }
}

fn checked_model(
    sources: &SourceMap,
    options: &Options,
    diags: &mut Diagnostics,
) -> Option<model::Model> {
    let main = sources.main()?;
    let mut tree = spec::parse(sources, main, diags)?;
    spec::modernise(&mut tree, sources.text(main), diags);
    let spec = spec::decode(&tree, diags)?;
    let resolved = resolve::resolve(&spec, main, &options.env, diags);
    check::check(&resolved, diags);
    plan::names::check(&resolved.model, diags);
    check::allow(sources, main, diags);
    Some(resolved.model)
}
