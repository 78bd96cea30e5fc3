//! "did you mean": the known word closest to an unknown one.

/// How many edits a suggestion may be away (C-FILE-5).
const DISTANCE_MAX: usize = 2;
/// Longer words get no suggestion.
const WORD_CHARS_MAX: usize = 128;

/// The candidate at most two edits away, or equal but for letter case; the first of the closest.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > WORD_CHARS_MAX {
        return None;
    }
    let scored = candidates
        .into_iter()
        .filter_map(|candidate| Some((distance_within(word, candidate)?, candidate)));
    scored
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

fn distance_within(word: &str, candidate: &str) -> Option<usize> {
    if word.eq_ignore_ascii_case(candidate) {
        return Some(0);
    }
    // Of a word of four letters two edits leave nothing that was meant.
    let allowed = if word.chars().count() <= 4 {
        1
    } else {
        DISTANCE_MAX
    };
    if word.len().abs_diff(candidate.len()) > 4 * allowed {
        return None;
    }
    let distance = edits(word, candidate);
    (distance <= allowed).then_some(distance)
}

/// Levenshtein distance in characters, one row at a time.
fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.chars()) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("jwt-mian", "jwt-main"), 2);
    }

    #[test]
    fn suggestions() {
        let known = ["path", "hosts", "methods", "target"];
        assert_eq!(nearest("metods", known), Some("methods"));
        assert_eq!(nearest("PATH", known), Some("path"));
        assert_eq!(nearest("host", known), Some("hosts"));
        assert_eq!(nearest("size", known), None);
    }
}
