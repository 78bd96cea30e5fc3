//! What a route's path takes of a request's path: for `rewrite`, for parameters, and for what is
//! scoped to the path below a route. The table has found the route already; here a filter may have
//! changed the path since.

use super::{PathType, Regex, Route};

/// How many bytes of a canonical path a route's path takes; `None`: it no longer fits.
/// `regex`: the route's compiled path, if that is one.
pub(crate) fn taken(route: &Route, regex: Option<&Regex>, path: &str) -> Option<usize> {
    match route.path_type {
        PathType::Prefix => taken_segments(route.path, path),
        PathType::Exact => {
            let end = taken_segments(route.path, path)?;
            matches!(path.get(end..), Some("" | "/")).then_some(end)
        }
        PathType::Regex { .. } => regex?.end(path),
    }
}

/// Where the segments of a pattern end in a path.
fn taken_segments(pattern: &str, path: &str) -> Option<usize> {
    let mut end = 0;
    for wanted in segments(pattern) {
        let rest = path.get(end..)?.strip_prefix('/')?;
        let segment = rest.split('/').next().unwrap_or_default();
        if segment.is_empty() || (segment != wanted && !is_parameter(wanted)) {
            return None;
        }
        end += 1 + segment.len();
    }
    Some(end)
}

/// The canonical path without what the route's path takes of it, cut at a segment boundary, at least
/// `/` (MW-PATH-1); the whole path, if it does not fit.
#[must_use]
pub fn below<'p>(route: &Route, regex: Option<&Regex>, path: &'p str) -> &'p str {
    let Some(end) = taken(route, regex, path) else {
        return path;
    };
    let (head, rest) = path.split_at_checked(end).unwrap_or((path, ""));
    // A regular expression may end behind a slash, or within a segment.
    let cut = if head.ends_with('/') {
        end - 1
    } else {
        end + rest.find('/').unwrap_or(rest.len())
    };
    path.get(cut..)
        .filter(|rest| !rest.is_empty())
        .unwrap_or("/")
}

/// The value of a path parameter, as received, in the path that was routed (RT-ROUTE-15).
#[must_use]
pub fn parameter<'p>(route: &Route, path: &'p str, name: &str) -> Option<&'p str> {
    if matches!(route.path_type, PathType::Regex { .. }) {
        return None;
    }
    let index = segments(route.path).position(|segment| parameter_name(segment) == Some(name))?;
    segments(path).nth(index)
}

/// Segments that are not empty.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Whether a segment of a pattern is `{name}`.
pub(super) fn is_parameter(segment: &str) -> bool {
    parameter_name(segment).is_some()
}

fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &'static str, path_type: PathType) -> Route {
        Route {
            path,
            path_type,
            ..Route::PLAIN
        }
    }

    /// MW-PATH-1
    #[test]
    fn what_is_below_a_route() {
        let check = |pattern, path, expected| {
            let route = route(pattern, PathType::Prefix);
            assert_eq!(below(&route, None, path), expected, "{pattern} {path}");
        };
        check("/", "/a/b", "/a/b");
        check("/a", "/a/b", "/b");
        check("/a", "/a", "/");
        check("/a", "/a/", "/");
        check("/a", "/ab", "/ab");
        check("/a/{x}", "/a/b/c/", "/c/");
        check("/a/{x}", "/a", "/a");
    }

    #[cfg(feature = "regex")]
    #[test]
    fn what_is_below_a_regex() {
        let check = |pattern, path, expected| {
            let route = route(pattern, PathType::Regex { literal: "" });
            let regex = Regex::path(pattern).unwrap();
            assert_eq!(
                below(&route, Some(&regex), path),
                expected,
                "{pattern} {path}"
            );
        };
        check("/v[0-9]+", "/v1/admin", "/admin");
        check("/v[0-9]", "/v12/admin", "/admin");
        check("/v[0-9]+/", "/v1/admin", "/admin");
        check("/v[0-9]", "/v12", "/");
        check("/v[0-9]+", "/x/admin", "/x/admin");
    }

    /// RT-ROUTE-15: as received, runs of slashes and escapes make no difference.
    #[test]
    fn parameters() {
        let route = route("/users/{id}/posts/{post}", PathType::Prefix);
        let path = "/%75sers//a%2Fb/posts/%C3%A4/x";
        assert_eq!(parameter(&route, path, "id"), Some("a%2Fb"));
        assert_eq!(parameter(&route, path, "post"), Some("%C3%A4"));
        assert_eq!(parameter(&route, path, "nope"), None);
    }
}
