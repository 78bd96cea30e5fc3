//! Types that change or redirect the path (middlewares.md 5.4, 5.15 to 5.17, 5.20, 5.21, 6.2).

use crate::dialect::Scalar::{Bool, EnumFold, Int, Method, Path, Regex, Text, UrlOrPath};
use crate::dialect::Shape::{List, One};
use crate::dialect::{Section, key, section};

pub(super) static ADD_PREFIX: Section = section(
    "Puts a prefix before the path (MW-PREFIX).",
    &[key("prefix", One(Text), "Begins with `/`.").required()],
)
.folding();

pub(super) static REDIRECT: Section = section(
    "Redirects every request (MW-REDIR).",
    &[
        key("url", One(UrlOrPath), "Where to.").required().value(),
        key("permanent", One(Bool), "301 instead of 302.").or("false"),
        key("preservePath", One(Bool), "Adds the request's path.").or("false").ours(),
        key("preserveQuery", One(Bool), "Adds the request's query.").or("false").ours(),
        key("preserveMethod", One(Bool), "308 and 307 instead of 301 and 302.").or("false").ours(),
    ],
)
.folding();

pub(super) static REDIRECT_REGEX: Section = section(
    "Redirects requests whose path and query match (MW-REDIRRX).",
    &[
        key("pattern", One(Regex), "Searched in path and query.").required(),
        key("replacement", One(Text), "What each match becomes.").required(),
        key("permanent", One(Bool), "301 instead of 302.").or("false"),
    ],
)
.folding();

pub(super) static REDIRECT_SCHEME: Section = section(
    "Redirects requests of another scheme (MW-SCHEME).",
    &[
        key("scheme", One(EnumFold(&["http", "https"])), "The scheme to have.").required(),
        key("port", One(Int(1, 65535)), "Absent: the scheme's.").value(),
        key("permanent", One(Bool), "301 instead of 302.").or("false"),
        key("preserveMethod", One(Bool), "308 and 307 instead of 301 and 302.").or("false").ours(),
    ],
)
.folding();

pub(super) static REPLACE_PATH: Section = section(
    "Replaces the path (MW-REPL).",
    &[key("path", One(Path), "May have `{name}` of the route's path.").required().ours()],
)
.folding();

pub(super) static REWRITE_REGEX: Section = section(
    "Rewrites what matches in the path (MW-REWRITE).",
    &[
        key("pattern", One(Regex), "Searched in the path.").required(),
        key("replacement", One(Text), "What each match becomes.").required(),
    ],
)
.folding();

pub(super) static STRIP_PREFIX: Section = section(
    "Removes the longest of several prefixes (MW-STRIPP).",
    &[key("prefixes", List(Path), "Each begins with `/`.").required().ours()],
)
.folding();

pub(super) static STRIP_QUERY: Section = section(
    "Removes query parameters (MW-STRIPQ).",
    &[
        key("params", List(Text), "Their names.").required(),
        key("methods", List(Method), "None: all.").or("[]"),
        key("pathPattern", One(Regex), "Searched in the path; absent: all."),
    ],
)
.folding();
