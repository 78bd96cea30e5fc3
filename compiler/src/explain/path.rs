//! The canonical form of a request path (RT-PATH-1 to RT-PATH-6).
//!
//! Apart, because it is the one reading of a path that everything else relies on. The runtime has
//! the same rules over bytes in place; the vectors are the same.

use thiserror::Error;

/// The two forms of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// What is forwarded: dot segments resolved, all else as received (RT-PATH-2, RT-PATH-3).
    pub forwarded: String,
    /// What is matched: unreserved escapes decoded and runs of `/` made one, too (RT-PATH-1).
    pub matched: String,
}

/// Why a path is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadPath {
    /// More `..` than segments.
    #[error("the path climbs above the root (RT-PATH-2)")]
    AboveRoot,
    /// `%` without two hex digits.
    #[error("the path has an invalid escape (RT-PATH-5)")]
    Escape,
    /// A control character, space, `\\` or `#`.
    #[error("the path has a character that must be escaped (RT-PATH-5)")]
    Forbidden,
    /// A segment that some servers would read as `..`.
    #[error("the path hides a `..` segment (RT-PATH-6)")]
    HiddenParent,
    /// An empty path, or `*`.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
}

/// Reads a path, without its query.
///
/// # Errors
/// The rule that refuses it.
pub fn canonicalize(path: &str) -> Result<Canonical, BadPath> {
    let rest = path.strip_prefix('/').ok_or(BadPath::NotAbsolute)?;
    let forbidden = |c: char| c.is_ascii_control() || matches!(c, ' ' | '\\' | '#');
    if path.contains(forbidden) {
        return Err(BadPath::Forbidden);
    }
    let mut segments = Vec::new();
    let mut ends_in_directory = false;
    for segment in rest.split('/') {
        let decoded = decode(segment)?;
        ends_in_directory = segment == ".." || decoded == b".";
        if segment == ".." {
            segments.pop().ok_or(BadPath::AboveRoot)?;
        } else if hides_parent(&decoded) {
            return Err(BadPath::HiddenParent);
        } else if !ends_in_directory {
            segments.push(segment);
        }
    }
    let mut forwarded: String = segments.iter().flat_map(|segment| ["/", segment]).collect();
    if ends_in_directory || forwarded.is_empty() {
        forwarded.push('/');
    }
    let matched = for_matching(&forwarded)?;
    Ok(Canonical { forwarded, matched })
}

/// Whether a part of a decoded segment is `..` (RT-PATH-6).
fn hides_parent(decoded: &[u8]) -> bool {
    decoded
        .split(|byte| matches!(byte, b'/' | b'\\' | b';'))
        .any(|part| part == b"..")
}

/// Bytes of a segment; an escaped control character is refused like a raw one (RT-PATH-5).
fn decode(segment: &str) -> Result<Vec<u8>, BadPath> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            escaped(&mut bytes)?
        } else {
            byte
        });
    }
    Ok(decoded)
}

/// The byte of an escape whose `%` has been read.
fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, BadPath> {
    let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
    let (high, low) = digit().zip(digit()).ok_or(BadPath::Escape)?;
    let byte = u8::try_from(high * 16 + low).map_err(|_| BadPath::Escape)?;
    if byte.is_ascii_control() {
        return Err(BadPath::Forbidden);
    }
    Ok(byte)
}

fn for_matching(path: &str) -> Result<String, BadPath> {
    let mut matched = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'/' if matched.ends_with('/') => {}
            b'%' => push_byte(&mut matched, escaped(&mut bytes)?),
            byte if byte.is_ascii() => matched.push(char::from(byte)),
            byte => push_byte(&mut matched, byte),
        }
    }
    Ok(matched)
}

/// Unreserved characters plain (RT-PATH-1), all others encoded (RT-PATH-4, RT-PATH-5).
fn push_byte(matched: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        matched.push(char::from(byte));
    } else {
        matched.push_str(&format!("%{byte:02X}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, forwarded: &str, matched: &str) {
        let expected = Canonical {
            forwarded: forwarded.to_owned(),
            matched: matched.to_owned(),
        };
        assert_eq!(canonicalize(path), Ok(expected), "{path}");
    }

    /// RT-PATH-1
    #[test]
    fn unreserved_escapes_are_decoded_for_matching() {
        check("/%61dmin", "/%61dmin", "/admin");
        check("/%7Ea%2D", "/%7Ea%2D", "/~a-");
    }

    /// RT-PATH-2
    #[test]
    fn dot_segments_are_resolved() {
        check("/a/./b/../c", "/a/c", "/a/c");
        check("/a/%2e/b/", "/a/b/", "/a/b/");
        check("/a/b/..", "/a/", "/a/");
        check("/a/.", "/a/", "/a/");
        check("/..a/...", "/..a/...", "/..a/...");
        assert_eq!(canonicalize("/.."), Err(BadPath::AboveRoot));
        assert_eq!(canonicalize("/a/../.."), Err(BadPath::AboveRoot));
    }

    /// RT-PATH-3
    #[test]
    fn runs_of_slashes_count_as_one() {
        check("/a//b///c", "/a//b///c", "/a/b/c");
        check("//a//", "//a//", "/a/");
    }

    /// RT-PATH-4
    #[test]
    fn encoded_separators_stay() {
        check("/a%2Fb%5cc", "/a%2Fb%5cc", "/a%2Fb%5Cc");
    }

    /// RT-PATH-5
    #[test]
    fn forbidden_bytes_are_refused() {
        for path in ["/a b", "/a\\b", "/a#b", "/a\u{7f}", "/%00", "/\u{0}"] {
            assert_eq!(canonicalize(path), Err(BadPath::Forbidden), "{path:?}");
        }
        for path in ["/%zz", "/%2", "/%", "/a%/b"] {
            assert_eq!(canonicalize(path), Err(BadPath::Escape), "{path}");
        }
        assert_eq!(canonicalize("a"), Err(BadPath::NotAbsolute));
        check("/ä", "/ä", "/%C3%A4");
    }

    /// RT-PATH-6
    #[test]
    fn hidden_parents_are_refused() {
        for path in ["/..%2f", "/..%5c", "/%2e%2e", "/.%2e", "/..;x", "/a/..;x/b"] {
            assert_eq!(canonicalize(path), Err(BadPath::HiddenParent), "{path}");
        }
        check("/a;x=1/b", "/a;x=1/b", "/a;x=1/b");
    }
}
