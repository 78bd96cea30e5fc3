//! The differences that one key or type shows (every "v1.0:" of the specification that a
//! configuration can be held against).

use Where::{Everywhere, File, FileIs, FileLacks, Route, RouteIs, Rule, RuleLacks, Type};

/// Where a difference shows.
#[derive(Clone, Copy)]
pub(super) enum Where {
    /// In every configuration.
    Everywhere,
    /// Where this key of the main file is given.
    File(&'static str),
    /// Where it has this value.
    FileIs(&'static str, &'static str),
    /// Where this section of the main file is given without the key.
    FileLacks(&'static str, &'static str),
    /// Where this key of a route is given.
    Route(&'static str),
    /// Where it has this value.
    RouteIs(&'static str, &'static str),
    /// Where a rule of this type has the key.
    Rule(&'static str, &'static str),
    /// Where a rule of this type lacks the key.
    RuleLacks(&'static str, &'static str),
    /// Wherever a middleware has this type.
    Type(&'static str),
}

/// What is different, and where.
pub(super) struct Difference {
    pub(super) place: Where,
    pub(super) text: &'static str,
}

const fn at(place: Where, text: &'static str) -> Difference {
    Difference { place, text }
}

#[rustfmt::skip]
pub(super) const DIFFERENCES: &[Difference] = &[
    at(Everywhere, "every fault of a middleware is an error of the build; 1.0 answered 503 or left the middleware out (C-MW-FAILCLOSED)"),
    at(Everywhere, "header sections over `limits.maxHeaderBytes` (64 KiB) get 431; 1.0 took 1 MiB (RT-LIM-2)"),
    at(Everywhere, "backends see `//` of a path as it is; 1.0 collapsed it (RT-PATH-3)"),
    at(Everywhere, "a malformed answer of a backend is a 502; in 1.0 a 500 (RT-ERR-15)"),
    at(Everywhere, "errors follow the q-values of `Accept`; 1.0 compared the whole text (MW-ERR-3)"),
    at(FileLacks("gateway", "log.level"), "`log.level` is `info`; in 1.0 it was `error`"),
    at(FileLacks("gateway.networking.transport", "tlsHandshakeTimeout"), "TLS handshakes with backends end after 10s; 1.0 had no limit"),
    at(FileLacks("gateway.providers.http", "cacheDir"), "the last good bundle is kept in `/var/lib/goma/cache`; in 1.0 in the temporary directory"),
    at(File("gateway.providers.signing"), "bundles are signed over canonical JSON (C-SIGN-1): those of 1.0 must be signed again"),
    at(FileIs("gateway.monitoring.enableRouteHealthCheck", "true"), "the top `status` is `unhealthy` when a route is; in 1.0 it was always `healthy` (RT-OBS-5)"),
    at(FileIs("gateway.analytics.enabled", "true"), "events have `path_template`, which 1.0 left empty (RT-ANA-3)"),
    at(Route("priority"), "routes without `priority` come after all that have one; in 1.0 they had 0 (RT-ROUTE-6)"),
    at(Route("healthCheck.path"), "backends are checked at once; 1.0 waited an interval (RT-HEALTH-3)"),
    at(Route("tls.provider"), "an undefined provider is an error; 1.0 took the default one"),
    at(RouteIs("security.enableExploitProtection", "true"), "a keyword alone is no attack, and XML need not be well-formed; 1.0 refused both (MW-EXPL-1)"),
    at(RuleLacks("errorInterceptor", "enabled"), "it acts unless `enabled: false`; in 1.0 it needed `enabled: true`"),
    at(Type("errorInterceptor"), "it acts on every content type; 1.0 left downloads, binaries and large bodies alone (MW-EI-5)"),
    at(RuleLacks("forwardAuth", "forwardedUri"), "`X-Forwarded-URI` is path and query; in 1.0 the whole URL: `forwardedUri: url` (MW-FWD-2)"),
    at(Type("forwardAuth"), "any 2xx lets a request in, and a service that is down is a 503; in 1.0 only 200, and 401 or 500 (MW-FWD-3, MW-FWD-7)"),
    at(RuleLacks("httpCache", "includeQueryInKey"), "the query makes a difference; in 1.0 it did not: `includeQueryInKey: false`"),
    at(RuleLacks("httpCache", "cacheableStatusCodes"), "only 200, 203, 204 and 300 are stored; 1.0 stored 206, 303, 304 and others too (MW-CACHE-7)"),
    at(Rule("jwtAuth", "jwksUrl"), "a token without `kid` is tried with the keys that fit; 1.0 refused it (MW-JWT-6)"),
    at(Rule("jwtAuth", "jwksFile"), "a token without `kid` is tried with the keys that fit; 1.0 refused it (MW-JWT-6)"),
    at(Rule("jwtAuth", "claimsExpression"), "false gives 403, in 1.0 401; a missing claim makes its predicate false, in 1.0 the whole expression (MW-JWT-8, MW-CLAIM-3)"),
    at(Rule("oidc", "claimsExpression"), "a missing claim makes its predicate false, in 1.0 the whole expression (MW-CLAIM-3)"),
    at(Type("ldapAuth"), "a directory that is down is a 503, in 1.0 a 401; failed logins count by address, in 1.0 all logins together (MW-LDAP-3, MW-LDAP-4)"),
    at(RuleLacks("rateLimit", "onStoreError"), "when Redis fails each process limits by itself; 1.0 let everything through: `onStoreError: allow` (MW-RATE-7)"),
    at(RuleLacks("redirectScheme", "port"), "the redirect goes to the scheme's own port; in 1.0 to the port of `Host`"),
    at(Type("stripQuery"), "the other parameters keep order and encoding; 1.0 sorted and encoded them anew (MW-STRIPQ-1)"),
    at(RuleLacks("userAgentBlock", "caseSensitive"), "letter case does not matter; in 1.0 it did: `caseSensitive: true` (MW-UA-1)"),
];
