//! `match` of a route: more conditions than host and path (RT-ROUTE-13).

use std::borrow::Cow;

use super::Regex;
use crate::head::Request;

/// One condition; all of a route must hold.
#[derive(Debug)]
pub enum Condition {
    /// On the values of a cookie; its name is exact.
    Cookie(&'static str, Test),
    /// On the values of a header field; its name is compared without case.
    Header(&'static str, Test),
    /// The method is one of these.
    Methods(&'static [&'static str]),
    /// On the decoded values of a query parameter; its name is exact.
    Query(&'static str, Test),
}

/// What is asked of the values that there are.
#[derive(Debug)]
pub enum Test {
    /// One of them is this.
    Equals(&'static str),
    /// There is one, or there is none.
    Present(bool),
    /// One of them contains a match.
    Regex(&'static str),
}

/// The conditions of a route, ready to be tried.
#[derive(Clone, Debug)]
pub(super) struct Conditions(Vec<Prepared>);

#[derive(Clone, Debug)]
enum Prepared {
    Cookie(&'static str, Matcher),
    Header(&'static str, Matcher),
    Methods(&'static [&'static str]),
    Query(&'static str, Matcher),
}

#[derive(Clone, Debug)]
enum Matcher {
    Equals(&'static str),
    Present(bool),
    Regex(Regex),
}

impl Conditions {
    /// Compiles what has to be.
    ///
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub(super) fn prepare(conditions: &'static [Condition]) -> Result<Self, String> {
        let prepared = conditions.iter().map(|condition| {
            Ok(match condition {
                Condition::Cookie(name, test) => Prepared::Cookie(name, Matcher::prepare(test)?),
                Condition::Header(name, test) => Prepared::Header(name, Matcher::prepare(test)?),
                Condition::Methods(methods) => Prepared::Methods(methods),
                Condition::Query(name, test) => Prepared::Query(name, Matcher::prepare(test)?),
            })
        });
        prepared.collect::<Result<_, String>>().map(Self)
    }

    /// Whether all hold.
    pub(super) fn hold(&self, request: &Request) -> bool {
        self.0.iter().all(|condition| match condition {
            Prepared::Cookie(name, matcher) => matcher.fits(cookies(request, name)),
            Prepared::Header(name, matcher) => {
                matcher.fits(request.fields.values(name).map(Cow::Borrowed))
            }
            Prepared::Methods(methods) => methods.contains(&request.method()),
            Prepared::Query(name, matcher) => matcher.fits(parameters(request.query(), name)),
        })
    }
}

impl Matcher {
    fn prepare(test: &Test) -> Result<Self, String> {
        Ok(match test {
            Test::Equals(text) => Self::Equals(text),
            Test::Present(present) => Self::Present(*present),
            Test::Regex(text) => Self::Regex(Regex::search(text)?),
        })
    }

    fn fits<'v>(&self, mut values: impl Iterator<Item = Cow<'v, [u8]>>) -> bool {
        match self {
            Self::Equals(text) => values.any(|value| *value == *text.as_bytes()),
            Self::Present(present) => values.next().is_some() == *present,
            Self::Regex(regex) => values.any(|value| regex.is_match(&value)),
        }
    }
}

/// The values of a cookie, of all `Cookie` fields, as received.
pub(crate) fn cookies<'r>(
    request: &'r Request,
    name: &'r str,
) -> impl Iterator<Item = Cow<'r, [u8]>> {
    let fields = request.fields.values("cookie");
    let pairs = fields.flat_map(|field| field.split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let (key, value) = split_once(pair.trim_ascii(), b'=')?;
        (key.trim_ascii_end() == name.as_bytes()).then_some(Cow::Borrowed(value.trim_ascii_start()))
    })
}

/// The values of a query parameter; `query` begins with `?` unless it is empty.
pub(super) fn parameters<'r>(query: &'r str, name: &'r str) -> impl Iterator<Item = Cow<'r, [u8]>> {
    let query = query.strip_prefix('?').unwrap_or_default().as_bytes();
    let pairs = query.split(|byte| *byte == b'&');
    pairs
        .filter(|pair| !pair.is_empty())
        .filter_map(move |pair| {
            let (key, value) = split_once(pair, b'=').unwrap_or((pair, b""));
            (*decoded(key) == *name.as_bytes()).then(|| decoded(value))
        })
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(at, text)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// `+` as a space and `%41` as its byte; a `%` without two hex digits stands for itself.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => match escaped(after) {
                Some(byte) => {
                    rest = after.get(2..).unwrap_or_default();
                    byte
                }
                None => b'%',
            },
            byte => *byte,
        });
    }
    Cow::Owned(bytes)
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(query: &str, name: &str) -> Vec<String> {
        parameters(query, name)
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .collect()
    }

    /// RT-ROUTE-13: names and values of the query are decoded.
    #[test]
    fn query_parameters() {
        assert_eq!(values("?a=1&b=2&a=%33+4", "a"), ["1", "3 4"]);
        assert_eq!(values("?%61=x", "a"), ["x"]);
        assert_eq!(values("?a&ab=1&=2", "a"), [""]);
        assert_eq!(values("?a=%4&b", "a"), ["%4"]);
        assert_eq!(values("?a=1=2", "a"), ["1=2"]);
        assert!(values("?", "").is_empty());
        assert!(values("", "a").is_empty());
    }
}
