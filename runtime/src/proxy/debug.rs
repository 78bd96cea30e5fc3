//! The debug fields of a request's line (RT-LOG-5). Credentials are not shown.

use std::fmt::Write as _;

use crate::chain::{Content, Exchange, Extra, Group, Show};
use crate::head::{Fields, Response};

/// Headers whose values are credentials.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
];

/// What the name of a query parameter with a credential holds.
const SECRET_PARTS: &[&str] = &["key", "password", "secret", "token"];

const REDACTED: &str = "[REDACTED]";

/// What is known of a request when it arrives.
#[derive(Debug)]
pub(super) struct Arrived {
    headers: String,
    query: String,
}

/// Takes note of a request before anything changes it.
pub(super) fn arrived(exchange: &Exchange) -> Arrived {
    Arrived {
        headers: headers(&exchange.request.fields),
        query: query(exchange.request.query()),
    }
}

/// Takes note of a response as it is sent.
pub(super) fn responded(exchange: &Exchange, response: &Response) {
    let text = headers(&response.fields);
    push(exchange, Group::DebugResponse, "response_headers", text);
}

/// Adds the fields to the line.
pub(super) fn add(exchange: &Exchange, arrived: Arrived, body_bytes: u64) {
    let length = exchange.content_length.unwrap_or_default();
    push(
        exchange,
        Group::Debug,
        "request_content_length",
        length.to_string(),
    );
    push(
        exchange,
        Group::Debug,
        "response_body_size",
        body_bytes.to_string(),
    );
    push(exchange, Group::Debug, "request_headers", arrived.headers);
    push(exchange, Group::Debug, "query_params", arrived.query);
}

fn push(exchange: &Exchange, group: Group, key: &'static str, text: String) {
    exchange.logged.borrow_mut().push(Extra {
        group,
        key,
        show: Show::Clear,
        content: Content::Text(text.into_bytes()),
        emit_missing: false,
    });
}

/// `name: value` of each field, names in lower case.
fn headers(fields: &Fields) -> String {
    let mut text = String::new();
    for (name, value) in fields.iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let value = String::from_utf8_lossy(value);
        let is_secret = SECRET_HEADERS.contains(&name.as_str());
        let value = if is_secret { REDACTED } else { &value };
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{name}: {value}");
    }
    text
}

/// The query as received, but for values of names that speak of credentials.
fn query(query: &str) -> String {
    let query = query.strip_prefix('?').unwrap_or(query);
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={REDACTED}"),
        Some(_) | None => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

/// Also where letters are percent-encoded: any escape in a name may hide one.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains('%') || SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Buffer;

    /// RT-LOG-5
    #[test]
    fn credentials_are_not_shown() {
        let mut fields = Fields::new(Buffer::default());
        for (name, value) in [
            ("Host", "h"),
            ("Authorization", "Basic x"),
            ("COOKIE", "a=b"),
            ("X-Api-Key", "k"),
            ("Accept", "*/*"),
        ] {
            fields.append(name, value.as_bytes());
        }
        assert_eq!(
            headers(&fields),
            "host: h, authorization: [REDACTED], cookie: [REDACTED], x-api-key: [REDACTED], \
             accept: */*"
        );
        assert_eq!(
            query("?a=1&access_token=x&API-Key=y&%74oken=z&flag&b="),
            "a=1&access_token=[REDACTED]&API-Key=[REDACTED]&%74oken=[REDACTED]&flag&b="
        );
    }
}
