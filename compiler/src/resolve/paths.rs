//! Rules that redirect, or change path and query (middlewares.md 5.15, 5.17, 5.20, 5.21).

use super::env;
use super::read::Cx;
use super::rules::Home;
use crate::diag::{Code, Diagnostic};
use crate::dialect::Scalar;
use crate::model::regex::Regex;
use crate::model::replacement::{BadOrigin, Purpose, Replacement};
use crate::model::rule::{Redirect, RedirectRegex, ReplacePath, RewriteRegex, StripQuery};
use crate::model::scalar::Invalid;
use crate::model::{Method, Part, PathTemplate};
use crate::spec::fields::{Leaf, Leaves};
use crate::spec::rule as shape;

pub(super) fn redirect(
    rule: &shape::Redirect,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<Redirect> {
    let url = match rule
        .url
        .as_ref()
        .filter(|leaf| !leaf.null && !leaf.text.is_empty())
    {
        None => {
            if rule.url.as_ref().is_none_or(|leaf| !leaf.broken) {
                let help = "write `url: https://www.example.com`, or a path: `url: /new`";
                cx.missing(home.key, "url", home.head, help);
            }
            None
        }
        Some(leaf) => {
            let default = (leaf.key.as_str(), "");
            Some(cx.checked(Some(leaf), Scalar::UrlOrPath, default, leaf.span))
        }
    };
    let mut flag = |leaf: &Option<Leaf>| cx.boolean(leaf.as_ref(), false);
    let (permanent, preserve_method) = (flag(&rule.permanent), flag(&rule.preserve_method));
    let (preserve_path, preserve_query) = (flag(&rule.preserve_path), flag(&rule.preserve_query));
    Some(Redirect {
        url: url?,
        permanent,
        preserve_path,
        preserve_query,
        preserve_method,
    })
}

pub(super) fn redirect_regex(
    rule: &shape::Replace,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<RedirectRegex> {
    let pattern = pattern(rule, home, cx);
    let permanent = cx.boolean(rule.permanent.as_ref(), false);
    let help = "write `replacement: https://www.example.com/$1`";
    let leaf = rule.replacement.as_ref();
    let text = unreferenced(leaf, pattern.as_ref(), cx)
        .and_then(|()| cx.required(leaf, home.key, "replacement", home.head, help))?
        .text;
    let (leaf, pattern) = (leaf?, pattern?);
    let replacement = replacement(&text, leaf, &pattern, Purpose::Location, cx)?;
    let origin = match replacement.origin() {
        Ok(origin) => origin,
        Err(bad) => {
            let (code, invalid) = match bad {
                BadOrigin::Url(invalid) => (Code::BadUrl, invalid),
                BadOrigin::Open(invalid) => (Code::RedirectOpen, invalid),
            };
            cx.fault(code, leaf, invalid);
            return None;
        }
    };
    Some(RedirectRegex {
        pattern,
        replacement,
        origin,
        permanent,
    })
}

pub(super) fn replace_path(
    rule: &shape::ReplacePath,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<ReplacePath> {
    let leaf = rule.path.as_ref();
    let help = "write `path: /new`";
    let text = cx.required(leaf, home.key, "path", home.head, help)?.text;
    let leaf = leaf?;
    let path = PathTemplate::new(&text)
        .map_err(|invalid| cx.fault(Code::BadPath, leaf, invalid))
        .ok()?;
    let span = leaf.span;
    Some(ReplacePath { path, span })
}

pub(super) fn rewrite_regex(
    rule: &shape::Replace,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<RewriteRegex> {
    let pattern = pattern(rule, home, cx);
    let leaf = rule.replacement.as_ref().filter(|leaf| !leaf.null);
    let Some(leaf) = leaf else {
        if rule.replacement.as_ref().is_none_or(|leaf| !leaf.broken) {
            let help = "write `replacement: /new/$1`, or `\"\"` to remove what matches";
            cx.missing(home.key, "replacement", home.head, help);
        }
        return None;
    };
    let text = unreferenced(Some(leaf), pattern.as_ref(), cx).and_then(|()| cx.text(leaf))?;
    let pattern = pattern?;
    let replacement = replacement(&text.text, leaf, &pattern, Purpose::Path, cx)?;
    Some(RewriteRegex {
        pattern,
        replacement,
    })
}

pub(super) fn strip_query(
    rule: &shape::StripQuery,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<StripQuery> {
    let params = params(rule.params.as_ref(), home, cx);
    let texts = cx.texts(rule.methods.as_ref());
    let mut whole = texts.whole;
    let mut methods: Vec<Method> = Vec::new();
    for (leaf, text) in texts.items {
        match Method::new(&text) {
            Ok(method) if methods.contains(&method) => {}
            Ok(method) => methods.push(method),
            Err(invalid) => {
                whole = false;
                cx.fault(Code::BadMethod, leaf, invalid);
            }
        }
    }
    let leaf = rule.path_pattern.as_ref().filter(|leaf| !leaf.null);
    let path_pattern = match leaf {
        None => None,
        Some(leaf) => Some(regex(&cx.text(leaf)?.text, leaf, cx)?),
    };
    let params = params?;
    whole.then_some(StripQuery {
        params,
        methods,
        path_pattern,
    })
}

fn params(list: Option<&Leaves>, home: Home<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    if list.is_none_or(|list| list.items.is_empty() && !list.broken) {
        cx.missing(
            home.key,
            "params",
            home.head,
            "write `params: [utm_source]`",
        );
        return None;
    }
    let texts = cx.texts(list);
    let mut whole = texts.whole;
    let mut params: Vec<String> = Vec::new();
    for (leaf, text) in texts.items {
        if text.is_empty() {
            whole = false;
            cx.fault(Code::BadRule, leaf, Invalid::new("a parameter has a name"));
        } else if !params.contains(&text) {
            params.push(text);
        }
    }
    whole.then_some(params)
}

fn pattern(rule: &shape::Replace, home: Home<'_>, cx: &mut Cx<'_>) -> Option<Regex> {
    let leaf = rule.pattern.as_ref();
    let help = "write `pattern: ^/old/(.*)`";
    let text = cx.required(leaf, home.key, "pattern", home.head, help)?;
    regex(&text.text, leaf?, cx)
}

fn regex(text: &str, leaf: &Leaf, cx: &mut Cx<'_>) -> Option<Regex> {
    Regex::new(text)
        .map_err(|invalid| cx.fault(Code::BadRegex, leaf, invalid))
        .ok()
}

fn replacement(
    text: &str,
    leaf: &Leaf,
    pattern: &Regex,
    purpose: Purpose,
    cx: &mut Cx<'_>,
) -> Option<Replacement> {
    Replacement::new(text, pattern, purpose)
        .map_err(|invalid| cx.fault(Code::BadRule, leaf, invalid))
        .ok()
}

/// `${name}` is a reference to the environment; one that is unset and a group of the pattern was
/// meant as that group, which is written `$${name}` (MW-GEN-5). `None`: reported.
fn unreferenced(leaf: Option<&Leaf>, pattern: Option<&Regex>, cx: &mut Cx<'_>) -> Option<()> {
    let (Some(leaf), Some(pattern)) = (leaf, pattern) else {
        return Some(());
    };
    let mut fixed = String::new();
    let mut first = None;
    for part in env::parts(&leaf.text) {
        match part {
            Part::Env {
                name,
                default: None,
            } if !cx.variables.is_set(&name) && pattern.group(&name).is_some() => {
                fixed.push_str(&format!("$${{{name}}}"));
                first = first.or(Some(name));
            }
            Part::Env { name, default } => {
                let default = default.map_or_else(String::new, |text| format!(":-{text}"));
                fixed.push_str(&format!("${{{name}{default}}}"));
            }
            Part::Encrypted { .. } => {}
            Part::Text(text) => fixed.push_str(&text.replace("${", "$${")),
        }
    }
    let Some(name) = first else { return Some(()) };
    let message = format!("the variable `{name}` is not set, but the pattern has such a group");
    let fault = Diagnostic::new(Code::EnvUnset, leaf.key.as_str(), leaf.span, message);
    let fault = fault.help(format!("a group is written `$${{{name}}}`"));
    cx.diags.push(if fixed.chars().any(char::is_control) {
        fault
    } else {
        fault.fix(leaf.span, format!("'{}'", fixed.replace('\'', "''")))
    });
    None
}
