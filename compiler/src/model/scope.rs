//! `paths` of a middleware (middlewares.md section 2): where on its routes it acts.

use super::path::push_canonical;
use super::readings;
use super::regex::Regex;
use super::scalar::Invalid;

/// Where a middleware acts: one pattern that fits is enough.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Never empty.
    pub patterns: Vec<Pattern>,
}

/// One entry of `paths`.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Segments in canonical form, each perhaps with `*`; `/` for everything.
    Literal(String),
    /// Anchored at the start, letter case ignored.
    Regex(Regex),
}

/// Why a text is no pattern.
#[derive(Clone, Debug)]
pub enum BadPattern {
    /// `path-no-slash`
    NoSlash(Invalid),
    /// `bad-path`
    Path(Invalid),
    /// `bad-regex`
    Regex(Invalid),
    /// `path-star-in-regex`
    Star(Invalid),
}

impl Pattern {
    /// Reads an entry (MW-PATH-3, -5, -12).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let shown = text.escape_debug();
        if !is_regex(text) {
            if !text.starts_with('/') && text != "*" {
                let fault = Invalid::new(format!("the scope `{shown}` does not begin with `/`"));
                return Err(BadPattern::NoSlash(fault.help(format!("write `/{text}`"))));
            }
            return literal(text).map(Self::Literal).map_err(BadPattern::Path);
        }
        if let Some(odd) = text.chars().find(|c| !c.is_ascii()) {
            let mut escaped = String::new();
            let _ = push_canonical(&odd.to_string(), &mut escaped);
            let fault = Invalid::new(format!(
                "`{odd}` is in no path, where it is percent-encoded"
            ));
            return Err(BadPattern::Regex(fault.help(format!("write `{escaped}`"))));
        }
        if text.contains("/*") || text.contains("//") {
            let reason =
                format!("`{shown}` is a regular expression, where `/*` means any number of `/`");
            let fault = Invalid::new(reason).help("write `/[^/]+` for one segment");
            return Err(BadPattern::Star(fault));
        }
        Regex::new(text).map(Self::Regex).map_err(BadPattern::Regex)
    }

    /// Whether a canonical path is in scope, taken by itself.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        match self {
            Self::Literal(literal) => covers(literal, path),
            Self::Regex(regex) => regex.begins(path),
        }
    }

    /// As generated code has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Regex(regex) => regex.as_str(),
        }
    }

    /// Of `/docs/.*`: `/docs`, which it does not cover (MW-PATH-12).
    #[must_use]
    pub fn uncovered_base(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Regex(regex) => {
                let base = regex.as_str().strip_suffix("/.*")?;
                (base.starts_with('/') && !is_regex(base)).then_some(base)
            }
        }
    }
}

impl Scope {
    /// Whether a canonical path is in scope; `below`: without what the route takes; `guard`: what a backend may
    /// make of it counts too (MW-PATH-1, MW-PATH-10).
    #[must_use]
    pub fn covers(&self, path: &str, below: impl Fn(&str) -> &str, guard: bool) -> bool {
        let fits = |path: &str, below: &str| self.fits(path, below, guard);
        if fits(path, below(path)) {
            return true;
        }
        guard && path.contains(['%', ';']) && {
            let rest = readings::of(below(path));
            let mut both = readings::of(path).zip(rest);
            both.any(|(whole, rest)| fits(&whole, below(&whole)) || fits(&whole, &rest))
        }
    }

    fn fits(&self, path: &str, below: &str, guard: bool) -> bool {
        let either = |literal: &str| covers(literal, path) || covers(literal, below);
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Literal(literal) => {
                let opened = || readings::opened(literal, &['/', '\\']);
                either(literal) || guard && literal.contains('%') && either(&opened())
            }
            Pattern::Regex(regex) => {
                let whole = regex.as_str().starts_with('^');
                regex.begins(path) || (!whole && regex.begins(below))
            }
        })
    }
}

/// MW-PATH-3
fn is_regex(text: &str) -> bool {
    let special = |c: char| "()[]{}|+?\\".contains(c);
    text.starts_with('^') || text.ends_with('$') || text.contains(special) || text.contains(".*")
}

/// Canonical, like the paths it is held against; without a trailing `/` or `/*`.
fn literal(text: &str) -> Result<String, Invalid> {
    if let Some(odd) = text.chars().find(|&c| c.is_control() || c == '#') {
        let shown = odd.escape_debug();
        return Err(Invalid::new(format!("`{shown}` is in no path")));
    }
    let segments: Vec<_> = text.split('/').filter(|part| !part.is_empty()).collect();
    let kept = match segments.as_slice() {
        [kept @ .., "*"] => kept,
        all => all,
    };
    let mut path = String::new();
    for segment in kept {
        path.push('/');
        let start = path.len();
        for (at, piece) in segment.split('*').enumerate() {
            if at > 0 {
                path.push('*');
            }
            push_canonical(piece, &mut path)?;
        }
        if matches!(path.get(start..), Some("." | "..")) {
            let reason = "`.` and `..` are resolved before middlewares act, so no request matches";
            return Err(Invalid::new(reason));
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

/// Whether a literal covers a path (MW-PATH-5).
fn covers(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut wanted = pattern.split('/').filter(|segment| !segment.is_empty());
    wanted.all(|wanted| {
        let segment = segments.next().map(str::to_ascii_lowercase);
        segment.is_some_and(|segment| globs(&wanted.to_ascii_lowercase(), &segment))
    })
}

fn globs(pattern: &str, segment: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == segment;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let left = segment.strip_prefix(head);
    let Some(mut left) = left.and_then(|left| left.strip_suffix(tail)) else {
        return false;
    };
    for piece in middle.split('*') {
        let Some((_, behind)) = left
            .split_once(piece)
            .or(piece.is_empty().then_some(("", left)))
        else {
            return false;
        };
        left = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PathPattern, PathType};

    #[track_caller]
    fn check(pattern: &str, guard: bool, cases: &[(&str, bool)]) {
        let patterns = vec![Pattern::new(pattern).expect("a pattern")];
        let route = PathPattern::new("/api", PathType::Prefix).expect("a path");
        for (path, expected) in cases {
            let scope = Scope {
                patterns: patterns.clone(),
            };
            assert_eq!(
                scope.covers(path, |path| route.below(path), guard),
                *expected,
                "{pattern} {path}"
            );
        }
    }

    /// The table of middlewares.md section 2; the runtime's `chain/scope` has the same.
    #[test]
    fn scopes() {
        check(
            "/admin/*",
            true,
            &[
                ("/api/admin", true),
                ("/api/admin/x", true),
                ("/api/ADMIN/x", true),
                ("/api/administrator", false),
                ("/api/admin%2Fx", true),
                ("/api/%2Fadmin", true),
                ("/api/.%5Cadmin;x/y", true),
                ("/api%2Fadmin", true),
                ("/api/;%2Fx/admin", true),
                ("/api/admin%3Bx", true),
                ("/api/x%2Fadmin", false),
            ],
        );
        let at = [
            ("/api/%40me", true),
            ("/api/@me", true),
            ("/api/%4040me", false),
        ];
        check("/@me", true, &at);
        check("/%40me", true, &at);
        check("/my docs*", true, &[("/api/my%20docsz/x", true)]);
        check("/ä*", false, &[("/api/%C3%A4x", true), ("/api/a", false)]);
        let hidden = ["/api/admin%2Fx", "/api/%2Fadmin", "/api/admin;x"];
        check("/admin", false, &hidden.map(|path| (path, false)));
        check(
            "/tenant/*/api",
            false,
            &[
                ("/api/tenant/acme/api/x", true),
                ("/api/tenant/api", false),
                ("/api/tenant/a/b/api", false),
            ],
        );
        check(
            "^/api/r[0-9]+/old",
            false,
            &[
                ("/api/r2/older", true),
                ("/API/r2/old", true),
                ("/api/rx/old", false),
                ("/x/api/r2/old", false),
            ],
        );
        check("*", false, &[("/api/x", true)]);
        check("/v*-x", false, &[("/api/v1-x/y", true), ("/api/v1", false)]);
        assert_eq!(
            Pattern::new("/docs/.*")
                .ok()
                .and_then(|p| p.uncovered_base().map(str::to_owned)),
            Some("/docs".to_owned())
        );
        assert!(matches!(Pattern::new("admin"), Err(BadPattern::NoSlash(_))));
        assert!(matches!(
            Pattern::new("/tenant/*/api/.*"),
            Err(BadPattern::Star(_))
        ));
        assert!(matches!(Pattern::new("([bad"), Err(BadPattern::Regex(_))));
    }
}
