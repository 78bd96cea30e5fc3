//! `oidc` (middlewares.md 5.13).

use super::jwt;
use crate::dialect::Scalar::{Bool, Claims, Duration, Enum, EnumFold, Path, Text, Url, UrlOrPath};
use crate::dialect::Shape::{List, One, Section as Map};
use crate::dialect::{Change, HTTP, Section, key, section};

pub(super) static OIDC: Section = section(
    "Login by OpenID Connect (MW-OAUTH).",
    &[
        key("clientId", One(Text), "Of this gateway.").required().value(),
        key("clientSecret", One(Text), "Of this gateway.").required().secret(),
        key("issuer", One(Url(HTTP)), "Base of discovery.").value(),
        key("provider", One(Enum(&["google", "gitlab", "github", "amazon", "facebook", "custom"])), "With known endpoints.").or("custom"),
        key("endpoint", Map(&ENDPOINT), "Endpoints; override provider and discovery."),
        key("scopes", List(Text), "What is asked for.").or("[]"),
        key("callbackPath", One(Path), "Absent: `<route path>/oauth2/callback`."),
        key("logoutPath", One(Path), "Absent: none."),
        key("postLoginRedirect", One(Path), "Absent: where the client wanted to go."),
        key("postLogoutRedirect", One(UrlOrPath), "Where the client is sent.").or("/").value(),
        key("pkce", One(Bool), "S256.").or("true"),
        key("audience", One(Text), "Of JWT access tokens.").value(),
        key("claimsSource", List(Enum(&["access_token", "userinfo", "id_token"])), "Later ones win.").or("[access_token, userinfo, id_token]"),
        key("claimsExpression", One(Claims), "Must hold (MW-CLAIM)."),
        key("forward", Map(&jwt::FORWARD_TOKENS), "Claims and tokens that the backend gets (MW-PROJ)."),
        key("session", Map(&SESSION), "How a login is remembered."),
    ],
)
.folding()
.old(&[
    ("redirectUrl", Change::PathOf("callbackPath")),
    ("redirectPath", Change::Move("postLoginRedirect")),
    ("cookiePath", Change::Move("session.cookie.path")),
    ("state", Change::Delete),
]);

static ENDPOINT: Section = section(
    "Endpoints; override provider and discovery.",
    &[
        key("authUrl", One(Url(HTTP)), "Where clients log in.").value(),
        key("tokenUrl", One(Url(HTTP)), "Where codes are exchanged.").value(),
        key("userInfoUrl", One(Url(HTTP)), "Where claims are.").value(),
        key("jwksUrl", One(Url(HTTP)), "Where keys are.").value(),
    ],
)
.folding();

static SESSION: Section = section(
    "How a login is remembered.",
    &[
        key("store", One(Enum(&["cookie", "memory", "redis"])), "Where.").or("cookie"),
        key("secret", One(Text), "Seals it; absent: `clientSecret`.").secret(),
        key("ttl", One(Duration(1)), "From the login.").or("12h"),
        key("idleTimeout", One(Duration(1)), "Since the last request; absent: none."),
        key("cookie", Map(&COOKIE), "The cookie."),
    ],
)
.folding();

static COOKIE: Section = section(
    "The cookie.",
    &[
        key("name", One(Text), "Its name.").or("goma_session"),
        key("path", One(Path), "Absent: the route's."),
        key("domain", One(Text), "Absent: none."),
        key("sameSite", One(EnumFold(&["lax", "strict", "none"])), "`strict` breaks the callback.").or("lax"),
        key("secure", One(Bool), "Absent: on https."),
    ],
)
.folding();
