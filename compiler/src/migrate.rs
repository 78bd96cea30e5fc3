//! `goma migrate`: applies the fixes that keep a file's meaning, until none is left. Layout and
//! comments stay, because a fix replaces no more than it must.

use crate::diag::{Code, Diagnostic, Diagnostics, Fix};
use crate::source::{SourceId, SourceMap};
use crate::{Options, check};

/// Findings whose fix changes the spelling and nothing else.
const CODES: &[Code] = &[
    Code::DeprecatedKey,
    Code::PrefixNoSlash,
    Code::RuleKeyCase,
    Code::VersionMissing,
];
/// The most rounds of fixes: each settles at least one finding.
const ROUNDS_MAX: usize = 1_000;

/// A file after [`migrate`].
#[derive(Debug)]
pub struct Migrated {
    /// The whole file in today's form.
    pub text: String,
    /// How many findings were fixed.
    pub fixed: usize,
    /// What is left to say about the new text, sorted.
    pub diagnostics: Diagnostics,
}

/// Gives all files today's form, in their order. Pure; migrating the result changes nothing.
#[must_use]
pub fn migrate(sources: &SourceMap, options: &Options) -> Vec<Migrated> {
    let ids: Vec<SourceId> = sources.main().into_iter().chain(sources.others()).collect();
    let mut sources = sources.clone();
    let mut fixed = vec![0; ids.len()];
    for _ in 0..ROUNDS_MAX {
        let found = check(&sources, options).diagnostics;
        let changes = found
            .iter()
            .filter(|item| CODES.contains(&item.code) && !item.fixes.is_empty());
        let accepted = compatible(changes);
        if accepted.is_empty() {
            break;
        }
        let mut next = SourceMap::new();
        for (&id, fixed) in ids.iter().zip(&mut fixed) {
            let here = accepted.iter().filter(|item| item.span.source == id);
            *fixed += here.count();
            let fixes = accepted.iter().flat_map(|item| &item.fixes);
            let fixes = fixes.filter(|fix| fix.span.source == id).collect();
            next.add(sources.name(id), apply(sources.text(id), fixes));
        }
        sources = next;
    }
    let found = check(&sources, options).diagnostics;
    let result = |(&id, fixed)| {
        let mut diagnostics = found.clone();
        diagnostics.retain(|item| item.span.source == id);
        Migrated {
            text: sources.text(id).to_owned(),
            fixed,
            diagnostics,
        }
    };
    ids.iter().zip(fixed).map(result).collect()
}

/// As many findings as have changes that do not get in each other's way.
fn compatible<'f>(findings: impl Iterator<Item = &'f Diagnostic>) -> Vec<&'f Diagnostic> {
    let mut accepted: Vec<&Diagnostic> = Vec::new();
    for finding in findings {
        let mut others = accepted.iter().flat_map(|other| &other.fixes);
        let clash = others.any(|other| finding.fixes.iter().any(|fix| clashes(fix, other)));
        if !clash {
            accepted.push(finding);
        }
    }
    accepted
}

/// Applies changes of one file.
fn apply(text: &str, mut fixes: Vec<&Fix>) -> String {
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for fix in fixes {
        let (start, end) = (fix.span.start as usize, fix.span.end as usize);
        result.push_str(text.get(at..start).unwrap_or(""));
        result.push_str(&fix.text);
        at = end.max(at);
    }
    result.push_str(text.get(at..).unwrap_or(""));
    result
}

/// Whether two changes cannot be made in one round: they touch the same text, or both begin the
/// same section at the same place.
fn clashes(one: &Fix, other: &Fix) -> bool {
    if one.span.source != other.span.source {
        return false;
    }
    let inside = |at: u32, fix: &Fix| fix.span.start <= at && at < fix.span.end;
    let first_line = |fix: &Fix| fix.text.trim_start().lines().next().map(str::to_owned);
    let overlap = one.span.overlaps(other.span)
        || inside(one.span.start, other)
        || inside(other.span.start, one);
    overlap || (one.span.start == other.span.start && first_line(one) == first_line(other))
}

#[cfg(test)]
mod tests;
