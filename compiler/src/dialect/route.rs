//! `gateway.routes` (config.md section 7).

use super::Scalar::{
    Bool, Duration, Enum, EnumFold, Float, FloatAbove, Host, Int, Method, Name, Path, Pem, Seconds,
    Text, Url,
};
use super::Shape::{Conditions, List, One, Section as Map, Sections};
use super::{ANY, BACKENDS, Change, MOST, Need, Section, gateway, key, section};

/// More requests than this are never at once, nor counted.
const REQUESTS: i64 = u32::MAX as i64;

pub(crate) static ROUTE: Section = section(
    "Which requests go where.",
    &[
        key("name", One(Name), "Unique over all sources.").required(),
        key("path", One(Path), "Matches on segment boundaries (RT-ROUTE-3).").required(),
        key("pathType", One(Enum(&["prefix", "exact", "regex"])), "How `path` is read (RT-ROUTE-14).").or("prefix").ours(),
        key("match", Map(&MATCH), "More conditions; all must hold (RT-ROUTE-13).").ours(),
        key("rewrite", One(Path), "Takes the place of `path` towards the backend (RT-REWRITE)."),
        key("priority", One(Int(-ANY, ANY)), "Routes with one come first, the lowest before others (RT-ROUTE-6)."),
        key("enabled", One(Bool), "False: checked and built, but not served.").or("true"),
        key("hosts", List(Host), "None: any host.").or("[]"),
        key("methods", List(Method), "None: all (RT-METHOD).").or("[]"),
        key("target", One(Url(BACKENDS)), "The backend; this or `backends`.").value(),
        key("backends", Sections(&BACKEND), "Several backends.").or("[]"),
        key("middlewares", List(Name), "Outermost first.").or("[]"),
        key("healthCheck", Map(&HEALTH_CHECK), "Active checks of backends (RT-HEALTH)."),
        key("security", Map(&SECURITY), "Towards backends and against exploits."),
        key("tls", Map(&TLS), "Certificates of this route's hosts.").later(),
        key("maintenance", Map(&MAINTENANCE), "Answers in place of the backend (RT-MAINT-1)."),
        key("disableMetrics", One(Bool), "No metrics of this route.").or("false").later(),
        key("loadBalancer", Map(&LOAD_BALANCER), "How a backend is chosen (RT-LB).").ours(),
        key("retry", Map(&RETRY), "Other tries after a failure (RT-RETRY).").ours().by_presence(),
        key("timeouts", Map(&TIMEOUTS), "Of this route.").ours(),
        key("circuitBreaker", Map(&CIRCUIT_BREAKER), "Stops trying failing backends; `{}` turns it on (RT-CB).").ours().by_presence(),
        key("maxInFlight", One(Int(0, REQUESTS)), "Requests at once; 0: no limit (RT-INFL).").or("0").ours(),
    ],
)
.hints(&[
    ("host", "write `hosts: [example.com]`"),
    ("interceptErrors", "use an `errorInterceptor` middleware"),
    ("method", "write `methods: [GET]`"),
    ("middleware", "write `middlewares: [name]`"),
    ("retryPolicy", "its name is `retry`"),
    ("upstream", "write `target: http://backend:8080`"),
    ("url", "write `target: http://backend:8080`"),
])
.old(&[
    ("destination", Change::MoveUnless("target", &["target", "backends"])),
    ("disabled", Change::Invert("enabled")),
    ("blockCommonExploits", Change::Move("security.enableExploitProtection")),
    ("disableHostForwarding", Change::Invert("security.forwardHostHeaders")),
    ("insecureSkipVerify", Change::Move("security.tls.insecureSkipVerify")),
    ("cors", Change::Middleware("responseHeaders")),
    ("errorInterceptor", Change::Middleware("errorInterceptor")),
])
.needs(&[Need::Any(&["target", "backends"])]);

static MATCH: Section = section(
    "More conditions; all must hold (RT-ROUTE-13).",
    &[
        key("headers", Conditions, "By header name.").ours(),
        key("query", Conditions, "By parameter name.").ours(),
        key("cookies", Conditions, "By cookie name.").ours(),
        key("methods", List(Method), "Takes part in choosing the route, unlike `methods`.").ours(),
    ],
);

/// A condition that is not a single value.
pub(crate) static CONDITION: Section = section(
    "What a value must be.",
    &[
        key("equals", One(Text), "Exactly this.").ours(),
        key("regex", One(super::Scalar::Regex), "Contains a match.").ours(),
        key("present", One(Bool), "Is there, or is absent.").ours(),
    ],
)
.needs(&[Need::One(&["equals", "regex", "present"])]);

static BACKEND: Section = section(
    "A backend of a route.",
    &[
        key("endpoint", One(Url(BACKENDS)), "Its address.").required().value(),
        key("weight", One(Int(0, 1_000_000)), "Its share; one weight makes the route weighted."),
        key("match", Sections(&BACKEND_MATCH), "Makes it a canary: all entries must hold."),
        key("exclusive", One(Bool), "Matching requests go to it alone.").or("false"),
        key("priority", One(Int(-ANY, ANY)), "Among matching exclusive canaries the highest wins.").or("0"),
    ],
)
.hints(&[("target", "write `endpoint`"), ("url", "write `endpoint`")]);

static BACKEND_MATCH: Section = section(
    "A condition of a canary.",
    &[
        key("source", One(Enum(&["header", "cookie", "query", "ip"])), "Where the value comes from.").required(),
        key("name", One(Text), "Of the header, cookie or parameter."),
        key(
            "operator",
            One(Enum(&["equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with", "regex", "in"])),
            "How it is compared.",
        )
        .required(),
        key("value", One(Text), "With what.").required(),
    ],
);

static HEALTH_CHECK: Section = section(
    "Active checks of backends (RT-HEALTH).",
    &[
        key("path", One(Path), "What is asked for; absent: off."),
        key("interval", One(Duration(1000)), "Between two checks.").or("30s"),
        key("timeout", One(Duration(1)), "Of a check.").or("10s"),
        key("healthyStatuses", List(Int(100, 599)), "None: below 400.").or("[]"),
    ],
);

static SECURITY: Section = section(
    "Towards backends and against exploits.",
    &[
        key("forwardHostHeaders", One(Bool), "The backend sees the client's `Host` (RT-HDR-6).").or("true"),
        key("enableExploitProtection", One(Bool), "Refuses known attacks (RT-EXPL-1).").or("false").later(),
        key("tls", Map(&SECURITY_TLS), "TLS towards backends."),
    ],
);

static SECURITY_TLS: Section = section(
    "TLS towards backends.",
    &[
        key("insecureSkipVerify", One(Bool), "Backends' certificates are not verified; absent: `gateway.networking.transport`."),
        key("rootCAs", One(Pem), "Takes the place of the system's roots.").value(),
        key("clientCert", One(Pem), "Shown to backends.").value(),
        key("clientKey", One(Pem), "Of `clientCert`.").secret(),
    ],
)
.old(&[("SkipVerification", Change::Move("insecureSkipVerify"))])
.needs(&[Need::Pair("clientCert", "clientKey")]);

static TLS: Section = section(
    "Certificates of this route's hosts.",
    &[
        key("provider", One(Text), "Of `certManager`; `none` opts out."),
        key("certificate", Map(&gateway::DEFAULT_CERTIFICATE), "One pair."),
        key("clientAuth", Map(&CLIENT_AUTH), "Certificates of clients (RT-MTLS-3).").ours(),
    ],
)
.hints(&[("certificates", "write `certificate`: a route has one pair")]);

static CLIENT_AUTH: Section = section(
    "Certificates of clients (RT-MTLS-3).",
    &[
        key("clientCA", One(Pem), "Verifies them.").value().ours(),
        key("required", One(Bool), "Without a certificate no answer from this route.").or("true").ours(),
    ],
);

static MAINTENANCE: Section = section(
    "Answers in place of the backend (RT-MAINT-1).",
    &[
        key("enabled", One(Bool), "Whether it does.").or("false"),
        key("statusCode", One(Int(200, 599)), "Of the answer.").or("503"),
        key("message", One(Text), "Of the answer; absent: `<statusCode> <reason>`."),
        key("retryAfter", One(Seconds(0, MOST)), "Sends `Retry-After`.").ours(),
    ],
)
.old(&[("status", Change::Move("statusCode")), ("body", Change::Move("message"))]);

static LOAD_BALANCER: Section = section(
    "How a backend is chosen (RT-LB).",
    &[
        key(
            "policy",
            One(Enum(&["roundRobin", "weighted", "leastConn", "p2cEwma", "consistentHash", "random"])),
            "Absent: `weighted` if a weight is set, else `roundRobin`.",
        )
        .ours(),
        key("hashOn", Map(&HASH_ON), "For `consistentHash`.").ours(),
        key("sticky", Map(&STICKY), "A client stays with its backend; `{}` turns it on.").ours().by_presence(),
    ],
);

static HASH_ON: Section = section(
    "What is hashed.",
    &[
        key("source", One(Enum(&["ip", "header", "cookie", "query", "path"])), "Where it comes from.").required().ours(),
        key("name", One(Text), "Of the header, cookie or parameter.").ours(),
    ],
);

static STICKY: Section = section(
    "A client stays with its backend.",
    &[
        key("cookie", One(Text), "Name of the cookie.").or("goma_lb").ours(),
        key("ttl", One(Duration(1)), "Absent: until the browser is closed.").ours(),
        key("path", One(Path), "Of the cookie.").or("/").ours(),
        key("domain", One(Text), "Of the cookie.").ours(),
        key("sameSite", One(EnumFold(&["lax", "strict", "none"])), "Of the cookie.").or("lax").ours(),
        key("secure", One(Bool), "Absent: on TLS.").ours(),
        key("secret", One(Text), "Keys the cookie's value.").secret().ours(),
    ],
);

static RETRY: Section = section(
    "Other tries after a failure (RT-RETRY).",
    &[
        key("attempts", One(Int(1, 10)), "Tries in total.").or("2").ours(),
        key("on", List(Text), "`connect`, `reset`, `timeout` and status codes.").or("[connect, reset, 502, 503, 504]").ours(),
        key("backoff", Map(&BACKOFF), "Between two tries.").ours(),
        key("budget", One(Float(0.0, 1.0)), "Share of the route's requests of the last 10 seconds.").or("0.2").ours(),
    ],
);

static BACKOFF: Section = section(
    "Between two tries.",
    &[
        key("base", One(Duration(0)), "Of the first pause.").or("25ms").ours(),
        key("max", One(Duration(0)), "Of any pause.").or("1s").ours(),
    ],
);

static TIMEOUTS: Section = section(
    "Of this route.",
    &[
        key("connect", One(Duration(0)), "Per address.").or("5s").ours(),
        key("responseHeader", One(Duration(0)), "Absent: `gateway.networking.transport`.").ours(),
        key("request", One(Duration(0)), "From the chain's end to the response's last byte; 0: no limit.").or("0").ours(),
        key("idle", One(Duration(0)), "Between two pieces of a stream; 0: no limit.").or("0").ours(),
    ],
);

static CIRCUIT_BREAKER: Section = section(
    "Stops trying failing backends (RT-CB).",
    &[
        key("failureRatio", One(FloatAbove(0.0, 1.0)), "From this share on.").or("0.5").ours(),
        key("minRequests", One(Int(1, REQUESTS)), "Fewer requests decide nothing.").or("20").ours(),
        key("window", One(Duration(1)), "Over which is counted.").or("10s").ours(),
        key("openFor", One(Duration(1)), "How long no request is tried.").or("10s").ours(),
        key("halfOpenRequests", One(Int(1, REQUESTS)), "Then so many are.").or("3").ours(),
    ],
);
