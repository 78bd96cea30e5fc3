//! What JSON writes in another way than YAML, of which it is else a part: a character beyond U+FFFF is
//! escaped as two surrogates.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// Bytes of one escaped surrogate.
const ESCAPE: usize = "\\ud83d".len();

/// A JSON text with such pairs as YAML has them. INVARIANT: of equal length, so that places stay true: a
/// pair has twelve bytes, an escape of YAML ten and an escaped line break, which means nothing, two.
pub(super) fn with_yaml_escapes(text: &str) -> Cow<'_, str> {
    // Anything else is YAML, where such letters may be a comment or a text without escapes.
    let is_json = || serde_json::from_str::<IgnoredAny>(text).is_ok();
    if !text.trim_start().starts_with('{') || !text.contains("\\u") || !is_json() {
        return Cow::Borrowed(text);
    }
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        changed.push_str(before);
        let used = match pair(escape) {
            Some(character) => {
                changed.push_str(&format!("\\\n\\U{:08X}", u32::from(character)));
                2 * ESCAPE
            }
            // A backslash and what it escapes.
            None => {
                let used = escape.chars().take(2).map(char::len_utf8).sum();
                changed.push_str(escape.get(..used).unwrap_or(escape));
                used
            }
        };
        rest = escape.get(used..).unwrap_or("");
    }
    changed.push_str(rest);
    Cow::Owned(changed)
}

/// The character of two surrogates at the beginning.
fn pair(text: &str) -> Option<char> {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hex)
    };
    let units = [unit(text)?, unit(text.get(ESCAPE..)?)?];
    let is_pair = matches!(units, [0xd800..=0xdbff, 0xdc00..=0xdfff]);
    char::decode_utf16(units).next()?.ok().filter(|_| is_pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = with_yaml_escapes(text);
        assert_eq!(found, expected);
        assert_eq!(found.len(), text.len());
    }

    #[test]
    fn pairs_become_one_escape() {
        check(
            r#"{"a": "x \ud83d\uDE00 y"}"#,
            "{\"a\": \"x \\\n\\U0001F600 y\"}",
        );
        // An escaped backslash, half a pair, two firsts, not JSON, not all.
        for text in [
            r#"{"a": "\\ud83d\\ude00"}"#,
            r#"{"a": "\ud83d x"}"#,
            "{\"a\": 1, # \\ud83d\\ude00: 1}, \"b\": {\n\"c\": 2}",
            r"{'a': '\ud83d\ude00'}",
            r#"{"a": "\ud83d\ud83d"}"#,
            r#"{"a": "\u+83d\ude00"}"#,
            r#"a: "\ud83d\ude00""#,
            r#"{"a": "\u00e9\"}"#,
            r#"{"a": "\"#,
        ] {
            check(text, text);
        }
    }
}
