//! `rewrite` of a route (RT-REWRITE): what takes the place of its path towards the backend.

use super::pattern::{PathPattern, segments};
use super::scalar::Invalid;
use super::template::{PathTemplate, filled};

/// A replacement that fits its route's path. For prefixes and exact paths a canonical path whose
/// segments may hold `{name}`; for regular expressions a text with `$1` and `${name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite(String);

/// Why a text is no `rewrite`.
#[derive(Clone, Debug)]
pub enum BadRewrite {
    /// `bad-path`
    Path(Invalid),
    /// `undefined-name`: the path has no such parameter or group.
    Undefined(String),
}

impl Rewrite {
    /// Checks and canonicalises.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str, pattern: &PathPattern) -> Result<Self, BadRewrite> {
        let invalid = |reason: &str| BadRewrite::Path(Invalid::new(reason));
        if text.contains(['?', '#']) {
            return Err(invalid("`rewrite` is a path, without `?` and `#`"));
        }
        match pattern.regex() {
            Some(_) => replacement(text, pattern),
            None => template(text, pattern),
        }
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path to be forwarded: `path` as it is now, in both forms, `routed` as it was routed.
    /// `None`: the path no longer fits the route's. The result never leaves this (RT-REWRITE-3);
    /// whether it has dot segments is for the caller to see.
    #[must_use]
    pub fn apply(
        &self,
        pattern: &PathPattern,
        canonical: &str,
        path: &str,
        routed: &str,
    ) -> Option<String> {
        pattern.taken(canonical)?;
        if pattern.regex().is_some() {
            let replaced = pattern.replaced(canonical, &self.0)?;
            let parts = segments(&replaced).map(str::to_owned);
            return Some(joined(parts, canonical.ends_with('/')));
        }
        let own = segments(&self.0).map(|segment| filled(segment, pattern, routed));
        let skipped = pattern.elements().map_or(0, <[_]>::len);
        let rest = segments(path).skip(skipped).map(str::to_owned);
        Some(joined(own.chain(rest), path.ends_with('/')))
    }
}

fn joined(segments: impl Iterator<Item = String>, slash: bool) -> String {
    let mut path: String = segments.map(|segment| format!("/{segment}")).collect();
    if slash || path.is_empty() {
        path.push('/');
    }
    path
}

/// A path whose segments may hold `{name}`.
fn template(text: &str, pattern: &PathPattern) -> Result<Rewrite, BadRewrite> {
    let template = PathTemplate::new(text).map_err(BadRewrite::Path)?;
    let known = |name: &&str| pattern.parameters().any(|known| known == *name);
    match template.parameters().find(|name| !known(name)) {
        Some(name) => Err(BadRewrite::Undefined(name.to_owned())),
        None => Ok(Rewrite(joined(
            segments(template.as_str()).map(str::to_owned),
            false,
        ))),
    }
}

/// A text with groups of the route's regular expression.
fn replacement(text: &str, pattern: &PathPattern) -> Result<Rewrite, BadRewrite> {
    if !text.starts_with(['/', '$']) {
        let fault = Invalid::new("a path begins with `/`");
        return Err(BadRewrite::Path(fault.help(format!("write `/{text}`"))));
    }
    let forbidden = |c: char| c.is_control() || matches!(c, ' ' | '\\');
    if let Some(odd) = text.chars().find(|&c| forbidden(c)) {
        let reason = format!("`{}` is not allowed in a path", odd.escape_debug());
        return Err(BadRewrite::Path(Invalid::new(reason)));
    }
    if segments(text).any(|segment| matches!(segment, "." | "..")) {
        let reason = "`.` and `..` would lead out of `rewrite`";
        return Err(BadRewrite::Path(Invalid::new(reason)));
    }
    let known = |name: &str| {
        pattern
            .regex()
            .is_some_and(|regex| regex.group(name).is_some())
    };
    match groups(text).find(|name| !known(name)) {
        Some(name) => Err(BadRewrite::Undefined(name.to_owned())),
        None => Ok(Rewrite(text.to_owned())),
    }
}

/// The groups that a replacement names: `$1`, `${name}`; `$$` is a dollar (MW-GEN-15).
fn groups(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('$')?;
            if let Some(after) = after.strip_prefix('$') {
                rest = after;
                continue;
            }
            if let Some((name, behind)) = after
                .strip_prefix('{')
                .and_then(|braced| braced.split_once('}'))
            {
                rest = behind;
                return Some(name);
            }
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = after.find(|c: char| !word(c)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            rest = behind;
            if !name.is_empty() {
                return Some(name);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PathType;

    fn apply(path_type: PathType, path: &str, rewrite: &str, sent: &str) -> String {
        let pattern = PathPattern::new(path, path_type).expect("a pattern");
        let rewrite = Rewrite::new(rewrite, &pattern).expect("a rewrite");
        rewrite.apply(&pattern, sent, sent, sent).expect("a fit")
    }

    /// RT-REWRITE-1, RT-ROUTE-15
    #[test]
    fn replacements() {
        let check = |path_type, path, rewrite, sent, expected| {
            assert_eq!(
                apply(path_type, path, rewrite, sent),
                expected,
                "{path} {sent}"
            );
        };
        check(PathType::Prefix, "/api", "/v2", "/api/x/", "/v2/x/");
        check(PathType::Exact, "/api", "/", "/api", "/");
        check(
            PathType::Prefix,
            "/u/{id}",
            "/by-{id}/p",
            "/u/7/x",
            "/by-7/p/x",
        );
        check(
            PathType::Regex,
            "/v([0-9]+)",
            "/api/$1",
            "/v2/x",
            "/api/2/x",
        );
        check(PathType::Regex, "/(?P<a>.)/b", "/${a}$$", "/x/b/c", "/x$/c");
    }

    #[test]
    fn faults() {
        let check = |path_type, path, rewrite, undefined: Option<&str>| {
            let pattern = PathPattern::new(path, path_type).expect("a pattern");
            match Rewrite::new(rewrite, &pattern) {
                Err(BadRewrite::Undefined(name)) => {
                    assert_eq!(Some(&*name), undefined, "{rewrite}")
                }
                Err(BadRewrite::Path(_)) => assert_eq!(undefined, None, "{rewrite}"),
                Ok(_) => panic!("{rewrite}"),
            }
        };
        check(PathType::Prefix, "/{a}", "/{b}", Some("b"));
        check(PathType::Prefix, "/{a}", "/x{a", None);
        check(PathType::Prefix, "/{a}", "x", None);
        check(PathType::Prefix, "/a", "/b?c", None);
        check(PathType::Prefix, "/a", "/..", None);
        check(PathType::Regex, "/(a)", "/$2", Some("2"));
        check(PathType::Regex, "/(a)", "/$1x", Some("1x"));
        check(PathType::Regex, "/(a)", "/${b}", Some("b"));
        check(PathType::Regex, "/(a)", "/../$1", None);
    }
}
