//! Every code of a finding with its manual page. The doc comment of a variant *is* the page that
//! `goma explain CODE` prints; it has What, Why, Example and Instead. A code is never given a new
//! meaning (C-DIAG-4).

use super::Severity;

/// Declares the codes; variants in alphabetical order.
macro_rules! codes {
    ($($(#[doc = $page:literal])+ $variant:ident = $text:literal, $severity:ident;)+) => {
        /// A stable name for one kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $page])+ $variant,)+
        }

        impl Code {
            /// All codes, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The kebab-case text: `unknown-key`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// How bad such a finding is unless flags say otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// The manual page: What, Why, Example, Instead, one paragraph each.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($page, "\n",)+),)+
                }
            }
        }
    };
}

impl Code {
    /// The code with this kebab-case text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

codes! {
    /// What: an `access` has no `paths`.
    /// Why: it would refuse every request of its routes.
    /// Example: `{name: closed, type: access}`
    /// Instead: `{name: closed, type: access, paths: [/internal]}`
    AccessNoPaths = "access-no-paths", Error;

    /// What: a listen address is not `:port`, `IP:port`, `[v6]:port` or `localhost:port`.
    /// Why: the gateway could not open its listener.
    /// Example: `address: example.com`
    /// Instead: `address: ":8080"`
    BadAddress = "bad-address", Error;

    /// What: an entry is not an IP address, a CIDR block or, where allowed, a range.
    /// Why: a list of addresses that is not understood lets the wrong clients in.
    /// Example: `sourceRanges: [10.0.0.0/33]`
    /// Instead: `sourceRanges: [10.0.0.0/8]`
    BadCidr = "bad-cidr", Error;

    /// What: a time is malformed, negative or lacks its unit.
    /// Why: a guessed unit is wrong by a factor of a thousand.
    /// Example: `read: 1d`
    /// Instead: `read: 24h`
    BadDuration = "bad-duration", Error;

    /// What: an entry of `hosts` is not `host`, `host:port`, `*.suffix` or `*`.
    /// Why: no request could match it.
    /// Example: `hosts: ["https://example.com"]`
    /// Instead: `hosts: [example.com]`
    BadHost = "bad-host", Error;

    /// What: a method is not a token.
    /// Why: no request could carry it.
    /// Example: `methods: ["GET POST"]`
    /// Instead: `methods: [GET, POST]`
    BadMethod = "bad-method", Error;

    /// What: a name has characters that names do not have, or is too long.
    /// Why: names appear in logs, metrics and generated code.
    /// Example: `name: my/api`
    /// Instead: `name: my-api`
    BadName = "bad-name", Error;

    /// What: a path does not begin with `/`, or looks like a pattern.
    /// Why: paths are prefixes; as written it would match no request.
    /// Example: `path: /api/*`
    /// Instead: `path: /api`
    BadPath = "bad-path", Error;

    /// What: a regular expression cannot be compiled, or is not of linear time.
    /// Why: it would match nothing, or let a request stop the gateway.
    /// Example: `pattern: "^/old/(.*"`
    /// Instead: `pattern: "^/old/(.*)"`
    BadRegex = "bad-regex", Error;

    /// What: a rule breaks a condition of its middleware type that has no code of its own.
    /// Why: the middleware would not do what it says.
    /// Example: `setHeaders: {Content-Length: "0"}`
    /// Instead: leave framing headers to the gateway.
    BadRule = "bad-rule", Error;

    /// What: a size is not a whole number of bytes with an optional unit.
    /// Why: a limit that is not understood is no limit.
    /// Example: `limit: 1.5Mi`
    /// Instead: `limit: 1536Ki`
    BadSize = "bad-size", Error;

    /// What: a backend URL is not `scheme://host[:port][/path]`.
    /// Why: the gateway could not connect to it.
    /// Example: `target: backend:8080`
    /// Instead: `target: http://backend:8080`
    BadUrl = "bad-url", Error;

    /// What: a value is not one of the allowed ones.
    /// Why: it would silently mean the default.
    /// Example: `format: xml`
    /// Instead: `format: json`
    BadValue = "bad-value", Error;

    /// What: `version` names a dialect that this compiler does not know.
    /// Why: its keys may mean something else.
    /// Example: `version: 3`
    /// Instead: `version: 2`
    BadVersion = "bad-version", Error;

    /// What: a CORS policy allows credentials together with `*`.
    /// Why: browsers refuse that answer, and any site could act as the user.
    /// Example: `cors: {enabled: true, origins: ["*"], allowCredentials: true}`
    /// Instead: name the origins: `origins: ["https://app.example.com"]`
    CorsCredentialsWildcard = "cors-credentials-wildcard", Error;

    /// What: `maxAge` of a CORS policy is above 86400 seconds.
    /// Why: no browser keeps a preflight answer longer; 86400 is sent.
    /// Example: `maxAge: 604800`
    /// Instead: `maxAge: 86400`
    CorsMaxAge = "cors-max-age", Warning;

    /// What: `allowMethods` of a CORS policy lists OPTIONS.
    /// Why: a preflight is answered by itself; the entry has no effect.
    /// Example: `allowMethods: [GET, OPTIONS]`
    /// Instead: `allowMethods: [GET]`
    CorsOptionsIgnored = "cors-options-ignored", Warning;

    /// What: a key or type of an older release.
    /// Why: it means what its replacement means, and will not be accepted for ever.
    /// Example: `readTimeout: 30`
    /// Instead: `timeouts: {read: 30}`; `goma migrate --write` changes the file.
    DeprecatedKey = "deprecated-key", Warning;

    /// What: a route lists one endpoint twice.
    /// Why: it gets a double share, which is rarely meant.
    /// Example: `backends: [{endpoint: "http://a"}, {endpoint: "http://a"}]`
    /// Instead: list each endpoint once.
    DuplicateBackend = "duplicate-backend", Warning;

    /// What: a mapping has the same key twice.
    /// Why: one of the two would be lost.
    /// Example: a route with two `path` keys.
    /// Instead: delete one.
    DuplicateKey = "duplicate-key", Error;

    /// What: two routes, two middlewares or two users have one name.
    /// Why: a reference to it would be ambiguous.
    /// Example: two middlewares named `auth`.
    /// Instead: rename one.
    DuplicateName = "duplicate-name", Error;

    /// What: a structural key refers to a variable that is not set and has no default.
    /// Why: structure is compiled in, so the value is needed now.
    /// Example: `path: ${API_PATH}`
    /// Instead: `path: ${API_PATH:-/api}`, or `goma build --env API_PATH=/api`
    EnvUnset = "env-unset", Error;

    /// What: the configuration does not exist or cannot be read.
    /// Why: there is nothing to check or build.
    /// Example: `goma check gome.yml`
    /// Instead: `goma check goma.yml`; `goma init` writes a first one.
    FileMissing = "file-missing", Error;

    /// What: `requestHeaders` sets a forwarding header.
    /// Why: it replaces what the gateway says about the client.
    /// Example: `setHeaders: {X-Forwarded-For: 10.0.0.1}`
    /// Instead: leave it out; the gateway sets it.
    ForwardedHeaderSet = "forwarded-header-set", Warning;

    /// What: a function such as `{{uuid()}}` stands in a key that is not a text of class V.
    /// Why: functions are evaluated when the gateway starts; structure is fixed before.
    /// Example: `path: /{{uuid()}}`
    /// Instead: write the text, or use it in a header value.
    FunctionInStructural = "function-in-structural", Error;

    /// What: a route without hosts has a longer path than a route that names a host.
    /// Why: path length decides before hosts (RT-ROUTE-5), so it takes that host's requests.
    /// Example: `{path: /api}` beside `{path: /, hosts: [a.com]}`
    /// Instead: name the hosts on both, or add `# goma:allow host-less-shadow`.
    HostLessShadow = "host-less-shadow", Warning;

    /// What: `requestHeaders` changes a header that an earlier authentication entry sets.
    /// Why: the backend no longer sees the verified identity.
    /// Example: `[basic-auth, headers]` where `headers` sets `Username`
    /// Instead: use another header name, or list it first.
    IdentityHeaderOverwritten = "identity-header-overwritten", Warning;

    /// What: two spellings or forms of one setting are given, or one without its other half.
    /// Why: only one of them could be meant.
    /// Example: `tls: {clientCert: cert.pem}` without `clientKey`
    /// Instead: give both halves, and one form of each setting.
    KeyConflict = "key-conflict", Error;

    /// What: a secret is written in clear text.
    /// Why: whoever can read the file, the build or the binary has it.
    /// Example: `password: open-sesame`
    /// Instead: `password: ${ADMIN_PASSWORD}`, or a bcrypt hash.
    LiteralSecret = "literal-secret", Warning;

    /// What: with `--locked`, an input is not the one that `goma.lock` lists, or is not listed at all.
    /// Why: what is built would not be what was reviewed.
    /// Example: `goma build --locked` after a change of goma.yml
    /// Instead: `goma lock`, and commit goma.lock together with the change.
    LockMismatch = "lock-mismatch", Error;

    /// What: `redact: false` lets the access log hold secrets in clear.
    /// Why: whoever reads the log can use them.
    /// Example: `{headers: [Authorization], redact: false}`
    /// Instead: `redact: hash`, which tells values apart without showing them.
    LogUnredacted = "log-unredacted", Warning;

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

    /// What: an entry changes the path before one that guards only some paths.
    /// Why: the guard looks at the changed path, and may let requests through.
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

    /// What: two names differ only in characters that Rust names do not have.
    /// Why: both would become one item of the generated crate.
    /// Example: middlewares `a-b` and `a_b`
    /// Instead: rename one.
    NameClash = "name-clash", Error;

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

    /// What: the prefix of an `addPrefix` does not begin with `/`.
    /// Why: it is added for you, but reads like part of a name.
    /// Example: `prefix: v1`
    /// Instead: `prefix: /v1`
    PrefixNoSlash = "prefix-no-slash", Warning;

    /// What: `redirectScheme` stands after an authentication entry.
    /// Why: credentials have already crossed the network in clear text.
    /// Example: `middlewares: [auth, to-https]`
    /// Instead: `middlewares: [to-https, auth]`
    RedirectSchemeAfterAuth = "redirect-scheme-after-auth", Warning;

    /// What: a route's path is one that the gateway answers itself.
    /// Why: GET and HEAD on exactly that path never reach the route.
    /// Example: `path: /healthz`
    /// Instead: another path, or `monitoring.enableLiveness: false`
    ReservedPath = "reserved-path", Warning;

    /// What: `addPrefix` or `stripPrefix` leads out of the path of a route with `rewrite`.
    /// Why: `rewrite` applies only to paths below `path`, so it does nothing.
    /// Example: `{path: /api, rewrite: /v1}` with `prefix: /x`
    /// Instead: let `rewrite` alone change the path.
    RewriteShadowed = "rewrite-shadowed", Warning;

    /// What: two enabled routes have the same path and a host in common.
    /// Why: nothing says which of them answers.
    /// Example: two routes with `path: /api` and no hosts.
    /// Instead: give them different paths or hosts.
    RouteConflict = "route-conflict", Error;

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

    /// What: a route has both `target` and `backends`.
    /// Why: `backends` wins; `target` gets no request.
    /// Example: `{target: "http://a", backends: [{endpoint: "http://b"}]}`
    /// Instead: keep one.
    TargetIgnored = "target-ignored", Warning;

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

    /// What: no route names a middleware.
    /// Why: it protects nothing, and is not part of the gateway.
    /// Example: `middlewares: [{name: auth, …}]` that no route lists.
    /// Instead: list it on a route, or delete it.
    UnusedMiddleware = "unused-middleware", Warning;

    /// What: `version` is absent or 1.
    /// Why: the file is read as version 2.
    /// Example: a file that begins with `gateway:`
    /// Instead: begin it with `version: 2`
    VersionMissing = "version-missing", Warning;

    /// What: the file is not one well-formed YAML document in UTF-8 within the size limits.
    /// Why: nothing after the fault can be trusted.
    /// Example: `name: [a`
    /// Instead: `name: [a]`
    YamlSyntax = "yaml-syntax", Error;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_four_parts() {
        for code in Code::ALL {
            let mut lines = code.page().lines();
            for part in ["What: ", "Why: ", "Example: ", "Instead: "] {
                let line = lines.next().unwrap_or("").trim_start();
                assert!(line.starts_with(part), "{code}: {line}");
            }
            assert_eq!(lines.next(), None, "{code}");
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.as_str()));
    }
}
