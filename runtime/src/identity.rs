//! Who a request comes from when proxies stand in front of the gateway (RT-IP, MW-CLI).
//!
//! Only peers that are trusted may say; what they say is walked from the right, so that nothing a
//! client has written counts. Nothing here knows about sockets.

use std::net::{IpAddr, Ipv6Addr};

use crate::head::Fields;
use crate::values::Networks;

/// `gateway.proxy`, enabled.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Networks,
    /// `ipHeaders`, in order.
    headers: &'static [&'static str],
}

impl Proxies {
    /// Proxies in these networks, which name the client in one of these fields.
    #[must_use]
    pub fn new(trusted: Networks, headers: &'static [&'static str]) -> Self {
        Self { trusted, headers }
    }

    /// Whether a peer is one of the proxies (RT-IP-2).
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.contains(peer)
    }

    /// The client of a request that came from a trusted peer (RT-IP-3).
    #[must_use]
    pub fn client(&self, peer: IpAddr, fields: &Fields) -> IpAddr {
        let found = self.headers.iter().find_map(|name| {
            let forwarded = name.eq_ignore_ascii_case("forwarded");
            self.client_in(fields, name, if forwarded { element } else { address })
        });
        found.unwrap_or(peer)
    }

    /// From the right the first address that is no proxy; the leftmost if all are. Entries that are no
    /// addresses are skipped (MW-CLI-4).
    fn client_in(
        &self,
        fields: &Fields,
        name: &str,
        read: fn(&[u8]) -> Option<IpAddr>,
    ) -> Option<IpAddr> {
        let mut leftmost = None;
        let values = fields.values(name).rev();
        for entry in values.flat_map(|value| value.rsplit(|byte| *byte == b',')) {
            let Some(found) = read(entry) else { continue };
            if !self.trusted.contains(found) {
                return Some(found);
            }
            leftmost = Some(found);
        }
        leftmost
    }
}

/// Whether a trusted peer says that the client speaks TLS (MW-CLI-5, RT-HDR-4). The first entry of
/// a list is the client's own.
#[must_use]
pub fn says_https(fields: &Fields) -> bool {
    let said = ["x-forwarded-proto", "x-forwarded-scheme"]
        .into_iter()
        .filter_map(|name| fields.get(name))
        .filter_map(|value| value.split(|byte| *byte == b',').next())
        .map(<[u8]>::trim_ascii)
        .find(|scheme| !scheme.is_empty());
    said.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
}

/// The `for` of an element of `Forwarded` (RFC 7239 §4). A comma cannot be part of an address, so an
/// element that a quoted one splits is no address either.
fn element(bytes: &[u8]) -> Option<IpAddr> {
    bytes.split(|byte| *byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then(|| address(value))?
    })
}

/// An address; port, brackets, quotes and zone are tolerated (RT-IP-4, RT-IP-5).
fn address(bytes: &[u8]) -> Option<IpAddr> {
    /// The longest form is shorter: `"[` 45 characters, a zone and a port.
    const LONGEST: usize = 128;
    let bytes = bytes.trim_ascii();
    let bytes = match bytes {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        bytes => bytes,
    };
    let text = std::str::from_utf8(bytes).ok()?;
    if text.len() > LONGEST {
        return None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
        return is_port.then(|| v6(inner))?;
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    match text.split_once(':') {
        Some((v4, port)) if is_number(port) => Some(IpAddr::V4(v4.parse().ok()?)),
        Some(_) | None => v6(text),
    }
}

fn v6(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    let address = address.parse::<Ipv6Addr>().ok()?;
    Some(IpAddr::V6(address).to_canonical())
}

fn is_number(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Buffer;
    use crate::values::scalar::network;

    fn client(headers: &'static [&'static str], fields: &[(&str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| network(text).unwrap());
        let proxies = Proxies::new(Networks::of(trusted.to_vec()), headers);
        let mut sent = Fields::new(Buffer::default());
        for (name, value) in fields {
            sent.append(name, value.as_bytes());
        }
        let peer = "10.0.0.1".parse().unwrap();
        assert!(proxies.trusts(peer));
        proxies.client(peer, &sent).to_string()
    }

    const USUAL: &[&str] = &["X-Forwarded-For", "X-Real-IP"];

    /// RT-IP-3, RT-IP-4, RT-IP-5, MW-CLI-4, MW-CLI-7
    #[test]
    fn lists_are_walked_from_the_right() {
        for (value, expected) in [
            ("9.9.9.9, 203.0.113.7, 10.2.2.2", "203.0.113.7"),
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("[2001:db8::1]:443, 10.1.1.1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::ffff:10.1.1.1, fd00::7", "10.1.1.1"),
            ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
            ("203.0.113.7, unknown, 10.2.2.2", "203.0.113.7"),
            ("203.0.113.7,,", "203.0.113.7"),
            ("unknown, _hidden, 1.2.3", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(
                client(USUAL, &[("X-Forwarded-For", value)]),
                expected,
                "{value}"
            );
        }
        let two = [
            ("X-Forwarded-For", "203.0.113.7"),
            ("X-Forwarded-For", "10.4.4.4"),
        ];
        assert_eq!(client(USUAL, &two), "203.0.113.7");
    }

    /// RT-IP-3: the first header that has an address.
    #[test]
    fn headers_in_order() {
        let fields = [
            ("X-Real-IP", "198.51.100.1"),
            ("X-Forwarded-For", "nonsense"),
            (
                "Forwarded",
                "for=\"[2001:db8::9]:80\";proto=https, For=10.1.1.1;by=x",
            ),
        ];
        assert_eq!(client(USUAL, &fields), "198.51.100.1");
        assert_eq!(client(&["Forwarded", "X-Real-IP"], &fields), "2001:db8::9");
        assert_eq!(client(&["CF-Connecting-IP"], &fields), "10.0.0.1");
        let hidden = [("Forwarded", "for=_hidden;proto=http")];
        assert_eq!(client(&["Forwarded"], &hidden), "10.0.0.1");
    }

    /// MW-CLI-5, RT-HDR-4
    #[test]
    fn schemes() {
        let says = |fields: &[(&str, &str)]| {
            let mut sent = Fields::new(Buffer::default());
            for (name, value) in fields {
                sent.append(name, value.as_bytes());
            }
            says_https(&sent)
        };
        assert!(says(&[("X-Forwarded-Proto", "HTTPS")]));
        assert!(says(&[("X-Forwarded-Proto", "https, http")]));
        assert!(says(&[("X-Forwarded-Scheme", "https")]));
        assert!(!says(&[
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Scheme", "https")
        ]));
        assert!(!says(&[("X-Forwarded-Proto", "httpsx")]));
        assert!(!says(&[]));
    }
}
