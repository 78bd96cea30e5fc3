//! Addresses (config.md section 2): where to listen, where to connect, which peers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::scalar::Invalid;

/// A listen address: `:port`, `IP:port`, `[v6]:port`, `localhost:port`. Canonical: `:port` becomes
/// `[::]:port`.
///
/// # Errors
/// `bad-address`
pub fn parse_address(text: &str) -> Result<String, Invalid> {
    let bad = |why: &str| {
        Invalid::new(format!(
            "`{}` is not a listen address: {why}",
            text.escape_debug()
        ))
    };
    let Some((host, port)) = text.rsplit_once(':') else {
        let fault = bad("it has no port");
        return Err(if text.parse::<u16>().is_ok() {
            fault.help(format!("write `:{text}`"))
        } else {
            fault
        });
    };
    let port = parse_port(port).map_err(|_| bad("a port is 1 to 65535"))?;
    if host.is_empty() {
        return Ok(format!("[::]:{port}"));
    }
    if host == "localhost" {
        return Ok(format!("localhost:{port}"));
    }
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let address = inner
            .parse::<Ipv6Addr>()
            .map_err(|_| bad("not an IPv6 address in brackets"))?;
        return Ok(format!("[{address}]:{port}"));
    }
    if host.contains(':') {
        return Err(bad("an IPv6 address stands in brackets"));
    }
    let address = host.parse::<Ipv4Addr>().map_err(|_| {
        bad("only IP addresses and `localhost` can be listened on")
            .help(format!("write `:{port}` for all addresses"))
    })?;
    Ok(format!("{address}:{port}"))
}

/// 1 to 65535 in decimal digits.
///
/// # Errors
/// `out-of-range`
pub fn parse_port(text: &str) -> Result<u16, Invalid> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(Invalid::range("a port is 1 to 65535")),
    }
}

/// Schemes a backend may be reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlScheme {
    /// HTTP/2 in clear text.
    H2c,
    /// HTTP/1.1
    Http,
    /// HTTP over TLS.
    Https,
}

impl UrlScheme {
    /// Of a URL that names none.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::H2c | Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The URL of a backend (C-URL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// How it is reached.
    pub scheme: UrlScheme,
    /// Lower case; IPv6 in brackets.
    pub host: String,
    /// The scheme's own when absent.
    pub port: Option<u16>,
    /// Empty, or begins with `/` and does not end with one.
    pub path: String,
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            UrlScheme::H2c => "h2c",
            UrlScheme::Http => "http",
            UrlScheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

/// `scheme://host[:port][/path]`.
///
/// # Errors
/// `bad-url`: malformed, or with user, query or fragment. The message does not repeat the text:
/// it may hold a password.
pub fn parse_url(text: &str) -> Result<Url, Invalid> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Invalid::new("a url begins with `http://` or `https://`"));
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "h2c" => UrlScheme::H2c,
        "http" => UrlScheme::Http,
        "https" => UrlScheme::Https,
        other => {
            let shown = other.escape_debug();
            return Err(
                Invalid::new(format!("`{shown}` is not a scheme of a backend"))
                    .help("use `http`, `https`, `h2c`, `unix` or `unix+h2c`"),
            );
        }
    };
    if rest.contains('?') {
        return Err(Invalid::new("a backend url has no query"));
    }
    if rest.contains('#') {
        return Err(Invalid::new("a backend url has no fragment"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Invalid::new("a backend url has no user part")
            .help("set the `Authorization` header by a `requestHeaders` middleware"));
    }
    let (host, port) = parse_authority(authority)?;
    let odd = |c: char| c.is_ascii_control() || c == ' ' || c == '\\';
    if let Some(odd) = path.chars().find(|&c| odd(c) || !c.is_ascii()) {
        return Err(Invalid::new(format!(
            "`{}` is not allowed in a url",
            odd.escape_debug()
        )));
    }
    let path = path.trim_end_matches('/').to_owned();
    Ok(Url {
        scheme,
        host,
        port,
        path,
    })
}

/// Where a redirect leads (MW-REDIR-1): `http` or `https` with a host, or a path with one leading
/// `/`; each perhaps with query and fragment.
///
/// # Errors
/// `bad-url`
pub fn parse_location(text: &str) -> Result<(), Invalid> {
    let odd = |c: &char| c.is_control() || matches!(c, ' ' | '\\');
    if let Some(odd) = text.chars().find(odd) {
        let shown = odd.escape_debug();
        return Err(Invalid::new(format!("`{shown}` is not allowed in a url")));
    }
    if text.starts_with("//") {
        let fault = Invalid::new("a url that begins with `//` names no scheme");
        return Err(fault.help("begin it with `https://`, or with one `/` to stay on this host"));
    }
    if text.starts_with('/') {
        return Ok(());
    }
    let fault = || Invalid::new("a url begins with `http://`, `https://` or `/`");
    let (scheme, rest) = text.split_once("://").ok_or_else(fault)?;
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return Err(fault());
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    parse_authority(rest.get(..end).unwrap_or_default()).map(drop)
}

fn parse_authority(text: &str) -> Result<(String, Option<u16>), Invalid> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let bad = || Invalid::new("the IPv6 host of the url is malformed");
            let (address, rest) = inner.split_once(']').ok_or_else(bad)?;
            let address = address.parse::<Ipv6Addr>().map_err(|_| bad())?;
            if !rest.is_empty() && !rest.starts_with(':') {
                return Err(bad());
            }
            (format!("[{address}]"), rest.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (text.to_ascii_lowercase(), None),
        },
    };
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if host.is_empty() {
        return Err(Invalid::new("the url has no host"));
    }
    if !host.starts_with('[') && !host.chars().all(inner) {
        return Err(Invalid::new("the host of the url is malformed"));
    }
    let bad_port = || Invalid::new("the port of the url is not 1 to 65535");
    let port = port
        .map(|port| parse_port(port).map_err(|_| bad_port()))
        .transpose()?;
    Ok((host, port))
}

/// `host:port`, the host a name or an IP address, IPv6 in brackets.
///
/// # Errors
/// `bad-address`
pub fn parse_host_port(text: &str) -> Result<(String, u16), Invalid> {
    let bad = |why: &str| {
        let shown = text.escape_debug();
        Invalid::new(format!("`{shown}` is not `host:port`: {why}"))
    };
    match parse_authority(text) {
        Ok((host, Some(port))) => Ok((host, port)),
        Ok((_, None)) => Err(bad("it has no port")),
        Err(_)
            if text
                .rsplit_once(':')
                .is_some_and(|(_, port)| parse_port(port).is_err()) =>
        {
            Err(bad("a port is 1 to 65535"))
        }
        Err(_) => Err(bad("the host is malformed")),
    }
}

/// A DNS server: `IP`, `IP:port` or `[v6]:port`; without a port 53.
///
/// # Errors
/// `bad-address`
pub fn parse_dns_server(text: &str) -> Result<SocketAddr, Invalid> {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let bare = inner.unwrap_or(text).parse::<IpAddr>();
    let bare = bare.map(|ip| SocketAddr::new(ip, 53)).ok();
    let whole = || text.parse::<SocketAddr>().ok();
    let server = bare.or_else(whole).filter(|server| server.port() > 0);
    server.ok_or_else(|| {
        let shown = text.escape_debug();
        Invalid::new(format!("`{shown}` is not the address of a DNS server"))
            .help("write `10.0.0.53` or `10.0.0.53:53`")
    })
}

/// An inclusive interval of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// The lowest.
    pub first: IpAddr,
    /// The highest, never below `first`.
    pub last: IpAddr,
}

impl IpRange {
    /// Sorted, IPv4 before IPv6, with ranges that touch or overlap made one.
    #[must_use]
    pub fn merged(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_by_key(|range| (range.first, range.last));
        let mut merged: Vec<Self> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.reaches(range.first) => last.last = last.last.max(range.last),
                Some(_) | None => merged.push(range),
            }
        }
        merged
    }

    /// Whether an address lies in this range or just behind it.
    fn reaches(&self, address: IpAddr) -> bool {
        match (self.last, address) {
            (IpAddr::V4(last), IpAddr::V4(next)) => {
                next.to_bits() <= last.to_bits().saturating_add(1)
            }
            (IpAddr::V6(last), IpAddr::V6(next)) => {
                next.to_bits() <= last.to_bits().saturating_add(1)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// An IP address or CIDR block; host bits are allowed.
///
/// # Errors
/// `bad-cidr`
pub fn parse_network(text: &str) -> Result<IpRange, Invalid> {
    let bad = || {
        let shown = text.escape_debug();
        Invalid::new(format!("`{shown}` is not an IP address or CIDR block"))
            .help("write `10.1.2.3`, `10.0.0.0/8` or `2001:db8::/32`")
    };
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address = parse_ip(address).map_err(|_| bad())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => width,
        Some(bits) => {
            let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
            let bits = bits
                .parse::<u32>()
                .ok()
                .filter(|_| digits)
                .ok_or_else(bad)?;
            if bits > width {
                let reason = format!("the prefix of `{}` is 0 to {width}", text.escape_debug());
                return Err(Invalid::new(reason));
            }
            bits
        }
    };
    Ok(block(address, bits))
}

fn block(address: IpAddr, bits: u32) -> IpRange {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let address = address.to_bits();
            IpRange {
                first: Ipv4Addr::from_bits(address & !host).into(),
                last: Ipv4Addr::from_bits(address | host).into(),
            }
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let address = address.to_bits();
            IpRange {
                first: Ipv6Addr::from_bits(address & !host).into(),
                last: Ipv6Addr::from_bits(address | host).into(),
            }
        }
    }
}

/// A [`parse_network`], or `IP-IP` (MW-POLICY-2).
///
/// # Errors
/// `bad-cidr`
pub fn parse_range(text: &str) -> Result<IpRange, Invalid> {
    let Some((first, last)) = text.split_once('-') else {
        return parse_network(text);
    };
    let (first, last) = (parse_ip(first.trim())?, parse_ip(last.trim())?);
    if first.is_ipv4() != last.is_ipv4() {
        return Err(Invalid::new("the ends of the range are of two families"));
    }
    if first > last {
        return Err(Invalid::new("the range of addresses is upside down"));
    }
    Ok(IpRange { first, last })
}

/// An IP address; `::ffff:a.b.c.d` is IPv4 (MW-CLI-7).
///
/// # Errors
/// `bad-address`
pub fn parse_ip(text: &str) -> Result<IpAddr, Invalid> {
    let address = text
        .parse::<IpAddr>()
        .map_err(|_| Invalid::new(format!("`{}` is not an IP address", text.escape_debug())))?;
    Ok(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn range(text: &str, first: &str, last: &str) {
        let range = parse_range(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(
            (range.first.to_string(), range.last.to_string()),
            (first.to_owned(), last.to_owned()),
            "{text}"
        );
    }

    /// MW-POLICY-2, MW-CLI-7.
    #[test]
    fn ranges() {
        range("10.1.2.3", "10.1.2.3", "10.1.2.3");
        range("198.18.4.0/22", "198.18.4.0", "198.18.7.255");
        range("198.18.5.9/22", "198.18.4.0", "198.18.7.255");
        range("0.0.0.0/0", "0.0.0.0", "255.255.255.255");
        range(
            "2001:db8::/64",
            "2001:db8::",
            "2001:db8::ffff:ffff:ffff:ffff",
        );
        range("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1");
        range("10.0.0.1 - 10.0.1.50", "10.0.0.1", "10.0.1.50");
        range("::1-::5", "::1", "::5");
        for bad in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/",
            "a-b",
            "::1-10.0.0.1",
            "10.0.0.2-10.0.0.1",
            "10.0.0.0/8-10.0.0.1",
        ] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
        assert!(parse_network("10.0.0.1-10.0.0.2").is_err());
    }

    /// MW-POLICY-5
    #[test]
    fn merging() {
        let ranges = [
            "10.0.0.4/30",
            "::1",
            "10.0.0.0/30",
            "10.0.0.2",
            "9.9.9.9",
            "10.0.0.9",
        ];
        let ranges = ranges
            .iter()
            .filter_map(|text| parse_range(text).ok())
            .collect();
        let merged = IpRange::merged(ranges);
        let merged: Vec<_> = merged
            .iter()
            .map(|range| format!("{}-{}", range.first, range.last))
            .collect();
        assert_eq!(
            merged,
            [
                "9.9.9.9-9.9.9.9",
                "10.0.0.0-10.0.0.7",
                "10.0.0.9-10.0.0.9",
                "::1-::1"
            ]
        );
    }

    #[test]
    fn hosts_with_ports() {
        assert_eq!(
            parse_host_port("Redis:6379"),
            Ok(("redis".to_owned(), 6379))
        );
        assert_eq!(parse_host_port("[::1]:1"), Ok(("[::1]".to_owned(), 1)));
        for bad in ["redis", ":1", "redis:0", "redis:70000", "a b:1", "::1:80"] {
            assert!(parse_host_port(bad).is_err(), "{bad}");
        }
    }
}
