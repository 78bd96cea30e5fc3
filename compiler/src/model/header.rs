//! Header field names.

use super::scalar::Invalid;

/// A field name: a token of RFC 9110, letter case as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderName(String);

impl HeaderName {
    /// Checks a name.
    ///
    /// # Errors
    /// `bad-rule`: not a token.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if !is_token(text) {
            return Err(
                Invalid::new(format!("`{}` is not a header name", text.escape_debug()))
                    .help("a header name has letters, digits and ``!#$%&'*+-.^_`|~`` only"),
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether two names mean one field; `_` equals `-` (MW-GEN-12).
    #[must_use]
    pub fn same(&self, other: &str) -> bool {
        folded(&self.0).eq(folded(other))
    }
}

/// A field name, or `Prefix-*` for all names that begin so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderPattern(String);

impl HeaderPattern {
    /// Checks a name or prefix.
    ///
    /// # Errors
    /// `bad-rule`: not a token, or `*` anywhere but at the end after something.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let (stem, any) = text
            .strip_suffix('*')
            .map_or((text, false), |stem| (stem, true));
        if any && stem.is_empty() {
            return Err(Invalid::new("`*` alone would remove every header")
                .help("name a prefix: `X-Internal-*`"));
        }
        if stem.contains('*') {
            return Err(Invalid::new(format!(
                "`{}`: `*` may only stand at the end",
                text.escape_debug()
            )));
        }
        HeaderName::new(stem)?;
        Ok(Self(text.to_owned()))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fields by which the gateway says who the client is (RT-HDR-2 to -5).
pub const FORWARDING: &[&str] = &[
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
];

/// The field of a request's id towards the backend, unless `requestId` names another (RT-HDR-8).
pub const REQUEST_ID: &str = "X-Request-ID";

/// Whether this is `host` or `host:port`, as a `Host` of a request may be; the port may be empty or 0.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    let (host, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address.parse::<std::net::Ipv6Addr>().is_ok(), rest),
        None => {
            let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            (!host.is_empty() && host.bytes().all(inner), rest)
        }
    };
    let port = rest.strip_prefix(':').unwrap_or(rest);
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    host && (rest.is_empty() || rest == ":" || (rest.starts_with(':') && is_port))
}

/// Whether this is a `token` (RFC 9110 section 5.6.2).
#[must_use]
pub(super) fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|byte| {
        if byte == b'_' {
            b'-'
        } else {
            byte.to_ascii_lowercase()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        assert!(HeaderName::new("X-Tenant").unwrap().same("x_tenant"));
        assert!(HeaderName::new("X Tenant").is_err());
        assert!(HeaderName::new("").is_err());
        assert!(HeaderPattern::new("X-Internal-*").is_ok());
        for bad in ["*", "X-*-Y", "X Y*", ""] {
            assert!(HeaderPattern::new(bad).is_err(), "{bad}");
        }
    }

    /// MW-REQH-2; the runtime has the same cases.
    #[test]
    fn authorities() {
        for good in [
            "h",
            "H.test.",
            "a_b~c:80",
            "h:",
            "h:0",
            "10.0.0.1",
            "[::1]",
            "[::1]:443",
        ] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a/b", "a b/c", "u@h", "h:x", "h:65536", "h:80:80", "[::1", "[]",
            "[::1]x", "[h]", "::1", "h%20", "ä", "h:+1",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
    }
}
