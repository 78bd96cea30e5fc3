//! `match` of a backend, which makes it a canary (RT-CANARY).

use std::net::IpAddr;

use super::{Regex, Source};
use crate::head::Request;

/// A backend that gets only requests of its own.
#[derive(Debug)]
pub struct Canary {
    /// Its place in `backends`.
    pub backend: usize,
    /// All must hold; never none.
    pub tests: &'static [CanaryTest],
    /// Whether its requests go to it alone.
    pub exclusive: bool,
    /// Among exclusive ones the highest wins.
    pub priority: i64,
}

/// One entry of `match`.
#[derive(Debug)]
pub struct CanaryTest {
    /// Where the value comes from; nothing there is an empty text.
    pub source: Source,
    /// What is asked of it.
    pub operator: Operator,
}

/// How a value is compared (RT-CANARY-6); with case.
#[derive(Debug)]
pub enum Operator {
    /// Holds this.
    Contains(&'static str),
    /// Ends like this.
    EndsWith(&'static str),
    /// Is this.
    Equals(&'static str),
    /// Is one of these.
    In(&'static [&'static str]),
    /// Does not hold this.
    NotContains(&'static str),
    /// Is not this.
    NotEquals(&'static str),
    /// Contains a match.
    Regex(&'static str),
    /// Begins like this.
    StartsWith(&'static str),
}

/// A canary whose tests are ready.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    canary: &'static Canary,
    /// Of each test, if it is one of an expression.
    regexes: Vec<Option<Regex>>,
}

impl Prepared {
    /// Compiles what has to be.
    ///
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub(crate) fn new(canary: &'static Canary) -> Result<Self, String> {
        let regex = |test: &CanaryTest| match test.operator {
            Operator::Regex(text) => Regex::search(text).map(Some),
            _ => Ok(None),
        };
        let regexes = canary.tests.iter().map(regex);
        Ok(Self {
            canary,
            regexes: regexes.collect::<Result<_, _>>()?,
        })
    }

    /// What it was made from.
    pub(crate) fn canary(&self) -> &'static Canary {
        self.canary
    }

    /// RT-CANARY-1, RT-CANARY-2
    pub(crate) fn fits(&self, request: &Request, client: IpAddr) -> bool {
        let mut tests = self.canary.tests.iter().zip(&self.regexes);
        tests.all(|(test, regex)| {
            let value = test.source.read(request, client).unwrap_or_default();
            test.operator.holds(&value, regex.as_ref())
        })
    }
}

impl Operator {
    fn holds(&self, value: &[u8], regex: Option<&Regex>) -> bool {
        match self {
            Self::Contains(text) => contains(value, text),
            Self::EndsWith(text) => value.ends_with(text.as_bytes()),
            Self::Equals(text) => value == text.as_bytes(),
            Self::In(texts) => texts.iter().any(|text| value == text.as_bytes()),
            Self::NotContains(text) => !contains(value, text),
            Self::NotEquals(text) => value != text.as_bytes(),
            Self::Regex(_) => regex.is_some_and(|regex| regex.is_match(value)),
            Self::StartsWith(text) => value.starts_with(text.as_bytes()),
        }
    }
}

fn contains(value: &[u8], text: &str) -> bool {
    memchr::memmem::find(value, text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &Operator, value: &str) -> bool {
        let regex = match operator {
            Operator::Regex(text) => Some(Regex::search(text).unwrap()),
            _ => None,
        };
        operator.holds(value.as_bytes(), regex.as_ref())
    }

    /// RT-CANARY-2, RT-CANARY-6
    #[cfg(feature = "regex")]
    #[test]
    fn operators() {
        for (operator, fits, fails) in [
            (Operator::Contains("eta"), "beta", "bEta"),
            (Operator::EndsWith("ta"), "beta", "tab"),
            (Operator::Equals("beta"), "beta", "Beta"),
            (Operator::In(&["a", "b c"]), "b c", "b"),
            (Operator::NotContains("eta"), "", "beta"),
            (Operator::NotEquals("beta"), "", "beta"),
            (Operator::Regex("b[0-9]$"), "ab7", "b7x"),
            (Operator::StartsWith("be"), "beta", "abe"),
        ] {
            assert!(holds(&operator, fits), "{operator:?} {fits}");
            assert!(!holds(&operator, fails), "{operator:?} {fails}");
        }
    }
}
