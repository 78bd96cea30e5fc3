//! The request that is asked about, as a client would send it.

use std::net::IpAddr;

use std::fmt;

use crate::model::{HeaderName, Method};

/// A method and a URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    url: String,
    secure: bool,
    host: String,
    port: Option<u16>,
    path: String,
    query: String,
    /// Names and values, in order.
    fields: Vec<(String, String)>,
    client: Option<IpAddr>,
}

impl Request {
    /// Reads a method and an absolute `http` or `https` URL. The path is not judged here: one that
    /// the gateway refuses is explained as 400 (RT-PATH-5).
    ///
    /// # Errors
    /// One line, lower case, for the user.
    pub fn parse(method: &str, url: &str) -> Result<Self, String> {
        if Method::new(method).is_err() {
            return Err(format!("`{}` is not a method", method.escape_debug()));
        }
        let shown = url.escape_debug();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| format!("`{shown}` is not a URL; write `http://host/path`"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(format!("`{shown}` is neither http nor https")),
        };
        if rest.contains('#') {
            return Err(format!(
                "`{shown}` has a fragment, which clients do not send"
            ));
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_end);
        let (path, query) = target
            .find('?')
            .map_or((target, ""), |at| target.split_at(at));
        let (host, port) =
            parse_authority(authority).map_err(|fault| format!("`{shown}`: {fault}"))?;
        Ok(Self {
            method: method.to_owned(),
            url: url.to_owned(),
            secure,
            host,
            port,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query: query.to_owned(),
            fields: Vec::new(),
            client: None,
        })
    }

    /// The same request from a client with this address.
    #[must_use]
    pub fn sent_by(mut self, client: IpAddr) -> Self {
        self.client = Some(client.to_canonical());
        self
    }

    /// The same request with one more header field, written `Name: value`.
    ///
    /// # Errors
    /// One line, lower case, for the user.
    pub fn with_field(mut self, field: &str) -> Result<Self, String> {
        let shown = field.escape_debug();
        let (name, value) = field
            .split_once(':')
            .ok_or_else(|| format!("`{shown}` is not a header; write `Name: value`"))?;
        if HeaderName::new(name).is_err() {
            return Err(format!("`{}` is not a header name", name.escape_debug()));
        }
        if name.eq_ignore_ascii_case("host") {
            return Err("the host stands in the URL".to_owned());
        }
        let value = value.trim();
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!("`{shown}` has a control character"));
        }
        self.fields.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// All values of a header; its name is compared without case.
    pub(super) fn values<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        let named = move |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        let fields = self.fields.iter().filter(named);
        fields.map(|(_, value)| value.as_bytes())
    }

    /// The names of its header fields, in order.
    pub(super) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Its header fields, names and values in order.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Address of the client, if it is known.
    pub(super) const fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// The method as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether the URL is `https`.
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// Lower case, without port and trailing dot (RT-ROUTE-1); IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the URL, or the default of its scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// `Host` as a client sends it.
    #[must_use]
    pub fn authority(&self) -> String {
        self.port
            .map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// The path as sent, not empty.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query with its `?`, or empty.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }
}

impl Request {
    /// `METHOD URL`, and the headers as on a command line.
    #[must_use]
    pub fn shown(&self) -> String {
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| format!(" -H '{name}: {value}'"));
        format!("{self}{}", fields.collect::<String>())
    }
}

/// `METHOD URL` as asked.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

fn parse_authority(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    if authority.contains('@') {
        return Err("a user part is not sent to the gateway");
    }
    let host_end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err("a `:` and a port must follow `]`"),
        Some("") => None,
        Some(digits) => Some(parse_port(digits)?),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    Ok((canonical_host(host)?, port))
}

fn parse_port(digits: &str) -> Result<u16, &'static str> {
    let fault = "the port is not a number from 1 to 65535";
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault);
    }
    digits.parse().ok().filter(|port| *port > 0).ok_or(fault)
}

fn canonical_host(host: &str) -> Result<String, &'static str> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse::<std::net::Ipv6Addr>().ok());
        return address
            .map(|address| format!("[{address}]"))
            .ok_or("the host is not an IPv6 address");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if host.is_empty() {
        Err("the host is missing")
    } else if host.bytes().all(allowed) {
        Ok(host.to_owned())
    } else {
        Err("the host has a character that hosts do not have")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, host: &str, port: u16, path: &str, query: &str) {
        let request = Request::parse("GET", url).unwrap();
        let found = (
            request.host(),
            request.port(),
            request.path(),
            request.query(),
        );
        assert_eq!(found, (host, port, path, query), "{url}");
    }

    /// RT-ROUTE-1
    #[test]
    fn the_host_is_lower_case_without_port_and_dot() {
        check("http://A.Com.:8080/x?y", "a.com", 8080, "/x", "?y");
        check("HTTPS://a.com", "a.com", 443, "/", "");
        check("http://a.com?x=/y", "a.com", 80, "/", "?x=/y");
        check("http://[0::1]:81/", "[::1]", 81, "/", "");
        check("http://a.com:/", "a.com", 80, "/", "");
    }

    #[test]
    fn bad_requests_have_a_reason() {
        let check = |method: &str, url: &str, expected: &str| {
            assert_eq!(Request::parse(method, url).unwrap_err(), expected);
        };
        check("G T", "http://a/", "`G T` is not a method");
        check("GET", "/x", "`/x` is not a URL; write `http://host/path`");
        check("GET", "ftp://a/", "`ftp://a/` is neither http nor https");
        check("GET", "http:///x", "`http:///x`: the host is missing");
        check(
            "GET",
            "http://u@a/",
            "`http://u@a/`: a user part is not sent to the gateway",
        );
        check(
            "GET",
            "http://a:0/",
            "`http://a:0/`: the port is not a number from 1 to 65535",
        );
        check(
            "GET",
            "http://a/#x",
            "`http://a/#x` has a fragment, which clients do not send",
        );
    }
}
