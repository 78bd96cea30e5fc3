//! `path`, `pathType` and `rewrite` of a route: which paths it takes, and what becomes of them.

use super::env;
use super::read::Cx;
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::model::{BadPattern, BadRewrite, Part, PathPattern, PathType, Rewrite};
use crate::source::Span;
use crate::spec;
use crate::spec::fields::Leaf;

/// The path with its place; `None`: faulty.
pub(super) fn pattern(spec: &spec::Route, cx: &mut Cx<'_>) -> Option<(PathPattern, Span)> {
    let path_type = path_type(spec, cx);
    let leaf = spec.path.as_ref().filter(|leaf| !leaf.null);
    let Some(leaf) = leaf.filter(|leaf| !leaf.text.is_empty()) else {
        let head = spec.path.as_ref().map_or(spec.head, |leaf| leaf.span);
        if spec.path.as_ref().is_some_and(|leaf| leaf.broken) {
            return None;
        }
        cx.missing(&spec.path_key, "path", head, "`path: /` matches every path");
        return None;
    };
    let text = cx.text(leaf)?.text;
    match PathPattern::new(&text, path_type?) {
        Ok(pattern) => Some((pattern, leaf.span)),
        Err(BadPattern::Path(invalid)) => {
            cx.fault(Code::BadPath, leaf, invalid);
            None
        }
        Err(BadPattern::Regex(invalid)) => {
            cx.fault(Code::BadRegex, leaf, invalid);
            None
        }
    }
}

fn path_type(spec: &spec::Route, cx: &mut Cx<'_>) -> Option<PathType> {
    cx.word(spec.path_type.as_ref(), &["prefix", "exact", "regex"])
        .and_then(PathType::parse)
}

/// `rewrite`; the outer `None`: faulty.
pub(super) fn rewrite(
    spec: &spec::Route,
    pattern: &PathPattern,
    cx: &mut Cx<'_>,
) -> Option<Option<Rewrite>> {
    let Some(leaf) = spec.rewrite.as_ref().filter(|leaf| !leaf.null) else {
        return Some(None);
    };
    if let Some(group) = unset_group(leaf, pattern, cx) {
        cx.diags.push(group);
        return None;
    }
    let text = cx.text(leaf)?.text;
    match Rewrite::new(&text, pattern) {
        Ok(rewrite) => Some(Some(rewrite)),
        Err(BadRewrite::Path(invalid)) => {
            cx.fault(Code::BadPath, leaf, invalid);
            None
        }
        Err(BadRewrite::Undefined(name)) => {
            cx.diags.push(undefined(leaf, pattern, &name));
            None
        }
    }
}

fn undefined(leaf: &Leaf, pattern: &PathPattern, name: &str) -> Diagnostic {
    let (shown, path) = (name.escape_debug(), pattern.as_str().escape_debug());
    let what = match pattern.path_type() {
        PathType::Regex => "group",
        PathType::Exact | PathType::Prefix => "parameter",
    };
    let message = format!("the path `{path}` has no {what} `{shown}`");
    let fault = Diagnostic::new(Code::UndefinedName, leaf.key.as_str(), leaf.span, message);
    match nearest(name, pattern.parameters()) {
        Some(known) => fault.help(format!("did you mean `{{{known}}}`?")),
        None if pattern.path_type() == PathType::Regex => {
            fault.help("`$1x` means the group `1x`: write `$${1}x` for a group before a letter")
        }
        None => fault,
    }
}

/// A `${name}` that is no variable but a group of the path: it is written `$${name}` (C-ENV-2).
fn unset_group(leaf: &Leaf, pattern: &PathPattern, cx: &Cx<'_>) -> Option<Diagnostic> {
    let regex = pattern.regex()?;
    let name = env::parts(&leaf.text)
        .into_iter()
        .find_map(|part| match part {
            Part::Env {
                name,
                default: None,
            } if !cx.variables.is_set(&name) && regex.group(&name).is_some() => Some(name),
            Part::Env { .. } | Part::Encrypted { .. } | Part::Text(_) => None,
        })?;
    let message =
        format!("the variable `{name}` is not set; the group `{name}` is written `$${{{name}}}`");
    let text = leaf
        .text
        .replace(&format!("${{{name}}}"), &format!("$${{{name}}}"));
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let fault = Diagnostic::new(Code::EnvUnset, leaf.key.as_str(), leaf.span, message);
    Some(fault.fix(leaf.span, quoted))
}
