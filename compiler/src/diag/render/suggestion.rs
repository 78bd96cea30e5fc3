//! A fix as people read it: the lines before and after.

use super::excerpt::{COLUMNS_MAX, visible};
use crate::diag::Fix;
use crate::source::{SourceMap, Span};

/// More changed lines than this are not drawn; `goma migrate` shows them.
const LINES_MAX: usize = 16;

/// A line that goes or comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// `-` or `+`
    pub(super) sign: char,
    /// Its number before or after the change of its neighbourhood.
    pub(super) line: usize,
    pub(super) text: String,
}

/// Neighbouring lines with the fixes that change them.
struct Hunk<'f> {
    first: usize,
    last: usize,
    fixes: Vec<&'f Fix>,
}

/// The lines that fixes change; none if they are too many or too long, or a secret stands among them.
pub(super) fn suggestion(fixes: &[Fix], secrets: &[Span], sources: &SourceMap) -> Vec<Changed> {
    let mut changed = Vec::new();
    for hunk in hunks(fixes, sources) {
        let Some(lines) = draw(&hunk, secrets, sources) else {
            return Vec::new();
        };
        changed.extend(lines);
    }
    let long = |change: &Changed| change.text.chars().count() > COLUMNS_MAX;
    if changed.len() > LINES_MAX || changed.iter().any(long) {
        return Vec::new();
    }
    changed
}

fn hunks<'f>(fixes: &'f [Fix], sources: &SourceMap) -> Vec<Hunk<'f>> {
    let says_nothing = |fix: &&Fix| fix.text.is_empty() && fix.span.start == fix.span.end;
    let mut sorted: Vec<_> = fixes.iter().filter(|fix| !says_nothing(fix)).collect();
    sorted.sort_by_key(|fix| fix.span);
    let mut hunks: Vec<Hunk<'f>> = Vec::new();
    for fix in sorted {
        let first = sources.locate(fix.span).line;
        // The end of a removed line is the start of the next.
        let end = Span {
            start: fix.span.end.saturating_sub(1).max(fix.span.start),
            ..fix.span
        };
        let last = sources.locate(end).line;
        match hunks.last_mut().filter(|hunk| first <= hunk.last) {
            Some(hunk) => {
                hunk.last = hunk.last.max(last);
                hunk.fixes.push(fix);
            }
            None => hunks.push(Hunk {
                first,
                last,
                fixes: vec![fix],
            }),
        }
    }
    hunks
}

fn draw(hunk: &Hunk<'_>, secrets: &[Span], sources: &SourceMap) -> Option<Vec<Changed>> {
    let id = hunk.fixes.first()?.span.source;
    let start = sources.line_start(id, hunk.first);
    let last = sources.line(id, hunk.last);
    let end = sources.line_start(id, hunk.last) + last.len();
    let whole = Span::new(id, start, end);
    if secrets.iter().any(|secret| secret.overlaps(whole)) {
        return None;
    }
    let old = sources.text(id).get(start..end)?;
    let mut new = String::new();
    let mut at = start;
    for fix in &hunk.fixes {
        let from = fix.span.start as usize;
        new.push_str(sources.text(id).get(at..from)?);
        new.push_str(&fix.text);
        at = fix.span.end as usize;
    }
    new.push_str(sources.text(id).get(at..end).unwrap_or(""));
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let before = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(rest);
    let after = after.take_while(same).count();
    let lines = |sign: char, lines: &[&str]| -> Vec<Changed> {
        let inner = lines.get(before..lines.len() - after).unwrap_or_default();
        let numbered = inner.iter().zip(hunk.first + before..);
        numbered
            .map(|(text, line)| Changed {
                sign,
                line,
                text: visible(text),
            })
            .collect()
    };
    let mut changed = lines('-', &old);
    changed.extend(lines('+', &new));
    Some(changed)
}
