//! What the tree does not tell of a text: where its comments are, and which values are blocks. What the
//! parser calls a value is skipped, and any other `#` at the beginning of a line or behind a blank begins
//! a comment.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};

use super::{byte_offset, json};
use crate::source::BOM;

/// Places of a text; none of one that is no YAML.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Every comment without its line break, and the blanks before it.
    pub(crate) comments: Vec<Range<usize>>,
    /// Where values behind `|` and `>` begin.
    pub(crate) blocks: Vec<usize>,
}

/// Reads a text.
pub(crate) fn marks(text: &str) -> Marks {
    let start = if text.starts_with(BOM) { BOM.len() } else { 0 };
    let body = text.get(start..).unwrap_or("");
    let body = &*json::with_yaml_escapes(body);
    let mut found = Marks::default();
    let mut at = 0;
    for event in Parser::new_from_str(body) {
        let Ok((event, span)) = event else {
            return Marks::default();
        };
        let Event::Scalar(_, style, ..) = event else {
            continue;
        };
        let [from, to] = [&span.start, &span.end].map(|marker| byte_offset(body, marker));
        between(body, at..from, &mut found.comments);
        at = at.max(to);
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            found.blocks.push(from + start);
        }
    }
    between(body, at..body.len(), &mut found.comments);
    for comment in &mut found.comments {
        *comment = comment.start + start..comment.end + start;
    }
    found
}

/// Notes the comments of a range that has no values.
fn between(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut at = range.start;
    while let Some(hash) = text.get(at..range.end).and_then(|rest| rest.find('#')) {
        let hash = at + hash;
        let before = text.get(..hash).unwrap_or("");
        let end = line_end(text, hash);
        if !before.is_empty() && !before.ends_with([' ', '\t', '\n', '\r']) {
            at = hash + 1;
            continue;
        }
        let blanks = before.trim_end_matches([' ', '\t']).len();
        found.push(blanks..end);
        at = end;
    }
}

fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    at + rest.find(['\n', '\r']).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_no_comments() {
        let check = |text: &str, expected: &[&str]| {
            let found = marks(text).comments;
            let found: Vec<&str> = found.into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("# a\nb: c # d\n", &["# a", " # d"]);
        check("b: \"c # d\" # e", &[" # e"]);
        check("b: c#d\ne: 'x # y'\n", &[]);
        check("b: |  # f\n  c # d\n  e\n# g\n", &["  # f", "# g"]);
        check("b: >-\n  c # d\n\n  e\n", &[]);
        check("b: c\n  d\n# e\n", &["# e"]);
        check(
            "a: &x { b: '#1' } # c\nd:\n  <<: *x # e\n  b: \"# own\"\n",
            &[" # c", " # e"],
        );
        check("\u{feff}# a\nb: ä # ö\n", &["# a", " # ö"]);
        check("{\"a\": \"\\ud83d\\ude00 # b\"} # c", &[" # c"]);
        check("--- # a\nb: c\n... # d\n", &[" # a", " # d"]);
        check("b: [", &[]);
    }

    #[test]
    fn values_behind_a_bar() {
        let text = "a: b\nc: |-  # d\n  e\nf: >\n  g\n";
        let found = marks(text).blocks;
        let found: Vec<&str> = found.into_iter().map(|at| &text[at..]).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].trim_start().starts_with("e\n"), "{found:?}");
        assert!(found[1].trim_start().starts_with("g\n"), "{found:?}");
    }
}
