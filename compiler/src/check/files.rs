//! The files that a gateway reads when it starts. Whether they are on the building machine is only
//! for the command line to see ([`Code::FileNotHere`], C-FILE-10).
//!
//! [`Code::FileNotHere`]: crate::diag::Code::FileNotHere

use crate::dialect::{Class, Key, Scalar, Shape};
use crate::model::pem::Pem;
use crate::resolve::outline::Outline;
use crate::resolve::settings::Given;
use crate::source::Span;

/// Files that the gateway writes, or makes when they are not there.
const WRITTEN: &[&str] = &["filePath", "storageFile"];

/// A file, or directory, that is read when the gateway starts.
#[derive(Clone, Debug)]
pub struct StartFile {
    /// Dotted: `gateway.geoip.database`.
    pub key: String,
    /// As written: relative to the file that names it (C-FILE-9).
    pub name: String,
    /// Of the name.
    pub span: Span,
}

/// All of them, in the order of the specification.
pub(crate) fn start_files(outline: &Outline) -> Vec<StartFile> {
    let mut files = Vec::new();
    let routes = outline.routes.iter().map(|route| &route.settings);
    let rules = outline
        .middlewares
        .iter()
        .filter_map(|entry| entry.rule.as_ref());
    for settings in std::iter::once(&outline.file).chain(routes).chain(rules) {
        settings.each(&mut |settings| {
            let named = settings
                .values()
                .filter(|(key, given)| names_file(key, given));
            files.extend(named.map(|(_, given)| StartFile {
                key: given.key.clone(),
                name: given.known().to_owned(),
                span: given.span,
            }));
        });
    }
    files
}

fn names_file(key: &Key, given: &Given) -> bool {
    let text = given.known();
    if text.is_empty() || key.class != Class::Value || WRITTEN.contains(&key.name) {
        return false;
    }
    match key.shape {
        Shape::One(Scalar::File) if key.name == "jwksFile" => !is_key_set(text),
        Shape::One(Scalar::Directory | Scalar::File) => true,
        Shape::One(Scalar::Pem) => {
            matches!(Pem::new(text), Ok(None)) && !text.contains("-----BEGIN")
        }
        Shape::Conditions
        | Shape::List(_)
        | Shape::Named(_)
        | Shape::Names(_)
        | Shape::One(_)
        | Shape::OneOrList(_)
        | Shape::OneOrSection(..)
        | Shape::Rule
        | Shape::Section(_)
        | Shape::Sections(_)
        | Shape::TextsOrSections(_) => false,
    }
}

/// Inline JSON, or base64 of it, which begins so.
fn is_key_set(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{') || (text.starts_with("ey") && !text.contains(['/', '.']))
}
