//! Spec → Model: names become ids, defaults are filled in, references to the environment of class
//! S keys are looked up, every text becomes its type. An item with a fault is left out of the
//! model; since a fault is an error, no model with a gap gets past `check`.

mod access_log;
mod canary;
mod clients;
mod cookies;
mod cors;
mod env;
pub(crate) mod flat;
mod forwards;
mod gateway;
mod grammar;
mod interceptor;
mod maintenance;
mod matching;
mod middlewares;
mod names;
pub(crate) mod outline;
mod paths;
mod pending;
mod policy;
mod providers;
mod read;
mod request_id;
mod resilience;
mod route_path;
mod routes;
mod rules;
mod security_headers;
pub(crate) mod settings;
mod sticky;
mod tokens;
mod transport;
mod upstream;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::Section;
use crate::lock::Variable;
use crate::model::Model;
use crate::model::provider::{Inputs, Signing};
use crate::source::{SourceMap, Span, Spanned};
use crate::spec::node::Node;
use crate::spec::{Spec, shape};
use env::Variables;
use outline::Outline;
use read::Cx;
use settings::Settings;

/// A model, perhaps with gaps, and what the gaps would have said.
pub(crate) struct Resolved {
    pub(crate) model: Model,
    /// Names of middlewares that some route lists, faulty routes included. `None`: there are lists
    /// that could not be read, so nothing is known to be unused.
    pub(crate) mentioned: Option<BTreeSet<String>>,
    /// Who may sign bundles.
    pub(crate) signing: Signing,
    /// What class S keys refer to.
    pub(crate) variables: Vec<Variable>,
    /// What was meant, built or not.
    pub(crate) outline: Outline,
}

/// Resolves a whole file.
pub(crate) fn resolve(
    spec: &Spec,
    sources: &SourceMap,
    env: &BTreeMap<String, String>,
    diags: &mut Diagnostics,
) -> Resolved {
    let main = spec.head.source;
    let mut cx = Cx {
        variables: Variables::new(env),
        sources,
        diags,
    };
    version(spec, &mut cx);
    let inputs = resolve_inputs(spec, Span::new(main, 0, 0), &mut cx);
    pending::check(&spec.pending, &mut cx);
    let gateway = gateway::resolve(&spec.gateway, Span::new(main, 0, 0), &mut cx);
    let (middlewares, names) = middlewares::resolve(spec, &mut cx);
    let (routes, mut mentioned) = routes::resolve(&spec.gateway, &names, &mut cx);
    let guards = pending::names(&spec.pending, &names, &mut cx);
    if let Some(mentioned) = &mut mentioned {
        mentioned.extend(guards);
    }
    Resolved {
        model: Model {
            main,
            gateway,
            routes,
            middlewares,
        },
        mentioned,
        signing: inputs.signing,
        variables: cx.variables.into_used(),
        outline: outline::draw(spec, Span::new(main, 0, 0), sources, env),
    }
}

/// A file that is no configuration, held against a table: all that is wrong is reported.
pub(crate) fn settings_of(
    tree: &Node,
    section: &'static Section,
    sources: &SourceMap,
    env: &BTreeMap<String, String>,
    diags: &mut Diagnostics,
) -> Settings {
    let pending = shape::check(tree, section, "", true, diags);
    let mut cx = Cx {
        variables: Variables::new(env),
        sources,
        diags,
    };
    pending::check(&pending, &mut cx);
    settings::read(tree, section, "", tree.span, env)
}

/// Files that rules name and that are to be embedded.
pub(crate) fn embedded_files(
    spec: &Spec,
    sources: &SourceMap,
    env: &BTreeMap<String, String>,
    diags: &mut Diagnostics,
) -> Vec<Spanned<String>> {
    let cx = &mut Cx {
        variables: Variables::new(env),
        sources,
        diags,
    };
    let middlewares = spec.middlewares.iter().flatten();
    middlewares
        .flat_map(|middleware| interceptor::files(middleware, cx))
        .collect()
}

/// What the main file names as further inputs, without a word about what is wrong.
pub(crate) fn inputs(spec: &Spec, sources: &SourceMap, env: &BTreeMap<String, String>) -> Inputs {
    let mut diags = Diagnostics::new();
    let mut cx = Cx {
        variables: Variables::new(env),
        sources,
        diags: &mut diags,
    };
    resolve_inputs(spec, Span::new(spec.head.source, 0, 0), &mut cx)
}

fn resolve_inputs(spec: &Spec, file: Span, cx: &mut Cx<'_>) -> Inputs {
    let extra = &spec.gateway.extra_config;
    let providers = providers::resolve(&spec.gateway.providers, file, cx);
    if cx.boolean(extra.watch.as_ref(), false) {
        providers::serve_only(extra.watch.as_ref(), "watch", cx);
    }
    let directory = extra.directory.as_ref().and_then(|leaf| {
        let text = cx.text(leaf)?.text;
        (!text.is_empty()).then(|| Spanned::new(text, leaf.span))
    });
    Inputs {
        extra_directory: directory,
        ..providers
    }
}

/// `2`, `"2"` or `2.0`; absent, `1` and `1.0` are read as 2 with a warning.
fn version(spec: &Spec, cx: &mut Cx<'_>) {
    let missing = |span, message: &str| {
        Diagnostic::new(Code::VersionMissing, "version", span, message)
            .help("begin the file with `version: 2`")
    };
    let Some(leaf) = spec.version.as_ref().filter(|leaf| !leaf.null) else {
        let span = Span {
            end: spec.head.start,
            ..spec.head
        };
        cx.diags.push(
            missing(spec.head, "the file does not say its `version`").fix(span, "version: 2\n"),
        );
        return;
    };
    let Some(text) = cx.text(leaf) else { return };
    match text.text.as_str() {
        "2" | "2.0" => {}
        "1" | "1.0" => {
            cx.diags
                .push(missing(leaf.span, "version 1 is read as version 2").fix(leaf.span, "2"));
        }
        other => {
            let message = format!("version `{}` is not known", other.escape_debug());
            let fault = Diagnostic::new(Code::BadVersion, "version", leaf.span, message);
            cx.diags
                .push(fault.help("this compiler reads `version: 2`"));
        }
    }
}
