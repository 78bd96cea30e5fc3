//! `unix://FILE[:/path]`: backends that are sockets of the file system.

use super::{Malformed, Scheme, Url, malformed};

/// Bytes of a socket's path that the system has room for (`sun_path` has 108, with a NUL at the end).
const FILE_BYTES_MAX: usize = 107;

/// What is behind the scheme.
pub(super) fn url(scheme: Scheme, rest: &str) -> Result<Url, Malformed> {
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '\\');
    let (file, path) = rest.split_at(rest.find(":/").unwrap_or(rest.len()));
    let wrong = match file {
        _ if rest.starts_with('@') || rest.starts_with("/@") => {
            Some("abstract sockets are not supported".to_owned())
        }
        _ if !rest.starts_with('/') => {
            Some("the path of a socket is absolute: unix:///run/app.sock".to_owned())
        }
        _ if rest.contains(odd) => Some("not the address of a socket".to_owned()),
        _ if file.ends_with('/') => Some("a socket is a file, not a directory".to_owned()),
        _ if file.len() > FILE_BYTES_MAX => Some(format!(
            "the path of a socket has at most {FILE_BYTES_MAX} bytes, this one has {}",
            file.len()
        )),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return malformed("bad-url", wrong);
    }
    Ok(Url {
        scheme,
        socket: Some(file.to_owned()),
        // What nginx says to a backend that is a socket.
        host: "localhost".to_owned(),
        port: scheme.port(),
        authority: "localhost".to_owned(),
        path: path
            .strip_prefix(':')
            .unwrap_or(path)
            .trim_end_matches('/')
            .to_owned(),
    })
}
