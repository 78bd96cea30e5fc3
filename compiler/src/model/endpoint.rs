//! Where a backend is: a URL, or a socket in the file system (C-URL). The runtime has the same grammar for what
//! is known at start only; `specs/scalars.tsv` holds both to the same answers.

use super::address::{self, Url};
use super::scalar::Invalid;

/// Bytes of a socket's path that the system has room for (`sun_path` has 108, with a NUL at the end).
const FILE_BYTES_MAX: usize = 107;

/// Where a backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///run/app.sock`
    Socket(Socket),
    /// `http://host:port`
    Url(Url),
}

/// A socket in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Whether it is spoken to in HTTP/2.
    pub h2c: bool,
    /// An absolute path.
    pub file: String,
    /// Put before the forwarded path. Empty, or begins with `/` and does not end with one.
    pub path: String,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Socket(Socket { h2c, file, path }) => {
                let scheme = if *h2c { "unix+h2c" } else { "unix" };
                write!(f, "{scheme}://{file}")?;
                match path.as_str() {
                    "" => Ok(()),
                    path => write!(f, ":{path}"),
                }
            }
        }
    }
}

/// `scheme://host[:port][/path]`, or `unix://FILE[:/path]`; `unix+h2c` for HTTP/2.
///
/// # Errors
/// `bad-url`
pub fn parse(text: &str) -> Result<Endpoint, Invalid> {
    if let Some((h2c, rest)) = of_socket(text) {
        return socket(h2c, rest).map(Endpoint::Socket);
    }
    let after = |prefix: &str| text.get(prefix.len()..).unwrap_or_default();
    let begins = |prefix: &str| {
        let start = text.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    for prefix in ["unix:", "http://unix:"] {
        if begins(prefix) {
            let fault = Invalid::new("a socket of the file system is named by `unix://`");
            let file = after(prefix).trim_start_matches('/').escape_debug();
            return Err(fault.help(format!("write `unix:///{file}`")));
        }
    }
    address::parse_url(text).map(Endpoint::Url)
}

/// What names a backend with a socket, cut before the forwarded path: `unix:///run/app.sock` and `/v1`.
#[must_use]
pub fn split_socket(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = of_socket(text)?;
    let file = rest.find(":/").unwrap_or(rest.len());
    let (named, path) = text.split_at(text.len() - rest.len() + file);
    Some((named, path.strip_prefix(':').unwrap_or(path)))
}

/// Whether it is spoken to in HTTP/2, and what is behind the scheme.
fn of_socket(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    (is("unix") || is("unix+h2c")).then_some((is("unix+h2c"), rest))
}

fn socket(h2c: bool, rest: &str) -> Result<Socket, Invalid> {
    if rest.starts_with(['@', '\0']) || rest.starts_with("/@") {
        let fault =
            Invalid::new("abstract sockets are not supported: any process could take the name");
        return Err(fault.help("name a socket of the file system: `unix:///run/app.sock`"));
    }
    if !rest.starts_with('/') {
        let fault = Invalid::new("the path of a socket is absolute");
        let shown = rest.escape_debug();
        return Err(fault.help(format!("write three slashes: `unix:///{shown}`")));
    }
    let odd = |c: &char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '\\');
    if let Some(odd) = rest.chars().find(odd) {
        let shown = odd.escape_debug();
        return Err(Invalid::new(format!(
            "`{shown}` is not allowed in the address of a socket"
        )));
    }
    let (file, path) = rest.split_at(rest.find(":/").unwrap_or(rest.len()));
    if file.ends_with('/') {
        return Err(Invalid::new("a socket is a file, not a directory"));
    }
    if file.len() > FILE_BYTES_MAX {
        let bytes = file.len();
        return Err(Invalid::new(format!(
            "the path of a socket has at most {FILE_BYTES_MAX} bytes, this one has {bytes}"
        )));
    }
    let path = path.strip_prefix(':').unwrap_or(path);
    Ok(Socket {
        h2c,
        file: file.to_owned(),
        path: path.trim_end_matches('/').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fault(text: &str, reason: &str, help: Option<&str>) {
        let fault = parse(text).unwrap_err();
        assert!(fault.reason.contains(reason), "{text}: {fault:?}");
        assert_eq!(fault.help.as_deref(), help, "{text}");
    }

    /// C-URL: what people write who come from other gateways.
    #[test]
    fn what_is_no_socket() {
        let write = Some("write `unix:///run/app.sock`");
        fault("unix:/run/app.sock", "named by `unix://`", write);
        fault("http://unix:/run/app.sock", "named by `unix://`", write);
        let write = Some("write three slashes: `unix:///run/app.sock`");
        fault("unix://run/app.sock", "is absolute", write);
        let write = Some("name a socket of the file system: `unix:///run/app.sock`");
        fault("unix://@app", "abstract", write);
        fault("unix:///@app", "abstract", write);
        fault("unix:///run/", "not a directory", None);
        fault("unix:///run/a b", "not allowed", None);
        let long = format!("unix:///{}", "x".repeat(107));
        fault(&long, "at most 107 bytes, this one has 108", None);
        assert!(parse(&long[..long.len() - 1]).is_ok());
        fault(
            "unix+https:///run/app.sock",
            "not a scheme",
            Some("use `http`, `https`, `h2c`, `unix` or `unix+h2c`"),
        );
    }

    #[test]
    fn where_a_socket_is_cut() {
        let cut = |text| split_socket(text);
        assert_eq!(cut("http://a/b:/c"), None);
        assert_eq!(cut("unix:///run/a:b"), Some(("unix:///run/a:b", "")));
        assert_eq!(cut("unix:///run/a:/v1"), Some(("unix:///run/a", "/v1")));
    }
}
