//! Paths that show what scopes have in common: a claim about two scopes is made only with a path
//! that proves it. Where none is found, nothing is known.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::RoutePath;
use super::regex::Regex;
use super::scope::{Pattern, Scope};

/// The longest path that is tried.
const PATH_BYTES_MAX: usize = 1024;
/// What stands for any text of a segment.
const ANY: &str = "x";

/// A path of the route that both scopes cover; no scope is the whole route.
#[must_use]
pub fn common(left: Option<&Scope>, right: Option<&Scope>, route: &RoutePath) -> Option<String> {
    let mut tried = samples(left, route);
    tried.extend(samples(right, route));
    tried.extend(merged(left, right, route));
    tried
        .into_iter()
        .find(|path| is_of(path, route) && covers(left, path, route) && covers(right, path, route))
}

/// A path of the route that the first scope covers and the second does not.
#[must_use]
pub fn only(first: Option<&Scope>, second: Option<&Scope>, route: &RoutePath) -> Option<String> {
    let tried = samples(first, route).into_iter();
    let mut tried = tried.flat_map(|path| [format!("{}/{ANY}", path.trim_end_matches('/')), path]);
    tried.find(|path| {
        is_of(path, route) && covers(first, path, route) && !covers(second, path, route)
    })
}

/// Whether every path that the second scope covers is covered by the first, as far as that can be
/// seen.
#[must_use]
pub fn within(second: Option<&Scope>, first: Option<&Scope>) -> bool {
    let (Some(first), Some(second)) = (first, second) else {
        return first.is_none();
    };
    second.patterns.iter().all(|inner| {
        first.patterns.iter().any(|outer| match (outer, inner) {
            (Pattern::Literal(outer), Pattern::Literal(inner)) => is_below(inner, outer),
            (Pattern::Regex(outer), Pattern::Regex(inner)) => outer.as_str() == inner.as_str(),
            (Pattern::Literal(outer), Pattern::Regex(_)) => outer == "/",
            (Pattern::Regex(_), Pattern::Literal(_)) => false,
        })
    })
}

/// Whether one literal begins with the segments of another, or with others that those cover.
fn is_below(inner: &str, outer: &str) -> bool {
    let mut segments = segments(inner);
    self::segments(outer).all(|wanted| {
        segments
            .next()
            .is_some_and(|segment| wanted == "*" || wanted.eq_ignore_ascii_case(segment))
    })
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn covers(scope: Option<&Scope>, path: &str, route: &RoutePath) -> bool {
    scope.is_none_or(|scope| scope.covers(path, |path| route.below(path), false))
}

/// Whether a request can have this path and come to the route.
fn is_of(path: &str, route: &RoutePath) -> bool {
    let canonical = RoutePath::new(path);
    canonical.is_ok_and(|path_of| path_of.as_str() == path && path_of.within(route))
}

/// A few paths that a scope may cover.
fn samples(scope: Option<&Scope>, route: &RoutePath) -> Vec<String> {
    let Some(scope) = scope else {
        return vec![route.as_str().to_owned()];
    };
    let sample = |pattern: &Pattern| match pattern {
        Pattern::Literal(text) => Some(text.replace('*', ANY)),
        Pattern::Regex(regex) => sample(regex),
    };
    let texts = scope.patterns.iter().filter_map(sample);
    texts.flat_map(|text| places(&text, route)).collect()
}

/// A text as the whole path, and below the route's.
fn places(text: &str, route: &RoutePath) -> [String; 2] {
    let below = format!("{}{text}", route.as_str().trim_end_matches('/'));
    [text.to_owned(), below.trim_end_matches('/').to_owned()]
}

/// Of every two literals a path that fits both, segment by segment.
fn merged(left: Option<&Scope>, right: Option<&Scope>, route: &RoutePath) -> Vec<String> {
    let literals = |scope: Option<&Scope>| -> Vec<String> {
        let patterns = scope.map_or(&[][..], |scope| &scope.patterns);
        let literal = |pattern: &Pattern| match pattern {
            Pattern::Literal(text) => Some(places(text, route)),
            Pattern::Regex(_) => None,
        };
        patterns.iter().filter_map(literal).flatten().collect()
    };
    let (left, right) = (literals(left), literals(right));
    let pairs = left.iter().flat_map(|l| right.iter().map(move |r| (l, r)));
    pairs.map(|(left, right)| merge(left, right)).collect()
}

fn merge(left: &str, right: &str) -> String {
    let (mut left, mut right) = (segments(left), segments(right));
    let mut path = String::new();
    loop {
        let segment = match (left.next(), right.next()) {
            (None, None) => return path,
            (Some(only), None) | (None, Some(only)) => only,
            (Some(wild), Some(other)) if wild.contains('*') => other,
            (Some(plain), Some(_)) => plain,
        };
        path.push('/');
        path.push_str(&segment.replace('*', ANY));
    }
}

/// A text that an expression begins to match.
fn sample(regex: &Regex) -> Option<String> {
    let mut text = Vec::new();
    let whole = write(&regex.hir()?, &mut text);
    let text = String::from_utf8(text).ok().filter(|_| whole)?;
    Some(if text.is_empty() {
        "/".to_owned()
    } else {
        text
    })
}

/// False: it would be too long, or there is none.
fn write(hir: &Hir, text: &mut Vec<u8>) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            text.extend_from_slice(&literal.0);
            text.len() <= PATH_BYTES_MAX
        }
        HirKind::Class(class) => match byte_of(class) {
            Some(byte) => {
                text.push(byte);
                true
            }
            None => false,
        },
        HirKind::Repetition(repetition) => (0..repetition.min)
            .all(|_| text.len() <= PATH_BYTES_MAX && write(&repetition.sub, text)),
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().all(|part| write(part, text)),
        HirKind::Alternation(parts) => parts.first().is_some_and(|part| write(part, text)),
    }
}

/// A character of a class that a segment may have, if there is one.
fn byte_of(class: &Class) -> Option<u8> {
    let fits = |byte: u8| match class {
        Class::Bytes(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&byte)),
        Class::Unicode(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&char::from(byte))),
    };
    let letters = b"x".iter().copied().chain(b'a'..=b'z');
    let others = (b'0'..=b'9').chain(b'A'..=b'Z').chain(*b"-_.~/");
    letters.chain(others).find(|byte| fits(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(patterns: &[&str]) -> Option<Scope> {
        let pattern = |text: &&str| Pattern::new(text).expect("a pattern");
        (!patterns.is_empty()).then(|| Scope {
            patterns: patterns.iter().map(pattern).collect(),
        })
    }

    #[test]
    fn in_common() {
        let route = RoutePath::new("/api").expect("a path");
        let common = |left: &[&str], right: &[&str]| {
            common(scope(left).as_ref(), scope(right).as_ref(), &route)
        };
        assert_eq!(common(&[], &[]).as_deref(), Some("/api"));
        assert_eq!(common(&["/a"], &[]).as_deref(), Some("/api/a"));
        assert_eq!(common(&["/a"], &["/api/a/b"]).as_deref(), Some("/api/a/b"));
        assert_eq!(
            common(&["/a/*/c"], &["/a/b"]).as_deref(),
            Some("/api/a/b/c")
        );
        assert_eq!(
            common(&["^/api/r[0-9]+"], &["/r0"]).as_deref(),
            Some("/api/r0")
        );
        assert_eq!(common(&["/a"], &["/b"]), None);
        assert_eq!(common(&["/other"], &["^/x"]), None);
    }

    #[test]
    fn outside() {
        let route = RoutePath::new("/").expect("a path");
        let only = |first: &[&str], second: &[&str]| {
            only(scope(first).as_ref(), scope(second).as_ref(), &route)
        };
        assert_eq!(only(&[], &["/.*"]), None);
        assert_eq!(only(&[], &["/a"]).as_deref(), Some("/x"));
        assert_eq!(only(&["/a/b"], &["/a"]), None);
        assert_eq!(only(&["/b"], &["/a"]).as_deref(), Some("/b/x"));
    }

    #[test]
    fn inside() {
        let within =
            |inner: &[&str], outer: &[&str]| within(scope(inner).as_ref(), scope(outer).as_ref());
        assert!(within(&["/a"], &[]) && within(&[], &[]) && within(&["/a/b"], &["/a"]));
        assert!(within(&["/a/b/c"], &["/a/*"]) && within(&["^/x$"], &["^/x$"]));
        assert!(!within(&[], &["/a"]) && !within(&["/a"], &["/a/b"]) && !within(&["^/x"], &["/x"]));
    }
}
