//! `rewrite`: the path that a backend sees (RT-REWRITE).

use std::borrow::Cow;

use super::pattern::{parameter, segments, taken};
use super::{PathType, Regex, Route};
use crate::error::Refusal;
use crate::head::path::canonicalize;
use crate::head::{Request, Span};

/// The request that is rewritten, and what its route knows about its path.
#[derive(Clone, Copy, Debug)]
pub struct Rewriting<'a> {
    /// The chosen route.
    pub route: &'static Route,
    /// Its compiled path, if that is a regular expression.
    pub regex: Option<&'a Regex>,
    /// The path that was routed, where parameters are (RT-ROUTE-15).
    pub routed_path: Span,
}

impl Rewriting<'_> {
    /// The path to be forwarded; `None`: as it is, because the route has no `rewrite`, or because a
    /// filter has moved the path away from the route's (RT-REWRITE-1).
    ///
    /// # Errors
    /// 400 for a path that would lead out of `rewrite` (RT-REWRITE-3).
    pub fn apply(self, request: &mut Request) -> Result<Option<Span>, Refusal> {
        let Some(rewrite) = self.route.rewrite else {
            return Ok(None);
        };
        let canonical = request.canonical_path();
        let Some(end) = taken(self.route, self.regex, canonical) else {
            return Ok(None);
        };
        let path = match (self.route.path_type, self.regex) {
            (PathType::Regex { .. }, Some(regex)) => {
                let mut text = Vec::new();
                regex.expand(canonical, rewrite, &mut text);
                text.extend_from_slice(canonical.get(end..).unwrap_or_default().as_bytes());
                let text = String::from_utf8_lossy(&text);
                joined(segments(&text), canonical.ends_with('/'))
            }
            _ => self.by_segments(rewrite, request),
        };
        // What was put in may make a segment `..` of parts that were none.
        if canonicalize(path.as_bytes())?.is_some_and(|canonical| canonical.forwarded != path) {
            return Err(Refusal::target("the rewritten path has a dot segment"));
        }
        Ok(Some(request.fields.buffer.push(path.as_bytes())))
    }

    /// By segments, not by bytes: an escaped spelling of the prefix is longer than the prefix.
    fn by_segments(self, rewrite: &str, request: &Request) -> String {
        let routed = request.text(self.routed_path);
        let fill = |segment| filled(segment, self.route, routed);
        let rewrite: Vec<_> = segments(rewrite).map(fill).collect();
        let path = request.path();
        let rest = segments(path).skip(segments(self.route.path).count());
        joined(
            rewrite.iter().map(AsRef::as_ref).chain(rest),
            path.ends_with('/'),
        )
    }
}

/// A segment of `rewrite` with the values of its parameters.
fn filled<'s>(segment: &'s str, route: &Route, routed: &str) -> Cow<'s, str> {
    if !segment.contains('{') {
        return Cow::Borrowed(segment);
    }
    let mut text = String::new();
    let mut rest = segment;
    while let Some((before, braced)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = braced.split_once('}').unwrap_or((braced, ""));
        text.push_str(parameter(route, routed, name).unwrap_or_default());
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// A path of these segments; a path of none is `/`.
fn joined<'s>(segments: impl Iterator<Item = &'s str>, slash: bool) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(segment);
    }
    if slash || path.is_empty() {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rig;

    fn rewritten(route: Route, path: &str) -> Result<String, u16> {
        let route: &'static Route = Box::leak(Box::new(route));
        let regex = match route.path_type {
            PathType::Regex { .. } => Some(Regex::path(route.path).unwrap()),
            PathType::Exact | PathType::Prefix => None,
        };
        let mut request = rig::exchange(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).request;
        let rewriting = Rewriting {
            route,
            regex: regex.as_ref(),
            routed_path: request.path,
        };
        let span = rewriting
            .apply(&mut request)
            .map_err(|refusal| refusal.status)?;
        Ok(span
            .map_or_else(|| request.path(), |span| request.text(span))
            .to_owned())
    }

    fn check(
        path_type: PathType,
        path: &'static str,
        rewrite: &'static str,
        cases: &[(&str, &str)],
    ) {
        for (sent, expected) in cases {
            let route = Route {
                path,
                path_type,
                rewrite: Some(rewrite),
                ..Route::PLAIN
            };
            assert_eq!(
                rewritten(route, sent).as_deref(),
                Ok(*expected),
                "{path} {rewrite} {sent}"
            );
        }
    }

    /// RT-REWRITE-2
    #[test]
    fn vectors() {
        let prefix =
            |path, rewrite, cases: &[(&str, &str)]| check(PathType::Prefix, path, rewrite, cases);
        prefix(
            "/api",
            "/",
            &[("/api", "/"), ("/api/", "/"), ("/api/a/", "/a/")],
        );
        prefix("/api", "/v2", &[("/api/x", "/v2/x")]);
        prefix("/", "/v1", &[("/x", "/v1/x"), ("/", "/v1/")]);
        prefix("/cart", "/cart", &[("/cart", "/cart")]);
    }

    /// RT-REWRITE-1: nothing happens to a path that the route's does not fit.
    #[test]
    fn other_paths_stay() {
        check(
            PathType::Prefix,
            "/api",
            "/v2",
            &[("/apiary", "/apiary"), ("/x//y", "/x//y")],
        );
        check(PathType::Exact, "/api", "/v2", &[("/api/x", "/api/x")]);
    }

    /// RT-REWRITE-1: with `exact` the remainder is empty.
    #[test]
    fn exact_paths() {
        check(
            PathType::Exact,
            "/a/b",
            "/c",
            &[("/a/b", "/c"), ("/a/b/", "/c/"), ("/%61//b", "/c")],
        );
    }

    /// RT-ROUTE-15, RT-REWRITE-1: values as received.
    #[test]
    fn parameters() {
        check(
            PathType::Prefix,
            "/users/{id}/posts/{post}",
            "/p/{post}/by-{id}",
            &[
                ("/users/7/posts/a%2Fb/x", "/p/a%2Fb/by-7/x"),
                ("/users//%61/posts/9/", "/p/9/by-%61/"),
            ],
        );
    }

    /// RT-REWRITE-1: the matched text is replaced, with its groups.
    #[cfg(feature = "regex")]
    #[test]
    fn regexes() {
        let regex = |path, rewrite, cases: &[(&str, &str)]| {
            check(PathType::Regex { literal: "" }, path, rewrite, cases);
        };
        regex(
            "/v[0-9]+",
            "/api",
            &[
                ("/v1/x", "/api/x"),
                ("/v1", "/api"),
                ("/v1/", "/api/"),
                ("/v1x", "/apix"),
            ],
        );
        regex(
            "/(?P<kind>[a-z]+)/([0-9]+)",
            "/$2/${kind}",
            &[("/cats/7/x", "/7/cats/x")],
        );
        regex(
            "/a/(.*)$",
            "/b/$1/",
            &[("/a/x/y", "/b/x/y"), ("/a/x/", "/b/x/"), ("/a/", "/b/")],
        );
    }

    /// RT-REWRITE-3: what is put in cannot lead out.
    #[test]
    fn no_dot_segment_is_made() {
        let route = Route {
            path: "/{a}",
            rewrite: Some("/safe/.{a}"),
            ..Route::PLAIN
        };
        assert_eq!(rewritten(route, "/.;x"), Err(400));
    }
}
