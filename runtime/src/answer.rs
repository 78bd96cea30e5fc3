//! Answers that the gateway makes itself (RT-ERR, MW-ERR), and their rendering.

use std::borrow::Cow;

use crate::head::{Buffer, Fields, List, Response};

/// An answer in place of a backend's response.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    fields: Vec<(&'static str, Cow<'static, str>)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Rendered by negotiation (RT-ERR-1).
    Message(Cow<'static, str>),
    /// The same, but sent as it is where JSON is negotiated (MW-ERR-5).
    MessageInJson(Cow<'static, str>),
    /// Sent as it is.
    Json(Cow<'static, str>),
    Empty,
}

/// Representations of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    Json,
    Text,
    /// With the media type that was chosen (MW-ERR-4).
    Xml(&'a str),
}

impl Answer {
    /// `<code> <reason>` as message (MW-ERR-2).
    #[must_use]
    pub fn of(status: u16) -> Self {
        let message = format!("{status} {}", reason(status));
        Self::message(status, message.trim_end().to_owned())
    }

    /// No backend is available (RT-ERR-13).
    #[must_use]
    pub fn unavailable() -> Self {
        Self::message(503, "503 service unavailable")
    }

    /// A message that is rendered as text, JSON or XML, whichever the client asks for.
    #[must_use]
    pub fn message(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        let answer = Self {
            status,
            fields: Vec::new(),
            body: Body::Message(message.into()),
        };
        // MW-ERR-6
        match status {
            401 | 403 | 407 | 413 | 429 | 500.. => answer.with("Cache-Control", "no-store"),
            _ => answer,
        }
    }

    /// A message of the operator's; one that `is_json` is sent raw where JSON is asked for (MW-ERR-5).
    #[must_use]
    pub fn operator(status: u16, message: impl Into<Cow<'static, str>>, is_json: bool) -> Self {
        let message = message.into();
        let mut answer = Self::message(status, message.clone());
        if is_json {
            answer.body = Body::MessageInJson(message);
        }
        answer
    }

    /// With the time after which to ask again, if that is known.
    #[must_use]
    pub fn retry_after(self, seconds: Option<u32>) -> Self {
        match seconds {
            Some(seconds) => self.with("Retry-After", seconds.to_string()),
            None => self,
        }
    }

    /// A JSON document of the gateway's own.
    #[must_use]
    pub fn json(status: u16, document: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Body::Json(document.into()),
        }
    }

    /// An answer without content.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Body::Empty,
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Head and body, in the form that `request` (the fields that the client sent) asks for.
    #[must_use]
    pub fn render(self, request: Option<List<'_>>) -> (Response, Vec<u8>) {
        let mut fields = Fields::new(Buffer::with_size(1024));
        for (name, value) in &self.fields {
            fields.append(name, value.as_bytes());
        }
        if self.status == 401 && fields.get("www-authenticate").is_none() {
            // RFC 9110 wants a challenge; of this one no browser makes a dialogue (MW-ERR-6).
            fields.append("WWW-Authenticate", b"Goma");
        }
        let form = request.map_or(Form::Text, Form::wanted);
        let body = match self.body {
            Body::Empty => String::new(),
            Body::MessageInJson(document) if form == Form::Json => {
                fields.append("Content-Type", b"application/json");
                document.into_owned()
            }
            Body::Json(document) => {
                fields.append("Content-Type", b"application/json");
                document.into_owned()
            }
            Body::Message(message) | Body::MessageInJson(message) => {
                fields.append("Content-Type", form.media_type().as_bytes());
                if form == Form::Text {
                    fields.append("X-Content-Type-Options", b"nosniff");
                }
                form.render(self.status, &message)
            }
        };
        // RT-SEM-3
        let length = match self.status {
            204 | 304 => None,
            205 => Some(0),
            _ => Some(body.len()),
        };
        if let Some(length) = length {
            let mut digits = itoa::Buffer::new();
            fields.append("Content-Length", digits.format(length).as_bytes());
        }
        (Response::new(self.status, fields), body.into_bytes())
    }
}

impl<'a> Form<'a> {
    /// MW-ERR-3
    pub(crate) fn wanted(request: List<'a>) -> Self {
        let text = |value: &'a [u8]| std::str::from_utf8(value).unwrap_or_default();
        let mut accept = request.values("accept").map(text).peekable();
        if accept.peek().is_none() {
            let media_type = request.get("content-type").map(text).unwrap_or_default();
            return Self::of(media_type.split(';').next().unwrap_or_default().trim())
                .unwrap_or(Self::Text);
        }
        let mut best: Option<(f32, Self)> = None;
        for entry in accept.flat_map(|value| value.split(',')) {
            let mut parameters = entry.split(';').map(str::trim);
            let media_type = parameters.next().unwrap_or_default();
            let quality = parameters
                .find_map(|parameter| parameter.strip_prefix(['q', 'Q'])?.strip_prefix('='))
                .map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
            if let Some(form) = Self::of(media_type)
                && quality > 0.0
                && best.is_none_or(|(known, _)| quality > known)
            {
                best = Some((quality.min(1.0), form));
            }
        }
        best.map_or(Self::Text, |(_, form)| form)
    }

    fn of(media_type: &'a str) -> Option<Self> {
        let is = |known: &str| media_type.eq_ignore_ascii_case(known);
        if is("application/json") || media_type.to_ascii_lowercase().ends_with("+json") {
            Some(Self::Json)
        } else if is("application/xml") || is("text/xml") || is("application/xhtml+xml") {
            Some(Self::Xml(media_type))
        } else if is("text/plain") || is("text/html") {
            Some(Self::Text)
        } else {
            None
        }
    }

    pub(crate) fn media_type(self) -> &'a str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Xml(media_type) => media_type,
        }
    }

    /// RT-ERR-1
    pub(crate) fn render(self, status: u16, message: &str) -> String {
        match self {
            Self::Json => {
                let message = escaped_json(message);
                format!("{{\"success\":false,\"statusCode\":{status},\"error\":\"{message}\"}}\n")
            }
            Self::Text => format!("{message}\n"),
            Self::Xml(_) => {
                let message = escaped_markup(message);
                format!(
                    "<error><success>false</success><statusCode>{status}</statusCode>\
                     <error>{message}</error></error>"
                )
            }
        }
    }
}

/// Escapes a text for XML and HTML.
pub(crate) fn escaped_markup(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let text = text.replace('>', "&gt;").replace('"', "&quot;");
    Cow::Owned(text.replace('\'', "&#39;"))
}

/// Escapes a text for a JSON string.
#[must_use]
pub fn escaped_json(text: &str) -> Cow<'_, str> {
    let harmless = |character: char| !character.is_control() && !matches!(character, '"' | '\\');
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            control if control.is_control() => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            character => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// The registered reason phrase of a status code (RFC 9110 §15); empty if there is none.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(fields: &[(&str, &str)]) -> (String, String) {
        let mut request = Fields::new(Buffer::default());
        for (name, value) in fields {
            request.append(name, value.as_bytes());
        }
        let (response, body) = Answer::message(403, "a \"b\" <c>").render(Some(request.all()));
        let media_type = response.fields.get("content-type").unwrap().to_vec();
        (
            String::from_utf8(media_type).unwrap(),
            String::from_utf8(body).unwrap(),
        )
    }

    /// RT-SEM-3: what has no body announces none.
    #[test]
    fn lengths() {
        for (status, expected) in [
            (204, None),
            (205, Some("0")),
            (304, None),
            (404, Some("14")),
        ] {
            let (response, _) = Answer::of(status).render(None);
            let length = response.fields.get("content-length");
            assert_eq!(length, expected.map(str::as_bytes), "{status}");
        }
    }

    /// RT-ERR-1, RT-ERR-2, MW-ERR-1, MW-ERR-3, MW-ERR-4
    #[test]
    fn form_follows_accept_then_content_type() {
        let text = (
            "text/plain; charset=utf-8".to_owned(),
            "a \"b\" <c>\n".to_owned(),
        );
        let json = "{\"success\":false,\"statusCode\":403,\"error\":\"a \\\"b\\\" <c>\"}\n";
        assert_eq!(rendered(&[]), text);
        assert_eq!(rendered(&[("Accept", "*/*")]), text);
        assert_eq!(
            rendered(&[("Accept", "text/html, application/json;q=0.9")]),
            text
        );
        assert_eq!(rendered(&[("Accept", "application/json, */*")]).1, json);
        assert_eq!(
            rendered(&[("Accept", "text/plain;q=0.1, application/hal+json;q=0.5")]).1,
            json
        );
        assert_eq!(
            rendered(&[("Content-Type", "application/json; charset=utf-8")]).1,
            json
        );
        let two = [
            ("Accept", "text/plain;q=0.5"),
            ("Accept", "application/json;Q=0.6"),
        ];
        assert_eq!(rendered(&two).1, json);
        let tie = [("Accept", "application/json;q=0.5, text/html;q=0.5")];
        assert_eq!(rendered(&tie).1, json);
        for unusable in [
            "application/json;q=0",
            "application/json;q=x",
            "image/png",
            "",
        ] {
            assert_eq!(rendered(&[("Accept", unusable)]), text, "{unusable:?}");
        }
        let (media_type, xml) = rendered(&[("Accept", "text/xml")]);
        assert_eq!(media_type, "text/xml");
        assert!(
            xml.contains("<statusCode>403</statusCode><error>a &quot;b&quot; &lt;c&gt;</error>")
        );
    }

    /// MW-ERR-2, MW-ERR-6
    #[test]
    fn fields_of_answers() {
        let answer = |status: u16| {
            let (response, body) = Answer::of(status).render(None);
            let field = |name| response.fields.get(name).map(<[u8]>::to_vec);
            let body = String::from_utf8(body).unwrap();
            (field("cache-control"), field("www-authenticate"), body)
        };
        for status in [401, 403, 407, 413, 429, 500, 503] {
            assert_eq!(answer(status).0.unwrap(), b"no-store", "{status}");
        }
        assert_eq!(answer(404), (None, None, "404 Not Found\n".to_owned()));
        assert_eq!(answer(401).1.unwrap(), b"Goma");
        assert_eq!(answer(499).2, "499\n");
    }
}
