//! `securityHeaders` (middlewares.md 6.9): fields that make browsers careful.

use super::HeaderTemplate;
use crate::chain::{Exchange, Policy};
use crate::gateway::{Start, StartError};
use crate::head::{Fields, Response};
use crate::values::Value;

/// The value that stands for no field.
const OFF: &str = "off";

/// The rule, its preset spelt out.
#[derive(Debug)]
pub struct Config {
    /// `Strict-Transport-Security`, which only answers over TLS get.
    pub hsts: Option<&'static str>,
    /// Fields of the preset.
    pub preset: &'static [(&'static str, &'static str)],
    /// Fields of the rule itself; `off` = none.
    pub set: &'static [(&'static str, Value)],
    /// Whether the backend's values are replaced.
    pub overwrite: bool,
}

/// The policy.
#[derive(Debug)]
pub struct SecurityHeaders {
    hsts: Option<&'static str>,
    preset: &'static [(&'static str, &'static str)],
    set: Vec<HeaderTemplate>,
    overwrite: bool,
}

impl SecurityHeaders {
    /// # Errors
    /// `env-unset`; `bad-rule` for a value with CR, LF or NUL, and for `X-Content-Type-Options` that
    /// is not `nosniff`.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let mut set = HeaderTemplate::all(config.set, start)?;
        for (header, (_, value)) in set.iter().zip(config.set) {
            let known = matches!(header.template.literal(), Some("nosniff" | OFF));
            if header.name == "X-Content-Type-Options" && !known {
                return Err(value.fault("bad-rule", "must be `nosniff` or `off`"));
            }
        }
        set.retain(|header| header.template.literal() != Some(OFF));
        Ok(Self {
            hsts: config.hsts,
            preset: config.preset,
            set,
            overwrite: config.overwrite,
        })
    }

    /// An empty value, as a token may have, says nothing.
    fn put(&self, fields: &mut Fields, name: &str, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        if self.overwrite || fields.get(name).is_none() {
            fields.set(name, value);
        }
    }
}

impl Policy for SecurityHeaders {
    /// MW-SEC-1: at every status; `Strict-Transport-Security` only over TLS.
    fn apply(&self, exchange: &Exchange, response: &mut Response) {
        let fields = &mut response.fields;
        if let Some(hsts) = self.hsts.filter(|_| exchange.secure) {
            self.put(fields, "Strict-Transport-Security", hsts.as_bytes());
        }
        for (name, value) in self.preset {
            self.put(fields, name, value.as_bytes());
        }
        for header in &self.set {
            header.with_value(exchange, |value| self.put(fields, header.name, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;
    use crate::head::Buffer;

    const CONFIG: Config = Config {
        hsts: Some("max-age=60"),
        preset: &[("X-Frame-Options", "DENY")],
        set: &[
            (
                "Content-Security-Policy",
                rig::literal!("default-src 'self'"),
            ),
            ("Referrer-Policy", rig::literal!("off")),
            ("Permissions-Policy", rig::literal!("{route.name}")),
        ],
        overwrite: true,
    };

    fn applied(config: &'static Config, secure: bool) -> String {
        let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        exchange.secure = secure;
        let policy = rig::start(|start| SecurityHeaders::new(config, start)).unwrap();
        let mut response = Response::new(404, Fields::new(Buffer::default()));
        response.fields.append("X-Frame-Options", b"mine");
        policy.apply(&exchange, &mut response);
        rig::text(&response.fields)
    }

    /// MW-SEC-1
    #[test]
    fn fields_at_every_status() {
        static ALL: Config = CONFIG;
        static KEPT: Config = Config {
            overwrite: false,
            ..CONFIG
        };
        let rest = "Content-Security-Policy: default-src 'self'\nPermissions-Policy: t\n";
        assert_eq!(
            applied(&ALL, false),
            format!("X-Frame-Options: DENY\n{rest}")
        );
        let hsts = "Strict-Transport-Security: max-age=60\n";
        assert_eq!(
            applied(&ALL, true),
            format!("X-Frame-Options: DENY\n{hsts}{rest}")
        );
        assert_eq!(
            applied(&KEPT, false),
            format!("X-Frame-Options: mine\n{rest}")
        );
    }

    /// MW-SEC-1: a value that comes out empty neither stands nor replaces.
    #[test]
    fn empty_values() {
        static EMPTY: Config = Config {
            hsts: None,
            preset: &[],
            set: &[
                ("X-Frame-Options", rig::literal!("{request.header.x}")),
                ("Referrer-Policy", rig::literal!("{user}")),
            ],
            overwrite: true,
        };
        assert_eq!(applied(&EMPTY, false), "X-Frame-Options: mine\n");
    }

    /// A value that is only known when the gateway starts may be `off`, but not nonsense.
    #[test]
    fn sniffing_is_off_or_not_mentioned() {
        static BAD: Config = Config {
            set: &[("X-Content-Type-Options", rig::literal!("yes"))],
            ..CONFIG
        };
        static OFF: Config = Config {
            set: &[("X-Content-Type-Options", rig::literal!("off"))],
            ..CONFIG
        };
        let error = rig::start(|start| SecurityHeaders::new(&BAD, start)).unwrap_err();
        assert_eq!(error.code, "bad-rule");
        assert!(!applied(&OFF, false).contains("Content-Type-Options"));
    }
}
