//! Types about load: limits, cache, compression, copies (middlewares.md 5.10, 5.14, 6.1, 6.5 to
//! 6.7, 6.10).

use super::KEY_STRATEGY;
use crate::dialect::Scalar::{Bool, Codes, Directory, Duration, Enum, Float, Header, Int, Method, Range, Size, Text, Url};
use crate::dialect::Shape::{List, One, Section as Map};
use crate::dialect::{ANY, HTTP, MOST, Section, key, section};

pub(super) static RATE_LIMIT: Section = section(
    "Limits requests over time (MW-RATE).",
    &[
        key("requestsPerUnit", One(Int(1, ANY)), "How many.").required(),
        key("unit", One(Enum(&["second", "minute", "hour", "day"])), "In which time.").or("second"),
        key("burst", One(Int(0, ANY)), "So many more at once.").or("0"),
        key("banAfter", One(Int(0, ANY)), "Refusals until the key is banned; 0: never.").or("0"),
        key("banDuration", One(Duration(1)), "How long.").or("10m"),
        key("keyStrategy", Map(&KEY_STRATEGY), "What requests are counted by."),
        key("scope", One(Enum(&["route", "global"])), "`global`: one budget for all routes that name it.").or("route").ours(),
        key("onStoreError", One(Enum(&["local", "allow", "deny"])), "When Redis fails.").or("local").ours(),
        key("headers", One(Enum(&["ietf", "legacy", "both", "none"])), "What answers say.").or("ietf").ours(),
        key("fallback", One(Enum(&["ip", "reject"])), "For requests without a key.").or("ip").ours(),
        key("ipv4Prefix", One(Int(0, 32)), "Bits that count.").or("32").ours(),
        key("ipv6Prefix", One(Int(0, 128)), "Bits that count.").or("64").ours(),
        key("maxKeys", One(Int(1, ANY)), "Keys that are remembered.").or("100000").ours(),
    ],
)
.folding();

pub(super) static IN_FLIGHT: Section = section(
    "Limits requests at once (MW-INFL).",
    &[
        key("amount", One(Int(1, ANY)), "How many.").required().ours(),
        key("keyStrategy", Map(&KEY_STRATEGY), "What requests are counted by; absent: all together.").ours(),
        key("queue", One(Int(0, ANY)), "Waiting requests per key.").or("0").ours(),
        key("queueTimeout", One(Duration(1)), "How long they wait.").or("1s").ours(),
        key("statusCode", One(Enum(&["429", "503"])), "Absent: 503; with a key 429.").ours(),
    ],
)
.folding();

pub(super) static HTTP_CACHE: Section = section(
    "Answers from a cache, RFC 9111 (MW-CACHE).",
    &[
        key("maxTtl", One(Int(1, ANY)), "Seconds; the longest lifetime.").or("300"),
        key("maxStale", One(Int(0, ANY)), "Seconds; the longest `max-stale`.").or("0"),
        key("memoryLimit", One(Size(1 << 20, u64::MAX)), "Keys, headers and bodies.").or("64Mi"),
        key("cachePrivateResponses", One(Bool), "Requests with credentials too (MW-CACHE-8).").or("false"),
        key("ignoreVary", List(Header), "Fields of `Vary` that do not count.").or("[]"),
        key("cacheableStatusCodes", List(Int(200, 599)), "Exactly these.").or("[]"),
        key("excludedResponseCodes", List(Codes), "Not these.").or("[]"),
        key("includeQueryInKey", One(Bool), "The query makes a difference.").or("true"),
        key("queryParamsToCache", List(Text), "Only these parameters do.").or("[]"),
        key("disableCacheStatusHeader", One(Bool), "Answers do not say what happened.").or("false"),
        key("defaultTtl", One(Int(0, ANY)), "Seconds, when the backend does not say; absent: `maxTtl`.").ours(),
        key("originCacheControl", One(Enum(&["honor", "ignore"])), "What the backend says.").or("honor").ours(),
        key("staleWhileRevalidate", One(Int(0, ANY)), "Seconds, when the backend does not say.").or("0").ours(),
        key("staleIfError", One(Int(0, ANY)), "Seconds, when the backend does not say.").or("0").ours(),
        key("maxObjectSize", One(Size(1, u64::MAX)), "Larger bodies are not stored.").or("8Mi").ours(),
        key("collapse", One(Bool), "One upstream request for misses at once.").or("true").ours(),
        key("collapseTimeout", One(Duration(1)), "How long others wait for it.").or("5s").ours(),
        key("ignoreCookies", List(Text), "Names or `prefix*` that are not credentials.").or("[]").ours(),
        key("store", One(Enum(&["memory", "redis"])), "Absent: Redis if there is one.").ours(),
        key("purge", Map(&PURGE), "The method `PURGE`.").ours(),
        key("allowBeforeAuth", One(Bool), "It may stand before a guard (MW-CACHE-18).").or("false").ours(),
    ],
)
.folding();

static PURGE: Section = section(
    "The method `PURGE`.",
    &[
        key("token", One(Text), "What `Authorization: Bearer` must carry.").required().secret().ours(),
        key("sourceRanges", List(Range), "From where.").ours(),
    ],
)
.folding();

pub(super) static COMPRESS: Section = section(
    "Compresses responses (MW-COMP).",
    &[
        key("algorithms", List(Enum(&["zstd", "br", "gzip"])), "The first wins among equals.").or("[zstd, br, gzip]").ours(),
        key("minSize", One(Size(0, MOST)), "Smaller bodies stay as they are.").or("1Ki").ours(),
        key("level", Map(&LEVEL), "How hard.").ours(),
        key("contentTypes", List(Text), "`type/*`, `*/sub`, `*+suffix`.").ours(),
        key("excludeContentTypes", List(Text), "But not these.").or("[]").ours(),
    ],
)
.folding();

static LEVEL: Section = section(
    "How hard.",
    &[
        key("gzip", One(Int(1, 9)), "gzip").or("6").ours(),
        key("br", One(Int(0, 11)), "Brotli").or("4").ours(),
        key("zstd", One(Int(1, 19)), "Zstandard").or("3").ours(),
    ],
)
.folding();

pub(super) static REQUEST_TIMEOUT: Section = section(
    "Limits the time for an answer (MW-RTO).",
    &[
        key("timeout", One(Duration(1)), "Until the response's headers.").required().ours(),
        key("statusCode", One(Enum(&["503", "504"])), "Of the answer then.").or("504").ours(),
        key("wholeResponse", One(Bool), "Until the body's end.").or("false").ours(),
    ],
)
.folding();

pub(super) static BUFFERING: Section = section(
    "Reads whole bodies before going on (MW-BUF).",
    &[
        key("request", One(Bool), "Those of requests.").or("true").ours(),
        key("response", One(Bool), "Those of responses.").or("false").ours(),
        key("maxRequestBody", One(Size(1, u64::MAX)), "Larger: 413.").or("10Mi").ours(),
        key("maxResponseBody", One(Size(1, u64::MAX)), "Larger: 502.").or("10Mi").ours(),
        key("memory", One(Size(0, u64::MAX)), "Beyond it a file is used.").or("1Mi").ours(),
        key("directory", One(Directory), "Absent: the system's.").value().ours(),
    ],
)
.folding();

pub(super) static MIRROR: Section = section(
    "Sends copies of requests elsewhere (MW-MIRROR).",
    &[
        key("target", One(Url(HTTP)), "Without a path.").required().value().ours(),
        key("percent", One(Float(0.0, 100.0)), "Of requests.").or("100").ours(),
        key("methods", List(Method), "None: all.").or("[]").ours(),
        key("removeHeaders", List(Header), "Not in copies.").or("[]").ours(),
        key("maxBody", One(Size(0, MOST)), "Larger requests are not copied.").or("1Mi").ours(),
        key("maxPending", One(Int(1, ANY)), "Copies at once.").or("256").ours(),
        key("timeout", One(Duration(1)), "Of a copy.").or("10s").ours(),
    ],
)
.folding();
