//! Codes and their pages, second half of the alphabet. Gets the first half and hands all to the macro
//! that declares them; see `diag/code`.

macro_rules! m_to_z {
    ($codes:ident, $($a_to_l:tt)*) => {
        $codes! {
            $($a_to_l)*
    /// What: a `type` names something that is a key of routes.
    /// Why: it acts after the chain, on the way to the backend.
    /// Example: `type: retry`
    /// Instead: the key `retry` on the route.
    MiddlewareIsRouteKey = "middleware-is-route-key", Error;

    /// What: one list names a middleware twice.
    /// Why: it runs once, at its first place.
    /// Example: `middlewares: [auth, limit, auth]`
    /// Instead: `middlewares: [auth, limit]`
    MiddlewareListedTwice = "middleware-listed-twice", Warning;

    /// What: a middleware guards an endpoint of the gateway, but acts on routes only.
    /// Why: it does nothing there (MW-GEN-18).
    /// Example: `monitoring: {middleware: {metrics: [headers]}}`
    /// Instead: list an authentication or `accessPolicy`.
    MiddlewareNoEffect = "middleware-no-effect", Warning;

    /// What: an order of a list that rarely means what it does: the path changes before a guard of some paths; a limiter before or behind what sets or removes its header; a limiter by address behind a password; CORS on fewer paths than an authentication; a body limit behind who reads the body.
    /// Why: the later entry does not see what it was written for.
    /// Example: `middlewares: [strip, auth]` where `auth` has `paths`
    /// Instead: `middlewares: [auth, strip]`
    MiddlewareOrder = "middleware-order", Warning;

    /// What: a required key is absent or empty.
    /// Why: there is no default that could be meant.
    /// Example: a route without `path`.
    /// Instead: add it: `path: /`
    MissingKey = "missing-key", Error;

    /// What: a route has neither `target` nor `backends`.
    /// Why: it has nowhere to send requests.
    /// Example: `{name: api, path: /api}`
    /// Instead: add `target: http://backend:8080`
    MissingTarget = "missing-target", Error;

    /// What: an endpoint about the gateway is on, without `host` and without guards.
    /// Why: anyone can read what the gateway does.
    /// Example: `monitoring: {enableMetrics: true}`
    /// Instead: add `host: internal.example.com` or `middleware: {metrics: [auth]}`.
    MonitoringOpen = "monitoring-open", Warning;

    /// What: two names differ only in characters that Rust names do not have.
    /// Why: both would become one item of the generated crate.
    /// Example: middlewares `a-b` and `a_b`
    /// Instead: rename one.
    NameClash = "name-clash", Error;

    /// What: `web` and `webSecure` are off, and nothing is passed through.
    /// Why: no client could reach the gateway.
    /// Example: `entryPoints: {web: {address: off}, webSecure: {address: off}}`
    /// Instead: give one of them an address.
    NoEntryPoint = "no-entry-point", Error;

    /// What: a key or value belongs to the dialect, but this release cannot do it yet.
    /// Why: ignoring it would change what the gateway does.
    /// Example: `healthCheck: {path: /up}`
    /// Instead: remove it, or wait for the release that has it.
    NotYetSupported = "not-yet-supported", Error;

    /// What: a route's name has spaces.
    /// Why: it must be quoted in commands and metric queries.
    /// Example: `name: my api`
    /// Instead: `name: my-api`
    OddName = "odd-name", Warning;

    /// What: `scopes` of an `oidc` with `issuer` lack `openid`.
    /// Why: the provider then issues no ID token.
    /// Example: `scopes: [profile]`
    /// Instead: `scopes: [openid, profile]`
    OidcNoOpenid = "oidc-no-openid", Warning;

    /// What: `callbackPath` or `logoutPath` lies outside the path of the session cookie.
    /// Why: the browser does not send the cookie there.
    /// Example: `callbackPath: /cb` with `session: {cookie: {path: /app}}`
    /// Instead: a path below the cookie's.
    OidcPathOutsideCookie = "oidc-path-outside-cookie", Warning;

    /// What: `callbackPath` or `logoutPath` lies outside a route that lists the middleware.
    /// Why: those requests never reach it (MW-OAUTH-3).
    /// Example: `callbackPath: /cb` on a route with `path: /app`
    /// Instead: `callbackPath: /app/cb`
    OidcPathOutsideRoute = "oidc-path-outside-route", Error;

    /// What: the session cookie of an `oidc` is `strict`.
    /// Why: the browser leaves it out when it comes back from the provider.
    /// Example: `sameSite: strict`
    /// Instead: `sameSite: lax`
    OidcSameSiteStrict = "oidc-same-site-strict", Warning;

    /// What: a number, time or size is outside its range.
    /// Why: the gateway could not work with it.
    /// Example: `header: 0`
    /// Instead: `header: 10`
    OutOfRange = "out-of-range", Error;

    /// What: an entry of `paths` such as `/docs/.*` does not cover `/docs`.
    /// Why: as a regular expression it wants the slash.
    /// Example: `paths: ["/docs/.*"]`
    /// Instead: `paths: [/docs]`
    PathBaseNotCovered = "path-base-not-covered", Warning;

    /// What: a scope of a middleware fits no path of a route that lists it.
    /// Why: there it never acts, and a guard guards nothing.
    /// Example: `paths: ["^/admin"]` on a route with `path: /api`
    /// Instead: `paths: ["^/api/admin"]`, or `paths: [/admin]` for what is below the route's path.
    PathMatchesNothing = "path-matches-nothing", Warning;

    /// What: an entry of `paths` does not begin with `/`.
    /// Why: every path does, so it would match nothing.
    /// Example: `paths: [admin]`
    /// Instead: `paths: [/admin]`
    PathNoSlash = "path-no-slash", Error;

    /// What: a regular expression in `paths` has `/*` or `//`.
    /// Why: there it means any number of slashes, not any segment.
    /// Example: `paths: ["/tenant/*/api/.*"]`
    /// Instead: `paths: ["/tenant/[^/]+/api/.*"]`
    PathStarInRegex = "path-star-in-regex", Error;

    /// What: passwords or keys travel without TLS.
    /// Why: whoever is on the way can read or replace them.
    /// Example: `url: ldap://ldap.internal`
    /// Instead: `url: ldaps://ldap.internal`
    PlainTransport = "plain-transport", Warning;

    /// What: a plugin adds a type that exists already.
    /// Why: a `type` must mean one thing.
    /// Example: `plugins: [{type: jwt, path: ./jwt}]`
    /// Instead: `plugins: [{type: myJwt, path: ./jwt}]`
    PluginTypeTaken = "plugin-type-taken", Error;

    /// What: two listeners want the same address and port.
    /// Why: only one of them could be opened.
    /// Example: `web: {address: ":8080"}` and a forward of port 8080
    /// Instead: another port for one of them.
    PortConflict = "port-conflict", Error;

    /// What: the prefix of an `addPrefix` does not begin with `/`.
    /// Why: it is added for you, but reads like part of a name.
    /// Example: `prefix: v1`
    /// Instead: `prefix: /v1`
    PrefixNoSlash = "prefix-no-slash", Warning;

    /// What: a route with a priority gets requests that one without would answer, too.
    /// Why: routes with a priority are always asked first; Goma Gateway 1.0 took none for 0.
    /// Example: `{path: /, priority: 1}` beside `{path: /api}`
    /// Instead: give both a priority, or none.
    PriorityMixed = "priority-mixed", Warning;

    /// What: an enabled provider lacks what it needs, or has what cannot work.
    /// Why: its bundles could not be fetched, or not be trusted.
    /// Example: `git: {enabled: true}` without `url`
    /// Instead: `git: {enabled: true, url: "https://git.example.com/routes.git"}`
    ProviderConfig = "provider-config", Error;

    /// What: what a provider delivers cannot be had.
    /// Why: a gateway without it would lack routes, or their guards.
    /// Example: an `endpoint` that answers 404
    /// Instead: repair the provider, or build from what was fetched last: `--locked`, `--offline`.
    ProviderFailed = "provider-failed", Error;

    /// What: every peer counts as a trusted proxy.
    /// Why: any client can say which address it has.
    /// Example: `trustedProxies: [0.0.0.0/0]`
    /// Instead: `trustedProxies: [10.0.0.0/8]`
    ProxyTrustAll = "proxy-trust-all", Warning;

    /// What: `proxy` is enabled without `trustedProxies`.
    /// Why: no forwarding header would be believed.
    /// Example: `proxy: {enabled: true}`
    /// Instead: `proxy: {enabled: true, trustedProxies: [10.0.0.0/8]}`
    ProxyTrustEmpty = "proxy-trust-empty", Error;

    /// What: a `redirect` leads to a path that it redirects itself.
    /// Why: clients would be sent in circles.
    /// Example: `{type: redirect, rule: {url: /new}}` on a route with `path: /`
    /// Instead: `paths: [/old]`, or a `url` that another route answers.
    RedirectLoop = "redirect-loop", Error;

    /// What: in a `redirectRegex` a capture stands directly behind the host, or in it.
    /// Why: whoever makes a link could choose the host that clients are sent to.
    /// Example: `replacement: "https://example.com$1"`
    /// Instead: `replacement: "https://example.com/$1"`
    RedirectOpen = "redirect-open", Error;

    /// What: `redirectScheme` stands after an authentication entry.
    /// Why: credentials have already crossed the network in clear text.
    /// Example: `middlewares: [auth, to-https]`
    /// Instead: `middlewares: [to-https, auth]`
    RedirectSchemeAfterAuth = "redirect-scheme-after-auth", Warning;

    /// What: `flushOnStartup` is on.
    /// Why: every start empties the database, whoever else uses it.
    /// Example: `redis: {addr: "redis:6379", flushOnStartup: true}`
    /// Instead: leave it out.
    RedisFlush = "redis-flush", Warning;

    /// What: something is kept in Redis, but there is no `gateway.redis`.
    /// Why: it would have nowhere to go.
    /// Example: `analytics: {enabled: true}`
    /// Instead: add `redis: {addr: "redis:6379"}`
    RedisRequired = "redis-required", Error;

    /// What: the reload endpoint has no `token`.
    /// Why: without one it does not exist.
    /// Example: `reload: {enabled: true}`
    /// Instead: `reload: {enabled: true, token: "${RELOAD_TOKEN}"}`
    ReloadToken = "reload-token", Warning;

    /// What: `requestHeaders` changes the header of the request id.
    /// Why: the gateway writes that one behind the chain, so the change is lost.
    /// Example: `setHeaders: {X-Request-ID: "{request.header.X-Trace}"}`
    /// Instead: `type: requestId` says which header it is, what ids look like, and whose are kept.
    RequestIdOverwritten = "request-id-overwritten", Warning;

    /// What: a route's path is one that the gateway answers itself.
    /// Why: GET and HEAD on exactly that path never reach the route.
    /// Example: `path: /healthz`
    /// Instead: another path, or `monitoring.enableLiveness: false`
    ReservedPath = "reserved-path", Warning;

    /// What: `addPrefix`, `replacePath`, `rewriteRegex` or `stripPrefix` leads out of the path of a route with `rewrite`.
    /// Why: `rewrite` applies only to paths below `path`, so it does nothing.
    /// Example: `{path: /api, rewrite: /v1}` with `prefix: /x`
    /// Instead: let `rewrite` alone change the path.
    RewriteShadowed = "rewrite-shadowed", Warning;

    /// What: two enabled routes have the same path and a host in common.
    /// Why: nothing says which of them answers.
    /// Example: two routes with `path: /api` and no hosts.
    /// Instead: give them different paths, hosts, conditions or priorities.
    RouteConflict = "route-conflict", Error;

    /// What: two routes differ only in conditions that can hold together, or are regular expressions that begin alike.
    /// Why: the first in the list answers, which a move of lines would change.
    /// Example: `match: {headers: {X-A: "1"}}` beside `match: {headers: {X-B: "1"}}`
    /// Instead: make one more specific, or give them priorities.
    RouteOverlap = "route-overlap", Warning;

    /// What: a route can get no request: routes that are asked before it take all of them.
    /// Why: it is dead, or was meant to come first.
    /// Example: `{path: /api}` beside `{path: /, priority: 0}`
    /// Instead: change `priority` or the order, or delete it.
    RouteShadowed = "route-shadowed", Warning;

    /// What: a middleware type or rule key differs from the known one in letter case.
    /// Why: it is accepted, but keys are case-sensitive everywhere else.
    /// Example: `setheaders: {}`
    /// Instead: `setHeaders: {}`
    RuleKeyCase = "rule-key-case", Warning;

    /// What: `watch`, `interval` or `debounce` is set.
    /// Why: a gateway that is built once reads its inputs once.
    /// Example: `extraConfig: {directory: extra, watch: true}`
    /// Instead: leave it out, or run `goma serve`.
    ServeOnly = "serve-only", Note;

    /// What: `authSignIn` has a query that does not end in `=`.
    /// Why: the page does not learn where to send the client back (MW-FWD-5).
    /// Example: `authSignIn: https://sso.example.com/start?app=x`
    /// Instead: `authSignIn: https://sso.example.com/start?app=x&rd=`
    SignInNoAppend = "sign-in-no-append", Warning;

    /// What: a route has both `target` and `backends`.
    /// Why: `backends` wins; `target` gets no request.
    /// Example: `{target: "http://a", backends: [{endpoint: "http://b"}]}`
    /// Instead: keep one.
    TargetIgnored = "target-ignored", Warning;

    /// What: a request comes to something else than its test expects.
    /// Why: somebody relies on it; either the configuration or the test is wrong.
    /// Example: `{request: {url: "http://a.com/admin"}, expect: {status: 401}}`, and `/admin` asks for no login
    /// Instead: see what answers, and why, with `goma explain METHOD URL`; change the one that is wrong.
    TestFailed = "test-failed", Error;

    /// What: `timeouts.request` of a route is above `gateway.timeouts.write`.
    /// Why: the gateway's own limit ends the request first.
    /// Example: `timeouts: {request: 5m}`
    /// Instead: raise `gateway.timeouts.write` too.
    TimeoutUnreachable = "timeout-unreachable", Warning;

    /// What: a certificate or key in the file cannot be loaded, or the two do not belong together.
    /// Why: no client could connect.
    /// Example: a `cert` whose PEM text is cut off.
    /// Instead: paste the whole block, or name a file.
    TlsLoad = "tls-load", Error;

    /// What: a certificate without its key, or a key without its certificate.
    /// Why: neither is of use alone.
    /// Example: `tls: {clientCert: cert.pem}`
    /// Instead: `tls: {clientCert: cert.pem, clientKey: key.pem}`
    TlsPair = "tls-pair", Error;

    /// What: `{…}` in a header value is almost a token.
    /// Why: it is sent as it stands.
    /// Example: `X-Client: "{client.ipp}"`
    /// Instead: `X-Client: "{client.ip}"`
    TokenUnknown = "token-unknown", Warning;

    /// What: a value has another YAML type than its key.
    /// Why: reading it differently would be a guess.
    /// Example: `hosts: example.com`
    /// Instead: `hosts: [example.com]`
    TypeMismatch = "type-mismatch", Error;

    /// What: a reference names nothing that is defined.
    /// Why: a route would run without one of its middlewares.
    /// Example: `middlewares: [jwt-mian]`
    /// Instead: `middlewares: [jwt-main]`
    UndefinedName = "undefined-name", Error;

    /// What: a key is not part of the dialect.
    /// Why: a misspelt key would silently mean the default.
    /// Example: `metods: [GET]`
    /// Instead: `methods: [GET]`
    UnknownKey = "unknown-key", Error;

    /// What: a middleware type does not exist.
    /// Why: its routes would run without it.
    /// Example: `type: basicAuht`
    /// Instead: `type: basicAuth`
    UnknownType = "unknown-type", Error;

    /// What: an earlier entry of the list answers every request of this one's scope.
    /// Why: it never runs.
    /// Example: `middlewares: [redirect, auth]`
    /// Instead: `middlewares: [auth, redirect]`, or delete it.
    UnreachableMiddleware = "unreachable-middleware", Warning;

    /// What: a provider fetches bundles over the network, and no key says who may sign them.
    /// Why: whoever controls the server or the repository controls the gateway.
    /// Example: `http: {enabled: true, endpoint: "https://config.example.com/routes"}` alone
    /// Instead: add `signing: {publicKey: …}`; `goma config keygen` makes one.
    UnsignedProvider = "unsigned-provider", Warning;

    /// What: no route names a middleware.
    /// Why: it protects nothing, and is not part of the gateway.
    /// Example: `middlewares: [{name: auth, …}]` that no route lists.
    /// Instead: list it on a route, or delete it.
    UnusedMiddleware = "unused-middleware", Warning;

    /// What: something works in another way than in Goma Gateway 1.0; shown by `goma check --compat v1` and `goma migrate`.
    /// Why: a configuration that moves here may rely on it.
    /// Example: `{name: cache, type: httpCache}`: the query makes a difference
    /// Instead: the key that the note names, if there is one.
    V1Difference = "v1-difference", Note;

    /// What: `version` is absent or 1.
    /// Why: the file is read as version 2.
    /// Example: a file that begins with `gateway:`
    /// Instead: begin it with `version: 2`
    VersionMissing = "version-missing", Warning;

    /// What: a password is hashed with MD5 or SHA-1.
    /// Why: such hashes are guessed by the billion each second.
    /// Example: `password: "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="`
    /// Instead: a bcrypt hash: `htpasswd -nB ada`
    WeakPasswordHash = "weak-password-hash", Warning;

    /// What: a secret is shorter than it must be to be safe.
    /// Why: it can be found by trying.
    /// Example: `secret: short`
    /// Instead: make one with `openssl rand -hex 32`
    WeakSecret = "weak-secret", Warning;

    /// What: the token of the reload endpoint is shorter than 16 characters.
    /// Why: it can be found by trying.
    /// Example: `token: reload`
    /// Instead: make one with `openssl rand -hex 32`
    WeakToken = "weak-token", Warning;

    /// What: a backend has no weight, or 0, while others have one.
    /// Why: it gets no request.
    /// Example: `backends: [{endpoint: "http://a", weight: 80}, {endpoint: "http://b"}]`
    /// Instead: give both a weight.
    WeightZero = "weight-zero", Warning;

    /// What: the file is not one well-formed YAML document in UTF-8 within the size limits.
    /// Why: nothing after the fault can be trusted.
    /// Example: `name: [a`
    /// Instead: `name: [a]`
    YamlSyntax = "yaml-syntax", Error;
        }
    };
}
