//! The request target and the host it is for (RFC 9112 §3.2, RT-ROUTE-1, RT-SMUG-8).

use std::net::Ipv6Addr;

use super::path::{canonicalize, find};
use super::{Method, Request, Span};
use crate::error::Refusal;

/// Forms of a request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `OPTIONS *`
    Asterisk,
    /// `CONNECT host:port`
    Authority,
    /// Origin or absolute form: there is a path.
    Path,
}

/// A byte that may be part of a host name or IPv4 address.
const IN_HOST: u8 = 1;
/// An upper-case letter of one.
const UPPER: u8 = 2;

/// What a byte is in a host.
const HOST_CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(
            clippy::indexing_slicing,
            reason = "const evaluation: out of range would not compile"
        )]
        {
            classes[byte] = match byte as u8 {
                b'A'..=b'Z' => IN_HOST | UPPER,
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => IN_HOST,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
};

impl Request {
    /// Takes a target apart: fills in path, query, canonical path, host and port.
    /// `self.authority` holds the value of `Host` and is replaced by that of an absolute target.
    ///
    /// # Errors
    /// 400 for a target or host that is malformed (RT-PATH, RT-SMUG-8).
    pub(crate) fn set_target(&mut self, target: Span) -> Result<TargetForm, Refusal> {
        let bytes = self.fields.buffer.at(target);
        let form = match (self.kind, bytes) {
            (Method::Connect, _) => TargetForm::Authority,
            (Method::Options, b"*") => TargetForm::Asterisk,
            (_, [b'/', ..]) => {
                self.set_path_and_query(target)?;
                TargetForm::Path
            }
            _ => {
                self.set_absolute(target)?;
                TargetForm::Path
            }
        };
        self.set_host()?;
        Ok(form)
    }

    fn set_absolute(&mut self, target: Span) -> Result<(), Refusal> {
        if !self.authority.is_empty() {
            // It does not count, but it must not be malformed either (RFC 9112 §3.2).
            self.set_host()?;
        }
        let bytes = self.fields.buffer.at(target);
        let scheme_end = bytes
            .windows(3)
            .position(|window| window == b"://")
            .filter(|end| {
                let scheme = bytes.get(..*end).unwrap_or_default();
                scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
            })
            .ok_or(Refusal::target("the target is neither a path nor a URL"))?;
        let (_, rest) = target.split_at(scheme_end + 3);
        let authority_end = self
            .fields
            .buffer
            .at(rest)
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, path) = rest.split_at(authority_end.unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err(Refusal::target("the target has no authority"));
        }
        self.authority = authority;
        if self.fields.buffer.at(path).starts_with(b"/") {
            return self.set_path_and_query(path);
        }
        // `http://host` and `http://host?query` stand for the root.
        let mut with_root = b"/".to_vec();
        with_root.extend_from_slice(self.fields.buffer.at(path));
        let with_root = self.fields.buffer.push(&with_root);
        self.set_path_and_query(with_root)
    }

    fn set_path_and_query(&mut self, span: Span) -> Result<(), Refusal> {
        let bytes = self.fields.buffer.at(span);
        let path_end = find(b'?', bytes).unwrap_or(bytes.len());
        let (path, query) = span.split_at(path_end);
        if self.fields.buffer.at(query).contains(&b'#') {
            return Err(Refusal::target("fragment in the target"));
        }
        let canonical = canonicalize(self.fields.buffer.at(path))?;
        self.query = query;
        match canonical {
            None => {
                self.path = path;
                self.canonical = path;
            }
            Some(canonical) => self.set_path(&canonical.forwarded, &canonical.matched),
        }
        Ok(())
    }

    /// RT-ROUTE-1: lower case, port split off, one trailing dot removed.
    fn set_host(&mut self) -> Result<(), Refusal> {
        let bytes = self.fields.buffer.at(self.authority);
        if bytes.starts_with(b"[") {
            return self.set_v6_host();
        }
        let mut classes = 0;
        let name_end = bytes.iter().position(|byte| {
            let class = HOST_CLASSES.get(usize::from(*byte)).copied();
            let class = class.unwrap_or_default();
            classes |= class;
            class == 0
        });
        let (host, port) = self.authority.split_at(name_end.unwrap_or(bytes.len()));
        self.port = parse_port(self.fields.buffer.at(port))?;
        // An empty host is one that is not said; one with a port is none.
        if host.is_empty() && !self.authority.is_empty() {
            return Err(MALFORMED_HOST);
        }
        let host = match self.fields.buffer.at(host) {
            [name @ .., b'.'] if !name.is_empty() => host.split_at(name.len()).0,
            _ => host,
        };
        self.host = if classes & UPPER != 0 {
            let lower = self.fields.buffer.at(host).to_ascii_lowercase();
            self.fields.buffer.push(&lower)
        } else {
            host
        };
        Ok(())
    }

    /// The same for an address in brackets.
    fn set_v6_host(&mut self) -> Result<(), Refusal> {
        let bytes = self.fields.buffer.at(self.authority);
        let end = memchr::memchr(b']', bytes).ok_or(MALFORMED_HOST)?;
        let address = bytes.get(1..end).and_then(v6_address);
        let address = address.ok_or(MALFORMED_HOST)?.to_string();
        let (_, port) = self.authority.split_at(end + 1);
        self.port = parse_port(self.fields.buffer.at(port))?;
        // The one spelling, as hosts of routes have it: `::1` for `0::1`.
        self.host = self.fields.buffer.push(address.as_bytes());
        Ok(())
    }
}

/// Whether a text is `host` or `host:port`, as a `Host` of a request may be; not the empty one.
pub(crate) fn is_authority(text: &[u8]) -> bool {
    let in_host = |byte: &u8| {
        HOST_CLASSES
            .get(usize::from(*byte))
            .is_some_and(|class| *class != 0)
    };
    let host_end = match text {
        [b'[', ..] => {
            let end = memchr::memchr(b']', text);
            let is_address = |end: &usize| text.get(1..*end).and_then(v6_address).is_some();
            end.filter(is_address).map_or(0, |end| end + 1)
        }
        name => name.iter().take_while(|byte| in_host(byte)).count(),
    };
    let (_, port) = text.split_at(host_end);
    host_end > 0 && parse_port(port).is_ok()
}

const MALFORMED_HOST: Refusal = Refusal::header("malformed Host");

/// What may stand in brackets; a zone has no meaning on the wire (RFC 6874).
fn v6_address(name: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// What follows a host: nothing, or a colon and perhaps a port.
fn parse_port(text: &[u8]) -> Result<Option<u16>, Refusal> {
    let digits = match text {
        [] | [b':'] => return Ok(None),
        [b':', digits @ ..] => digits,
        _ => return Err(MALFORMED_HOST),
    };
    let port = digits.iter().try_fold(0_u32, |port, byte| {
        let digit = byte.wrapping_sub(b'0');
        // What is too large stays so.
        (digit < 10 && port < 1 << 16).then(|| port * 10 + u32::from(digit))
    });
    let port = port.and_then(|port| u16::try_from(port).ok());
    port.map(Some).ok_or(MALFORMED_HOST)
}

#[cfg(test)]
mod tests {
    use super::is_authority;

    /// MW-REQH-2, RT-SMUG-8
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
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a/b", "a b/c", "u@h", "h:x", "h:65536", "h:80:80", "[::1", "[]",
            "[::1]x", "[h]", "::1", "h%20", "ä",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
