//! Rules that redirect, or change path and query, as generated code has them.

use serde::Serialize;

use super::Value;

/// Rule of `redirect` (MW-REDIR-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redirect {
    /// An absolute URL, or a path.
    pub url: Value,
    /// 301 and 308 instead of 302 and 307.
    pub permanent: bool,
    /// Whether the request's path is added.
    pub preserve_path: bool,
    /// Whether the request's query is added.
    pub preserve_query: bool,
    /// 307 and 308 instead of 302 and 301.
    pub preserve_method: bool,
}

/// Rule of `redirectRegex` (MW-REDIRRX-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedirectRegex {
    /// Searched in path and query.
    pub pattern: String,
    /// What each match becomes.
    pub replacement: Vec<Piece>,
    /// `https://host[:port]` that the replacement begins with.
    pub origin: Option<String>,
    /// 301 instead of 302.
    pub permanent: bool,
}

/// Rule of `replacePath` (MW-REPL-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplacePath {
    /// What the path becomes.
    pub path: Vec<TemplatePiece>,
}

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum TemplatePiece {
    /// Value of a parameter of the route's path.
    Parameter(String),
    /// As it stands.
    Text(String),
}

/// Rule of `rewriteRegex` (MW-REWRITE-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RewriteRegex {
    /// Searched in the path.
    pub pattern: String,
    /// What each match becomes.
    pub replacement: Vec<Piece>,
}

/// A piece of a replacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Piece {
    /// What a group has matched.
    Group(usize),
    /// First value of a field of the request.
    Header(String),
    /// First value of a parameter of the request.
    Query(String),
    /// As it stands.
    Text(String),
}

/// Rule of `stripQuery` (MW-STRIPQ-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StripQuery {
    /// Decoded names.
    pub params: Vec<String>,
    /// None means all.
    pub methods: Vec<String>,
    /// Searched in the path; none means every path.
    pub path_pattern: Option<String>,
}
