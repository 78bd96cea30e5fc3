//! `rewrite` of a route (RT-REWRITE): what takes the place of its path towards the backend.

use super::path::push_segment;
use super::pattern::{PathPattern, segments};
use super::scalar::Invalid;

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

fn filled(segment: &str, pattern: &PathPattern, routed: &str) -> String {
    let mut text = String::new();
    let mut rest = segment;
    while let Some((before, braced)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = braced.split_once('}').unwrap_or((braced, ""));
        text.push_str(pattern.parameter(name, routed).unwrap_or_default());
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A path whose segments may hold `{name}`.
fn template(text: &str, pattern: &PathPattern) -> Result<Rewrite, BadRewrite> {
    if !text.starts_with('/') {
        let fault = Invalid::new("a path begins with `/`");
        return Err(BadRewrite::Path(fault.help(format!("write `/{text}`"))));
    }
    let mut path = String::new();
    for segment in segments(text) {
        path.push('/');
        push_template(segment, pattern, &mut path)?;
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(Rewrite(path))
}

fn push_template(
    segment: &str,
    pattern: &PathPattern,
    path: &mut String,
) -> Result<(), BadRewrite> {
    // A segment of dots alone is refused; parts of one between parameters are looked at when the
    // request is there.
    let mut rest = segment;
    while let Some((before, braced)) = rest.split_once('{') {
        push_text(before, path)?;
        let (name, after) = braced
            .split_once('}')
            .ok_or_else(|| BadRewrite::Path(Invalid::new("a brace is only allowed as `{name}`")))?;
        if !pattern.parameters().any(|known| known == name) {
            return Err(BadRewrite::Undefined(name.to_owned()));
        }
        path.push_str(&format!("{{{name}}}"));
        rest = after;
    }
    if rest == segment {
        return push_segment(segment, path).map_err(BadRewrite::Path);
    }
    push_text(rest, path)
}

/// Text beside parameters.
fn push_text(text: &str, path: &mut String) -> Result<(), BadRewrite> {
    if text.is_empty() {
        return Ok(());
    }
    // With something before it, a text of dots is no dot segment.
    let mut pushed = String::new();
    push_segment(&format!("x{text}"), &mut pushed).map_err(BadRewrite::Path)?;
    path.push_str(pushed.strip_prefix('x').unwrap_or(&pushed));
    Ok(())
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
