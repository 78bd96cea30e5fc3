//! The grammars of scalar types at start (config.md §2). The compiler has the same ones for literals;
//! `specs/scalars.tsv` holds both to the same answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

mod socket;

/// A text that is not of the type.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The diagnostic's code.
    pub code: &'static str,
    /// The diagnostic's text.
    pub text: String,
}

/// Levels of `gateway.log.level`, from everything to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Trace,
    /// Requests with their headers.
    Debug,
    /// One line per request.
    Info,
    /// Requests that failed by the client's fault, and worse.
    Warn,
    /// Requests that failed by the gateway's or the backend's fault.
    Error,
    /// Nothing.
    Off,
}

/// Forms of `gateway.log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
}

/// How a backend is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP/2 in clear text, without asking.
    H2c,
    /// HTTP/1.1 in clear text.
    Http,
    /// Over TLS.
    Https,
}

/// A backend's URL: `scheme://host[:port][/path]` (C-URL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// The file of a socket, which then takes the place of host and port.
    pub socket: Option<String>,
    /// Host name, IPv4, or IPv6 without brackets; lower case. `localhost` with a socket.
    pub host: String,
    /// Port; the scheme's default if none was written.
    pub port: u16,
    /// `host[:port]` for a `Host` field; the default port left out.
    pub authority: String,
    /// Path that is put before the forwarded one; without trailing `/`, may be empty.
    pub path: String,
}

fn malformed<T>(code: &'static str, text: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed {
        code,
        text: text.into(),
    })
}

/// `secs`: whole seconds, or a duration (`1h30m`).
///
/// # Errors
/// `bad-duration`.
pub fn secs(text: &str) -> Result<Duration, Malformed> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (amount, unit, after) = amount_and_unit(rest, text)?;
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return bad_duration(text),
        };
        let part = Duration::try_from_secs_f64(amount * seconds);
        match part.ok().and_then(|part| total.checked_add(part)) {
            Some(sum) => total = sum,
            None => return bad_duration(text),
        }
        rest = after;
    }
    if text.is_empty() {
        return bad_duration(text);
    }
    Ok(total)
}

fn amount_and_unit<'a>(rest: &'a str, all: &str) -> Result<(f64, &'a str, &'a str), Malformed> {
    let digits = rest
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(rest.len());
    let (amount, rest) = rest.split_at(digits);
    let unit = rest
        .find(|character: char| character.is_ascii_digit() || character == '.')
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit);
    match amount.parse::<f64>() {
        Ok(amount) if amount.is_finite() => Ok((amount, unit, rest)),
        Ok(_) | Err(_) => bad_duration(all),
    }
}

fn bad_duration<T>(text: &str) -> Result<T, Malformed> {
    malformed(
        "bad-duration",
        format!("`{text}` is not a duration such as `30`, `1m30s` or `250ms`"),
    )
}

/// `bool` of an environment variable or a resolved reference.
///
/// # Errors
/// `type-mismatch`.
pub fn boolean(text: &str) -> Result<bool, Malformed> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" | "yes" | "on" | "y" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" | "no" | "off" | "n" => Ok(false),
        _ => malformed("type-mismatch", format!("`{text}` is not a boolean")),
    }
}

/// `level`, in any case.
///
/// # Errors
/// `bad-value`.
pub fn level(text: &str) -> Result<Level, Malformed> {
    match text.to_ascii_lowercase().as_str() {
        "trace" => Ok(Level::Trace),
        "debug" => Ok(Level::Debug),
        "info" => Ok(Level::Info),
        "warn" => Ok(Level::Warn),
        "error" => Ok(Level::Error),
        "off" => Ok(Level::Off),
        _ => malformed(
            "bad-value",
            format!("`{text}` is not one of trace, debug, info, warn, error, off"),
        ),
    }
}

/// `format`.
///
/// # Errors
/// `bad-value`.
pub fn format(text: &str) -> Result<Format, Malformed> {
    match text {
        "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        _ => malformed("bad-value", format!("`{text}` is not one of text, json")),
    }
}

/// `int`: decimal, `0x` or `0o`, with `_` between digits.
///
/// # Errors
/// `type-mismatch`: no whole number; `out-of-range`: does not fit 64 bits.
pub fn int(text: &str) -> Result<i64, Malformed> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(rest), _) => (16, rest),
        (_, Some(rest)) => (8, rest),
        (None, None) => (10, digits),
    };
    let ends = digits.starts_with('_') || digits.ends_with('_');
    if ends || digits.is_empty() || !digits.chars().all(|c| c == '_' || c.is_digit(radix)) {
        return malformed("type-mismatch", format!("`{text}` is not a whole number"));
    }
    match i64::from_str_radix(&digits.replace('_', ""), radix) {
        Ok(value) => Ok(if negative { -value } else { value }),
        Err(_) => malformed("out-of-range", format!("`{text}` is too large")),
    }
}

/// A port, 1-65535.
///
/// # Errors
/// `out-of-range`.
pub fn port(text: &str) -> Result<u16, Malformed> {
    match text.parse::<u16>() {
        Ok(port) if port != 0 => Ok(port),
        Ok(_) | Err(_) => malformed("out-of-range", format!("`{text}` is not a port (1-65535)")),
    }
}

/// `addr`: `:port`, `IP:port`, `[v6]:port` or `localhost:port`. Port 0 lets the system choose.
///
/// # Errors
/// `bad-address`.
pub fn address(text: &str) -> Result<SocketAddr, Malformed> {
    let parsed = text.rsplit_once(':').and_then(|(host, port)| {
        let port = Some(port)
            .filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()?;
        let ip = match host {
            "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            host => match host.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')) {
                Some(v6) => IpAddr::V6(v6.parse().ok()?),
                None => IpAddr::V4(host.parse().ok()?),
            },
        };
        Some(SocketAddr::new(ip, port))
    });
    match parsed {
        Some(address) => Ok(address),
        None => malformed(
            "bad-address",
            format!("`{text}` is not an address such as `:8080` or `127.0.0.1:8080`"),
        ),
    }
}

/// A DNS server: `IP`, `IP:port` or `[v6]:port`. Without a port: 53.
///
/// # Errors
/// `bad-address`.
pub fn dns_server(text: &str) -> Result<SocketAddr, Malformed> {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let bare = inner.unwrap_or(text).parse::<IpAddr>();
    let bare = bare.map(|ip| SocketAddr::new(ip, 53)).ok();
    let whole = || text.parse::<SocketAddr>().ok();
    match bare.or_else(whole).filter(|server| server.port() > 0) {
        Some(server) => Ok(server),
        None => malformed(
            "bad-address",
            format!("`{text}` is not a DNS server such as `10.0.0.53` or `10.0.0.53:53`"),
        ),
    }
}

/// An IP address or CIDR block, as its first and last address; host bits are allowed, and IPv4 in
/// IPv6 is IPv4 (MW-CLI-7).
///
/// # Errors
/// `bad-cidr`.
pub fn network(text: &str) -> Result<(IpAddr, IpAddr), Malformed> {
    match block(text) {
        Some(range) => Ok(range),
        None => malformed(
            "bad-cidr",
            format!("`{text}` is not an IP address or CIDR block"),
        ),
    }
}

fn block(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (address, bits) = text
        .split_once('/')
        .map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address = address.parse::<IpAddr>().ok()?.to_canonical();
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => width,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    if bits > width {
        return None;
    }
    Some(match address {
        IpAddr::V4(address) => {
            let (address, host) = (address.to_bits(), u32::MAX.checked_shr(bits).unwrap_or(0));
            let first = Ipv4Addr::from_bits(address & !host);
            (first.into(), Ipv4Addr::from_bits(address | host).into())
        }
        IpAddr::V6(address) => {
            let (address, host) = (address.to_bits(), u128::MAX.checked_shr(bits).unwrap_or(0));
            let first = Ipv6Addr::from_bits(address & !host);
            (first.into(), Ipv6Addr::from_bits(address | host).into())
        }
    })
}

/// `url` of a backend, or `unix://FILE[:/path]`.
///
/// # Errors
/// `bad-url`.
pub fn url(text: &str) -> Result<Url, Malformed> {
    let bad = "not a URL of the form http://host[:port][/path] or https://host[:port][/path]";
    let Some((scheme, rest)) = text.split_once("://") else {
        return malformed("bad-url", bad);
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        "h2c" => Scheme::H2c,
        "unix" => return socket::url(Scheme::Http, rest),
        "unix+h2c" => return socket::url(Scheme::H2c, rest),
        _ => return malformed("bad-url", bad),
    };
    url_after_scheme(scheme, rest).map_or_else(|| malformed("bad-url", bad), Ok)
}

impl Url {
    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        self.socket.as_ref().unwrap_or(&self.authority)
    }
}

impl Scheme {
    /// The port of a URL that names none.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::H2c | Self::Http => 80,
            Self::Https => 443,
        }
    }
}

fn url_after_scheme(scheme: Scheme, rest: &str) -> Option<Url> {
    let printable = rest.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if !printable || rest.contains(['?', '#', '@', '\\']) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = split_authority(authority)?;
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let port = port.unwrap_or(scheme.port());
    Some(Url {
        scheme,
        socket: None,
        authority: if port == scheme.port() {
            shown
        } else {
            format!("{shown}:{port}")
        },
        host,
        port,
        path: path.trim_end_matches('/').to_owned(),
    })
}

/// Where a redirect leads: an absolute `http` or `https` URL, or a path with one leading `/`; each
/// perhaps with query and fragment (MW-REDIR-1).
///
/// # Errors
/// `bad-url`.
pub fn location(text: &str) -> Result<&str, Malformed> {
    let odd = |c: char| c.is_control() || matches!(c, ' ' | '\\');
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_url = || {
        let (scheme, rest) = text.split_once("://")?;
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let authority = rest.split(['/', '?', '#']).next()?;
        split_authority(authority).filter(|_| web)
    };
    if !text.contains(odd) && (is_path || is_url().is_some()) {
        return Ok(text);
    }
    malformed(
        "bad-url",
        "not a URL of the form http[s]://host[:port][/path], and no path with one leading `/`",
    )
}

/// `host:port`: host name, IPv4, or IPv6 in brackets, which are taken off.
///
/// # Errors
/// `bad-address`.
pub fn host_port(text: &str) -> Result<(String, u16), Malformed> {
    match split_authority(text) {
        Some((host, Some(port))) => Ok((host, port)),
        Some((_, None)) | None => malformed("bad-address", format!("`{text}` is not `host:port`")),
    }
}

/// Splits `host[:port]` and lower-cases the host; brackets are taken off.
#[must_use]
pub fn split_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (v6, after) = rest.split_once(']')?;
            v6.parse::<Ipv6Addr>().ok()?;
            (
                v6,
                after.strip_prefix(':').or(after.is_empty().then_some("")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port = match port? {
        "" if authority.ends_with(':') => return None,
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(self::port(digits).ok()?)
        }
        _ => return None,
    };
    let valid = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    valid.then(|| (host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compiler's tests read the same table.
    #[test]
    fn agrees_with_the_shared_table() {
        for line in include_str!("../../../specs/scalars.tsv").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut columns = line.split('\t');
            let (kind, text, expected) = (
                columns.next().unwrap(),
                columns.next().unwrap(),
                columns.next().unwrap(),
            );
            let Some(found) = read(kind, text) else {
                continue;
            };
            assert_eq!(found, expected, "{line}");
        }
    }

    fn read(kind: &str, text: &str) -> Option<String> {
        let canonical = match kind {
            "secs" => secs(text).map(|value| value.as_millis().to_string()),
            "bool" => boolean(text).map(|value| value.to_string()),
            "int" => int(text).map(|value| value.to_string()),
            "level" => level(text).map(|value| format!("{value:?}").to_ascii_lowercase()),
            "format" => format(text).map(|value| format!("{value:?}").to_ascii_lowercase()),
            "addr" => address(text).map(|value| value.to_string()),
            "hostport" => host_port(text).map(|(host, port)| match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            }),
            "dnsserver" => dns_server(text).map(|value| value.to_string()),
            "network" => network(text).map(|(first, last)| format!("{first}-{last}")),
            "location" => location(text).map(str::to_owned),
            "url" => url(text).map(|url| {
                let scheme = match url.scheme {
                    Scheme::H2c => "h2c",
                    Scheme::Http => "http",
                    Scheme::Https => "https",
                };
                let Some(file) = url.socket else {
                    return format!("{scheme}://{}{}", url.authority, url.path);
                };
                let scheme = scheme.replace("http", "unix").replace("h2c", "unix+h2c");
                match url.path.as_str() {
                    "" => format!("{scheme}://{file}"),
                    path => format!("{scheme}://{file}:{path}"),
                }
            }),
            _ => return None,
        };
        Some(canonical.unwrap_or_else(|malformed| format!("!{}", malformed.code)))
    }
}
