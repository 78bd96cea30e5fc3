//! Request methods.

use super::header::is_token;
use super::scalar::Invalid;

/// An upper-cased method token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method(String);

impl Method {
    /// Checks and upper-cases.
    ///
    /// # Errors
    /// `bad-method`: not a token of RFC 9110.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if !is_token(text) {
            return Err(Invalid::new(format!(
                "`{}` is not a method",
                text.escape_debug()
            )));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// Upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        assert_eq!(Method::new("get").unwrap().as_str(), "GET");
        assert!(Method::new("M-SEARCH").is_ok());
        assert!(Method::new("GET POST").is_err());
        assert!(Method::new("").is_err());
    }
}
