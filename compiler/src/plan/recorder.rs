//! Rules of the middleware types of the recorder, besides `responseHeaders`.

use serde::Serialize;

use super::Header;

/// How names of embedded files begin in a generated crate.
pub const PAGE_PREFIX: &str = "page_";

/// Rule of `accessLog` (MW-LOG-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessLog {
    /// Of the request.
    pub headers: Vec<LogItem>,
    /// Parameters.
    pub query: Vec<LogItem>,
    /// Cookies.
    pub cookies: Vec<LogItem>,
    /// Of the response.
    pub response_headers: Vec<LogItem>,
    /// Texts with tokens.
    pub fields: Vec<LogItem>,
    /// Whether the line says who is logged in.
    pub user: bool,
    /// `null` for what is absent.
    pub emit_missing: bool,
}

/// One thing that a line gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogItem {
    /// How the line names it.
    pub key: String,
    /// A name, or a text with tokens.
    pub source: String,
    /// How its value is written: a variant of the runtime's `Show`.
    pub show: &'static str,
}

impl AccessLog {
    /// Everything that it logs.
    pub fn items(&self) -> impl Iterator<Item = &LogItem> {
        let groups = [
            &self.headers,
            &self.query,
            &self.cookies,
            &self.response_headers,
            &self.fields,
        ];
        groups.into_iter().flatten()
    }

    /// Whether values are hashed.
    pub fn hashes(&self) -> bool {
        self.items().any(|item| item.show == "Hash")
    }
}

/// Rule of `errorInterceptor` (MW-EI-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorInterceptor {
    /// In spec order.
    pub errors: Vec<Intercepted>,
}

/// Statuses whose body is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Intercepted {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
    /// The body.
    pub body: String,
    /// The file of the crate that holds it; none: it stands in the code.
    pub file: Option<String>,
    /// What it is: a variant of the runtime's `Content`.
    pub content: &'static str,
    /// The media type, unless it is negotiated.
    pub media_type: Option<String>,
}

/// Rule of `requestId` (MW-RID-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestId {
    /// Towards the backend.
    pub header: String,
    /// Towards the client.
    pub response_header: String,
    /// Whose ids are kept: a variant of the runtime's `Trust`.
    pub trust: &'static str,
    /// Of new ids: a variant of the runtime's `Format`.
    pub format: &'static str,
}

/// Rule of `securityHeaders` (MW-SEC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityHeaders {
    /// The value of `Strict-Transport-Security`.
    pub hsts: Option<String>,
    /// Fields of the preset.
    pub preset: Vec<(String, String)>,
    /// Fields of the rule.
    pub set: Vec<Header>,
    /// Whether the backend's values are replaced.
    pub overwrite: bool,
}
