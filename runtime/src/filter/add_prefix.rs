//! `addPrefix` (middlewares.md 5.4): puts a prefix before the path.

use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Begins with `/`, does not end with one.
    pub prefix: &'static str,
}

/// The filter.
#[derive(Debug)]
pub struct AddPrefix {
    prefix: &'static str,
}

impl AddPrefix {
    /// # Errors
    /// None; the signature is that of every filter.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            prefix: config.prefix,
        })
    }
}

impl Filter for AddPrefix {
    /// MW-PREFIX-1, -2: on the encoded path, query untouched.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let request = &mut exchange.request;
        let path = format!("{}{}", self.prefix, request.path());
        let canonical = format!("{}{}", self.prefix, request.canonical_path());
        request.set_path(&path, &canonical);
        Flow::Next
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    fn path_after(target: &str) -> String {
        static CONFIG: Config = Config { prefix: "/prefix" };
        let mut exchange = rig::exchange(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let filter = rig::start(|start| AddPrefix::new(&CONFIG, start)).unwrap();
        assert!(matches!(filter.request(&mut exchange), Flow::Next));
        format!("{}{}", exchange.request.path(), exchange.request.query())
    }

    /// MW-PREFIX-1, MW-PREFIX-2
    #[test]
    fn vectors() {
        assert_eq!(path_after("/api/resource?x=1"), "/prefix/api/resource?x=1");
        assert_eq!(path_after("/a%2Fb"), "/prefix/a%2Fb");
        assert_eq!(path_after("/"), "/prefix/");
    }
}
