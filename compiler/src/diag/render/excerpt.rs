//! One source line as it may be shown: tabs as spaces, control characters escaped, secrets masked,
//! and where a byte of the line ends up on the screen.

use crate::source::{SourceMap, Span};

/// What stands for a secret.
const MASK: &str = "****";
/// Words whose value is hidden in files that cannot be parsed.
const SECRET_WORDS: &[&str] = &[
    "password", "secret", "token", "pass", "key", "pepper", "users",
];
/// The longest part of a line that is shown, in characters.
pub(super) const COLUMNS_MAX: usize = 160;

/// A line ready to be shown.
pub(super) struct Excerpt {
    /// The text to print.
    pub(super) text: String,
    /// First and last column (0-based, end exclusive) of the marks below it.
    pub(super) marks: (usize, usize),
}

/// A text as it may be shown, whole.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        push(character, &mut shown);
    }
    shown
}

/// The line on which `span` begins. `unparsed`: secrets are not known, so whatever looks like one
/// is masked.
pub(super) fn excerpt(
    sources: &SourceMap,
    span: Span,
    secrets: &[Span],
    unparsed: bool,
) -> Excerpt {
    let line = sources.locate(span).line;
    let start = sources.line_start(span.source, line);
    let text = sources.line(span.source, line);
    let masks = if unparsed {
        guessed(text, start, span)
    } else {
        secrets.to_vec()
    };
    let mut shown = String::new();
    let mut marks: Option<(usize, usize)> = None;
    let mut masked_until = 0;
    let mut columns = 0;
    for (offset, character) in text.char_indices() {
        let at = start + offset;
        let here = Span::new(span.source, at, at + character.len_utf8());
        let before = columns;
        if let Some(mask) = masks.iter().find(|mask| mask.overlaps(here)) {
            if masked_until <= at {
                shown.push_str(MASK);
                columns += MASK.len();
                masked_until = mask.end as usize;
            }
        } else {
            columns += push(character, &mut shown);
        }
        let marked = at >= span.start as usize && at < span.end as usize;
        // A masked character has no column of its own: the whole mask is marked.
        if marked || at == span.start as usize {
            let from = marks.map_or(before, |(from, _)| from);
            marks = Some((from, columns));
        }
    }
    let marks = marks.unwrap_or((columns, columns + 1));
    let marks = (marks.0, marks.1.max(marks.0 + 1));
    cut(shown, marks)
}

fn push(character: char, shown: &mut String) -> usize {
    match character {
        '\t' => {
            shown.push_str("    ");
            4
        }
        c if c.is_control() || is_invisible(c) => {
            let escaped = c.escape_unicode().to_string();
            shown.push_str(&escaped);
            escaped.len()
        }
        c => {
            shown.push(c);
            1
        }
    }
}

/// Characters that change the order or look of others without being seen.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Shows the part of a long line around the marks.
fn cut(shown: String, marks: (usize, usize)) -> Excerpt {
    let length = shown.chars().count();
    if length <= COLUMNS_MAX {
        return Excerpt { text: shown, marks };
    }
    let from = marks.0.saturating_sub(COLUMNS_MAX / 2);
    let part: String = shown.chars().skip(from).take(COLUMNS_MAX).collect();
    let lead = if from > 0 { "…" } else { "" };
    let tail = if from + COLUMNS_MAX < length {
        "…"
    } else {
        ""
    };
    let shift = |at: usize| (at.saturating_sub(from) + lead.chars().count()).min(COLUMNS_MAX + 1);
    Excerpt {
        text: format!("{lead}{part}{tail}"),
        marks: (shift(marks.0), shift(marks.1).max(shift(marks.0) + 1)),
    }
}

/// The rest of the line after a word that announces a secret.
fn guessed(text: &str, start: usize, span: Span) -> Vec<Span> {
    let lower = text.to_ascii_lowercase();
    let at = SECRET_WORDS
        .iter()
        .filter_map(|word| Some(lower.find(word)? + word.len()))
        .min();
    let value = at.and_then(|at| {
        let rest = text.get(at..)?;
        let colon = rest.find(':')?;
        let skipped = rest.get(colon + 1..)?;
        let blank = skipped.len() - skipped.trim_start().len();
        Some(at + colon + 1 + blank)
    });
    value
        .map(|value| Span::new(span.source, start + value, start + text.len()))
        .into_iter()
        .collect()
}
