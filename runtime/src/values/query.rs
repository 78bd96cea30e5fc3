//! Query strings by parameter: what filters read of them, without a copy of the whole.

use std::borrow::Cow;

/// The pieces of a query between `&`, each with its decoded name. `query` is without its `?`.
pub(crate) fn pieces(query: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, &[u8])> {
    query.split(|byte| *byte == b'&').map(|piece| {
        let end = memchr::memchr(b'=', piece).unwrap_or(piece.len());
        (decoded(piece.get(..end).unwrap_or_default()), piece)
    })
}

/// The first value of a parameter, decoded.
#[cfg(any(feature = "regex", test))]
pub(crate) fn first<'q>(query: &'q [u8], name: &str) -> Option<Cow<'q, [u8]>> {
    let (_, piece) = pieces(query).find(|(known, _)| **known == *name.as_bytes())?;
    let value = memchr::memchr(b'=', piece).and_then(|at| piece.get(at + 1..));
    Some(decoded(value.unwrap_or_default()))
}

/// Escapes and `+` decoded; an escape that is none stands for itself.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high * 16 + low);
                    rest = behind;
                }
                _ => decoded.push(byte),
            },
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let names = |query: &str| {
            let names = pieces(query.as_bytes()).map(|(name, _)| name.into_owned());
            String::from_utf8(names.collect::<Vec<_>>().join(&b'|')).unwrap()
        };
        assert_eq!(names("a=1&%62=2&c+d&&%zz=%"), "a|b|c d||%zz");
        let first = |query: &str| {
            let value = first(query.as_bytes(), "a")?;
            String::from_utf8(value.into_owned()).ok()
        };
        assert_eq!(first("b=1&a=x%2Fy&a=2").as_deref(), Some("x/y"));
        assert_eq!(first("%61=x+y=%2").as_deref(), Some("x y=%2"));
        assert_eq!(first("a").as_deref(), Some(""));
        assert_eq!(first("A=1"), None);
        assert_eq!(first(""), None);
    }
}
