//! Path canonicalisation (RT-PATH): the one reading of a path that routing, filters and backend share.

use crate::error::Refusal;

/// The two forms of a path that needed work.
#[derive(Debug, PartialEq, Eq)]
pub struct Canonical {
    /// What is forwarded: dot segments resolved, everything else as received (RT-PATH-2, -3).
    pub forwarded: String,
    /// What is matched: also unreserved escapes decoded and slash runs collapsed (RT-PATH-1, -3).
    pub matched: String,
}

/// A byte that no path may hold.
const FORBIDDEN: u8 = 1;
/// A byte that calls for the slow way: `%`, `;`, or one that counts as its percent-encoding.
const SLOW: u8 = 2;
/// `/`
const SLASH: u8 = 4;
/// `/` or `.`: the slow way, if it follows a `/`.
const AFTER_SLASH: u8 = 8;

/// What a byte of a path calls for.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(
            clippy::indexing_slicing,
            reason = "const evaluation: out of range would not compile"
        )]
        {
            classes[byte] = match byte as u8 {
                0..=0x20 | 0x7f | b'\\' | b'#' => FORBIDDEN,
                b'/' => SLASH | AFTER_SLASH,
                b'.' => AFTER_SLASH,
                b'%' | b';' | 0x80..=0xff => SLOW,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
};

/// Up to here a look at each byte costs less than a call of `memchr`, and most paths are no longer.
const SHORT_BYTES: usize = 16;

/// The first place of a byte.
#[inline]
pub(crate) fn find(wanted: u8, bytes: &[u8]) -> Option<usize> {
    let (start, rest) = bytes.split_at_checked(SHORT_BYTES).unwrap_or((bytes, b""));
    let place = start.iter().position(|byte| *byte == wanted);
    match place {
        None if !rest.is_empty() => memchr::memchr(wanted, rest).map(|at| at + SHORT_BYTES),
        place => place,
    }
}

/// Canonicalises a path; `None` if it is canonical already, as almost all are.
///
/// # Errors
/// 400 for control characters, raw space, `\`, `#`, invalid escapes, hidden `..` and climbing above
/// the root (RT-PATH-2, -5, -6).
pub fn canonicalize(path: &[u8]) -> Result<Option<Canonical>, Refusal> {
    if is_canonical(path)? {
        return Ok(None);
    }
    let path = std::str::from_utf8(path).map_err(|_| Refusal::target("the path is not UTF-8"))?;
    let forwarded = resolve_dots(path)?;
    let matched = for_matching(&forwarded);
    Ok(Some(Canonical { forwarded, matched }))
}

/// Whether a path is `prefix` or below it, on segment boundaries (RT-ROUTE-3).
#[must_use]
pub fn is_below(path: &str, prefix: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_canonical(path: &[u8]) -> Result<bool, Refusal> {
    let mut seen = 0;
    let mut after_slash = 0;
    for byte in path {
        let class = CLASSES
            .get(usize::from(*byte))
            .copied()
            .unwrap_or(FORBIDDEN);
        // A dot may begin a dot segment and a slash a run, but only behind a slash.
        seen |= class & (FORBIDDEN | SLOW | after_slash);
        after_slash = if class & SLASH == 0 { 0 } else { AFTER_SLASH };
    }
    if seen & FORBIDDEN != 0 {
        return Err(Refusal::target("forbidden character in the path"));
    }
    Ok(seen == 0)
}

fn resolve_dots(path: &str) -> Result<String, Refusal> {
    let mut segments: Vec<&str> = Vec::new();
    let rest = path
        .strip_prefix('/')
        .ok_or(Refusal::target("the path does not begin with `/`"))?;
    let mut ends_in_directory = false;
    for segment in rest.split('/') {
        let decoded = decode(segment)?;
        if segment == ".." {
            if segments.pop().is_none() {
                return Err(Refusal::target("the path climbs above the root"));
            }
            ends_in_directory = true;
        } else if decoded == b"." {
            ends_in_directory = true;
        } else if hides_parent(&decoded) {
            return Err(Refusal::target("the path hides a `..` segment"));
        } else {
            segments.push(segment);
            ends_in_directory = false;
        }
    }
    let mut forwarded = String::with_capacity(path.len());
    for segment in &segments {
        forwarded.push('/');
        forwarded.push_str(segment);
    }
    if ends_in_directory || forwarded.is_empty() {
        forwarded.push('/');
    }
    Ok(forwarded)
}

/// Whether a decoded segment has a part `..` when cut at `/`, `\` and `;` (RT-PATH-6).
fn hides_parent(decoded: &[u8]) -> bool {
    decoded
        .split(|byte| matches!(byte, b'/' | b'\\' | b';'))
        .any(|part| part == b"..")
}

fn decode(segment: &str) -> Result<Vec<u8>, Refusal> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let pair = (
            bytes.next().and_then(hex_value),
            bytes.next().and_then(hex_value),
        );
        let (Some(high), Some(low)) = pair else {
            return Err(Refusal::target("invalid percent-escape in the path"));
        };
        let byte = high * 16 + low;
        if byte == 0 || byte.is_ascii_control() {
            return Err(Refusal::target("encoded control character in the path"));
        }
        decoded.push(byte);
    }
    Ok(decoded)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Decodes unreserved escapes, encodes bytes from 0x80, upper-cases the other escapes, collapses
/// slash runs. `path` has valid escapes only.
fn for_matching(path: &str) -> String {
    let mut matched = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'/' if matched.ends_with('/') => {}
            b'%' => {
                let high = bytes.next().and_then(hex_value).unwrap_or_default();
                let low = bytes.next().and_then(hex_value).unwrap_or_default();
                push_escape(&mut matched, high * 16 + low);
            }
            0x80.. => push_escape(&mut matched, byte),
            _ => matched.push(char::from(byte)),
        }
    }
    matched
}

fn push_escape(matched: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        matched.push(char::from(byte));
    } else {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
        ];
        matched.push('%');
        for digit in [byte >> 4, byte & 15] {
            matched.extend(DIGITS.get(usize::from(digit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, forwarded: &str, matched: &str) {
        let canonical = canonicalize(path.as_bytes()).unwrap();
        let (found_forwarded, found_matched) = match &canonical {
            Some(canonical) => (canonical.forwarded.as_str(), canonical.matched.as_str()),
            None => (path, path),
        };
        assert_eq!(
            (found_forwarded, found_matched),
            (forwarded, matched),
            "{path}"
        );
    }

    /// RT-PATH-1, -2, -3, -4
    #[test]
    fn both_forms() {
        check("/a/b", "/a/b", "/a/b");
        check("/%61dmin", "/%61dmin", "/admin");
        check("/a/./b/../c", "/a/c", "/a/c");
        check("/a/%2e/b/", "/a/b/", "/a/b/");
        check("/a/b/..", "/a/", "/a/");
        check("/a//b///c", "/a//b///c", "/a/b/c");
        check("/a%2Fb%5cc", "/a%2Fb%5cc", "/a%2Fb%5Cc");
        check("/a;x=1/b", "/a;x=1/b", "/a;x=1/b");
        check("/.well-known/x", "/.well-known/x", "/.well-known/x");
        check("/ä", "/ä", "/%C3%A4");
    }

    /// RT-PATH-2, -5, -6
    #[test]
    fn refused() {
        for path in [
            "/..",
            "/a/../..",
            "/%2e%2e",
            "/.%2e",
            "/..%2f",
            "/..%5c",
            "/..;x",
            "/a/..;x/b",
            "/%zz",
            "/%2",
            "/a\\b",
            "/a#b",
            "/a b",
            "/%00",
            "/a\u{7f}",
            "a",
            "*",
        ] {
            let refused = if path == "a" || path == "*" {
                resolve_dots(path).is_err()
            } else {
                canonicalize(path.as_bytes()).is_err()
            };
            assert!(refused, "{path}");
        }
    }
}
