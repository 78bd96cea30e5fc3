//! Route paths (config.md C-PATH) in the form requests are matched in (runtime.md RT-PATH).

use super::scalar::Invalid;

/// A path prefix in canonical form: begins with `/`, no trailing or doubled `/`, no dot segments,
/// unreserved characters decoded, other bytes percent-encoded in upper case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutePath(String);

/// Characters that look like a pattern in another dialect.
const PATTERN_CHARS: &str = "*?#^$()";

impl RoutePath {
    /// Checks and canonicalises.
    ///
    /// # Errors
    /// `bad-path`: what is wrong with it.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if !text.starts_with('/') {
            let fault = Invalid::new("a path begins with `/`");
            return Err(if text.contains("://") {
                fault
            } else {
                fault.help(format!("write `/{text}`"))
            });
        }
        let mut path = String::with_capacity(text.len());
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            path.push('/');
            push_segment(segment, &mut path)?;
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(Self(path))
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A canonical path without this one, at least `/`; the whole path if it is not below it
    /// (MW-PATH-1).
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> &'p str {
        match path.strip_prefix(&self.0) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) | None => path,
        }
    }

    /// Whether every path this one matches is also matched by `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        if other.0 == "/" {
            return true;
        }
        let rest = self.0.strip_prefix(&other.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Whether a segment is `{name}`, a path parameter.
#[must_use]
pub(crate) fn is_parameter(segment: &str) -> bool {
    let inner = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|name| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    })
}

pub(super) fn push_segment(segment: &str, path: &mut String) -> Result<(), Invalid> {
    if let Some(odd) = segment.chars().find(|&c| PATTERN_CHARS.contains(c)) {
        return Err(Invalid::new(format!("`{odd}` is not allowed in a path"))
            .help("paths are prefixes: `/api` also covers everything below it"));
    }
    if segment.contains(['{', '}']) {
        return Err(Invalid::new(
            "a brace is only allowed as a whole segment `{name}`",
        ));
    }
    if let Some(odd) = segment
        .chars()
        .find(|&c| c.is_ascii_control() || c == ' ' || c == '\\')
    {
        return Err(Invalid::new(format!(
            "`{}` is not allowed in a path",
            odd.escape_debug()
        )));
    }
    let start = path.len();
    push_canonical(segment, path)?;
    if matches!(path.get(start..), Some("." | "..")) {
        return Err(Invalid::new(
            "`.` and `..` are resolved before routing, so no request matches",
        ));
    }
    Ok(())
}

/// Adds a text without slashes: unreserved characters decoded, other bytes percent-encoded in upper case.
///
/// # Errors
/// An escape that is none.
pub(super) fn push_canonical(text: &str, path: &mut String) -> Result<(), Invalid> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let value = bytes
                .next()
                .zip(bytes.next())
                .and_then(|(high, low)| hex(high, low));
            let Some(value) = value else {
                return Err(Invalid::new("`%` is not followed by two hex digits")
                    .help("write `%25` for a percent sign"));
            };
            push_byte(value, is_unreserved(value), path);
        } else {
            push_byte(byte, byte.is_ascii() && byte != b' ', path);
        }
    }
    Ok(())
}

fn push_byte(byte: u8, plain: bool, path: &mut String) {
    if plain {
        path.push(char::from(byte));
    } else {
        path.push_str(&format!("%{byte:02X}"));
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    Some(digit(high)? * 16 + digit(low)?)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical() {
        let path = |text| RoutePath::new(text).map(|path| path.0);
        assert_eq!(path("/").unwrap(), "/");
        assert_eq!(path("//").unwrap(), "/");
        assert_eq!(path("/api/").unwrap(), "/api");
        assert_eq!(path("/%61dmin//x").unwrap(), "/admin/x");
        assert_eq!(path("/a%2fb").unwrap(), "/a%2Fb");
        assert_eq!(path("/é").unwrap(), "/%C3%A9");
        for bad in [
            "", "api", "/*", "/a?b", "/{x}", "/a{b", "/a b", "/a/../b", "/%2e", "/%zz", "/a%2",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn within() {
        let path = |text| RoutePath::new(text).unwrap();
        assert!(path("/api/x").within(&path("/api")));
        assert!(path("/api").within(&path("/")));
        assert!(!path("/apiary").within(&path("/api")));
        assert!(!path("/").within(&path("/api")));
    }
}
