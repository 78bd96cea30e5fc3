//! `gateway` without monitoring, providers and routes (config.md sections 6.1 to 6.3, 6.5 to 6.10
//! and 6.12).

use super::Scalar::{Address, Bool, Directory, DnsServer, Duration, EnumFold, File, Float, FloatAbove, Header, Host, HostPort, Int, Ip, Name, Network, Path, Pem, Seconds, Size, Text, Url};
use super::Shape::{List, Names, One, Section as Map, Sections};
use super::{ANY, Change, HTTP, MOST, Need, Section, key, monitoring, providers, route, section};

pub(super) static GATEWAY: Section = section(
    "Listeners, limits, routes.",
    &[
        key("debug", One(Bool), "Debug fields in the log at any level.").or("false").value(),
        key("strictSlash", One(Bool), "Redirects GET and HEAD to the registered form of a gateway endpoint's path (RT-ROUTE-12).")
            .or("true"),
        key("timeouts", Map(&TIMEOUTS), "How long clients may take."),
        key("defaults", Map(&DEFAULTS), "What every route has."),
        key("limits", Map(&LIMITS), "What clients may send (RT-LIM).").ours(),
        key("tracing", Map(&TRACING), "Traces over OTLP/HTTP (RT-TRACE).").ours().later(),
        key("entryPoints", Map(&ENTRY_POINTS), "Where the gateway listens."),
        key("networking", Map(&NETWORKING), "How backends are reached."),
        key("monitoring", Map(&monitoring::MONITORING), "Endpoints about the gateway itself."),
        key("log", Map(&LOG), "The gateway's log."),
        key("proxy", Map(&PROXY), "Proxies in front of the gateway (RT-IP)."),
        key("redis", Map(&REDIS), "Shared state (RT-REDIS).").later(),
        key("tls", Map(&TLS), "Certificates of `webSecure`.").later(),
        key("reload", Map(&RELOAD), "The reload endpoint (RT-RELOAD).").later(),
        key("extraConfig", Map(&EXTRA_CONFIG), "A directory with more routes and middlewares."),
        key("providers", Map(&providers::PROVIDERS), "Bundles of routes and middlewares from elsewhere."),
        key("analytics", Map(&ANALYTICS), "A stream of request events (RT-ANA).").later(),
        key("geoip", Map(&GEOIP), "Countries of addresses.").later(),
        key("routes", Sections(&route::ROUTE), "Which requests go where."),
    ],
)
.hints(&[
    ("defaultProvider", "certificate providers belong under `certManager`"),
    ("extraRoutes", "its name is `extraConfig`"),
    ("interceptErrors", "use an `errorInterceptor` middleware"),
    ("middlewares", "`middlewares` belongs at the top level"),
    ("sslCertFile", "use `tls.certificates`"),
    ("sslKeyFile", "use `tls.certificates`"),
    ("tlsCertFile", "use `tls.certificates`"),
    ("tlsKeyFile", "use `tls.certificates`"),
    ("version", "`version` belongs at the top level"),
])
.old(&[
    ("certManager", Change::Top("certManager")),
    ("certificateManager", Change::Top("certManager")),
    ("readTimeout", Change::Move("timeouts.read")),
    ("writeTimeout", Change::Move("timeouts.write")),
    ("idleTimeout", Change::Move("timeouts.idle")),
    ("enableMetrics", Change::Move("monitoring.enableMetrics")),
    ("enableStrictSlash", Change::Move("strictSlash")),
    ("errorInterceptor", Change::Middleware("errorInterceptor")),
    ("cors", Change::Middleware("responseHeaders")),
]);

static TIMEOUTS: Section = section(
    "How long clients may take.",
    &[
        key("read", One(Seconds(0, MOST)), "The whole request with its body; 0: no limit (RT-LISTEN-3).").or("60").value(),
        key("write", One(Seconds(0, MOST)), "End of the request's headers to end of the response; 0: no limit.").or("60").value(),
        key("idle", One(Seconds(0, MOST)), "Between two requests of a connection; 0: no limit.").or("60").value(),
        key("header", One(Seconds(1, 300)), "The request's headers.").or("10").value().ours(),
        key("drain", One(Seconds(0, MOST)), "For requests in flight when the gateway stops (RT-STOP-1).").or("10").value().ours(),
        key("drainDelay", One(Seconds(0, MOST)), "Listeners stay open this long when the gateway stops.").or("0").value().ours(),
    ],
);

static DEFAULTS: Section = section(
    "What every route has.",
    &[key("middlewares", List(Name), "Put before the list of every route (RT-CHAIN-3).").or("[]")],
);

static LIMITS: Section = section(
    "What clients may send (RT-LIM).",
    &[
        key("maxUriBytes", One(Size(1 << 10, 256 << 10)), "Of a request target.").or("16Ki").ours(),
        key("maxHeaderBytes", One(Size(4 << 10, 1 << 20)), "Of a header section.").or("64Ki").ours(),
        key("maxHeaders", One(Int(16, 1000)), "Fields of a header section.").or("128").ours(),
        key("maxConnections", One(Int(0, ANY)), "Of the process; 0: no limit.").or("0").ours(),
        key("maxRequestsPerConnection", One(Int(0, ANY)), "0: no limit.").or("0").ours(),
        key("http2", Map(&HTTP2), "HTTP/2 only.").ours(),
    ],
);

static HTTP2: Section = section(
    "Limits of HTTP/2.",
    &[
        key("maxStreams", One(Int(1, 1000)), "At once on a connection.").or("128").ours(),
        key("maxResets", One(Int(1, ANY)), "Streams a client may reset in 10 seconds on a connection.").or("200").ours(),
    ],
);

static TRACING: Section = section(
    "Traces over OTLP/HTTP (RT-TRACE).",
    &[
        key("endpoint", One(Url(HTTP)), "Collector; `/v1/traces` is added unless it has a path. Absent: off.").value().ours(),
        key("headers", Names(Text), "Sent with each export.").secret().ours(),
        key("sampleRatio", One(Float(0.0, 1.0)), "Share of new traces; a parent's decision wins.").or("1").value().ours(),
        key("serviceName", One(Text), "`service.name` of the resource.").or("goma-gateway").value().ours(),
        key("attributes", Names(Text), "More attributes of the resource.").value().ours(),
    ],
);

static ENTRY_POINTS: Section = section(
    "Where the gateway listens.",
    &[
        key("web", Map(&WEB), "HTTP."),
        key("webSecure", Map(&WEB_SECURE), "HTTPS.").later(),
        key("passThrough", Map(&PASS_THROUGH), "TCP and UDP, forwarded as they are (RT-PT)."),
    ],
);

const WEB_HINTS: &[(&str, &str)] = &[
    ("forwards", "write `passThrough.forwards`"),
    ("port", "write `address: \":8080\"`"),
];

static WEB: Section = section(
    "HTTP.",
    &[
        key("address", One(Address), "`off`: no listener.").or("[::]:8080").value(),
        key("proxyProtocol", Map(&PROXY_PROTOCOL), "PROXY protocol in (RT-PP).").ours(),
    ],
)
.hints(WEB_HINTS);

static WEB_SECURE: Section = section(
    "HTTPS.",
    &[
        key("address", One(Address), "`off`: no listener.").or("[::]:8443").value(),
        key("proxyProtocol", Map(&PROXY_PROTOCOL), "PROXY protocol in (RT-PP).").ours(),
    ],
)
.hints(WEB_HINTS);

static PROXY_PROTOCOL: Section = section(
    "PROXY protocol in (RT-PP).",
    &[
        key("trustedProxies", List(Network), "Peers whose PROXY header is read; none: off.").value().ours(),
        key("required", One(Bool), "A trusted peer must send it.").or("true").ours(),
    ],
);

static PASS_THROUGH: Section = section(
    "TCP and UDP, forwarded as they are.",
    &[key("forwards", Sections(&FORWARD), "One per listener.").or("[]")],
);

static FORWARD: Section = section(
    "A forwarded port.",
    &[
        key("protocol", One(super::Scalar::Enum(&["tcp", "udp", "tcp/udp"])), "What is forwarded.").required(),
        key("port", One(Int(1, 65535)), "Where the gateway listens.").required().value(),
        key("target", One(HostPort), "Where it connects.").required().value(),
        key("timeout", One(Seconds(0, MOST)), "To connect; 0: as long as the system tries.").or("10").ours(),
        key("address", One(Ip), "The address to listen on; absent: all.").value().ours(),
    ],
);

static NETWORKING: Section = section(
    "How backends are reached.",
    &[
        key("dnsCache", Map(&DNS_CACHE), "Names of backends."),
        key("transport", Map(&TRANSPORT), "Connections to backends."),
        key("passiveHealthCheck", Map(&PASSIVE_HEALTH_CHECK), "Ejection after failures (RT-HEALTH-7)."),
    ],
);

static DNS_CACHE: Section = section(
    "Names of backends.",
    &[
        key("ttl", One(Seconds(0, MOST)), "How long an answer is kept; 0: 300.").or("300"),
        key("clearOnReload", One(Bool), "Forget answers when live values are taken over.").or("false"),
        key("resolver", List(DnsServer), "DNS servers, in the order in which they are asked; absent: the system's.").value(),
    ],
);

static TRANSPORT: Section = section(
    "Connections to backends.",
    &[
        key("insecureSkipVerify", One(Bool), "For routes that do not say: backends' certificates are not verified.").or("false"),
        key("forceAttemptHTTP2", One(Bool), "Offer `h2` to `https` backends.").or("true"),
        key("disableCompression", One(Bool), "No effect: the gateway never adds `Accept-Encoding`.").or("false"),
        key("maxIdleConns", One(Int(0, ANY)), "Idle connections of the process; 0: no limit.").or("512"),
        key("maxIdleConnsPerHost", One(Int(0, ANY)), "Idle connections per backend; 0: no limit.").or("256"),
        key("maxConnsPerHost", One(Int(0, ANY)), "Connections per backend; 0: no limit.").or("256"),
        key("idleConnTimeout", One(Seconds(0, MOST)), "How long a connection may be idle; 0: no limit.").or("90"),
        key("tlsHandshakeTimeout", One(Seconds(0, MOST)), "Of a TLS handshake; 0: no limit.").or("10"),
        key("responseHeaderTimeout", One(Seconds(0, MOST)), "From the request's end to the response's headers, for routes that do not say; 0: no limit.").or("0"),
    ],
);

static PASSIVE_HEALTH_CHECK: Section = section(
    "Ejection after failures (RT-HEALTH-7).",
    &[
        key("enabled", One(Bool), "Whether failing backends are ejected.").or("true"),
        key("maxFails", One(Int(1, ANY)), "Failures in a row.").or("2"),
        key("ejectFor", One(Duration(1)), "How long it gets no requests.").or("10s"),
    ],
);

static LOG: Section = section(
    "The gateway's log.",
    &[
        key("level", One(EnumFold(&["trace", "debug", "info", "warn", "error", "off"])), "The least severe lines that are written.").or("info").value(),
        key("format", One(super::Scalar::Enum(&["text", "json"])), "How lines are written.").or("text").value(),
        key("filePath", One(File), "Absent: stdout. Opened anew on SIGUSR1.").value(),
        key("maxAgeDays", One(Int(0, ANY)), "Rotated files older than this are deleted; 0: none.").or("7").value(),
        key("maxBackups", One(Int(0, ANY)), "Rotated files that are kept; 0: all.").or("3").value(),
        key("maxSizeMB", One(Int(1, ANY)), "A file of this size is rotated.").or("100").value(),
    ],
);

static PROXY: Section = section(
    "Proxies in front of the gateway (RT-IP).",
    &[
        key("enabled", One(Bool), "Whether forwarding headers are believed.").or("false"),
        key("trustedProxies", List(Network), "From these peers only.").or("[]").value(),
        key("ipHeaders", List(Header), "Headers with the client's address, in order.").or("[X-Forwarded-For, X-Real-IP]"),
    ],
);

static REDIS: Section = section(
    "Shared state (RT-REDIS).",
    &[
        key("addr", One(HostPort), "Absent: no Redis.").value(),
        key("username", One(Text), "For AUTH.").value().ours(),
        key("password", One(Text), "For AUTH.").secret(),
        key("db", One(Int(0, ANY)), "Which database.").or("0").value(),
        key("flushOnStartup", One(Bool), "Empties the database when the gateway starts.").or("false"),
        key("tls", Map(&REDIS_TLS), "TLS to Redis.").ours(),
    ],
);

static REDIS_TLS: Section = section(
    "TLS to Redis.",
    &[
        key("enabled", One(Bool), "Also on when another key of this section is set.").or("false").ours(),
        key("clientCa", One(Pem), "Verifies the server; absent: the system's roots.").value(),
        key("clientCert", One(Pem), "Shown to the server.").value(),
        key("clientKey", One(Pem), "Of `clientCert`.").secret(),
    ],
)
.needs(&[Need::Pair("clientCert", "clientKey")]);

static TLS: Section = section(
    "Certificates of `webSecure`.",
    &[
        key("certificates", Sections(&CERTIFICATE), "Chosen by name (RT-TLS).").or("[]"),
        key("certsDir", One(Directory), "Pairs of files, by base name.").or("/etc/goma/certs").value(),
        key("default", Map(&DEFAULT_CERTIFICATE), "For clients whose name fits none; absent: self-signed (RT-TLS-6)."),
        key("clientAuth", Map(&CLIENT_AUTH), "Certificates of clients."),
    ],
)
.old(&[("keys", Change::Move("certificates"))]);

static CERTIFICATE: Section = section(
    "A certificate with its key.",
    &[
        key("cert", One(Pem), "Chain, leaf first.").value(),
        key("key", One(Pem), "Private key.").secret(),
    ],
)
.needs(&[Need::Any(&["cert", "key"]), Need::Pair("cert", "key")]);

/// A certificate with its key, where there may be none.
pub(super) static DEFAULT_CERTIFICATE: Section = section(
    "A certificate with its key.",
    &[
        key("cert", One(Pem), "Chain, leaf first.").value(),
        key("key", One(Pem), "Private key.").secret(),
    ],
)
.needs(&[Need::Pair("cert", "key")]);

static CLIENT_AUTH: Section = section(
    "Certificates of clients.",
    &[
        key("clientCA", One(Pem), "Verifies them.").value(),
        key("required", One(Bool), "Without a certificate no connection.").or("false"),
    ],
);

static RELOAD: Section = section(
    "The reload endpoint (RT-RELOAD).",
    &[
        key("enabled", One(Bool), "Needs `token`.").or("false"),
        key("path", One(Path), "Exactly this path.").or("/gateway/reload"),
        key("token", One(Text), "What `Authorization: Bearer` must carry; at least 16 characters.").secret(),
        key("host", One(Host), "Only on this host; absent: any."),
    ],
);

static EXTRA_CONFIG: Section = section(
    "A directory with more routes and middlewares.",
    &[
        key("directory", One(Directory), "Every `*.yaml` and `*.yml` below it, in lexical order."),
        key("watch", One(Bool), "`goma serve` reloads on change (RT-XTRA-1).").or("false"),
    ],
);

static ANALYTICS: Section = section(
    "A stream of request events (RT-ANA).",
    &[
        key("enabled", One(Bool), "Needs `gateway.redis`.").or("false").value(),
        key("stream", One(Text), "Name of the Redis stream.").or("goma:analytics").value(),
        key("sample", One(FloatAbove(0.0, 1.0)), "Share of requests.").or("1").value(),
        key("maxLen", One(Int(1, ANY)), "Events that the stream keeps, about.").or("1000000").value(),
        key("gatewayId", One(Text), "Field `gw` of each event.").value(),
    ],
);

static GEOIP: Section = section(
    "Countries of addresses.",
    &[key("database", One(File), "MaxMind file; absent: `/etc/goma/country.mmdb`, then `/etc/goma/GeoLite2-Country.mmdb`.").value()],
);
