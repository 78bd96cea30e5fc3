//! `stripQuery` (middlewares.md 5.21): removes parameters from the query.

use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::head::Request;
#[cfg(feature = "regex")]
use crate::values::pattern;
use crate::values::query;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Decoded names.
    pub params: &'static [&'static str],
    /// None means all.
    pub methods: &'static [&'static str],
    /// On which paths.
    pub paths: Paths,
}

/// On which paths a filter acts.
#[derive(Debug)]
pub enum Paths {
    /// On every path.
    All,
    /// On those in which this regular expression is found.
    #[cfg(feature = "regex")]
    Matching(&'static str),
}

/// The filter.
#[derive(Debug)]
pub struct StripQuery {
    params: &'static [&'static str],
    methods: &'static [&'static str],
    #[cfg(feature = "regex")]
    regex: Option<regex::bytes::Regex>,
}

impl StripQuery {
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            params: config.params,
            methods: config.methods,
            #[cfg(feature = "regex")]
            regex: match config.paths {
                Paths::All => None,
                Paths::Matching(source) => Some(pattern::compile(source, false)?),
            },
        })
    }

    fn acts_on(&self, request: &Request) -> bool {
        #[cfg(feature = "regex")]
        if let Some(regex) = &self.regex
            && !regex.is_match(request.canonical_path().as_bytes())
        {
            return false;
        }
        self.methods.is_empty() || self.methods.contains(&request.method())
    }

    fn is_unwanted(&self, name: &[u8]) -> bool {
        self.params
            .iter()
            .any(|unwanted| unwanted.as_bytes() == name)
    }
}

impl Filter for StripQuery {
    /// MW-STRIPQ-1
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let request = &mut exchange.request;
        let Some(sent) = request.query_bytes().strip_prefix(b"?") else {
            return Flow::Next;
        };
        let hit = || query::pieces(sent).any(|(name, _)| self.is_unwanted(&name));
        if !self.acts_on(request) || !hit() {
            return Flow::Next;
        }
        let mut kept = Vec::with_capacity(sent.len() + 1);
        let wanted = query::pieces(sent).filter(|(name, _)| !self.is_unwanted(name));
        for ((_, piece), mark) in wanted.zip(std::iter::once(b'?').chain(std::iter::repeat(b'&'))) {
            kept.push(mark);
            kept.extend_from_slice(piece);
        }
        if kept == b"?" {
            kept.clear();
        }
        request.set_query(&kept);
        Flow::Next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rig;
    use super::*;

    fn after(config: &'static Config, request_line: &str) -> String {
        let mut exchange = rig::exchange(&format!("{request_line} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let filter = rig::start(|start| StripQuery::new(config, start)).unwrap();
        assert!(matches!(filter.request(&mut exchange), Flow::Next));
        format!("{}{}", exchange.request.path(), exchange.request.query())
    }

    /// MW-STRIPQ-1
    #[cfg(feature = "regex")]
    #[test]
    fn vectors() {
        static CONFIG: Config = Config {
            params: &["hint", "src"],
            methods: &["POST"],
            paths: Paths::Matching("/put$"),
        };
        for (request_line, expected) in [
            ("POST /f/put?hint=1&src=2", "/f/put"),
            ("POST /f/put?b=2&hint=x&a=%7e", "/f/put?b=2&a=%7e"),
            ("POST /f/%70ut?%68int=x&b", "/f/%70ut?b"),
            ("POST /f/put?hint&&b", "/f/put?&b"),
            ("POST /f/put?hint=1&", "/f/put"),
            ("POST /f/put?", "/f/put?"),
            ("POST /f/put?Hint=1", "/f/put?Hint=1"),
            ("POST /f/put?hint2=1", "/f/put?hint2=1"),
            ("GET /f/put?hint=1", "/f/put?hint=1"),
            ("POST /f/puts?hint=1", "/f/puts?hint=1"),
        ] {
            assert_eq!(after(&CONFIG, request_line), expected, "{request_line}");
        }
    }

    proptest! {
        /// Everything that is not removed stays byte for byte, and in order.
        #[test]
        fn the_rest_stays(pieces in prop::collection::vec("(gone(=[a-z%]{0,3})?|[a-fA-F%=+;]{0,4})", 0..8)) {
            static CONFIG: Config = Config {
                params: &["gone"],
                methods: &[],
                paths: Paths::All,
            };
            let is_gone = |piece: &&String| piece.split('=').next() == Some("gone");
            let kept: Vec<_> = pieces.iter().filter(|piece| !is_gone(piece)).cloned().collect();
            let sent = format!("/?{}", pieces.join("&"));
            let left = kept.join("&");
            let expected = match (kept.len() == pieces.len(), left.is_empty()) {
                (true, _) => sent.clone(),
                (false, true) => "/".to_owned(),
                (false, false) => format!("/?{left}"),
            };
            prop_assert_eq!(after(&CONFIG, &format!("GET {sent}")), expected);
        }
    }
}
