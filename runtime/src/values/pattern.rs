//! Regular expressions of a rule (MW-GEN-15), compiled once per core at start.

use regex::bytes::{Regex, RegexBuilder};

use super::StartError;

/// Compiles a pattern: over bytes, classes are ASCII. The compiler has done the same.
///
/// # Errors
/// A pattern that the compiler should have refused.
pub(crate) fn compile(source: &str, ignore_case: bool) -> Result<Regex, StartError> {
    let mut builder = RegexBuilder::new(source);
    let built = builder.case_insensitive(ignore_case).unicode(false).build();
    built
        .map_err(|error| StartError::without_place("bad-regex", format!("internal error: {error}")))
}
