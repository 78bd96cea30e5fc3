//! The CORS half of a policy (MW-CORS).

use crate::chain::Exchange;
use crate::gateway::{Start, StartError};
use crate::head::Response;
use crate::values::Value;

/// `rule.cors`.
#[derive(Debug)]
pub struct Cors {
    /// A lone `*`, `http(s)://host[:port]`, `https://*.domain`, `*.domain` or `null`.
    pub origins: &'static [Value],
    /// Methods of a preflight answer; none = the one asked for.
    pub allow_methods: &'static [&'static str],
    /// Request fields of a preflight answer; none = those asked for.
    pub allowed_headers: &'static [&'static str],
    /// Response fields that scripts may read.
    pub expose_headers: &'static [&'static str],
    /// Seconds a preflight answer may be kept.
    pub max_age: Option<u32>,
    /// Whether credentials are allowed; not together with `*`.
    pub allow_credentials: bool,
}

/// [`Cors`] with its values looked up and its lists joined.
#[derive(Debug)]
pub(super) struct CorsPolicy {
    origins: Vec<Origin>,
    allow_methods: String,
    allowed_headers: String,
    expose_headers: String,
    max_age: Option<String>,
    allow_credentials: bool,
}

#[derive(Debug)]
enum Origin {
    Any,
    Exact(String),
    /// `before` + one or more labels + `after`, which begins with a dot.
    SubDomain {
        before: String,
        after: String,
    },
    /// `*.domain`: any scheme, any port.
    SubDomainOfAnyScheme(String),
}

impl CorsPolicy {
    pub(super) fn new(cors: &'static Cors, start: &Start<'_>) -> Result<Self, StartError> {
        let mut origins = Vec::new();
        for value in cors.origins {
            let text = value.resolve(start.environment)?;
            for origin in text.split(',').map(str::trim) {
                origins.push(Origin::parse(origin).ok_or_else(|| {
                    value.fault("bad-value", format!("`{origin}` is not an origin"))
                })?);
            }
            if cors.allow_credentials && origins.iter().any(|origin| matches!(origin, Origin::Any))
            {
                let text = "`*` cannot be combined with allowCredentials";
                return Err(value.fault("cors-credentials-wildcard", text));
            }
        }
        Ok(Self {
            origins,
            allow_methods: cors.allow_methods.join(", "),
            allowed_headers: cors.allowed_headers.join(", "),
            expose_headers: cors.expose_headers.join(", "),
            max_age: cors.max_age.map(|seconds| seconds.to_string()),
            allow_credentials: cors.allow_credentials,
        })
    }

    /// MW-CORS-2, MW-CORS-3
    pub(super) fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        let request = &exchange.request.fields;
        let (Some(origin), Some(method)) = (
            request.get("origin"),
            request.get("access-control-request-method"),
        ) else {
            return false;
        };
        let Some(allow_origin) = self.allow_origin(origin) else {
            return false;
        };
        let fields = &mut response.fields;
        fields.set("Access-Control-Allow-Origin", allow_origin);
        let methods = match self.allow_methods.as_str() {
            "" => method,
            listed => listed.as_bytes(),
        };
        fields.set("Access-Control-Allow-Methods", methods);
        let asked = request.get("access-control-request-headers");
        match (self.allowed_headers.as_str(), asked) {
            ("", Some(asked)) if is_token_list(asked) => {
                fields.set("Access-Control-Allow-Headers", asked);
            }
            ("", Some(_) | None) => {}
            (listed, _) => fields.set("Access-Control-Allow-Headers", listed.as_bytes()),
        }
        if let Some(max_age) = &self.max_age {
            fields.set("Access-Control-Max-Age", max_age.as_bytes());
        }
        if self.allow_credentials {
            fields.set("Access-Control-Allow-Credentials", b"true");
        }
        fields.set(
            "Vary",
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        );
        true
    }

    /// MW-CORS-4, -5, -6
    pub(super) fn apply(&self, exchange: &Exchange, response: &mut Response) {
        let fields = &mut response.fields;
        let any = matches!(self.origins.as_slice(), [Origin::Any]);
        let varies = fields.values("vary").any(|value| {
            value
                .split(|byte| *byte == b',')
                .any(|name| name.trim_ascii().eq_ignore_ascii_case(b"origin"))
        });
        if !any && !varies {
            fields.append("Vary", b"Origin");
        }
        // The backend may be told of another (requestHeaders).
        let origin = exchange.received().get("origin");
        let Some(allow_origin) = origin.and_then(|origin| self.allow_origin(origin)) else {
            return;
        };
        fields.remove_where(|name| {
            name.get(..b"access-control-".len())
                .is_some_and(|start| start.eq_ignore_ascii_case(b"access-control-"))
        });
        fields.append("Access-Control-Allow-Origin", allow_origin);
        if self.allow_credentials {
            fields.append("Access-Control-Allow-Credentials", b"true");
        }
        if !self.expose_headers.is_empty() {
            fields.append(
                "Access-Control-Expose-Headers",
                self.expose_headers.as_bytes(),
            );
        }
    }

    /// The value of `Access-Control-Allow-Origin` for an origin (MW-CORS-1).
    fn allow_origin<'a>(&self, origin: &'a [u8]) -> Option<&'a [u8]> {
        let text = std::str::from_utf8(origin).ok()?.to_ascii_lowercase();
        self.origins.iter().find_map(|allowed| match allowed {
            Origin::Any => Some(&b"*"[..]),
            Origin::Exact(exact) => (text == *exact).then_some(origin),
            Origin::SubDomain { before, after } => {
                let labels = text
                    .strip_prefix(before.as_str())?
                    .strip_suffix(after.as_str())?;
                is_labels(labels).then_some(origin)
            }
            Origin::SubDomainOfAnyScheme(suffix) => {
                let (_, host) = text.split_once("://")?;
                let host = host.split_once(':').map_or(host, |(host, _)| host);
                is_labels(host.strip_suffix(suffix.as_str())?).then_some(origin)
            }
        })
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "*" {
            return Some(Self::Any);
        }
        if text == "null" {
            return Some(Self::Exact(text));
        }
        if let Some(domain) = text.strip_prefix("*.") {
            return is_host(domain).then(|| Self::SubDomainOfAnyScheme(format!(".{domain}")));
        }
        let (scheme, host) = text.split_once("://")?;
        if scheme != "http" && scheme != "https" {
            return None;
        }
        match host.strip_prefix("*.") {
            Some(domain) => is_host(domain).then(|| Self::SubDomain {
                before: format!("{scheme}://"),
                after: format!(".{domain}"),
            }),
            None => is_host(host).then(|| Self::Exact(text.clone())),
        }
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

fn is_labels(labels: &str) -> bool {
    !labels.is_empty()
        && !labels.starts_with('.')
        && !labels.ends_with('.')
        && labels
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_token_list(list: &[u8]) -> bool {
    let is_token = |name: &[u8]| {
        !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
    };
    list.split(|byte| *byte == b',')
        .all(|name| is_token(name.trim_ascii()))
}
