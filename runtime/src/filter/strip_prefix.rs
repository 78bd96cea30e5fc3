//! `stripPrefix` (middlewares.md 6.2): removes a prefix from the path and says which.

use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::head::path::is_below;

/// What the backend reads the removed prefix from.
const HEADER: &str = "X-Forwarded-Prefix";

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Canonical, none of them `/`; longer ones first.
    pub prefixes: &'static [&'static str],
}

/// The filter.
#[derive(Debug)]
pub struct StripPrefix {
    prefixes: &'static [&'static str],
}

impl StripPrefix {
    /// # Errors
    /// None; the signature is that of every filter.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            prefixes: config.prefixes,
        })
    }
}

impl Filter for StripPrefix {
    /// MW-GEN-12
    fn owned(&self) -> Option<&'static str> {
        Some(HEADER)
    }

    /// MW-STRIPP-1: on the encoded path, query untouched.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let request = &mut exchange.request;
        let canonical = request.canonical_path();
        let mut prefixes = self.prefixes.iter();
        let Some(prefix) = prefixes.find(|prefix| is_below(canonical, prefix)) else {
            return Flow::Next;
        };
        let canonical = below(canonical, prefix);
        let path = below(request.path(), prefix);
        request.set_path(&path, &canonical);
        request.fields.set(HEADER, prefix.as_bytes());
        Flow::Next
    }
}

/// A path without its first segments, as many as `prefix` has. Not by bytes: an escaped spelling of
/// the prefix is longer than the prefix. Exactly one `/` leads, so that no backend reads an authority.
fn below(path: &str, prefix: &str) -> String {
    let mut rest = path;
    for _ in prefix.split('/').filter(|part| !part.is_empty()) {
        rest = rest.trim_start_matches('/');
        rest = rest
            .find('/')
            .and_then(|at| rest.get(at..))
            .unwrap_or_default();
    }
    format!("/{}", rest.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    fn after(target: &str) -> (String, String) {
        static CONFIG: Config = Config {
            prefixes: &["/api/v1", "/api"],
        };
        let mut exchange = rig::exchange(&format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nX-Forwarded-Prefix: /evil\r\nX_Forwarded_Prefix: /evil\r\n\r\n"
        ));
        let filter = rig::start(|start| StripPrefix::new(&CONFIG, start)).unwrap();
        rig::clean(&filter, &mut exchange);
        assert_eq!(exchange.request.fields.len(), 1);
        assert!(matches!(filter.request(&mut exchange), Flow::Next));
        let request = &exchange.request;
        let prefix = request.fields.get(HEADER).unwrap_or_default();
        (
            format!("{}{}", request.path(), request.query()),
            String::from_utf8(prefix.to_vec()).unwrap(),
        )
    }

    /// MW-STRIPP-1, MW-GEN-12
    #[test]
    fn vectors() {
        for (target, path, prefix) in [
            ("/api/v1/x?a=1", "/x?a=1", "/api/v1"),
            ("/apiary", "/apiary", ""),
            ("/api", "/", "/api"),
            ("/api/", "/", "/api"),
            ("/API/x", "/API/x", ""),
            ("/%61pi/v1/%61%2Fb/", "/%61%2Fb/", "/api/v1"),
            ("/api//evil.test/x", "/evil.test/x", "/api"),
        ] {
            assert_eq!(
                after(target),
                (path.to_owned(), prefix.to_owned()),
                "{target}"
            );
        }
    }
}
