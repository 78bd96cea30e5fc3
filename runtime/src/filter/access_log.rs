//! `accessLog` (middlewares.md 5.3): fields of a request that its log line gets besides the usual ones.
//!
//! What the client sent is taken before any other middleware sees the request, as ranges of its
//! arena where possible; it becomes text when the line is written (`log/extra.rs`).

use crate::chain::{Content, Exchange, Extra, Group, Policy};
use crate::gateway::{Start, StartError};
use crate::head::{Request, Response, Span};
use crate::values::Template;

pub use crate::chain::Show;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Fields of the request.
    pub headers: &'static [Item],
    /// Parameters of the query.
    pub query: &'static [Item],
    /// Cookies.
    pub cookies: &'static [Item],
    /// Fields of the response.
    pub response_headers: &'static [Item],
    /// Texts with tokens.
    pub fields: &'static [Item],
    /// Whether the line says who the request was authenticated as.
    pub user: bool,
    /// Whether absent ones are `null` in JSON; else they are left out.
    pub emit_missing: bool,
}

/// One thing to be logged.
#[derive(Debug)]
pub struct Item {
    /// How the line names it; unique within a rule.
    pub key: &'static str,
    /// What it is: a name, or a text with tokens.
    pub source: &'static str,
    /// How its value is written.
    pub show: Show,
}

/// The policy.
#[derive(Debug)]
pub struct AccessLog {
    config: &'static Config,
    fields: Vec<(&'static Item, Template)>,
}

impl AccessLog {
    /// # Errors
    /// None: everything is fixed when the gateway is built.
    pub fn new(config: &'static Config, _: &Start<'_>) -> Result<Self, StartError> {
        let fields = config.fields.iter();
        Ok(Self {
            config,
            fields: fields
                .map(|item| (item, Template::parse(item.source)))
                .collect(),
        })
    }

    /// Adds what is there, or that it is not.
    fn push(&self, extras: &mut Vec<Extra>, group: Group, item: &Item, content: Option<Content>) {
        let content = match content {
            Some(content) => content,
            None if self.config.emit_missing => Content::Absent,
            None => return,
        };
        extras.push(Extra {
            group,
            key: item.key,
            show: item.show,
            content,
            emit_missing: self.config.emit_missing,
        });
    }
}

impl Policy for AccessLog {
    /// MW-LOG-1, MW-LOG-4
    fn admit(&self, exchange: &mut Exchange) {
        let mut extras = exchange.logged.take();
        let request = &exchange.request;
        for item in self.config.headers {
            let sent = request.fields.span(item.source).map(Content::Sent);
            self.push(&mut extras, Group::Header, item, sent);
        }
        for item in self.config.query {
            let value = query_value(request.query(), item.source).map(Content::Text);
            self.push(&mut extras, Group::Query, item, value);
        }
        for item in self.config.cookies {
            let sent = cookie(request, item.source).map(Content::Sent);
            self.push(&mut extras, Group::Cookie, item, sent);
        }
        for (item, template) in &self.fields {
            let filled = template.freeze(&exchange.template_context());
            let filled = Some(Content::Template(filled));
            self.push(&mut extras, Group::Field, item, filled);
        }
        if self.config.user {
            let item = Item {
                key: "user",
                source: "",
                show: Show::Clear,
            };
            self.push(&mut extras, Group::User, &item, Some(Content::User));
        }
        exchange.logged.replace(extras);
    }

    /// What the client gets, after everything that changes it.
    fn record(&self, exchange: &Exchange, response: &Response) {
        let mut extras = exchange.logged.borrow_mut();
        for item in self.config.response_headers {
            let value = response.fields.get(item.source);
            let value = value.map(|value| Content::Text(value.to_vec()));
            self.push(&mut extras, Group::ResponseHeader, item, value);
        }
    }
}

/// The first value of a parameter, its escapes decoded.
fn query_value(query: &str, name: &str) -> Option<Vec<u8>> {
    let query = query.strip_prefix('?').unwrap_or(query);
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name.as_bytes()).then(|| decoded(value))
    })
}

/// Escapes and `+` decoded; what is no escape stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        let digit = |at: usize| {
            let digit = bytes.as_slice().get(at).copied().map(char::from);
            digit.and_then(|digit| digit.to_digit(16))
        };
        decoded.push(match (byte, digit(0), digit(1)) {
            (b'+', ..) => b' ',
            (b'%', Some(high), Some(low)) => {
                bytes.nth(1);
                // Two hexadecimal digits are at most 255.
                (high * 16 + low) as u8
            }
            _ => byte,
        });
    }
    decoded
}

/// Where the first value of a cookie is.
fn cookie(request: &Request, name: &str) -> Option<Span> {
    let whole = request.fields.buffer.filled();
    request.fields.values("cookie").find_map(|line| {
        line.split(|byte| *byte == b';').find_map(|pair| {
            let pair = pair.trim_ascii();
            let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(Span::of(value, whole))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;
    use crate::head::{Buffer, Fields};
    use crate::log::extra::write;
    use crate::log::tests::line;
    use crate::values::scalar::Format;

    const fn item(key: &'static str, source: &'static str) -> Item {
        Item {
            key,
            source,
            show: Show::Clear,
        }
    }

    const NOTHING: Config = Config {
        headers: &[],
        query: &[],
        cookies: &[],
        response_headers: &[],
        fields: &[],
        user: false,
        emit_missing: false,
    };

    static ALL: Config = Config {
        headers: &[item("x-client", "X-Client"), item("x-none", "X-None")],
        query: &[item("v", "v"), item("w", "w")],
        cookies: &[
            item("sid", "sid"),
            Item {
                key: "secret",
                source: "secret",
                show: Show::Redacted,
            },
        ],
        response_headers: &[item("resp_x-r", "X-R")],
        fields: &[
            item("who", "{user}@{request.header.X-Client}"),
            item("none", "{request.header.X-None}"),
        ],
        user: true,
        emit_missing: false,
    };

    const HEAD: &str = "GET /a?w&v=1%2f+%zz&v=2 HTTP/1.1\r\nHost: h\r\nX-Client: ios\r\n\
                        Cookie: xsid=no; sid=s\r\nCookie: secret=hunter2\r\n\r\n";

    fn logged(configs: &[&'static Config], format: Format) -> String {
        let mut exchange = rig::exchange(HEAD);
        let new = |config: &&'static Config| rig::start(|start| AccessLog::new(config, start));
        let policies: Vec<_> = configs.iter().map(|config| new(config).unwrap()).collect();
        for policy in &policies {
            policy.admit(&mut exchange);
        }
        // What middlewares do later is not in the line (MW-LOG-4), but who the user is.
        exchange.request.fields.set("X-Client", b"forged");
        exchange.user = "u".to_owned();
        let mut response = Response::new(200, Fields::new(Buffer::default()));
        response.fields.append("X-R", b"r");
        for policy in &policies {
            policy.record(&exchange, &response);
        }
        line(format, |line| write(&exchange, line))
    }

    /// MW-LOG-1, -2, -3, -4, -6
    #[test]
    fn fields_in_their_order() {
        assert_eq!(
            logged(&[&ALL], Format::Text),
            " x-client=ios v=\"1/ %zz\" w=\"\" sid=s secret=[REDACTED] resp_x-r=r who=u@ios user=u"
        );
        assert!(!format!("{:?}", rig::exchange(HEAD)).contains("hunter2"));
    }

    /// MW-LOG-3, `emitMissing`
    #[test]
    fn what_is_absent_is_null_in_json() {
        static MISSING: Config = Config {
            headers: &[item("x-none", "X-None")],
            fields: &[item("none", "{request.header.X-None}")],
            emit_missing: true,
            ..NOTHING
        };
        assert_eq!(
            logged(&[&MISSING], Format::Json),
            ",\"x-none\":null,\"none\":null"
        );
        assert_eq!(logged(&[&MISSING], Format::Text), "");
    }

    /// MW-LOG-7: fields of several definitions merge; what both name is there once.
    #[test]
    fn definitions_merge() {
        static MORE: Config = Config {
            headers: &[item("x-client", "X-Client"), item("host", "Host")],
            query: &[item("w", "w")],
            ..NOTHING
        };
        assert_eq!(
            logged(&[&MORE, &ALL], Format::Text),
            " x-client=ios host=h w=\"\" v=\"1/ %zz\" sid=s secret=[REDACTED] resp_x-r=r \
             who=u@ios user=u"
        );
    }
}
