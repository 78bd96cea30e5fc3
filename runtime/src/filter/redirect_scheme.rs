//! `redirectScheme` (middlewares.md 5.16): sends clients of the other scheme away.

use super::redirection::{self, escaped};
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::values::{Value, scalar};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Port of the redirect; absent = the scheme's default.
    pub port: Option<Value>,
    /// 301 instead of 302.
    pub permanent: bool,
    /// 307 or 308 instead of 302 or 301.
    pub preserve_method: bool,
}

/// The filter.
#[derive(Debug)]
pub struct RedirectScheme {
    scheme: &'static str,
    /// `:port`, or nothing for the default port.
    port_suffix: String,
    status: u16,
}

impl RedirectScheme {
    /// # Errors
    /// `out-of-range` for a port that is none.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let default_port = if config.scheme == "https" { 443 } else { 80 };
        let port = match &config.port {
            Some(value) => value.read(start.environment, scalar::port)?,
            None => default_port,
        };
        Ok(Self {
            scheme: config.scheme,
            port_suffix: if port == default_port {
                String::new()
            } else {
                format!(":{port}")
            },
            status: redirection::status(config.permanent, config.preserve_method),
        })
    }
}

impl Filter for RedirectScheme {
    /// MW-SCHEME-1, and MW-REDIR-2 for the challenge path.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        if exchange.scheme() == self.scheme || redirection::is_challenge(exchange) {
            return Flow::Next;
        }
        let request = &exchange.request;
        let host = match request.host() {
            "" => return Flow::Answer(super::ambiguous()),
            v6 if v6.contains(':') => format!("[{v6}]"),
            name => name.to_owned(),
        };
        // Earlier filters may have changed the path for the backend.
        let path = request.text(exchange.routed_path);
        let location = format!(
            "{}://{host}{}{}{}",
            self.scheme,
            self.port_suffix,
            escaped(path.as_bytes()),
            escaped(request.query_bytes()),
        );
        Flow::Answer(redirection::to(self.status, location))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    fn location(config: &'static Config, host: &str) -> (u16, String) {
        let mut exchange =
            rig::exchange(&format!("GET /a%2Fb?x=1 HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let filter = rig::start(|start| RedirectScheme::new(config, start)).unwrap();
        rig::location(filter.request(&mut exchange))
    }

    /// MW-SCHEME-1
    #[test]
    fn vectors() {
        static TEMPORARY: Config = Config {
            scheme: "https",
            port: None,
            permanent: false,
            preserve_method: false,
        };
        static PERMANENT: Config = Config {
            scheme: "https",
            port: Some(rig::literal!("8443")),
            permanent: true,
            preserve_method: false,
        };
        assert_eq!(
            location(&TEMPORARY, "h.test:8080"),
            (302, "https://h.test/a%2Fb?x=1".to_owned())
        );
        assert_eq!(
            location(&PERMANENT, "[::1]:80"),
            (301, "https://[::1]:8443/a%2Fb?x=1".to_owned())
        );
        // MW-SCHEME-4: a port may be empty, or one that is of no use.
        for host in ["h.test:", "H.test:0", "h.test."] {
            assert_eq!(
                location(&TEMPORARY, host),
                (302, "https://h.test/a%2Fb?x=1".to_owned())
            );
        }
        let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost:\r\n\r\n");
        let filter = rig::start(|start| RedirectScheme::new(&TEMPORARY, start)).unwrap();
        let Flow::Answer(answer) = filter.request(&mut exchange) else {
            panic!("no answer");
        };
        assert_eq!(answer.status(), 400);
    }

    /// MW-SCHEME-1: the path as the client sent it, whatever earlier filters make of it.
    #[test]
    fn behind_filters_that_change_the_path() {
        static CONFIG: Config = Config {
            scheme: "https",
            port: None,
            permanent: false,
            preserve_method: false,
        };
        let mut exchange = rig::exchange("GET /api/a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
        exchange.request.set_path("/a%2Fb", "/a%2Fb");
        exchange.request.set_query(b"?y");
        let filter = rig::start(|start| RedirectScheme::new(&CONFIG, start)).unwrap();
        assert_eq!(
            rig::location(filter.request(&mut exchange)),
            (302, "https://h/api/a%2Fb?y".to_owned())
        );
    }
}
