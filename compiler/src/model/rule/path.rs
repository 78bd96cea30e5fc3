//! Rules that redirect, or change path and query (middlewares.md 5.15, 5.17, 5.20, 5.21).

use crate::model::regex::Regex;
use crate::model::replacement::Replacement;
use crate::model::{Method, PathTemplate, Value};
use crate::source::Span;

/// `redirect`
#[derive(Clone, Debug)]
pub struct Redirect {
    /// An absolute URL, or a path with one leading `/`.
    pub url: Value,
    /// 301 or 308 in place of 302 or 307.
    pub permanent: bool,
    /// Whether the request's path goes behind that of `url`.
    pub preserve_path: bool,
    /// Whether the request's query goes behind that of `url`.
    pub preserve_query: bool,
    /// 307 or 308 in place of 302 or 301.
    pub preserve_method: bool,
}

/// `redirectRegex`
#[derive(Clone, Debug)]
pub struct RedirectRegex {
    /// Searched in path and query.
    pub pattern: Regex,
    /// Without tokens.
    pub replacement: Replacement,
    /// `https://host[:port]` that `replacement` begins with (MW-REDIRRX-2).
    pub origin: Option<String>,
    /// 301 in place of 302.
    pub permanent: bool,
}

/// `replacePath`
#[derive(Clone, Debug)]
pub struct ReplacePath {
    /// What becomes the path.
    pub path: PathTemplate,
    /// Where it is written.
    pub span: Span,
}

/// `rewriteRegex`
#[derive(Clone, Debug)]
pub struct RewriteRegex {
    /// Searched in the path.
    pub pattern: Regex,
    /// May be empty.
    pub replacement: Replacement,
}

/// `stripQuery`
#[derive(Clone, Debug)]
pub struct StripQuery {
    /// Decoded names; at least one, each once.
    pub params: Vec<String>,
    /// Empty: all.
    pub methods: Vec<Method>,
    /// Searched in the path; none: every path.
    pub path_pattern: Option<Regex>,
}
