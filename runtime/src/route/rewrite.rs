//! `rewrite`: the path that a backend sees (RT-REWRITE, RT-UP-2).

use crate::head::Buffer;
use crate::head::path::is_below;

/// Writes the forwarded path: `prefix` of the backend URL, then `rewrite` applied to `path`.
///
/// `canonical` is the path for matching; `rewrite` does nothing if it is no longer below
/// `route_path` (a filter may have moved it).
pub fn write_path(
    out: &mut Buffer,
    prefix: &str,
    route_path: &str,
    rewrite: Option<&str>,
    path: &str,
    canonical: &str,
) {
    out.push(prefix.as_bytes());
    match rewrite {
        Some(rewrite) if is_below(canonical, route_path) => {
            write_rewritten(out, route_path, rewrite, path);
        }
        Some(_) | None => {
            out.push(path.as_bytes());
        }
    }
}

fn write_rewritten(out: &mut Buffer, route_path: &str, rewrite: &str, path: &str) {
    let skipped = route_path
        .split('/')
        .filter(|part| !part.is_empty())
        .count();
    let mut segments = path.split('/').filter(|part| !part.is_empty());
    // By segments, not by bytes: an escaped spelling of the prefix is longer than the prefix.
    for _ in 0..skipped {
        segments.next();
    }
    let start = out.len();
    for part in rewrite
        .split('/')
        .filter(|part| !part.is_empty())
        .chain(segments)
    {
        out.push(b"/");
        out.push(part.as_bytes());
    }
    if path.ends_with('/') || out.len() == start {
        out.push(b"/");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(route_path: &str, rewrite: &str, path: &str) -> String {
        let mut out = Buffer::default();
        write_path(&mut out, "", route_path, Some(rewrite), path, path);
        String::from_utf8(out.filled().to_vec()).unwrap()
    }

    /// RT-REWRITE-2
    #[test]
    fn vectors() {
        assert_eq!(rewritten("/api", "/", "/api"), "/");
        assert_eq!(rewritten("/api", "/", "/api/"), "/");
        assert_eq!(rewritten("/api", "/", "/api/a/"), "/a/");
        assert_eq!(rewritten("/api", "/v2", "/api/x"), "/v2/x");
        assert_eq!(rewritten("/", "/v1", "/x"), "/v1/x");
        assert_eq!(rewritten("/", "/v1", "/"), "/v1/");
        assert_eq!(rewritten("/cart", "/cart", "/cart"), "/cart");
    }

    /// RT-REWRITE-1: nothing happens to a path that is not below the route's.
    #[test]
    fn other_paths_stay() {
        assert_eq!(rewritten("/api", "/v2", "/apiary"), "/apiary");
        assert_eq!(rewritten("/api", "/v2", "/x//y"), "/x//y");
    }

    /// RT-UP-2
    #[test]
    fn the_backend_path_comes_first() {
        let mut out = Buffer::default();
        write_path(&mut out, "/base", "/", None, "/x", "/x");
        assert_eq!(out.filled(), b"/base/x");
    }
}
