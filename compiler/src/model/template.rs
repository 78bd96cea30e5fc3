//! Paths that may hold `{name}`, a parameter of a route's path (RT-ROUTE-15): of `rewrite` and of
//! `replacePath`. Whether a route has the parameter is not known here.

use super::path::{is_parameter, push_segment};
use super::pattern::{PathPattern, segments};
use super::scalar::Invalid;

/// A canonical path but for its parameters: begins with one `/`, runs of slashes are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate(String);

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// The value of this parameter.
    Parameter(&'t str),
    /// As it stands.
    Text(&'t str),
}

impl PathTemplate {
    /// Checks and canonicalises; a trailing `/` stays.
    ///
    /// # Errors
    /// `bad-path`: what is wrong with it.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.contains(['?', '#']) {
            return Err(Invalid::new("this is a path, without `?` and `#`"));
        }
        if !text.starts_with('/') {
            let fault = Invalid::new("a path begins with `/`");
            return Err(fault.help(format!("write `/{text}`")));
        }
        let mut path = String::new();
        for segment in segments(text) {
            path.push('/');
            push_template(segment, &mut path)?;
        }
        if path.is_empty() || text.ends_with('/') {
            path.push('/');
        }
        Ok(Self(path))
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is made of, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        pieces(&self.0)
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(name),
            Piece::Text(_) => None,
        })
    }

    /// The path with parameters as they are in `routed`, which fits the route's path.
    #[must_use]
    pub fn filled(&self, pattern: &PathPattern, routed: &str) -> String {
        filled(&self.0, pattern, routed)
    }
}

/// A text of a template with its parameters filled in.
pub(super) fn filled(text: &str, pattern: &PathPattern, routed: &str) -> String {
    let fill = |piece| match piece {
        Piece::Parameter(name) => pattern.parameter(name, routed).unwrap_or_default(),
        Piece::Text(text) => text,
    };
    pieces(text).map(fill).collect()
}

/// INVARIANT: in a checked text every brace is one of a `{name}`.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let parts = text.split('{').enumerate().flat_map(|(index, part)| {
        match part.split_once('}').filter(|_| index > 0) {
            Some((name, rest)) => [Piece::Parameter(name), Piece::Text(rest)],
            None => [Piece::Text(""), Piece::Text(part)],
        }
    });
    parts.filter(|piece| *piece != Piece::Text(""))
}

/// A segment of dots alone is refused; parts of one between parameters are looked at when the request
/// is there.
fn push_template(segment: &str, path: &mut String) -> Result<(), Invalid> {
    let mut rest = segment;
    while let Some(at) = rest.find('{') {
        let (before, braced) = rest.split_at(at);
        push_text(before, path)?;
        let end = braced.find('}').map_or(braced.len(), |end| end + 1);
        let (name, after) = braced.split_at(end);
        if !is_parameter(name) {
            return Err(Invalid::new("a brace is only allowed as `{name}`"));
        }
        path.push_str(name);
        rest = after;
    }
    if rest == segment {
        return push_segment(segment, path);
    }
    push_text(rest, path)
}

/// Text beside parameters.
fn push_text(text: &str, path: &mut String) -> Result<(), Invalid> {
    if text.is_empty() {
        return Ok(());
    }
    // With something before it, a text of dots is no dot segment.
    let mut pushed = String::new();
    push_segment(&format!("x{text}"), &mut pushed)?;
    path.push_str(pushed.strip_prefix('x').unwrap_or(&pushed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PathType;

    /// MW-REPL-1
    #[test]
    fn templates() {
        let pattern = PathPattern::new("/u/{id}/{x}", PathType::Prefix).expect("a pattern");
        let check = |text: &str, canonical: &str, filled: &str| {
            let template = PathTemplate::new(text).expect("a template");
            assert_eq!(template.as_str(), canonical);
            assert_eq!(template.filled(&pattern, "/u/7%2F/b/c"), filled, "{text}");
        };
        check("/", "/", "/");
        check("//a//", "/a/", "/a/");
        check("/users/{id}/card", "/users/{id}/card", "/users/7%2F/card");
        check("/{x}.{id}-/%61", "/{x}.{id}-/a", "/b.7%2F-/a");
        check("/é", "/%C3%A9", "/%C3%A9");
    }

    #[test]
    fn faults() {
        for text in [
            "", "a", "/a?b", "/a#", "/{", "/a}", "/{}", "/{a b}", "/{a{b}}", "/..", "/x/./y",
            "/a b", "/%zz{a}",
        ] {
            assert!(PathTemplate::new(text).is_err(), "{text}");
        }
    }
}
