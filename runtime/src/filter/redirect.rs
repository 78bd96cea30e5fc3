//! `redirect` (middlewares.md 5.15): sends every client to one place.

use super::redirection::{self, escaped, is_challenge};
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::head::Request;
use crate::values::{Value, scalar};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// An absolute URL, or a path with one leading `/`.
    pub url: Value,
    /// 301 instead of 302.
    pub permanent: bool,
    /// Adds the request's path.
    pub preserve_path: bool,
    /// Adds the request's query.
    pub preserve_query: bool,
    /// 307 or 308 instead of 302 or 301.
    pub preserve_method: bool,
}

/// The filter.
#[derive(Debug)]
pub struct Redirect {
    /// The URL up to its query.
    base: String,
    /// Its query, without `?`.
    query: String,
    /// `#` and its fragment, or nothing.
    fragment: String,
    preserve_path: bool,
    preserve_query: bool,
    status: u16,
}

impl Redirect {
    /// # Errors
    /// `env-unset`; `bad-url` for a URL that is none.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let read = |text: &str| scalar::location(text).map(|text| escaped(text.as_bytes()));
        let url = config.url.read(start.environment, read)?;
        let (rest, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A path without a query gets the request's (MW-REDIR-1).
        let bare_path = url.starts_with('/') && query.is_empty();
        Ok(Self {
            base: base.to_owned(),
            query: query.to_owned(),
            fragment: fragment.to_owned(),
            preserve_path: config.preserve_path,
            preserve_query: config.preserve_query || bare_path,
            status: redirection::status(config.permanent, config.preserve_method),
        })
    }

    fn location(&self, request: &Request) -> String {
        let mut location = self.base.clone();
        if self.preserve_path {
            location.truncate(location.trim_end_matches('/').len());
            location.push('/');
            let path = escaped(request.path().as_bytes());
            location.push_str(path.trim_start_matches('/'));
        }
        let sent = if self.preserve_query {
            escaped(request.query_bytes())
        } else {
            String::new()
        };
        // One mark alone is no query; what follows it is, more marks too.
        let sent = sent.strip_prefix('?').unwrap_or_default();
        let queries = [self.query.as_str(), sent];
        let queries = queries.into_iter().filter(|query| !query.is_empty());
        for (query, mark) in queries.zip(['?', '&']) {
            location.push(mark);
            location.push_str(query);
        }
        location.push_str(&self.fragment);
        location
    }
}

impl Filter for Redirect {
    /// MW-REDIR-1, -2.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        if is_challenge(exchange) {
            return Flow::Next;
        }
        let location = self.location(&exchange.request);
        Flow::Answer(redirection::to(self.status, location))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    const PLAIN: Config = Config {
        url: rig::literal!("https://n.test"),
        permanent: false,
        preserve_path: false,
        preserve_query: false,
        preserve_method: false,
    };

    fn location(config: &'static Config, target: &str) -> (u16, String) {
        let mut exchange = rig::exchange(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let filter = rig::start(|start| Redirect::new(config, start)).unwrap();
        rig::location(filter.request(&mut exchange))
    }

    /// MW-REDIR-1
    #[test]
    fn vectors() {
        static PATH: Config = Config {
            url: rig::literal!("/new"),
            permanent: true,
            ..PLAIN
        };
        static WHOLE: Config = Config {
            url: rig::literal!("https://n.test/base/?y=é#part"),
            preserve_path: true,
            preserve_query: true,
            preserve_method: true,
            ..PLAIN
        };
        static PLAIN_STATIC: Config = PLAIN;
        let found = |config, target| location(config, target);
        let expected = |status, text: &str| (status, text.to_owned());
        assert_eq!(
            found(&PLAIN_STATIC, "/a?x=1"),
            expected(302, "https://n.test")
        );
        assert_eq!(found(&PATH, "/old/b?x=1"), expected(301, "/new?x=1"));
        assert_eq!(found(&PATH, "/old/b?"), expected(301, "/new"));
        assert_eq!(found(&PATH, "/old??"), expected(301, "/new??"));
        assert_eq!(found(&PATH, "/old/b??x=1"), expected(301, "/new??x=1"));
        assert_eq!(
            found(&WHOLE, "//a%2Fb/ä?x=ü"),
            expected(
                307,
                "https://n.test/base/a%2Fb/%C3%A4?y=%C3%A9&x=%C3%BC#part"
            )
        );
    }

    /// MW-REDIR-2
    #[test]
    fn challenges_pass() {
        static CONFIG: Config = PLAIN;
        let head = "GET /.well-known/acme-challenge/t HTTP/1.1\r\nHost: h\r\n\r\n";
        let mut exchange = rig::exchange(head);
        let filter = rig::start(|start| Redirect::new(&CONFIG, start)).unwrap();
        assert!(matches!(filter.request(&mut exchange), Flow::Next));
    }
}
