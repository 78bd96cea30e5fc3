//! `redirectRegex` (middlewares.md 5.17): sends clients of matching URLs elsewhere.

use super::redirection::{self, is_challenge};
use super::replacement::Replacement;
use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::values::scalar;

pub use super::replacement::Piece;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Searched in path and query.
    pub pattern: &'static str,
    /// What each match becomes.
    pub replacement: &'static [Piece],
    /// `https://host[:port]`, in lower case, that the replacement begins with.
    pub origin: Option<&'static str>,
    /// 301 instead of 302.
    pub permanent: bool,
}

/// The filter.
#[derive(Debug)]
pub struct RedirectRegex {
    replacement: Replacement,
    origin: Option<Origin>,
    status: u16,
}

/// `https://host[:port]`, and what it says.
#[derive(Debug)]
struct Origin {
    text: &'static str,
    scheme: &'static str,
    host: String,
    /// The default of the scheme, if none is written.
    port: u16,
}

impl RedirectRegex {
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            replacement: Replacement::new(config.pattern, config.replacement)?,
            origin: config.origin.map(Origin::of),
            status: redirection::status(config.permanent, false),
        })
    }

    /// `None`: no match, or the client is there already (MW-REDIRRX-3).
    fn location(&self, exchange: &Exchange) -> Result<Option<String>, u16> {
        let request = &exchange.request;
        let mut subject = request.path().as_bytes().to_vec();
        subject.extend_from_slice(request.query_bytes());
        let bytes_max = request.made_target_bytes_max();
        let Some(result) = self.replacement.apply(&subject, request, bytes_max)? else {
            return Ok(None);
        };
        if result
            .iter()
            .any(|byte| *byte == b'\\' || byte.is_ascii_control())
        {
            return Err(400);
        }
        let result = redirection::escaped(&result);
        let subject = redirection::escaped(&subject);
        let origin = self.origin.as_ref();
        let origin = origin.filter(|origin| begins(&result, origin.text));
        let Some(origin) = origin else {
            let path = on_this_host(&result).ok_or(400_u16)?;
            return Ok(Some(path).filter(|path| *path != subject));
        };
        // Nothing that clients send may lengthen the host (MW-REDIRRX-2).
        let rest = result.get(origin.text.len()..).unwrap_or_default();
        if !(rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
            return Err(400);
        }
        let same = origin.is_of(exchange) && is_same_target(rest, &subject);
        Ok(Some(result).filter(|_| !same))
    }
}

impl Filter for RedirectRegex {
    /// MW-REDIRRX-1, MW-REDIR-2.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        if is_challenge(exchange) {
            return Flow::Next;
        }
        match self.location(exchange) {
            Ok(None) => Flow::Next,
            Ok(Some(location)) => Flow::Answer(redirection::to(self.status, location)),
            Err(status) => Flow::Answer(Answer::of(status)),
        }
    }
}

impl Origin {
    fn of(text: &'static str) -> Self {
        let (scheme, authority) = text.split_once("://").unwrap_or(("", text));
        let (host, port) = scalar::split_authority(authority).unwrap_or_default();
        // The one spelling, as hosts of requests have it.
        let host = match host.parse::<std::net::Ipv6Addr>() {
            Ok(address) => address.to_string(),
            Err(_) => host.strip_suffix('.').map_or(host.clone(), str::to_owned),
        };
        Self {
            text,
            scheme,
            host,
            port: port.unwrap_or(default_port(scheme)),
        }
    }

    /// Whether a request is for it: letter case and default ports make no difference.
    fn is_of(&self, exchange: &Exchange) -> bool {
        let (scheme, request) = (exchange.scheme(), &exchange.request);
        let port = request.port().unwrap_or(default_port(scheme));
        scheme.eq_ignore_ascii_case(self.scheme) && request.host() == self.host && port == self.port
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme.eq_ignore_ascii_case("https") {
        443
    } else {
        80
    }
}

/// Whether what follows an origin is this path and query; without a path it is the root.
fn is_same_target(rest: &str, subject: &str) -> bool {
    let from_root = subject.strip_prefix('/');
    rest == subject || (!rest.starts_with('/') && from_root == Some(rest))
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// A result without host as a path with one leading `/`; `None` if browsers would read a scheme.
fn on_this_host(result: &str) -> Option<String> {
    if let Some((scheme, _)) = result.split_once(':')
        && is_scheme(scheme)
    {
        return None;
    }
    Some(format!("/{}", result.trim_start_matches('/')))
}

/// RFC 3986 §3.1
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    fn location(config: &'static Config, target: &str) -> Option<(u16, String)> {
        let mut exchange = rig::exchange(&format!("GET {target} HTTP/1.1\r\nHost: H.test\r\n\r\n"));
        let filter = rig::start(|start| RedirectRegex::new(config, start)).unwrap();
        match filter.request(&mut exchange) {
            Flow::Next => None,
            flow @ (Flow::Answer(_) | Flow::Hold(_) | Flow::Wait(_)) => Some(rig::location(flow)),
        }
    }

    #[track_caller]
    fn check(config: &'static Config, cases: &[(&str, u16, &str)]) {
        for (target, status, expected) in cases {
            let expected = (*status > 0).then(|| (*status, (*expected).to_owned()));
            assert_eq!(location(config, target), expected, "{target}");
        }
    }

    /// MW-REDIRRX-1, MW-REDIR-2
    #[test]
    fn to_another_host() {
        static CONFIG: Config = Config {
            pattern: "^/old/(.*)",
            replacement: &[Piece::Text("https://n.test/new/"), Piece::Group(1)],
            origin: Some("https://n.test"),
            permanent: false,
        };
        check(
            &CONFIG,
            &[
                ("/old/a?x=1", 302, "https://n.test/new/a?x=1"),
                ("/old/a%2Fb?x", 302, "https://n.test/new/a%2Fb?x"),
                ("/old/ä", 302, "https://n.test/new/%C3%A4"),
                ("/Old/a", 0, ""),
                ("/x/old/a", 0, ""),
                ("/old/a?\\", 400, ""),
            ],
        );
        static ALL: Config = Config {
            pattern: "^/",
            replacement: &[Piece::Text("https://n.test/")],
            origin: Some("https://n.test"),
            permanent: true,
        };
        check(
            &ALL,
            &[
                ("/x", 301, "https://n.test/x"),
                ("/.well-known/acme-challenge/t", 0, ""),
            ],
        );
    }

    /// MW-REDIRRX-2: what is kept behind a match cannot lengthen the host either.
    #[test]
    fn the_host_is_never_the_clients() {
        static BARE: Config = Config {
            pattern: "^/old",
            replacement: &[Piece::Text("https://a.test")],
            origin: Some("https://a.test"),
            permanent: false,
        };
        check(
            &BARE,
            &[
                ("/old", 302, "https://a.test"),
                ("/old/x", 302, "https://a.test/x"),
                ("/old?x", 302, "https://a.test?x"),
                ("/old.evil.test/x", 400, ""),
                ("/old@evil.test", 400, ""),
                ("/old:80", 400, ""),
            ],
        );
        static PATH: Config = Config {
            pattern: "^/old/?(.*)",
            replacement: &[Piece::Group(1)],
            origin: None,
            permanent: false,
        };
        check(
            &PATH,
            &[
                ("/old//evil.com", 302, "/evil.com"),
                ("/old/x", 302, "/x"),
                ("/old/https://evil.com", 400, ""),
                ("/old/javascript:x", 400, ""),
                ("/old/?a:b", 302, "/?a:b"),
                ("/old/:x", 302, "/:x"),
                ("/old/1a:x", 302, "/1a:x"),
                ("/old/a+b:x", 400, ""),
            ],
        );
    }

    /// MW-REDIRRX-3
    #[test]
    fn where_the_client_is_already() {
        static SLASHES: Config = Config {
            pattern: "/+",
            replacement: &[Piece::Text("/")],
            origin: None,
            permanent: true,
        };
        check(
            &SLASHES,
            &[("/a//b?x=//", 301, "/a/b?x=/"), ("/a/b", 0, "")],
        );
        static SELF: Config = Config {
            pattern: "^/x",
            replacement: &[Piece::Text("http://h.test/x")],
            origin: Some("http://h.test"),
            permanent: false,
        };
        check(&SELF, &[("/x/y?z", 0, "")]);
        static PORT: Config = Config {
            pattern: "^/x(.+)",
            replacement: &[Piece::Text("http://h.test:80/x"), Piece::Group(1)],
            origin: Some("http://h.test:80"),
            permanent: false,
        };
        check(&PORT, &[("/xa", 0, "")]);
        static ROOT: Config = Config {
            pattern: "^/$",
            replacement: &[Piece::Text("http://h.test")],
            origin: Some("http://h.test"),
            permanent: false,
        };
        check(&ROOT, &[("/", 0, "")]);
        static OTHER_PORT: Config = Config {
            pattern: "^/x",
            replacement: &[Piece::Text("http://h.test:81/x")],
            origin: Some("http://h.test:81"),
            permanent: false,
        };
        check(&OTHER_PORT, &[("/x", 302, "http://h.test:81/x")]);
        let asked = |host: &str| {
            let head = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let filter = rig::start(|start| RedirectRegex::new(&SELF, start)).unwrap();
            matches!(filter.request(&mut rig::exchange(&head)), Flow::Next)
        };
        assert!(asked("H.TEST:80") && asked("h.test:") && asked("h.test."));
        assert!(!asked("h.test:81") && !asked("h.test:443"));
    }

    /// A result is bounded, however often a pattern matches.
    #[test]
    fn bounds() {
        static LONG: Config = Config {
            pattern: "a",
            replacement: &[
                Piece::Group(0),
                Piece::Text("0123456789abcdef0123456789abcdef"),
            ],
            origin: None,
            permanent: false,
        };
        let target = |count: usize| format!("/{}", "a".repeat(count));
        assert_eq!(location(&LONG, &target(400)).unwrap().0, 302);
        assert_eq!(location(&LONG, &target(600)).unwrap().0, 414);
        static MANY: Config = Config {
            pattern: "a",
            replacement: &[Piece::Text("b")],
            origin: None,
            permanent: false,
        };
        assert_eq!(location(&MANY, &target(1024)).unwrap().0, 302);
        assert_eq!(location(&MANY, &target(1025)).unwrap().0, 414);
    }
}
