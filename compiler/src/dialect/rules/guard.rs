//! Types that refuse requests (middlewares.md 5.1, 5.2, 5.6, 5.9, 5.22, 5.23).

use crate::dialect::Scalar::{Bool, Country, Enum, EnumFold, Header, Int, Pattern, Range, Size, Text};
use crate::dialect::Shape::{List, One, Section as Map};
use crate::dialect::{MOST, Need, Section, key, section};

pub(super) static ACCESS: Section = section(
    "Refuses every request of its `paths` (MW-ACCESS).",
    &[key("statusCode", One(Int(400, 599)), "Of the answer.").or("403")],
)
.folding();

pub(super) static ACCESS_POLICY: Section = section(
    "Lets addresses in or keeps them out (MW-POLICY).",
    &[
        key("action", One(EnumFold(&["ALLOW", "DENY"])), "What happens to the ranges.").or("ALLOW"),
        key("sourceRanges", List(Range), "`IP`, CIDR or `IP-IP`.").required(),
        key("statusCode", One(Int(400, 599)), "Of a refusal.").or("403").ours(),
        key("message", One(Text), "Of a refusal; absent: `<code> <reason>`.").ours(),
    ],
)
.folding();

pub(super) static IP_LIST: Section = section(
    "`accessPolicy` with its action fixed (MW-POLICY).",
    &[
        key("sourceRanges", List(Range), "`IP`, CIDR or `IP-IP`.").ours(),
        key("sourceRange", List(Range), "Other spelling of `sourceRanges`.").ours(),
        key("statusCode", One(Int(400, 599)), "Of a refusal.").or("403").ours(),
        key("message", One(Text), "Of a refusal; absent: `<code> <reason>`.").ours(),
    ],
)
.folding()
.needs(&[
    Need::Any(&["sourceRanges", "sourceRange"]),
    Need::Apart("sourceRanges", "sourceRange"),
]);

pub(super) static BODY_LIMIT: Section = section(
    "Refuses bodies that are too large (MW-BODY).",
    &[
        key("limit", One(Size(1, u64::MAX)), "Bytes of a request body.").required(),
        key("buffer", One(Bool), "Reads the whole body before going on.").or("false").ours(),
    ],
)
.folding();

pub(super) static EXPLOIT_PROTECTION: Section = section(
    "Refuses known attacks (MW-EXPL).",
    &[
        key("mode", One(Enum(&["block", "report"])), "`report` only logs.").or("block").ours(),
        key("detect", List(Enum(&["sqli", "xss", "traversal", "xxe", "crlf", "nul"])), "None: all.").ours(),
        key("inspect", List(Enum(&["path", "query", "headers", "cookies", "body"])), "Parts of a request.").or("[path, query, headers, cookies]").ours(),
        key("headers", List(Header), "For `headers`.").or("[User-Agent, Referer]").ours(),
        key("bodyLimit", One(Size(1, MOST)), "Bytes of a body that are inspected.").or("64Ki").ours(),
        key("bodyOverLimit", One(Enum(&["prefix", "reject"])), "What happens beyond them.").or("prefix").ours(),
        key("exclude", Map(&EXCLUDE), "What is not inspected.").ours(),
        key("statusCode", One(Int(400, 499)), "Of a refusal.").or("403").ours(),
    ],
)
.folding();

static EXCLUDE: Section = section(
    "What is not inspected.",
    &[
        key("paths", List(Pattern), "Path scopes.").ours(),
        key("params", List(Text), "Query parameters.").ours(),
        key("headers", List(Header), "Headers.").ours(),
        key("cookies", List(Text), "Cookies.").ours(),
        key("rules", List(Enum(&["sqli", "xss", "traversal", "xxe", "crlf", "nul"])), "Of `detect`.").ours(),
    ],
)
.folding();

pub(super) static GEO_BLOCK: Section = section(
    "Lets countries in or keeps them out (MW-GEO).",
    &[
        key("action", One(EnumFold(&["ALLOW", "DENY"])), "What happens to the countries.").required(),
        key("countries", List(Country), "ISO 3166-1 alpha-2.").required(),
        key("statusCode", One(Int(400, 599)), "Of a refusal.").or("403"),
        key("message", One(Text), "Of a refusal.").or("Access denied from your region"),
        key("allowUnknown", One(Bool), "Addresses without a country may pass.").or("true"),
        key("allowPrivate", One(Bool), "False: internal addresses count as unknown.").or("true").ours(),
        key("addCountryHeader", One(Header), "Tells the backend the country."),
    ],
)
.folding();

pub(super) static USER_AGENT_BLOCK: Section = section(
    "Refuses clients by `User-Agent` (MW-UA).",
    &[
        key("userAgents", List(Text), "Parts of the header, or `re:` and a regular expression.").required(),
        key("allow", List(Text), "Checked first.").or("[]").ours(),
        key("caseSensitive", One(Bool), "Letter case matters.").or("false").ours(),
        key("blockEmpty", One(Bool), "Refuses requests without the header.").or("false").ours(),
        key("statusCode", One(Int(400, 599)), "Of a refusal.").or("403").ours(),
    ],
)
.folding();
