//! Entries of `middlewares` and what their `rule` may hold, one section per type
//! (middlewares.md). Grouped by what the types are for.

#[rustfmt::skip]
mod auth;
mod effects;
#[rustfmt::skip]
mod guard;
#[rustfmt::skip]
mod header;
#[rustfmt::skip]
mod jwt;
#[rustfmt::skip]
mod oidc;
#[rustfmt::skip]
mod path;
#[rustfmt::skip]
mod traffic;

use super::Scalar::{Enum, Kind, Name, Pattern, Text};
use super::Shape::{List, One, Rule};
use super::{Section, key, section};

pub use effects::Effect;

/// A middleware type.
#[derive(Debug)]
pub struct Type {
    /// Its canonical spelling.
    pub name: &'static str,
    /// Other accepted spellings.
    pub others: &'static [&'static str],
    /// Spellings of older releases (`deprecated-key`).
    pub old: &'static [&'static str],
    /// The keys of its rule.
    pub rule: &'static Section,
    /// Whether this release cannot do it yet.
    pub later: bool,
}

const fn kind(name: &'static str, rule: &'static Section) -> Type {
    Type {
        name,
        others: &[],
        old: &[],
        rule,
        later: false,
    }
}

impl Type {
    const fn or(mut self, others: &'static [&'static str]) -> Self {
        self.others = others;
        self
    }

    const fn later(mut self) -> Self {
        self.later = true;
        self
    }

    /// All spellings, the canonical one first.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.others.iter().copied())
    }

    /// The type with exactly this spelling.
    #[must_use]
    pub fn find(spelling: &str) -> Option<&'static Self> {
        TYPES
            .iter()
            .find(|kind| kind.spellings().any(|name| name == spelling))
    }

    /// The type that had this spelling in an older release, in any letter case.
    #[must_use]
    pub fn find_old(text: &str) -> Option<&'static Self> {
        let old = |kind: &&Self| kind.old.iter().any(|name| name.eq_ignore_ascii_case(text));
        TYPES.iter().find(old)
    }

    /// The type and its spelling that this text is but for letter case.
    #[must_use]
    pub fn find_folded(text: &str) -> Option<(&'static Self, &'static str)> {
        let fits = |kind: &'static Self| {
            let mut all = kind.spellings();
            all.find(|name| name.eq_ignore_ascii_case(text))
                .map(|name| (kind, name))
        };
        TYPES.iter().find_map(fits)
    }
}

/// An entry of `middlewares`.
pub(super) static MIDDLEWARE: Section = section(
    "What routes put in front of their backends.",
    &[
        key("name", One(Name), "Unique over all sources.").required(),
        key("type", One(Kind), "What it does.").required(),
        key(
            "paths",
            List(Pattern),
            "Where it acts; none: the whole route (MW-PATH).",
        )
        .or("[]"),
        key("rule", Rule, "Its settings, by type."),
    ],
)
.hints(&[
    ("config", "write `rule`"),
    ("enabled", "a middleware runs where a route lists it"),
    ("options", "write `rule`"),
    (
        "routes",
        "list the middleware in `middlewares` of each route",
    ),
    ("rules", "write `rule`"),
]);

/// All types, in alphabetical order (middlewares.md 1.2).
pub static TYPES: &[Type] = &[
    kind("access", &guard::ACCESS),
    kind("accessLog", &header::ACCESS_LOG),
    kind("accessPolicy", &guard::ACCESS_POLICY),
    kind("addPrefix", &path::ADD_PREFIX),
    kind("apiKey", &auth::API_KEY).or(&["apiKeyAuth"]).later(),
    kind("basicAuth", &auth::BASIC_AUTH).or(&["basic"]),
    kind("bodyLimit", &guard::BODY_LIMIT),
    kind("buffering", &traffic::BUFFERING).later(),
    kind("compress", &traffic::COMPRESS).later(),
    kind("errorInterceptor", &header::ERROR_INTERCEPTOR),
    kind("exploitProtection", &guard::EXPLOIT_PROTECTION).later(),
    kind("forwardAuth", &auth::FORWARD_AUTH).later(),
    kind("geoBlock", &guard::GEO_BLOCK).later(),
    kind("hmacAuth", &auth::HMAC_AUTH).later(),
    kind("httpCache", &traffic::HTTP_CACHE).later(),
    kind("inFlight", &traffic::IN_FLIGHT)
        .or(&["inFlightReq"])
        .later(),
    kind("ipAllowList", &guard::IP_LIST),
    kind("ipDenyList", &guard::IP_LIST),
    kind("jwtAuth", &jwt::JWT_AUTH).or(&["jwt"]).later(),
    kind("ldapAuth", &auth::LDAP_AUTH).or(&["ldap"]).later(),
    kind("mirror", &traffic::MIRROR).later(),
    Type {
        old: &["oauth", "oauth2"],
        ..kind("oidc", &oidc::OIDC).later()
    },
    kind("rateLimit", &traffic::RATE_LIMIT)
        .or(&["ratelimit"])
        .later(),
    kind("redirect", &path::REDIRECT),
    kind("redirectRegex", &path::REDIRECT_REGEX),
    kind("redirectScheme", &path::REDIRECT_SCHEME),
    kind("replacePath", &path::REPLACE_PATH),
    kind("requestHeaders", &header::REQUEST_HEADERS),
    kind("requestId", &header::REQUEST_ID),
    kind("requestTimeout", &traffic::REQUEST_TIMEOUT).later(),
    kind("responseHeaders", &header::RESPONSE_HEADERS),
    kind("rewriteRegex", &path::REWRITE_REGEX),
    kind("securityHeaders", &header::SECURITY_HEADERS),
    kind("stripPrefix", &path::STRIP_PREFIX),
    kind("stripQuery", &path::STRIP_QUERY),
    kind("userAgentBlock", &guard::USER_AGENT_BLOCK).later(),
];

/// Types of other gateways that are keys of a route here (middlewares.md 6.11).
pub const ROUTE_KEYS: &[(&str, &str)] = &[
    ("circuitBreaker", "circuitBreaker"),
    ("headerRouting", "match.headers"),
    ("loadBalancer", "loadBalancer"),
    ("retry", "retry"),
    ("sticky", "loadBalancer.sticky"),
    ("timeout", "timeouts"),
];

/// What limiters count by (middlewares.md 5.14).
static KEY_STRATEGY: Section = section(
    "What requests are counted by.",
    &[
        key(
            "source",
            One(Enum(&["ip", "header", "cookie", "user", "claim", "global"])),
            "Where the key comes from.",
        )
        .or("ip"),
        key("name", One(Text), "Of the header, cookie or claim."),
    ],
)
.folding();
