//! The debug fields of a request's line (RT-LOG-5). Credentials are not shown.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::chain::{Content, Exchange, Extra, Group, Show};
use crate::head::{Fields, Response, is_alike};

/// Headers whose values are credentials.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
];

/// Headers whose values are URLs, in which there may be some.
const URL_HEADERS: &[&str] = &["content-location", "location", "referer"];

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
        // Backends may make no difference between `_` and `-`.
        let is_among = |list: &[&str]| list.iter().any(|known| is_alike(name, known.as_bytes()));
        let value = String::from_utf8_lossy(value);
        let value = match value {
            _ if is_among(SECRET_HEADERS) => Cow::Borrowed(REDACTED),
            url if is_among(URL_HEADERS) => Cow::Owned(url_without_secrets(&url)),
            value => value,
        };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{name}: {value}");
    }
    text
}

/// A URL without its user part, and without what is not shown of queries in query and fragment.
fn url_without_secrets(url: &str) -> String {
    let (url, fragment) = url
        .split_once('#')
        .map_or((url, None), |(url, rest)| (url, Some(rest)));
    let (base, sent) = url
        .split_once('?')
        .map_or((url, None), |(url, rest)| (url, Some(rest)));
    let mut shown = match base.split_once("//") {
        // A scheme, or none.
        Some((scheme, rest)) if !scheme.contains('/') => {
            let authority = rest.split('/').next().unwrap_or_default();
            match authority.rfind('@').and_then(|at| rest.get(at..)) {
                Some(rest) => format!("{scheme}//{REDACTED}{rest}"),
                None => base.to_owned(),
            }
        }
        Some(_) | None => base.to_owned(),
    };
    for (mark, part) in [('?', sent), ('#', fragment)] {
        if let Some(part) = part {
            shown.push(mark);
            shown.push_str(&query(part));
        }
    }
    shown
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
            ("X_API_Key", "k"),
            ("Accept", "*/*"),
        ] {
            fields.append(name, value.as_bytes());
        }
        assert_eq!(
            headers(&fields),
            "host: h, authorization: [REDACTED], cookie: [REDACTED], x-api-key: [REDACTED], \
             x_api_key: [REDACTED], accept: */*"
        );
        assert_eq!(
            query("?a=1&access_token=x&API-Key=y&%74oken=z&flag&b="),
            "a=1&access_token=[REDACTED]&API-Key=[REDACTED]&%74oken=[REDACTED]&flag&b="
        );
    }

    /// RT-LOG-5: nor in URLs.
    #[test]
    fn urls_have_no_credentials() {
        let shown = |name: &str, value: &str| {
            let mut fields = Fields::new(Buffer::default());
            fields.append(name, value.as_bytes());
            headers(&fields)
        };
        for (url, expected) in [
            (
                "http://u:p@h/a?token=x&b=1",
                "http://[REDACTED]@h/a?token=[REDACTED]&b=1",
            ),
            ("//u@p@h", "//[REDACTED]@h"),
            (
                "/a@b?code_key=x#access_token=y",
                "/a@b?code_key=[REDACTED]#access_token=[REDACTED]",
            ),
            ("https://h/a//b@c?x", "https://h/a//b@c?x"),
            ("/x//u@h/", "/x//u@h/"),
            ("", ""),
        ] {
            for name in ["location", "content-location", "referer"] {
                assert_eq!(shown(name, url), format!("{name}: {expected}"));
            }
            assert_eq!(shown("x-other", url), format!("x-other: {url}"));
        }
    }
}
