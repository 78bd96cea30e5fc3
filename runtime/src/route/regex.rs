//! Regular expressions of routes: linear time, over bytes, ASCII classes, letter case matters
//! (MW-GEN-15). The one place of this module that knows whether the engine is linked.

/// A compiled pattern. A clone shares the program, but has scratch space of its own, so that cores
/// share nothing while they search.
#[derive(Clone, Debug)]
pub struct Regex {
    #[cfg(feature = "regex")]
    engine: ::regex::bytes::Regex,
    #[cfg(not(feature = "regex"))]
    engine: std::convert::Infallible,
}

#[cfg(feature = "regex")]
impl Regex {
    /// Compiles a pattern that may match anywhere.
    ///
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub fn search(text: &str) -> Result<Self, String> {
        let engine = ::regex::bytes::RegexBuilder::new(text)
            .unicode(false)
            .build();
        let engine = engine.map_err(|error| error.to_string())?;
        Ok(Self { engine })
    }

    /// Whether there is a match.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.engine.is_match(text)
    }

    /// Where the first match ends.
    #[must_use]
    pub fn end(&self, text: &str) -> Option<usize> {
        self.engine.find(text.as_bytes()).map(|found| found.end())
    }

    /// Appends a replacement with its groups filled in (`$1`, `${name}`, `$$`).
    pub fn expand(&self, text: &str, replacement: &str, out: &mut Vec<u8>) {
        if let Some(captures) = self.engine.captures(text.as_bytes()) {
            captures.expand(replacement.as_bytes(), out);
        }
    }
}

#[cfg(not(feature = "regex"))]
impl Regex {
    /// Always fails: the engine is not linked.
    ///
    /// # Errors
    /// The compiler asks for the engine wherever there is a pattern.
    pub fn search(_: &str) -> Result<Self, String> {
        Err("built without the feature `regex`".to_owned())
    }

    /// There is no pattern.
    #[must_use]
    pub fn is_match(&self, _: &[u8]) -> bool {
        match self.engine {}
    }

    /// There is no pattern.
    #[must_use]
    pub fn end(&self, _: &str) -> Option<usize> {
        match self.engine {}
    }

    /// There is no pattern.
    pub fn expand(&self, _: &str, _: &str, _: &mut Vec<u8>) {
        match self.engine {}
    }
}

impl Regex {
    /// Compiles a pattern that matches from the start of a path (RT-ROUTE-14).
    ///
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub fn path(text: &str) -> Result<Self, String> {
        Self::search(&format!("^(?:{text})"))
    }
}
