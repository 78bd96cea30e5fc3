//! Trailer fields: which may pass (RFC 9110 §6.5, RT-SEM-4).

use super::{FIELDS_MAX, TOO_MANY_FIELDS};
use crate::error::Refusal;
use crate::head::{Known, is_alike};

/// Fields that must come before the body, because framing, routing, authentication or the content's
/// meaning rest on them. `_` counts as `-`: some receivers make no difference.
const FORBIDDEN: &[&str] = &[
    "age",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "location",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "set-cookie",
    "vary",
    "warning",
    "www-authenticate",
    "x-forwarded-prefix",
    "x-replaced-path",
];

/// The fields of a trailer section that may pass, each ended by CRLF. `section` holds whole lines
/// without the empty one.
///
/// # Errors
/// 400 for what is no field, 431 for more than `fields_max` of them.
pub(crate) fn pass(section: &[u8], fields_max: usize) -> Result<Vec<u8>, Refusal> {
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let slots = slots.get_mut(..fields_max).unwrap_or_default();
    let whole = [section, b"\r\n"].concat();
    let fields = match httparse::parse_headers(&whole, slots) {
        Ok(httparse::Status::Complete((length, fields))) if length == whole.len() => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(TOO_MANY_FIELDS),
        Ok(httparse::Status::Complete(_) | httparse::Status::Partial) | Err(_) => {
            return Err(Refusal::framing("malformed trailer"));
        }
    };
    let mut passed = Vec::with_capacity(section.len());
    for field in fields.iter().filter(|field| may_pass(field.name)) {
        for part in [field.name.as_bytes(), b": ", field.value, b"\r\n"] {
            passed.extend_from_slice(part);
        }
    }
    Ok(passed)
}

/// Takes these fields out of lines that each end with CRLF (MW-GEN-12).
pub(crate) fn hide(lines: &mut Vec<u8>, names: &[&str]) {
    if lines.is_empty() {
        return;
    }
    let kept = lines.split_inclusive(|byte| *byte == b'\n').filter(|line| {
        let end = memchr::memchr(b':', line).unwrap_or(line.len());
        let name = line.get(..end).unwrap_or_default();
        !names.iter().any(|hidden| is_alike(name, hidden.as_bytes()))
    });
    *lines = kept.flatten().copied().collect();
}

fn may_pass(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_ours = match Known::of(name.as_bytes()) {
        Known::Forwarded
        | Known::ProxiedBy
        | Known::Server
        | Known::XForwardedFor
        | Known::XForwardedHost
        | Known::XForwardedPort
        | Known::XForwardedProto
        | Known::XForwardedScheme
        | Known::XGomaRequestId
        | Known::XRealIp
        | Known::XRequestId => true,
        known => known.is_hop_by_hop(),
    };
    !is_ours && !name.starts_with("if-") && !FORBIDDEN.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-SEM-4
    #[test]
    fn forbidden_fields_are_dropped() {
        let section = b"X-Sum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\
            Authorization: x\r\nX_Forwarded_For: 1.2.3.4\r\nconnection: x\r\nIf-Match: y\r\n\
            Set-Cookie: a=b\r\nX-Request-Id: 7\r\nTrailer: X-Sum\r\ngrpc-status:0\r\n";
        let passed = pass(section, 100).unwrap();
        assert_eq!(passed, b"X-Sum: 1\r\ngrpc-status: 0\r\n");
    }

    /// MW-GEN-12
    #[test]
    fn fields_of_filters_are_hidden() {
        let mut lines = b"X-A: 1\r\nusername: x\r\nUser_Name: y\r\nUser-Names: z\r\n".to_vec();
        hide(&mut lines, &["Username", "User-Name"]);
        assert_eq!(lines, b"X-A: 1\r\nUser-Names: z\r\n");
    }

    /// RT-SEM-4, RT-LIM-2
    #[test]
    fn what_is_no_field_is_refused() {
        for section in ["X-A\r\n", "X A: b\r\n", ": b\r\n", "X-A: b\r\n c\r\n"] {
            let refused = pass(section.as_bytes(), 100).map_err(|refusal| refusal.status);
            assert_eq!(refused, Err(400), "{section:?}");
        }
        assert_eq!(pass(b"A: 1\r\nB: 2\r\n", 1).unwrap_err().status, 431);
    }
}
