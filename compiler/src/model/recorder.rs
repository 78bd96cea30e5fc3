//! What the middleware types of the recorder need besides `responseHeaders` (middlewares.md 5.3,
//! 5.7, 6.8, 6.9).

use super::{HeaderName, Value};
use crate::source::Span;

/// Keys of every line of the access log (RT-LOG-2, RT-LOG-4, RT-LOG-5).
pub const LINE_FIELDS: &[&str] = &[
    "aborted",
    "backend",
    "bytes_in",
    "bytes_out",
    "client_ip",
    "duration",
    "duration_ms",
    "host",
    "http_version",
    "level",
    "method",
    "msg",
    "query_params",
    "referer",
    "request_content_length",
    "request_headers",
    "request_id",
    "response_body_size",
    "response_headers",
    "route",
    "status",
    "time",
    "url",
    "user_agent",
];
/// Headers whose values are secrets, whoever reads them (MW-LOG-6).
const SENSITIVE_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
];
/// What names of parameters with secret values have in them (MW-LOG-6).
const SENSITIVE_WORDS: &[&str] = &["code", "key", "password", "secret", "sig", "token"];

/// Whether the values of a header are secrets.
#[must_use]
pub fn is_sensitive_header(name: &str) -> bool {
    let mut known = SENSITIVE_HEADERS.iter();
    known.any(|known| known.eq_ignore_ascii_case(name))
}

/// `accessLog`
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// Of the request, each once.
    pub headers: Vec<HeaderName>,
    /// Parameters, each once.
    pub query: Vec<String>,
    /// Each once.
    pub cookies: Vec<String>,
    /// Of the response, each once.
    pub response_headers: Vec<HeaderName>,
    /// Keys and texts with tokens.
    pub fields: Vec<(String, String)>,
    /// Whether the line says who is logged in.
    pub user: bool,
    /// How sensitive values are written.
    pub redact: Redact,
    /// The value of `redact`; the rule when absent.
    pub redact_span: Span,
    /// `null` for what is absent.
    pub emit_missing: bool,
}

/// How sensitive values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redact {
    /// `true`: `[REDACTED]`
    Always,
    /// `hash`: digits.
    Hash,
    /// `false`: in clear.
    Never,
}

/// One thing that an `accessLog` adds to lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// How the line names it; unique in its rule.
    pub key: String,
    /// A name, or a text with tokens.
    pub source: String,
    /// Whether its value is a secret (MW-LOG-6).
    pub sensitive: bool,
}

/// Everything that an `accessLog` adds to lines, by where it comes from (MW-LOG-1).
#[derive(Clone, Debug, Default)]
pub struct LoggedItems {
    /// Of the request.
    pub headers: Vec<Logged>,
    /// Parameters.
    pub query: Vec<Logged>,
    /// Cookies.
    pub cookies: Vec<Logged>,
    /// Of the response.
    pub response_headers: Vec<Logged>,
    /// Texts.
    pub fields: Vec<Logged>,
}

impl AccessLog {
    /// What it logs under which keys (MW-LOG-2, MW-LOG-6). `credentials`: headers that
    /// authentication types of its routes read. A key that the line or the rule has already gets its
    /// place in front: `query_status`.
    #[must_use]
    pub fn items(&self, credentials: &[&str]) -> LoggedItems {
        let secret = |name: &str| {
            let same = |other: &&str| HeaderName::new(name).is_ok_and(|name| name.same(other));
            SENSITIVE_HEADERS.iter().chain(credentials).any(same)
        };
        let mut taken: Vec<String> = self.fields.iter().map(|(key, _)| key.clone()).collect();
        taken.extend(LINE_FIELDS.iter().map(|key| (*key).to_owned()));
        taken.extend(self.user.then(|| "user".to_owned()));
        let mut logged = |place: &str, key: String, source: &str, sensitive: bool| {
            let key = if taken.contains(&key) {
                format!("{place}_{key}")
            } else {
                key
            };
            taken.push(key.clone());
            Logged {
                key,
                source: source.to_owned(),
                sensitive,
            }
        };
        let mut items = LoggedItems::default();
        for name in self.headers.iter().map(HeaderName::as_str) {
            let key = name.to_ascii_lowercase();
            items
                .headers
                .push(logged("header", key, name, secret(name)));
        }
        for name in &self.query {
            let lower = name.to_ascii_lowercase();
            let sensitive = SENSITIVE_WORDS.iter().any(|word| lower.contains(word));
            items
                .query
                .push(logged("query", name.clone(), name, sensitive));
        }
        for name in &self.cookies {
            items
                .cookies
                .push(logged("cookie", name.clone(), name, true));
        }
        for name in self.response_headers.iter().map(HeaderName::as_str) {
            let key = format!("resp_{}", name.to_ascii_lowercase());
            items
                .response_headers
                .push(logged("header", key, name, secret(name)));
        }
        for (key, text) in &self.fields {
            let mut tokens = text.split("{request.header.").skip(1);
            items.fields.push(Logged {
                key: key.clone(),
                source: text.clone(),
                sensitive: tokens.any(|rest| rest.split('}').next().is_some_and(secret)),
            });
        }
        items
    }
}

impl LoggedItems {
    /// All of them, in the order of the line.
    pub fn iter(&self) -> impl Iterator<Item = &Logged> {
        let groups = [
            &self.headers,
            &self.query,
            &self.cookies,
            &self.response_headers,
            &self.fields,
        ];
        groups.into_iter().flatten()
    }
}

/// `errorInterceptor`
#[derive(Clone, Debug)]
pub struct ErrorInterceptor {
    /// Otherwise it does nothing.
    pub enabled: bool,
    /// At least one; the first that fits counts.
    pub errors: Vec<Intercepted>,
}

/// Statuses whose body is replaced.
#[derive(Clone, Debug)]
pub struct Intercepted {
    /// The lowest; 400 at least.
    pub first: u16,
    /// The highest; 599 at most.
    pub last: u16,
    /// What is sent.
    pub page: Page,
}

/// The body of an error, with tokens (MW-EI-7).
#[derive(Clone, Debug)]
pub struct Page {
    /// What it is.
    pub content: Content,
    /// As it is sent, but for the tokens.
    pub text: String,
    /// The file it comes from, as written.
    pub file: Option<String>,
}

/// What a body is (MW-EI-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// JSON, of this media type.
    Json(String),
    /// HTML or XML, of this media type.
    Markup(String),
    /// A message, in the form that the client asks for.
    Negotiated,
    /// Anything else, of this media type.
    Text(String),
}

impl Content {
    /// What a media type says, parameters left aside.
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let (_, subtype) = essence.split_once('/').unwrap_or_default();
        let owned = media_type.to_owned();
        if subtype == "json" || subtype.ends_with("+json") {
            Self::Json(owned)
        } else if matches!(subtype, "html" | "xml") || subtype.ends_with("+xml") {
            Self::Markup(owned)
        } else {
            Self::Text(owned)
        }
    }
}

/// `requestId`
#[derive(Clone, Debug)]
pub struct RequestId {
    /// Towards the backend, and where a client may send one.
    pub header: HeaderName,
    /// Towards the client.
    pub response_header: HeaderName,
    /// Whose ids are kept.
    pub trust: Trust,
    /// Of new ids.
    pub format: IdFormat,
}

/// Whose request ids are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// `always`
    Always,
    /// `never`
    Never,
    /// `trustedProxy`
    TrustedProxy,
}

/// What new request ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdFormat {
    /// `hex`
    Hex,
    /// `uuid4`
    Uuid4,
    /// `uuid7`
    Uuid7,
}

/// `securityHeaders`, its preset spelt out.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    /// The value of `Strict-Transport-Security`.
    pub hsts: Option<String>,
    /// Fields that the preset sets and the rule says nothing about.
    pub preset: Vec<(&'static str, &'static str)>,
    /// Fields of the rule; one that is surely `off` is not here.
    pub set: Vec<(&'static str, Value)>,
    /// Whether the backend's values are replaced.
    pub overwrite: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn log() -> AccessLog {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let headers = |names: &[&str]| {
            let names = names.iter().map(|name| HeaderName::new(name).unwrap());
            names.collect()
        };
        let source = SourceMap::new().add("goma.yaml", "");
        AccessLog {
            headers: headers(&["X-Client", "Host", "X_Api_Key", "X-Login"]),
            query: names(&["v", "status", "Page-Token", "tenant"]),
            cookies: names(&["v"]),
            response_headers: headers(&["Set-Cookie", "ETag"]),
            fields: vec![
                ("tenant".to_owned(), "{request.header.X-Tenant}".to_owned()),
                (
                    "auth".to_owned(),
                    "a {request.header.Authorization}".to_owned(),
                ),
            ],
            user: false,
            redact: Redact::Always,
            redact_span: Span::new(source, 0, 0),
            emit_missing: false,
        }
    }

    /// MW-LOG-2, MW-LOG-6
    #[test]
    fn keys_are_unique_and_secrets_known() {
        let items = log().items(&["X-Login"]);
        let shown: Vec<_> = items
            .iter()
            .map(|item| format!("{}{}", item.key, if item.sensitive { "!" } else { "" }))
            .collect();
        assert_eq!(
            shown.join(" "),
            "x-client header_host x_api_key! x-login! v query_status Page-Token! query_tenant \
             cookie_v! resp_set-cookie! resp_etag tenant auth!"
        );
    }
}
