//! Codes and their pages, first half of the alphabet. Hands them on to the macro that has the second
//! half; see `diag/code`.

macro_rules! a_to_l {
    ($m_to_z:ident, $codes:ident) => {
        $m_to_z! { $codes,
        /// What: an `access` has no `paths`.
        /// Why: it would refuse every request of its routes.
        /// Example: `{name: closed, type: access}`
        /// Instead: `{name: closed, type: access, paths: [/internal]}`
        AccessNoPaths = "access-no-paths", Error;

        /// What: an ACME provider has no `email`.
        /// Why: an account needs one, so the provider is off.
        /// Example: `letsencrypt: {acme: {challengeType: http-01}}`
        /// Instead: `letsencrypt: {acme: {email: admin@example.com}}`
        AcmeNoEmail = "acme-no-email", Warning;

        /// What: `termsAccepted` of an ACME provider is false.
        /// Why: no server issues certificates then, so the provider is off.
        /// Example: `termsAccepted: false`
        /// Instead: delete the key, or the provider.
        AcmeTermsDeclined = "acme-terms-declined", Warning;

        /// What: a host with a wildcard, and a provider that does not prove names by `dns-01`.
        /// Why: no ACME server issues that certificate (RT-ACME-3).
        /// Example: `hosts: ["*.example.com"]` with `challengeType: http-01`
        /// Instead: `challengeType: dns-01`, or name the hosts.
        AcmeWildcard = "acme-wildcard", Warning;

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

        /// What: a bundle is not signed by one of the configured keys.
        /// Why: whoever can change what a provider delivers could change routes and guards.
        /// Example: a bundle that was edited after `goma config sign`
        /// Instead: sign it again: `goma config sign --key-file deploy.key bundle.yaml`
        BundleSignature = "bundle-signature", Error;

        /// What: `httpCache` stands before an entry that guards the same paths.
        /// Why: an answer from the cache skips what follows (MW-CACHE-18).
        /// Example: `middlewares: [cache, auth]`
        /// Instead: `middlewares: [auth, cache]`
        CacheBeforeGuard = "cache-before-guard", Error;

        /// What: `httpCache` stands behind an authentication of the whole route.
        /// Why: requests with an identity are not stored unless the rule says so (MW-CACHE-8).
        /// Example: `middlewares: [auth, cache]`
        /// Instead: set `cachePrivateResponses: true`, or drop the cache.
        CacheNeverHits = "cache-never-hits", Warning;

        /// What: every backend of a route has a `match`.
        /// Why: requests that fit none get 503.
        /// Example: `backends: [{endpoint: "http://a", match: [...]}, {endpoint: "http://b", match: [...]}]`
        /// Instead: add a backend without `match`.
        CanaryNoStable = "canary-no-stable", Warning;

        /// What: client certificates are required, but nothing verifies them.
        /// Why: no client could connect, or any could.
        /// Example: `clientAuth: {required: true}`
        /// Instead: `clientAuth: {required: true, clientCA: /etc/goma/ca.pem}`
        ClientCa = "client-ca", Error;

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

        /// What: a code that no country has.
        /// Why: no address is from there.
        /// Example: `countries: [UK]`
        /// Instead: `countries: [GB]`
        CountryUnknown = "country-unknown", Warning;

        /// What: an encrypted value cannot be decrypted.
        /// Why: the passphrase in `GOMA_CONFIG_ENCRYPTION_KEY` is missing or wrong, or the message cannot be read.
        /// Example: an encrypted `rule`, and a build without the passphrase
        /// Instead: set the variable; encrypt with `gpg --symmetric --armor`.
        DecryptFailed = "decrypt-failed", Error;

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

        /// What: an encrypted value was not checked, because there is no passphrase here.
        /// Why: a value that is wrong is found only when the gateway starts.
        /// Example: an encrypted `password`, and a build without `GOMA_CONFIG_ENCRYPTION_KEY`
        /// Instead: build with the passphrase, or `--allow encrypted-unchecked`.
        EncryptedUnchecked = "encrypted-unchecked", Warning;

        /// What: a bundle of a provider holds a reference to a variable.
        /// Why: bundles come from elsewhere and may not read the environment; the text stays as it is.
        /// Example: `target: ${BACKEND}` in a bundle
        /// Instead: write the value, or move the route to the main file or `extraConfig`.
        EnvInBundle = "env-in-bundle", Warning;

        /// What: a structural key refers to a variable that is not set and has no default.
        /// Why: structure is compiled in, so the value is needed now.
        /// Example: `path: ${API_PATH}`
        /// Instead: `path: ${API_PATH:-/api}`, or `goma build --env API_PATH=/api`
        EnvUnset = "env-unset", Error;

        /// What: a backend is `exclusive` but has no `match`.
        /// Why: exclusive are only requests that match.
        /// Example: `{endpoint: "http://a", exclusive: true}`
        /// Instead: add `match`, or delete `exclusive`.
        ExclusiveWithoutMatch = "exclusive-without-match", Warning;

        /// What: the configuration does not exist or cannot be read.
        /// Why: there is nothing to check or build.
        /// Example: `goma check gome.yml`
        /// Instead: `goma check goma.yml`; `goma init` writes a first one.
        FileMissing = "file-missing", Error;

        /// What: a file that the gateway reads when it starts is not on this machine.
        /// Why: it must be where the gateway runs; here that cannot be seen.
        /// Example: `rootCAs: /etc/goma/ca.pem`
        /// Instead: nothing, if it is there; `# goma:allow file-not-here` says so.
        FileNotHere = "file-not-here", Note;

        /// What: `stripInbound` is false.
        /// Why: clients can send the headers that tell the backend who they are.
        /// Example: `forward: {headers: {X-User: sub}, stripInbound: false}`
        /// Instead: delete `stripInbound: false`.
        ForwardStripOff = "forward-strip-off", Warning;

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

        /// What: `plugins` has the form of Goma Gateway 1.0: Go plugins as `.so` files.
        /// Why: a plugin is a Rust crate here, compiled into the gateway.
        /// Example: `plugins: {path: /etc/goma/plugins}`
        /// Instead: `plugins: [{type: myAuth, path: ./middlewares/my-auth}]`
        GoPlugin = "go-plugin", Error;

        /// What: several backends, no active check, and passive checks are off.
        /// Why: a backend that is down keeps its share of the requests.
        /// Example: `passiveHealthCheck: {enabled: false}`
        /// Instead: `healthCheck: {path: /healthz}`
        HealthCheckMissing = "health-check-missing", Warning;

        /// What: several backends without an active check.
        /// Why: that one is down shows only in requests that fail.
        /// Example: a route with two backends and no `healthCheck`.
        /// Instead: `healthCheck: {path: /healthz}`
        HealthCheckPassiveOnly = "health-check-passive-only", Note;

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

        /// What: certificates of a server are not verified.
        /// Why: anyone on the way can pose as that server.
        /// Example: `insecureSkipVerify: true`
        /// Instead: `rootCAs: /etc/goma/ca.pem`
        InsecureSkipVerify = "insecure-skip-verify", Warning;

        /// What: `jwtAuth` has no key, or several.
        /// Why: which one verifies a token must be certain (MW-JWT-1).
        /// Example: `rule: {secret: "${S}", jwksUrl: "https://idp/jwks"}`
        /// Instead: keep one of `secret`, `publicKey`, `jwksUrl`, `jwksFile`.
        JwtKeySource = "jwt-key-source", Error;

        /// What: `jwtAuth` with a public key has no `audience`.
        /// Why: tokens that were made for other services would be accepted.
        /// Example: `rule: {jwksUrl: "https://idp/jwks", issuer: "https://idp"}`
        /// Instead: add `audience: api`, or `allowAnyAudience: true`.
        JwtNoAudience = "jwt-no-audience", Error;

        /// What: `jwtAuth` has no `issuer`; with `secret` only a warning.
        /// Why: tokens of anyone who shares the key would be accepted.
        /// Example: `rule: {jwksUrl: "https://idp/jwks", audience: api}`
        /// Instead: add `issuer: https://idp`, or `allowAnyIssuer: true`.
        JwtNoIssuer = "jwt-no-issuer", Error;

        /// What: two spellings or forms of one setting are given, or one without its other half.
        /// Why: only one of them could be meant.
        /// Example: `tls: {clientCert: cert.pem}` without `clientKey`
        /// Instead: give both halves, and one form of each setting.
        KeyConflict = "key-conflict", Error;

        /// What: a limiter counts by a header or cookie, and nothing before it verifies that.
        /// Why: clients change it and are never limited.
        /// Example: `keyStrategy: {source: header, name: X-User}`
        /// Instead: list an authentication first, or count by `ip`.
        LimiterKeyClientChosen = "limiter-key-client-chosen", Warning;

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
            }
    };
}
