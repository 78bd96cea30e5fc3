//! Types about headers, answers and the log (middlewares.md 5.3, 5.7, 5.18, 5.19, 6.8, 6.9).

use crate::dialect::Scalar::{Bool, Codes, Enum, EnumFold, File, Header, Host, Int, Method, Path, Text};
use crate::dialect::Shape::{List, Names, One, OneOrSection, Section as Map, Sections};
use crate::dialect::{ANY, Change, Need, Section, key, section};

pub(super) static ACCESS_LOG: Section = section(
    "Adds fields to the access log (MW-LOG).",
    &[
        key("headers", List(Header), "Of the request.").or("[]"),
        key("query", List(Text), "Parameters.").or("[]"),
        key("cookies", List(Text), "Cookies.").or("[]"),
        key("responseHeaders", List(Header), "Of the response.").or("[]").ours(),
        key("fields", Names(Text), "Texts with tokens (MW-GEN-24).").ours(),
        key("user", One(Bool), "Who is logged in.").or("false").ours(),
        key("redact", One(Enum(&["true", "hash", "false"])), "How sensitive values are written.").or("true").ours(),
        key("emitMissing", One(Bool), "JSON only: `null` for what is absent.").or("false").ours(),
    ],
)
.folding()
.needs(&[Need::Any(&["headers", "query", "cookies", "responseHeaders", "fields", "user"])]);

pub(super) static ERROR_INTERCEPTOR: Section = section(
    "Replaces bodies of errors (MW-EI).",
    &[
        key("enabled", One(Bool), "False: does nothing.").or("true"),
        key("contentType", One(Text), "Absent: negotiated."),
        key("errors", Sections(&INTERCEPTED), "Which errors.").required(),
    ],
)
.folding();

static INTERCEPTED: Section = section(
    "An error whose body is replaced.",
    &[
        key("statusCode", One(Codes), "`404`, `500-599` or `5xx`.").required(),
        key("body", One(Text), "Wins over `file`."),
        key("file", One(File), "Embedded when the gateway is built."),
    ],
)
.folding()
.old(&[("code", Change::Move("statusCode")), ("status", Change::Move("statusCode"))]);

pub(super) static REQUEST_HEADERS: Section = section(
    "Changes headers of requests (MW-REQH).",
    &[
        key("setHeaders", Names(Text), "`\"\"` deletes.").value(),
        key("removeHeaders", List(Text), "Names, or `Prefix-*`.").or("[]"),
        key("addHeaders", Names(Text), "Beside those that are there.").value().ours(),
    ],
)
.folding()
.needs(&[Need::Any(&["setHeaders", "removeHeaders", "addHeaders"])]);

pub(super) static RESPONSE_HEADERS: Section = section(
    "Changes headers of responses, CORS (MW-RESH, MW-CORS).",
    &[
        key("setHeaders", Names(Text), "`\"\"` deletes.").value(),
        key("setCookies", Sections(&COOKIE), "Cookies.").or("[]"),
        key("cacheControl", One(Text), "`Cache-Control`.").value(),
        key("cors", Map(&CORS), "Which sites' scripts may read answers (MW-CORS)."),
        key("cacheStatuses", List(Int(100, 599)), "With `cacheControl`; none: all.").or("[]"),
        key("statuses", List(Int(100, 599)), "For `setHeaders` and `setCookies`; none: all.").or("[]").ours(),
    ],
)
.folding()
.needs(&[Need::Any(&["setHeaders", "setCookies", "cacheControl", "cors"])]);

static CORS: Section = section(
    "Which sites' scripts may read answers (MW-CORS).",
    &[
        key("enabled", One(Bool), "Whether it does anything.").or("false"),
        key("origins", List(Text), "`*`, `https://host`, `https://*.domain`, `null`.").value(),
        key("allowMethods", List(Method), "None: the one that is asked for.").or("[]"),
        key("allowedHeaders", List(Text), "None: those that are asked for.").or("[]"),
        key("exposeHeaders", List(Text), "What scripts may read.").or("[]"),
        key("maxAge", One(Int(0, ANY)), "Seconds that a preflight answer is kept."),
        key("allowCredentials", One(Bool), "Not together with `*`.").or("false"),
    ],
)
.folding();

static COOKIE: Section = section(
    "A cookie.",
    &[
        key("name", One(Text), "A token.").required(),
        key("value", One(Text), "`\"\"` deletes it.").value(),
        key("attributes", Map(&COOKIE_ATTRIBUTES), "Of the cookie."),
        key("attrs", Map(&COOKIE_ATTRIBUTES), "Other spelling of `attributes`."),
    ],
)
.folding()
.needs(&[Need::Apart("attributes", "attrs")]);

static COOKIE_ATTRIBUTES: Section = section(
    "Attributes of a cookie.",
    &[
        key("path", One(Path), "Where it is sent.").or("/"),
        key("domain", One(Host), "Where it is sent."),
        key("maxAge", One(Int(-1, ANY)), "Seconds; -1 deletes it."),
        key("secure", One(Bool), "Only over TLS.").or("false"),
        key("httpOnly", One(Bool), "Not for scripts.").or("false"),
        key("sameSite", One(EnumFold(&["Lax", "Strict", "None"])), "`None` needs `secure`.").or("Lax"),
    ],
)
.any_case();

pub(super) static REQUEST_ID: Section = section(
    "How requests are numbered (MW-RID).",
    &[
        key("header", One(Header), "Towards the backend.").or("X-Request-ID").ours(),
        key("responseHeader", One(Header), "Towards the client.").or("X-Goma-Request-ID").ours(),
        key("trust", One(Enum(&["always", "trustedProxy", "never"])), "Whose ids are kept.").or("always").ours(),
        key("format", One(Enum(&["hex", "uuid4", "uuid7"])), "Of new ids.").or("hex").ours(),
    ],
)
.folding();

pub(super) static SECURITY_HEADERS: Section = section(
    "Headers that make browsers careful (MW-SEC).",
    &[
        key("preset", One(Enum(&["web", "api", "strict"])), "Where defaults come from.").or("web").ours(),
        key("hsts", OneOrSection(Enum(&["off"]), &HSTS), "`Strict-Transport-Security`.").ours(),
        key("csp", One(Text), "`Content-Security-Policy`, or `off`.").value().ours(),
        key("cspReportOnly", One(Text), "`Content-Security-Policy-Report-Only`, or `off`.").value().ours(),
        key("frameOptions", One(Text), "`X-Frame-Options`, or `off`.").value().ours(),
        key("referrerPolicy", One(Text), "`Referrer-Policy`, or `off`.").value().ours(),
        key("permissionsPolicy", One(Text), "`Permissions-Policy`, or `off`.").value().ours(),
        key("coop", One(Text), "`Cross-Origin-Opener-Policy`, or `off`.").value().ours(),
        key("coep", One(Text), "`Cross-Origin-Embedder-Policy`, or `off`.").value().ours(),
        key("corp", One(Text), "`Cross-Origin-Resource-Policy`, or `off`.").value().ours(),
        key("nosniff", One(Text), "`X-Content-Type-Options`, or `off`.").value().ours(),
        key("overwrite", One(Bool), "False: the backend's values stay.").or("true").ours(),
    ],
)
.folding();

static HSTS: Section = section(
    "`Strict-Transport-Security`.",
    &[
        key("maxAge", One(Int(0, ANY)), "Seconds.").or("31536000").ours(),
        key("includeSubDomains", One(Bool), "For all sub-domains too.").or("false").ours(),
        key("preload", One(Bool), "Needs `includeSubDomains` and a year.").or("false").ours(),
    ],
)
.folding();
