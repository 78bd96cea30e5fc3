//! What a gateway tells the one that takes over from it (RT-TAKE-5): notes, each a line of words.
//!
//! Whoever keeps a state writes notes of it and reads them back; `server/takeover` carries them and understands
//! none. A note of a kind that the reader does not know is passed over, so that a gateway may be replaced by
//! an older or a newer one.

/// Something to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub kind: String,
    /// What it says: any text, as the kind has it.
    pub words: Vec<String>,
}

impl Note {
    /// A note of these words.
    #[must_use]
    pub fn new<'a>(kind: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            kind: kind.to_owned(),
            words: words.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The note without line breaks, which [`Note::parse`] reads.
    #[must_use]
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.kind).chain(&self.words);
        let words: Vec<_> = words.map(|word| escaped(word)).collect();
        words.join("\t")
    }

    /// Reads what [`Note::line`] has written. Every line is a note, of whatever kind.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let mut words = line.split('\t').map(plain);
        Self {
            kind: words.next().unwrap_or_default(),
            words: words.collect(),
        }
    }
}

fn escaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for character in word.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text
}

fn plain(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_read_back(kind in any::<String>(), words in prop::collection::vec(any::<String>(), 0..5)) {
            let note = Note { kind, words };
            let line = note.line();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(Note::parse(&line), note);
        }

        #[test]
        fn any_line_is_a_note(line in any::<String>()) {
            let note = Note::parse(&line);
            prop_assert_eq!(Note::parse(&note.line()), note);
        }
    }
}
