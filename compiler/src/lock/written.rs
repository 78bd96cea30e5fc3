//! A lock as it stands in a file, with the places that findings point at.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{FILE_NAME, FORMAT, Lock, Machine, State};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceId, Span};

/// A lock that was written before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    version: Spanned<u32>,
    goma: Spanned<String>,
    toolchain: Option<Spanned<String>>,
    crates: Option<Spanned<String>>,
    #[serde(default)]
    env: Vec<Variable>,
    #[serde(default)]
    input: Vec<Input>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: Spanned<String>,
    sha256: Option<String>,
    #[serde(default)]
    unset: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    kind: String,
    source: Spanned<String>,
    sha256: Spanned<String>,
}

/// A file that is no lock.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Faulty {
    reason: String,
    span: std::ops::Range<usize>,
}

impl Faulty {
    /// The finding that says so; `id` is the file.
    #[must_use]
    pub fn finding(&self, id: SourceId) -> Diagnostic {
        let span = Span::new(id, self.span.start, self.span.end);
        finding(
            span,
            format!("`{FILE_NAME}` cannot be read: {}", self.reason),
        )
    }
}

impl Written {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no TOML, or not of this format.
    pub fn parse(text: &str) -> Result<Self, Faulty> {
        let written: Self = toml::from_str(text).map_err(|fault| Faulty {
            reason: fault.message().replace('\n', " "),
            span: fault.span().unwrap_or(0..0),
        })?;
        if *written.version.get_ref() == FORMAT {
            return Ok(written);
        }
        Err(Faulty {
            reason: format!("its format is not {FORMAT}, but of another goma"),
            span: written.version.span(),
        })
    }

    /// The inputs of a kind: source and SHA-256, in the file's order.
    pub fn inputs<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.input
            .iter()
            .filter(move |input| input.kind == kind)
            .map(|input| {
                (
                    input.source.get_ref().as_str(),
                    input.sha256.get_ref().as_str(),
                )
            })
    }

    /// What compiled when it was written.
    #[must_use]
    pub fn machine(&self) -> Machine {
        let text =
            |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.get_ref().clone());
        Machine {
            toolchain: text(&self.toolchain),
            crates: text(&self.crates),
        }
    }

    /// Everything in which a build differs from what is written; `id` is the file (C-LOCK-2).
    #[must_use]
    pub fn mismatches(&self, now: &Lock, id: SourceId) -> Diagnostics {
        let mut found = Compare {
            id,
            found: Diagnostics::new(),
            unlisted: Vec::new(),
        };
        found.text("goma", &self.goma, &now.goma);
        for (name, written, present) in [
            ("the toolchain", &self.toolchain, &now.toolchain),
            ("the set of crates", &self.crates, &now.crates),
        ] {
            match (written, present) {
                (Some(written), Some(present)) => found.text(name, written, present),
                (None, Some(_)) => found.unlisted.push(name.to_owned()),
                (_, None) => {}
            }
        }
        found.env(&self.env, &now.env);
        found.inputs(&self.input, &now.inputs);
        found.finish()
    }
}

/// A comparison on its way.
struct Compare {
    id: SourceId,
    found: Diagnostics,
    /// What the file does not list.
    unlisted: Vec<String>,
}

impl Compare {
    fn push(&mut self, span: std::ops::Range<usize>, message: String) {
        let span = Span::new(self.id, span.start, span.end);
        self.found.push(finding(span, message));
    }

    fn text(&mut self, name: &str, written: &Spanned<String>, present: &str) {
        if written.get_ref() != present {
            let message = format!("{name} is {present}, not what `{FILE_NAME}` names");
            self.push(written.span(), message);
        }
    }

    fn env(&mut self, written: &[Variable], present: &BTreeMap<String, State>) {
        for variable in written {
            let name = variable.name.get_ref();
            let same = match (present.get(name), &variable.sha256) {
                (Some(State::Known(now)), Some(then)) => now == then,
                (Some(State::Secret), None) => !variable.unset,
                (Some(State::Unset), None) => variable.unset,
                (None, _) => {
                    let message = format!("the variable `{name}` is no input any more");
                    self.push(variable.name.span(), message);
                    continue;
                }
                (Some(_), _) => false,
            };
            if !same {
                let message =
                    format!("the variable `{name}` has not the value that `{FILE_NAME}` knows");
                self.push(variable.name.span(), message);
            }
        }
        let listed = |name: &&String| written.iter().any(|one| one.name.get_ref() == *name);
        let missing = present.keys().filter(|name| !listed(name));
        let missing = missing.map(|name| format!("the variable `{name}`"));
        self.unlisted.extend(missing);
    }

    fn inputs(&mut self, written: &[Input], present: &BTreeMap<(&'static str, String), String>) {
        let mut listed = BTreeMap::new();
        for input in written {
            listed.insert(
                (input.kind.as_str(), input.source.get_ref().as_str()),
                input,
            );
        }
        for ((kind, source), now) in present {
            match listed.remove(&(*kind, source.as_str())) {
                None => self.unlisted.push(format!("`{source}`")),
                Some(input) if input.sha256.get_ref() != now => {
                    let message = format!("`{source}` has changed since `{FILE_NAME}` was written");
                    self.push(input.sha256.span(), message);
                }
                Some(_) => {}
            }
        }
        for input in listed.values() {
            let message = format!("`{}` is no input any more", input.source.get_ref());
            self.push(input.source.span(), message);
        }
    }

    fn finish(mut self) -> Diagnostics {
        if !self.unlisted.is_empty() {
            let message = format!("`{FILE_NAME}` does not list {}", self.unlisted.join(", "));
            self.push(0..0, message);
        }
        self.found.sort();
        self.found
    }
}

fn finding(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(Code::LockMismatch, "", span, message)
        .help("if the change is meant, run `goma lock`, review the difference and commit it")
}
