//! Host patterns of routes (config.md C-HOST).

use std::net::Ipv6Addr;

use super::scalar::Invalid;

/// A host pattern in canonical form: lower case, no trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPattern {
    text: String,
    kind: HostKind,
    /// The host or, for wildcards, the suffix without its leading dot.
    name: String,
    port: Option<u16>,
}

/// What the first label of a [`HostPattern`] stands for. Ordered by rank (RT-ROUTE-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostKind {
    /// The host itself.
    Exact,
    /// `{label}.suffix`: exactly one label.
    OneLabel,
    /// `*.suffix`: one or more labels.
    Wildcard,
    /// `*`
    Any,
}

impl HostPattern {
    /// Checks and canonicalises.
    ///
    /// # Errors
    /// `bad-host`: what is wrong with it.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(
                Invalid::new("a host is empty").help("leave `hosts` out to match every host")
            );
        }
        if text.contains("://") {
            return Err(
                Invalid::new("a host has no scheme").help("write only the host: `example.com`")
            );
        }
        if text.contains('/') {
            return Err(Invalid::new("a host has no path").help("put the path into `path`"));
        }
        let lower = text.to_ascii_lowercase();
        let (host, port) = split_port(&lower)?;
        let host = match host.strip_suffix('.') {
            Some(rest) if rest != "*" => rest,
            Some(_) | None => host,
        };
        let (kind, name) = parse_host(host)?;
        let shown = match kind {
            HostKind::Wildcard => format!("*.{name}"),
            HostKind::Exact => name.clone(),
            HostKind::Any | HostKind::OneLabel => host.to_owned(),
        };
        let text = port.map_or_else(|| shown.clone(), |port| format!("{shown}:{port}"));
        Ok(Self {
            text,
            kind,
            name,
            port,
        })
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the first label stands for.
    #[must_use]
    pub const fn kind(&self) -> HostKind {
        self.kind
    }

    /// The host (IPv6 in brackets) or, for wildcards, the suffix without its leading dot; empty
    /// for `*`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port it asks for; `None`: any.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether two patterns match the same hosts (the name in `{name}` does not count).
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (self.kind, &self.name, self.port) == (other.kind, &other.name, other.port)
    }

    /// Whether a request for this host fits; `host` is lower case, without port and trailing dot.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let labels = || {
            host.strip_suffix(&self.name)
                .and_then(|rest| rest.strip_suffix('.'))
        };
        let fits = match self.kind {
            HostKind::Exact => host == self.name,
            HostKind::OneLabel => {
                labels().is_some_and(|rest| !rest.is_empty() && !rest.contains('.'))
            }
            HostKind::Wildcard => labels().is_some_and(|rest| !rest.is_empty()),
            HostKind::Any => true,
        };
        fits && self.port.is_none_or(|wanted| wanted == port)
    }

    /// Whether every host this pattern matches is also matched by `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        if other.port.is_some() && other.port != self.port {
            return false;
        }
        let below = || self.name == other.name || self.name.ends_with(&format!(".{}", other.name));
        match (self.kind, other.kind) {
            (_, HostKind::Any) => true,
            (HostKind::Any, _) | (HostKind::Wildcard, HostKind::Exact | HostKind::OneLabel) => {
                false
            }
            (HostKind::OneLabel, HostKind::Exact) => false,
            (HostKind::Exact, _) => {
                other.matches(&self.name, self.port.unwrap_or(other.port.unwrap_or(0)))
            }
            (HostKind::OneLabel, HostKind::OneLabel) => self.name == other.name,
            (HostKind::OneLabel | HostKind::Wildcard, HostKind::Wildcard) => below(),
        }
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), Invalid> {
    let after_bracket = text.find(']').map_or(0, |at| at + 1);
    let tail = text.get(after_bracket..).unwrap_or("");
    if after_bracket == 0 && tail.matches(':').count() > 1 {
        return Err(
            Invalid::new("an IPv6 host stands in brackets").help(format!("write `[{text}]`"))
        );
    }
    let Some(colon) = tail.rfind(':') else {
        return Ok((text, None));
    };
    let (host, port) = text.split_at(after_bracket + colon);
    let digits = port.trim_start_matches(':');
    match digits.parse::<u16>() {
        Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(port)))
        }
        Ok(_) | Err(_) => {
            Err(Invalid::new(format!("`{digits}` is not a port")).help("a port is 1 to 65535"))
        }
    }
}

fn parse_host(host: &str) -> Result<(HostKind, String), Invalid> {
    if host == "*" {
        return Ok((HostKind::Any, String::new()));
    }
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        let address =
            address.ok_or_else(|| Invalid::new(format!("`{host}` is not an IPv6 address")))?;
        return Ok((HostKind::Exact, format!("[{address}]")));
    }
    let braced = host
        .strip_prefix('{')
        .and_then(|rest| rest.split_once("}."));
    let (kind, name) = match (host.strip_prefix("*."), braced) {
        (Some(suffix), _) => (HostKind::Wildcard, suffix),
        (None, Some((inner, suffix))) if is_identifier(inner) => (HostKind::OneLabel, suffix),
        (None, Some((inner, suffix))) if inner.strip_suffix("...").is_some_and(is_identifier) => {
            (HostKind::Wildcard, suffix)
        }
        (None, _) => (HostKind::Exact, host),
    };
    check_labels(name)?;
    Ok((kind, name.to_owned()))
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn check_labels(name: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.len() > 253 {
        return Err(Invalid::new("a host has 1 to 253 characters"));
    }
    for label in name.split('.') {
        if label.contains('*') {
            return Err(Invalid::new("`*` stands only for the whole first label")
                .help("write `*.example.com`, or `*` for any host"));
        }
        if label.contains(['{', '}']) {
            return Err(Invalid::new(
                "`{label}` stands only for the whole first label",
            ));
        }
        if !label.is_ascii() {
            return Err(Invalid::new("a host is ASCII").help("write it in its `xn--` form"));
        }
        if label.is_empty() || label.len() > 63 {
            return Err(Invalid::new("a label of a host has 1 to 63 characters"));
        }
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if let Some(odd) = label.chars().find(|&c| !inner(c)) {
            return Err(Invalid::new(format!(
                "`{}` is not allowed in a host",
                odd.escape_debug()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPattern {
        HostPattern::new(text).unwrap()
    }

    #[test]
    fn canonical() {
        assert_eq!(host("Shop.Example.COM.").as_str(), "shop.example.com");
        assert_eq!(host("*.Example.com:8080").as_str(), "*.example.com:8080");
        assert_eq!(host("{sub...}.x.y").as_str(), "*.x.y");
        assert_eq!(host("{sub}.x.y").as_str(), "{sub}.x.y");
        assert_eq!(host("[0:0::1]:80").as_str(), "[::1]:80");
        assert_eq!(host("*").kind(), HostKind::Any);
        for bad in [
            "", "http://a", "a/b", "a.*.b", "*a.b", "::1", "[::1", "a:0", "a:99999", "a:", "a..b",
            "a b", "é.x", "*.",
        ] {
            assert!(HostPattern::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn matching() {
        assert!(host("*.x.y").matches("a.b.x.y", 80));
        assert!(!host("*.x.y").matches("x.y", 80));
        assert!(!host("*.x.y").matches("nox.y", 80));
        assert!(host("{a}.x.y").matches("b.x.y", 80));
        assert!(!host("{a}.x.y").matches("a.b.x.y", 80));
        assert!(host("a:81").matches("a", 81));
        assert!(!host("a:81").matches("a", 80));
    }

    #[test]
    fn within() {
        assert!(host("a.x.y").within(&host("*.x.y")));
        assert!(host("*.a.x.y").within(&host("*.x.y")));
        assert!(!host("*.x.y").within(&host("a.x.y")));
        assert!(!host("a.x.y").within(&host("a.x.y:80")));
        assert!(host("a.x.y:80").within(&host("a.x.y")));
        assert!(host("{l}.x.y").within(&host("*.x.y")));
    }
}
