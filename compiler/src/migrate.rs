//! `goma migrate`: applies the fixes that keep a file's meaning, until none is left. Layout and
//! comments stay, because a fix replaces no more than it must.

use crate::diag::{Code, Diagnostics, Fix};
use crate::source::SourceMap;
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

/// Result of [`migrate`].
#[derive(Debug)]
pub struct Migrated {
    /// The whole file in today's form.
    pub text: String,
    /// How many findings were fixed.
    pub fixed: usize,
    /// What is left to say about the new text, sorted.
    pub diagnostics: Diagnostics,
}

/// Gives a file today's form; `extra`: it is one of `extraConfig`. Pure; migrating the result changes
/// nothing.
#[must_use]
pub fn migrate(name: &str, text: &str, extra: bool, options: &Options) -> Migrated {
    let mut text = text.to_owned();
    let mut fixed = 0;
    for _ in 0..ROUNDS_MAX {
        let diagnostics = findings(name, &text, extra, options);
        let changes = diagnostics
            .iter()
            .filter(|item| CODES.contains(&item.code) && !item.fixes.is_empty())
            .map(|item| item.fixes.as_slice());
        let (next, count) = apply(&text, changes);
        if count == 0 {
            return Migrated {
                text,
                fixed,
                diagnostics,
            };
        }
        text = next;
        fixed += count;
    }
    let diagnostics = findings(name, &text, extra, options);
    Migrated {
        text,
        fixed,
        diagnostics,
    }
}

/// What is found in the file alone.
fn findings(name: &str, text: &str, extra: bool, options: &Options) -> Diagnostics {
    let mut sources = SourceMap::new();
    if extra {
        sources.add("", "version: 2\n");
    }
    let file = sources.add(name, text);
    let mut findings = check(&sources, options).diagnostics;
    findings.retain(|item| item.span.source == file);
    findings
}

/// Applies the changes of as many findings as do not get in each other's way; the number of them.
fn apply<'f>(text: &str, changes: impl Iterator<Item = &'f [Fix]>) -> (String, usize) {
    let mut accepted: Vec<&Fix> = Vec::new();
    let mut count = 0;
    for fixes in changes {
        let clash = |fix: &Fix| accepted.iter().any(|other| clashes(fix, other));
        if !fixes.iter().any(clash) {
            accepted.extend(fixes);
            count += 1;
        }
    }
    accepted.sort_by_key(|fix| (fix.span.start, fix.span.end));
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for fix in accepted {
        let (start, end) = (fix.span.start as usize, fix.span.end as usize);
        result.push_str(text.get(at..start).unwrap_or(""));
        result.push_str(&fix.text);
        at = end.max(at);
    }
    result.push_str(text.get(at..).unwrap_or(""));
    (result, count)
}

/// Whether two changes cannot be made in one round: they touch the same text, or both begin the
/// same section at the same place.
fn clashes(one: &Fix, other: &Fix) -> bool {
    let inside = |at: u32, fix: &Fix| fix.span.start <= at && at < fix.span.end;
    let first_line = |fix: &Fix| fix.text.trim_start().lines().next().map(str::to_owned);
    let overlap = one.span.overlaps(other.span)
        || inside(one.span.start, other)
        || inside(other.span.start, one);
    overlap || (one.span.start == other.span.start && first_line(one) == first_line(other))
}

#[cfg(test)]
mod tests;
