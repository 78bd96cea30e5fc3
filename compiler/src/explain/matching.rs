//! Conditions of `match` held against a request (RT-ROUTE-13).

use super::Request;
use crate::model::{Condition, Source};

pub(super) fn holds(condition: &Condition, request: &Request) -> bool {
    match condition {
        Condition::Cookie(name, test) => test.fits(cookies(request, name)),
        Condition::Header(name, test) => test.fits(request.values(name.as_str())),
        Condition::Methods(methods) => {
            let mut methods = methods.iter();
            methods.any(|method| method.as_str() == request.method())
        }
        Condition::Query(name, test) => {
            let values = parameters(request.query(), name);
            test.fits(values.iter().map(Vec::as_slice))
        }
    }
}

/// The first value of a place in the request, empty if there is none (RT-CANARY-2).
pub(super) fn first(source: &Source, request: &Request) -> Vec<u8> {
    match source {
        Source::Cookie(name) => cookies(request, name).next().map(<[u8]>::to_vec),
        Source::Header(name) => request.values(name.as_str()).next().map(<[u8]>::to_vec),
        Source::Ip => request
            .client()
            .map(|client| client.to_string().into_bytes()),
        Source::Path => Some(request.path().as_bytes().to_vec()),
        Source::Query(name) => parameters(request.query(), name).into_iter().next(),
    }
    .unwrap_or_default()
}

/// The values of a cookie, as sent.
fn cookies<'r>(request: &'r Request, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
    let pairs = request
        .values("cookie")
        .flat_map(|field| field.split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = pair.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        (key.trim_ascii() == name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// The decoded values of a query parameter; `query` begins with `?` unless it is empty.
fn parameters(query: &str, name: &str) -> Vec<Vec<u8>> {
    let pairs = query.trim_start_matches('?').split('&');
    pairs
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| decoded(key) == name.as_bytes())
        .map(|(_, value)| decoded(value))
        .collect()
}

/// `+` as a space and `%41` as its byte; a `%` without two hex digits stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
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
            byte => byte,
        });
    }
    bytes
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
