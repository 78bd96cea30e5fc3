//! `goma.lock` (config.md section 16): what a gateway is built from. Made here from sources and
//! variables, printed, and held against one that was written before. Reading and writing the file
//! is the command line's work.

mod written;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::source::{SourceKind, SourceMap};

pub use written::{Faulty, Written};

/// Name of the file, beside the main file.
pub const FILE_NAME: &str = "goma.lock";

/// Version of the file's format.
const FORMAT: u32 = 1;

/// What the file begins with.
const HEAD: &str = "# What the gateway is built from, written by `goma build` and `goma lock`. Keep it under version\n# control: `goma build --locked` builds from nothing else.\n";

/// A variable that class S keys refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether a key that refers to it must not be shown.
    pub secret: bool,
    /// None: it is unset, or secret.
    pub value: Option<String>,
}

/// What a lock says of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// SHA-256 of its value.
    Known(String),
    /// Nothing: a hash would let the value be guessed.
    Secret,
    /// Defaults were taken.
    Unset,
}

/// Everything one build depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    goma: String,
    /// None: there is no Rust here, so nothing can be compiled either.
    toolchain: Option<String>,
    /// SHA-256 of the generated `Cargo.lock`.
    crates: Option<String>,
    env: BTreeMap<String, State>,
    /// SHA-256 by kind and name.
    inputs: BTreeMap<(&'static str, String), String>,
}

/// What is known of the machine that compiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// As `rustc -V` says it.
    pub toolchain: Option<String>,
    /// SHA-256 of the generated `Cargo.lock`.
    pub crates: Option<String>,
}

impl Lock {
    /// The lock of these sources and variables.
    #[must_use]
    pub fn new(sources: &SourceMap, variables: &[Variable], machine: &Machine) -> Self {
        let ids = sources.ids();
        let input = |id| {
            let kind: SourceKind = sources.kind(id);
            let key = (kind.as_str(), sources.name(id).to_owned());
            (key, sha256(sources.text(id).as_bytes()))
        };
        let state = |variable: &Variable| match &variable.value {
            _ if variable.secret => State::Secret,
            None => State::Unset,
            Some(value) => State::Known(sha256(value.as_bytes())),
        };
        Self {
            goma: crate::VERSION.to_owned(),
            toolchain: machine.toolchain.clone(),
            crates: machine.crates.clone(),
            env: variables
                .iter()
                .map(|variable| (variable.name.clone(), state(variable)))
                .collect(),
            inputs: ids.map(input).collect(),
        }
    }

    /// Name and SHA-256 of every input, by kind.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inputs
            .iter()
            .map(|((_, source), sha256)| (source.as_str(), sha256.as_str()))
    }

    /// The file: sorted, without times and paths of a machine (C-LOCK-1).
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}version = {FORMAT}\ngoma = {}\n", quoted(&self.goma));
        let mut line = |key: &str, value: &str| {
            // INVARIANT: writing to a String does not fail.
            let _ = writeln!(text, "{key} = {}", quoted(value));
        };
        if let Some(toolchain) = &self.toolchain {
            line("toolchain", toolchain);
        }
        if let Some(crates) = &self.crates {
            line("crates", crates);
        }
        for (name, state) in &self.env {
            let _ = write!(text, "\n[[env]]\nname = {}\n", quoted(name));
            match state {
                State::Known(sha256) => {
                    let _ = writeln!(text, "sha256 = {}", quoted(sha256));
                }
                State::Secret => {}
                State::Unset => text.push_str("unset = true\n"),
            }
        }
        for ((kind, source), sha256) in &self.inputs {
            let _ = write!(
                text,
                "\n[[input]]\nkind = {}\nsource = {}\nsha256 = {}\n",
                quoted(kind),
                quoted(source),
                quoted(sha256)
            );
        }
        text
    }
}

/// SHA-256 as hex.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// A TOML basic string. JSON's escapes are TOML's too; only DEL is left to escape.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests;
