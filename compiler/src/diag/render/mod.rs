//! Drawing findings: [`human`] for people, [`json`] for tools, [`sarif`] for code
//! scanning, [`github`] for annotations of a pull request (RT-CLI-8). annotate-snippets cannot
//! draw the shape that runtime.md section 22 promises (`= help:`, masked secrets), so it is drawn
//! here.

mod excerpt;
mod github;
mod human;
mod json;
mod sarif;
mod suggestion;

use super::{Diagnostic, Diagnostics, Fix};
use crate::source::SourceMap;

pub use github::github;
pub use human::human;
pub use json::json;
pub use sarif::sarif;

/// The fixes of a finding, or none if one would repeat a secret.
fn fixes<'d>(item: &'d Diagnostic, all: &Diagnostics, sources: &SourceMap) -> &'d [Fix] {
    let repeats = |secret: &str| {
        let secret = secret.trim_matches(['"', '\'']);
        !secret.is_empty() && item.fixes.iter().any(|fix| fix.text.contains(secret))
    };
    let mut secrets = all.secrets().iter().filter_map(|&span| {
        let text = sources.text(span.source);
        text.get(span.start as usize..span.end as usize)
    });
    if !item.fixes.is_empty() && secrets.any(repeats) {
        return &[];
    }
    &item.fixes
}
