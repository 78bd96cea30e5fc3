//! `errorInterceptor` (middlewares.md 5.7): other bodies for errors, whoever made them.

use std::borrow::Cow;

use crate::answer::{Form, escaped_json, escaped_markup, reason};
use crate::chain::{Exchange, Policy};
use crate::gateway::{Start, StartError};
use crate::head::{List, Response};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// In order: the first that fits is sent.
    pub errors: &'static [Intercepted],
}

/// Statuses whose body is replaced.
#[derive(Debug)]
pub struct Intercepted {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
    /// The new body; `{status}`, `{reason}` and `{request.id}` are filled in (MW-EI-7).
    pub body: &'static str,
    /// What it is.
    pub content: Content,
}

/// What a body is, which decides its media type and how tokens are escaped (MW-EI-3).
#[derive(Debug)]
pub enum Content {
    /// JSON of this media type.
    Json(&'static str),
    /// HTML or XML of this media type.
    Markup(&'static str),
    /// A message, in the form that the client asks for.
    Negotiated,
    /// Text of this media type.
    Text(&'static str),
}

/// The policy.
#[derive(Debug)]
pub struct ErrorInterceptor {
    errors: &'static [Intercepted],
}

/// Fields that speak of the body that is replaced (MW-EI-4).
const OF_THE_BODY: [&[u8]; 12] = [
    b"Accept-Ranges",
    b"Content-Digest",
    b"Content-Disposition",
    b"Content-Encoding",
    b"Content-Language",
    b"Content-Length",
    b"Content-Range",
    b"Digest",
    b"ETag",
    b"Last-Modified",
    b"Repr-Digest",
    b"Transfer-Encoding",
];

impl ErrorInterceptor {
    /// # Errors
    /// None: everything is fixed when the gateway is built.
    pub fn new(config: &'static Config, _: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            errors: config.errors,
        })
    }
}

impl Policy for ErrorInterceptor {
    /// MW-EI-1, -4, -5: by the status alone; whatever the body was, except gRPC.
    fn intercept(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>> {
        let status = response.status();
        let mut errors = self.errors.iter();
        let error = errors.find(|error| (error.first..=error.last).contains(&status))?;
        if is_grpc(exchange.received()) || is_grpc(response.fields.all()) {
            return None;
        }
        let fields = &mut response.fields;
        fields.remove_where(|name| {
            let same = |other: &&[u8]| name.eq_ignore_ascii_case(other);
            OF_THE_BODY.iter().any(same)
        });
        let filled = |escape: Escape| filled(error.body, status, exchange.id(), escape);
        let (media_type, body) = match error.content {
            Content::Json(media_type) => (media_type, filled(escaped_json)),
            Content::Markup(media_type) => (media_type, filled(escaped_markup)),
            Content::Text(media_type) => (media_type, filled(unescaped)),
            Content::Negotiated => {
                let form = Form::wanted(exchange.received());
                (form.media_type(), in_form(form, status, filled(unescaped)))
            }
        };
        fields.set("Content-Type", media_type.as_bytes());
        Some(body.into_bytes())
    }
}

fn is_grpc(fields: List<'_>) -> bool {
    let media_type = fields.get("content-type").unwrap_or_default();
    media_type.starts_with(b"application/grpc")
}

/// A message as text is itself; in the other forms it is wrapped as the gateway's own are (MW-ERR-1),
/// unless it is empty, or of that form already.
fn in_form(form: Form<'_>, status: u16, message: String) -> String {
    let own = match form {
        Form::Text | Form::Json => form == Form::Text,
        Form::Xml(_) => message.trim_start().starts_with('<'),
    };
    if own || message.is_empty() {
        return message;
    }
    form.render(status, message.trim_end_matches('\n'))
}

/// How the value of a token becomes part of a body.
type Escape = fn(&str) -> Cow<'_, str>;

fn unescaped(text: &str) -> Cow<'_, str> {
    text.into()
}

/// The tokens' values in place of the tokens (MW-EI-7).
fn filled(body: &str, status: u16, id: &str, escape: Escape) -> String {
    let mut filled = String::with_capacity(body.len() + id.len());
    let mut rest = body;
    while let Some(open) = rest.find('{') {
        let (before, braced) = rest.split_at(open);
        filled.push_str(before);
        let token = |name: &str| braced.strip_prefix(name);
        rest = if let Some(rest) = token("{status}") {
            filled.push_str(itoa::Buffer::new().format(status));
            rest
        } else if let Some(rest) = token("{reason}") {
            filled.push_str(&escape(reason(status)));
            rest
        } else if let Some(rest) = token("{request.id}") {
            filled.push_str(&escape(id));
            rest
        } else {
            filled.push('{');
            braced.get(1..).unwrap_or_default()
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;
    use crate::head::{Buffer, Fields};

    const fn error(first: u16, last: u16, body: &'static str, content: Content) -> Intercepted {
        Intercepted {
            first,
            last,
            body,
            content,
        }
    }

    static CONFIG: Config = Config {
        errors: &[
            error(404, 404, r#"{"m":"nf"}"#, Content::Json("application/json")),
            error(400, 403, "a <{reason}> {id} {", Content::Negotiated),
            error(500, 502, "{status} {reason}\n", Content::Negotiated),
            error(
                500,
                599,
                "<p>{status} {reason} {request.id}</p>",
                Content::Markup("text/html"),
            ),
        ],
    };

    /// Fields and body of an answer with this status.
    fn intercepted(status: u16, lines: &str, sent: &[(&str, &str)]) -> Option<(String, String)> {
        let exchange = rig::exchange(&format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        intercepted_of(&exchange, status, sent)
    }

    fn intercepted_of(
        exchange: &Exchange,
        status: u16,
        sent: &[(&str, &str)],
    ) -> Option<(String, String)> {
        let policy = rig::start(|start| ErrorInterceptor::new(&CONFIG, start)).unwrap();
        let mut response = Response::new(status, Fields::new(Buffer::default()));
        for (name, value) in sent {
            response.fields.append(name, value.as_bytes());
        }
        let body = policy.intercept(exchange, &mut response)?;
        let body = String::from_utf8(body).unwrap();
        Some((rig::text(&response.fields), body))
    }

    /// MW-EI-1, MW-EI-4
    #[test]
    fn the_body_goes_with_what_speaks_of_it() {
        let sent = [
            ("Content-Type", "text/html"),
            ("content-encoding", "gzip"),
            ("ETag", "\"1\""),
            ("Retry-After", "1"),
            ("Repr-Digest", "x"),
        ];
        let (fields, body) = intercepted(404, "", &sent).unwrap();
        assert_eq!(fields, "Content-Type: application/json\nRetry-After: 1\n");
        assert_eq!(body, r#"{"m":"nf"}"#);
        assert_eq!(intercepted(405, "", &sent), None);
        assert_eq!(intercepted(200, "", &[]), None);
    }

    /// MW-EI-2, MW-EI-3, MW-EI-7
    #[test]
    fn forms_and_tokens() {
        let body = |status, lines| intercepted(status, lines, &[]).unwrap();
        let text = "Content-Type: text/plain; charset=utf-8\n";
        assert_eq!(body(403, ""), (text.into(), "a <Forbidden> {id} {".into()));
        assert_eq!(body(502, ""), (text.into(), "502 Bad Gateway\n".into()));
        assert_eq!(
            body(502, "Accept: application/json\r\n").1,
            "{\"success\":false,\"statusCode\":502,\"error\":\"502 Bad Gateway\"}\n"
        );
        assert_eq!(
            body(403, "Accept: text/xml\r\n"),
            (
                "Content-Type: text/xml\n".into(),
                "<error><success>false</success><statusCode>403</statusCode>\
                 <error>a &lt;Forbidden&gt; {id} {</error></error>"
                    .into()
            )
        );
        // The first that fits, in list order; the id of this exchange is empty.
        assert_eq!(body(503, "").1, "<p>503 Service Unavailable </p>");
    }

    /// MW-EI-5
    #[test]
    fn grpc_is_left_alone() {
        let grpc = ("Content-Type", "application/grpc+proto");
        assert_eq!(intercepted(502, "", &[grpc]), None);
        let lines = "Content-Type: application/grpc\r\n";
        assert_eq!(intercepted(502, lines, &[]), None);
    }

    /// MW-EI-3, MW-EI-5: by what the client sent, not by what filters have made of it.
    #[test]
    fn the_client_is_answered_as_it_asked() {
        let json = "Accept: application/json\r\n";
        let mut exchange = rig::exchange(&format!("GET / HTTP/1.1\r\nHost: h\r\n{json}\r\n"));
        exchange.note_received();
        let fields = &mut exchange.request.fields;
        fields.set("Accept", b"text/xml");
        fields.set("Content-Type", b"application/grpc");
        let (_, body) = intercepted_of(&exchange, 502, &[]).unwrap();
        assert!(body.starts_with("{\"success\":false"), "{body}");
    }
}
