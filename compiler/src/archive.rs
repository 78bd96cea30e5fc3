//! What an image carries of the specification it was built from (DESIGN decision 8): enough to check,
//! explain and compare it again, at the same lines. Comments and secrets are left out (RT-CLI-10), and
//! variables are those that decide structure.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Output;
use crate::diag::Diagnostics;
use crate::lock::Variable;
use crate::source::{SourceId, SourceKind, SourceMap, Span};
use crate::spec;

/// Version of the format.
const FORMAT: u32 = 1;

/// Stands for a value that is withheld. It is a reference, which may stand wherever a secret may.
pub(crate) const WITHHELD: &str = "${GOMA_WITHHELD}";

/// A specification as it is archived.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    format: u32,
    /// Version of goma that wrote it.
    pub goma: String,
    /// Name of the gateway.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// Variables that class S keys refer to; secret and unset ones are left out.
    pub env: BTreeMap<String, String>,
    /// Variables that values refer to, those of values that are withheld included; whether the gateway does not
    /// start without.
    pub values: BTreeMap<String, bool>,
    files: Vec<File>,
}

/// A text that cannot be read as an archive.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Of a later goma.
    #[error("its format {0} is that of a later goma")]
    Format(u32),
    /// No archive at all.
    #[error("it is no archive: {0}")]
    Json(#[from] serde_json::Error),
    /// No main file.
    #[error("it has no main file")]
    Main,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Kind,
    name: String,
    text: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Embedded,
    Extra,
    File,
    Git,
    Http,
    Main,
}

impl Archive {
    /// The sources of a gateway. `secrets` are the places of values that must not be shown, `variables` those that
    /// class S keys refer to.
    pub(crate) fn new(
        (name, output): (&str, &Output),
        sources: &SourceMap,
        secrets: &[Span],
        variables: &[Variable],
    ) -> Self {
        let known = |variable: &Variable| {
            let value = variable.value.clone().filter(|_| !variable.secret)?;
            Some((variable.name.clone(), value))
        };
        let file = |id| File {
            kind: sources.kind(id).into(),
            name: sources.name(id).to_owned(),
            text: published(sources, id, secrets),
        };
        Self {
            format: FORMAT,
            goma: crate::VERSION.to_owned(),
            name: name.to_owned(),
            revision: output.revision.clone(),
            env: variables.iter().filter_map(known).collect(),
            values: output.plan.variables(),
            files: sources.ids().map(file).collect(),
        }
    }

    /// The text: JSON, the same for the same specification.
    #[must_use]
    pub fn text(&self) -> String {
        // INVARIANT: it has only strings and numbers, which always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads what [`Archive::text`] made.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let archive: Self = serde_json::from_str(text)?;
        if archive.format > FORMAT {
            return Err(Unreadable::Format(archive.format));
        }
        match archive.files.first() {
            Some(main) if main.kind == Kind::Main => Ok(archive),
            Some(_) | None => Err(Unreadable::Main),
        }
    }

    /// The variables that decided structure when it was built; what is withheld has a value of no meaning.
    #[must_use]
    pub fn env_of_build(&self) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        let name = WITHHELD.trim_start_matches("${").trim_end_matches('}');
        env.insert(name.to_owned(), WITHHELD.to_owned());
        env
    }

    /// The files, to be compiled.
    #[must_use]
    pub fn sources(&self) -> SourceMap {
        let mut sources = SourceMap::new();
        for file in &self.files {
            sources.add_as(file.kind.into(), file.name.as_str(), file.text.as_bytes());
        }
        sources
    }
}

/// A file without what must not be shown. Lines stay where they are.
fn published(sources: &SourceMap, id: SourceId, secrets: &[Span]) -> String {
    let text = sources.text(id);
    if sources.kind(id) == SourceKind::Embedded {
        return text.to_owned();
    }
    let tree = spec::parse(sources, id, &mut Diagnostics::new());
    let users: BTreeMap<Span, &str> = tree.iter().flat_map(spec::users).collect();
    let marks = spec::marks(text);
    let here = secrets.iter().filter(|span| span.source == id);
    let withheld = here.map(|span| {
        let range = span.start as usize..span.end as usize;
        let user = users.get(span).map(|user| format!("{user}:"));
        let value = format!("{}{WITHHELD}", user.unwrap_or_default());
        let value = if marks.blocks.contains(&range.start) {
            value
        } else {
            // JSON's quotes and escapes are YAML's too.
            serde_json::Value::from(value).to_string()
        };
        let secret = text.get(range.clone()).unwrap_or("");
        (range, format!("{value}{}", rest_of_lines(secret)))
    });
    let comments = marks.comments.iter().cloned();
    let mut edits: Vec<(Range<usize>, String)> = comments
        .map(|range| (range, String::new()))
        .chain(withheld)
        .collect();
    edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (range, replacement) in edits {
        // The wider of two comes first.
        if range.start >= at {
            kept.push_str(text.get(at..range.start).unwrap_or(""));
            kept.push_str(&replacement);
            at = range.end;
        }
    }
    kept.push_str(text.get(at..).unwrap_or(""));
    kept
}

/// What must follow the stand-in of a secret so that it is on as many lines.
fn rest_of_lines(secret: &str) -> String {
    let body = secret.trim_end();
    let tail = secret.get(body.len()..).unwrap_or("");
    let Some((first, last)) = body.rsplit_once('\n') else {
        return tail.to_owned();
    };
    let indent = last.len() - last.trim_start_matches(' ').len();
    let breaks = first.matches('\n').count() + 1;
    format!("{}{}{tail}", "\n".repeat(breaks), " ".repeat(indent))
}

impl From<SourceKind> for Kind {
    fn from(kind: SourceKind) -> Self {
        match kind {
            SourceKind::Embedded => Self::Embedded,
            SourceKind::Extra => Self::Extra,
            SourceKind::File => Self::File,
            SourceKind::Git => Self::Git,
            SourceKind::Http => Self::Http,
            SourceKind::Main => Self::Main,
        }
    }
}

impl From<Kind> for SourceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Embedded => Self::Embedded,
            Kind::Extra => Self::Extra,
            Kind::File => Self::File,
            Kind::Git => Self::Git,
            Kind::Http => Self::Http,
            Kind::Main => Self::Main,
        }
    }
}
